/// reproject/drop_sums.h — what the methods share that drop frame pixels on the output grid: sums per output pixel, and the place
/// of each frame pixel there.
#pragma once
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::reproject {

/// Frame pixels around needed_window() whose drops may reach the output: a Gaussian reaches furthest, 1.2 pixels.
constexpr int drop_margin = 1;

/// Σ a, Σ a I, Σ a² σ² of each output pixel. Drops are added in the order of the frame's pixels, row by row, so that the bits
/// of a sum do not depend on the window or the tile.
class DropSums {
 public:
  explicit DropSums(Box out) : box_{out}, sums_(static_cast<std::size_t>(out.area())) {}
  Box box() const { return box_; }
  /// (x, y) must lie in box(); all that one frame pixel gives to it must come in one call, because its noise is one.
  void add(int x, int y, double a, double value, double variance) { sums_[index(x, y)].add(a, Four{1, value, variance, 0}); }
  /// Adds a frame pixel's areas in N × N output pixels from (x, y) on, which must all lie in box(): area(row, column), 0 where there is none.
  template <int N, class Area>
  [[gnu::always_inline]] void add_square(int x, int y, Area area, double value, double variance) {
    const Four pixel{1, value, variance, 0};
    Sum* row = &sums_[index(x, y)];
#pragma GCC unroll 4
    for (int r = 0; r < N; ++r, row += box_.width())
#pragma GCC unroll 4
      for (int c = 0; c < N; ++c) row[c].add(area(r, c), pixel);
  }
  /// Coverage is Σ a · coverage_per_weight.
  void finish(double coverage_per_weight, ResampledView out) const;

 private:
  typedef double Four __attribute__((vector_size(4 * sizeof(double))));
  /// The sums of one output pixel, added to at once.
  struct alignas(4 * sizeof(double)) Sum {
    double weight = 0, weighted = 0, variance = 0, none = 0;
    [[gnu::always_inline]] void add(double a, const Four& pixel) {
      Four sums;
      __builtin_memcpy(&sums, this, sizeof sums);
      sums += Four{a, a, a * a, 0} * pixel;
      __builtin_memcpy(static_cast<void*>(this), &sums, sizeof sums);
    }
  };
  std::size_t index(int x, int y) const { return static_cast<std::size_t>(y - box_.y0) * static_cast<std::size_t>(box_.width()) + static_cast<std::size_t>(x - box_.x0); }
  Box box_;
  std::vector<Sum> sums_;
};

/// The part of the frame whose drops can reach `out`.
Box pixels_to_drop(const FrameView& frame, const wcs::PixelMap& to_frame, Box out);

/// `x` on a raster of 2⁻³⁰, so that adding it to a pixel's index is exact and a map's bits do not depend on where a row starts.
double on_raster(double x);

/// Where the pixels of one row of the frame lie on the output grid.
class PixelsOnOutput {
 public:
  PixelsOnOutput(const wcs::PixelMap& to_output, int x0, int count);
  void map(int y);
  /// Centre; NaN when it has none.
  double x(int k) const { return x_[static_cast<std::size_t>(k)]; }
  double y(int k) const { return y_[static_cast<std::size_t>(k)]; }
  /// Area in output pixels; 0 when a corner has no place there or a seam of the sky runs through the pixel.
  double area(int k) const;

 private:
  const wcs::PixelMap& map_;
  int x0_;
  std::vector<double> x_, y_;                                     // centres
  std::vector<double> below_x_, below_y_, above_x_, above_y_;     // corners, one more than pixels
  int above_is_ = 0;                                              // row of the frame that `above` belongs to
  bool mapped_ = false;
};

/// A quadrilateral this long (squared, over its area) is no pixel but the trace of a seam that its corners straddle.
constexpr double longest_squared = 100;

}  // namespace tessera::reproject
