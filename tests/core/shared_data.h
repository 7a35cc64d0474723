/// Where the real data lie that some tests read; a test that finds them absent says so and is skipped.
#pragma once
#include <cstdlib>
#include <filesystem>

namespace tessera::test {

/// $TESSERA_SHARED_DATA, or the folder beside the checkout.
inline std::filesystem::path shared_data() {
  if (const char* named = std::getenv("TESSERA_SHARED_DATA")) return named;
  return std::filesystem::path{TESSERA_SOURCE_DIR} / "../shared/data";
}

}  // namespace tessera::test
