/// Where tests find the checkout and the real data that some of them read; a test that finds the data absent says so and is skipped.
#pragma once
#include <filesystem>

namespace tessera::test {

std::filesystem::path source_folder();
/// $TESSERA_SHARED_DATA, or the folder beside the checkout.
std::filesystem::path shared_data();

}  // namespace tessera::test
