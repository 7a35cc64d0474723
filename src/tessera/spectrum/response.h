/// spectrum/response.h — the point response of one PSF zone, laid on native pixels at any sub-pixel place.
///
/// Cells of an oversampled PSF (deconvolved from the pixel) are squares; a native pixel gets the area of each that lies in it. With the running sum
/// C over both axes, which is bilinear inside a cell, this is exact: the pixel's value is C at its four corners. Lanczos-3 instead shifts the cells by the part of a cell
/// that is left and adds whole cells, as the Tractor does on that grid. An EPSF holds the pixel already: it is sampled at pixel centres.
#pragma once
#include <array>
#include <vector>

#include "tessera/core/image.h"

namespace tessera::spectrum {

enum class Placement { exact, lanczos3 };

/// A response on native pixels: fractions of the source's flux. Pixel (x0 + i, y0 + j) has values[j * width + i].
struct Stamp {
  int x0 = 0, y0 = 0, width = 0, height = 0;
  std::vector<float> values;
  bool empty() const { return values.empty(); }
};

class ZoneResponse {
 public:
  ZoneResponse() = default;
  /// `cells` of any positive sum (taken as 1), `oversample` per native pixel; the source stands at the middle of the grid, for an odd one the centre of its middle cell.
  /// `shift_x`, `shift_y`: where the response's centre lies off that middle, native pixels.
  static ZoneResponse from_cells(View<const float> cells, int oversample, Placement placement, double shift_x = 0, double shift_y = 0);
  /// Samples of a response that includes the pixel; bicubic between them (Keys 1981, a = −1/2), times oversample².
  static ZoneResponse from_epsf(View<const float> samples, int oversample);

  bool empty() const { return width_ == 0; }
  /// Of a source at (x, y), pixel centres at integers. Sums to 1 (cells).
  Stamp stamp(double x, double y) const;
  /// The cells or samples themselves, of unit sum, for convolution with a source's shape.
  View<const double> cells() const { return cells_.view(); }
  int oversample() const { return oversample_; }
  bool includes_pixel() const { return kind_ == Kind::samples; }
  /// Where the source stands from the middle of the grid, native pixels.
  std::array<double, 2> shift() const { return {(middle_x_ - (width_ - 1) / 2.) / oversample_, (middle_y_ - (height_ - 1) / 2.) / oversample_}; }

 private:
  enum class Kind { cells, shifted_cells, samples };
  Stamp integrated(const Image<double>& running_sum, double x, double y) const;
  Stamp lanczos_shifted(double x, double y) const;
  Stamp interpolated(double x, double y) const;

  Kind kind_ = Kind::cells;
  int oversample_ = 0, width_ = 0, height_ = 0;
  double middle_x_ = 0, middle_y_ = 0;  // cell coordinates of the source: centres at integers
  Image<double> cells_, running_sum_;   // the latter (width + 1) × (height + 1)
};

}  // namespace tessera::spectrum
