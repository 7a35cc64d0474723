#include "places.h"

#include <cstdlib>

namespace tessera::test {

std::filesystem::path source_folder() { return TESSERA_SOURCE_DIR; }

std::filesystem::path shared_data() {
  if (const char* named = std::getenv("TESSERA_SHARED_DATA")) return named;
  return source_folder() / "../shared/data";
}

}  // namespace tessera::test
