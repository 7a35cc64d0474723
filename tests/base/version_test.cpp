#include "tessera/base/version.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace tessera {
namespace {

TEST(Version, IsThreeNumbers) { EXPECT_TRUE(std::regex_match(version(), std::regex{R"(\d+\.\d+\.\d+)"})) << version(); }

TEST(Version, NamesTheCommitOrNothing) {
  EXPECT_TRUE(std::regex_match(revision(), std::regex{"([0-9a-f]{10,40}(-dirty)?)?"})) << revision();
}

TEST(Version, NamesTheCompiler) {
  EXPECT_TRUE(std::regex_match(compiler(), std::regex{R"(\w+ \d+(\.\d+)*)"})) << compiler();
}

}  // namespace
}  // namespace tessera
