#include "tessera/picture/spectrum_plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"

namespace tessera::picture {
namespace {

std::string bytes(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(SpectrumPlots, DrawWhatIsFiniteAndNothingIsNoTrouble) {
  const TemporaryFolder folder;
  SpectrumPlot plot{.x = {1, 2, 3, 4}, .y = {5, NAN, 7, 6}, .y_err = {.5, .5, INFINITY, NAN}, .marked = {0, 0, 0, 1}, .line_x = {1, 2, 3}, .line_y = {5, NAN, 7}, .title = "t", .x_label = "µm", .y_label = "µJy"};
  write_spectrum_png(plot, folder.path() / "a.png");
  const auto first = bytes(folder.path() / "a.png");
  EXPECT_EQ(first.substr(0, 4), "\x89PNG");
  plot.y[1] = 4;
  write_spectrum_png(plot, folder.path() / "b.png");
  EXPECT_NE(first, bytes(folder.path() / "b.png"));  // a point that becomes finite appears
  plot.y[1] = NAN;
  write_spectrum_png(plot, folder.path() / "c.png");
  EXPECT_EQ(first, bytes(folder.path() / "c.png"));
  write_spectrum_png({}, folder.path() / "empty.png");
  write_spectrum_png({.x = {1}, .y = {0}}, folder.path() / "one.png");
  EXPECT_GT(bytes(folder.path() / "one.png").size(), 500u);
  EXPECT_THROW(write_spectrum_png(plot, folder.path() / "no" / "a.png"), SystemError);
}

}  // namespace
}  // namespace tessera::picture
