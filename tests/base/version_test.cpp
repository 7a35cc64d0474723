#include "tessera/base/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera {
namespace {

using ::testing::MatchesRegex;

TEST(Version, IsThreeNumbers) { EXPECT_THAT(version(), MatchesRegex("[0-9]+[.][0-9]+[.][0-9]+")); }
TEST(Version, NamesTheCommitOrNothing) { EXPECT_THAT(revision(), MatchesRegex("([0-9a-f]{10,40}(-dirty)?)?")); }
TEST(Version, NamesTheCompiler) { EXPECT_THAT(compiler(), MatchesRegex("[A-Za-z]+ [0-9]+([.][0-9]+)*")); }

}  // namespace
}  // namespace tessera
