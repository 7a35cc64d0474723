/// background/panels.h — the local sky of a large image from panels: the mode of each, median-filtered, bilinear between their centres.
/// Bertin & Arnouts 1996, A&AS 117, 393, section 4; MOPEX guide 5.6.21 (Use_Sbkg_for_Med).
#pragma once
#include <span>
#include <vector>

namespace tessera::background {

/// Fed row by row, so that an image larger than memory can be measured.
class Panels {
 public:
  /// Panels of about width × height pixels that divide the image evenly.
  Panels(int image_width, int image_height, int width, int height);
  void add_row(int y, std::span<const float> row);  ///< rows in order from 0; values that are not finite do not count
  /// Medians over `filter` × `filter` panels (below 2: none; at most as many as there are), after panels without pixels have taken the mean
  /// of their neighbours. Call it once, after the last row.
  void finish(int filter);
  /// The sky along row y; constant beyond the centres of the outer panels.
  void sky(int y, std::span<float> row) const;

  /// The clipped mode: pixels further than 3 σ from the median are left out until none is; then 2.5 median − 1.5 mean, or the median where
  /// mean and median differ by 0.3 σ or more. NaN without pixels. Reorders `values`.
  static double mode(std::vector<float>& values);

 private:
  int edge(int k, int panels, int pixels) const;
  double& at(int i, int j) { return value_[static_cast<std::size_t>(j) * static_cast<std::size_t>(nx_) + static_cast<std::size_t>(i)]; }
  double at(int i, int j) const { return value_[static_cast<std::size_t>(j) * static_cast<std::size_t>(nx_) + static_cast<std::size_t>(i)]; }
  void fill_holes();

  int width_, height_, nx_, ny_;
  std::vector<double> value_;
  std::vector<std::vector<float>> pixels_;  // of the current row of panels
};

}  // namespace tessera::background
