#include "tessera/scale_out/slurm.h"

#include <gtest/gtest.h>

namespace tessera::scale_out {
namespace {

TEST(Pieces, AreShownAsRanges) {
  EXPECT_EQ(show_pieces({3}), "3");
  EXPECT_EQ(show_pieces({0, 1, 2, 7, 9, 10}), "0-2, 7, 9-10");
  EXPECT_EQ(show_pieces({1, 3, 5, 7, 9, 10}), "1, 3, 5, 7 and 2 more");
  EXPECT_EQ(array_of({0, 1, 2, 7, 9, 10}), "0-2,7,9-10");
}

TEST(Command, GivesOutputAndCodeOfAProgramAndSaysWhenThereIsNone) {
  const auto done = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(done.code, 3);
  EXPECT_EQ(done.out, "out\n");
  EXPECT_EQ(done.err, "err\n");
  EXPECT_EQ(run_command({"no-such-program-here"}).code, 127);
}

}  // namespace
}  // namespace tessera::scale_out
