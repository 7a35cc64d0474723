/// psf/point_response.h — the share of a point source's flux that each pixel receives, at any sub-pixel position, with its gradient.
///
/// The pixel response R(dx, dy) of a pixel whose centre is at (dx, dy) from the source (MOPEX guide 8.7; the effective PSF of Anderson & King
/// 2000, PASP 112, 1360) is kept as samples at a whole number of them per pixel and interpolated by the B-spline of degree 5 through
/// them: continuous to the fourth derivative and exact at the samples. Between them the error for a profile as narrow as four samples
/// (full width at half maximum) is 1e-4 of the peak, for six 1e-5.
#pragma once
#include <limits>
#include <span>
#include <vector>

#include "tessera/core/image.h"

namespace tessera::psf {

/// What one number of a table says.
enum class Response {
  pixel,    ///< response of a whole pixel centred there (a PRF, an effective PSF): to be read, never integrated again
  density,  ///< light per unit area there (a PSF): to be integrated over the pixel
  cells,    ///< light in the sample's own square, constant over it: pixels take it by overlap
};

/// How the samples are scaled: to Σ R / (samples per pixel)² = 1, the mean over all sub-pixel positions of the flux within the radius; to
/// the sum of the pixels of a source in the middle of a pixel = 1 (MOPEX, guide 6.5.18); or not at all.
enum class Normalisation { mean, central, none };

/// How a table is to be understood. Nothing of this has a default that a reader could forget to fill.
struct Meaning {
  double samples_per_pixel_x = 0, samples_per_pixel_y = 0;
  double centre_x = std::numeric_limits<double>::quiet_NaN(), centre_y = std::numeric_limits<double>::quiet_NaN();  ///< sample of the source, counted from 0
  Response response = Response::pixel;
  Normalisation normalisation = Normalisation::mean;
  double normalisation_radius_pix = 0;  ///< in image pixels; 0: the whole table
  double scatter = 0;                   ///< from star to star: variance of a pixel = scatter² × its share of the light × that of the peak, for unit flux
};

class PointResponse {
 public:
  PointResponse() = default;
  /// Throws UsageError: sampling or centre missing, centre outside, fewer than 6 samples a side, sum within the radius not positive, a value not finite.
  /// `scale`: multiplies the samples instead of the normalisation (terms of a polynomial share the scale of the first).
  PointResponse(View<const double> samples, const Meaning& meaning);
  static PointResponse scaled(View<const double> samples, const Meaning& meaning, double scale);

  /// Values and gradients on the pixels of `pixels` for a source at (x, y), rows after another: value = share of the flux, d_dx and d_dy its
  /// change with the source's x and y. Pixels beyond the table are 0. The spans hold pixels.area() numbers; empty gradients are not made.
  void evaluate(double x, double y, Box pixels, std::span<float> value, std::span<float> d_dx, std::span<float> d_dy) const;
  double at(double dx, double dy) const;  ///< of one pixel whose centre is (dx, dy) from the source

  /// Pixels that can be non-zero for a source at (x, y).
  Box footprint(double x, double y) const;
  /// Farthest that a pixel centre with response can be from the source, along either axis.
  double reach_pix() const;
  int samples_per_pixel_x() const { return nx_; }
  int samples_per_pixel_y() const { return ny_; }
  double peak() const;                    ///< of a source in the middle of a pixel: the share of the pixel it is in
  double flux() const;                    ///< Σ R / (samples per pixel)²: the share of the flux that the table holds, averaged over positions
  double fwhm_pix() const;                ///< diameter of the circle of as many samples as exceed half the greatest
  double noise_equivalent_area() const;   ///< 1 / Σ R² over the pixels, averaged over positions: the variance of a fitted flux over that of a pixel
  double fraction_within(double radius_pix) const;  ///< Σ R / (samples per pixel)² of samples nearer than that: encircled flux of pixel sums
  double scale() const { return scale_; }
  double scatter() const { return scatter_; }   ///< Meaning::scatter
  View<const float> samples() const { return {samples_.data(), Box{0, 0, width_, height_}, width_}; }  ///< pixel responses, samples_per_pixel_x × samples_per_pixel_y of them per pixel
  double centre_x() const { return cx_; }                 ///< the source, in samples
  double centre_y() const { return cy_; }

  /// Σ weight · response. All must have one geometry (same_geometry), else UsageError. `to` keeps its memory.
  static void blend(std::span<const PointResponse* const> parts, std::span<const double> weights, PointResponse& to);
  bool same_geometry(const PointResponse& other) const;

 private:
  void from_samples(Image<double> samples, double cx, double cy);
  double sample(int kx, int ky) const;
  double measured_fwhm() const;
  template <class F>
  double sum_samples(F f) const;

  int nx_ = 0, ny_ = 0;          // samples per pixel
  int width_ = 0, height_ = 0;   // samples
  double cx_ = 0, cy_ = 0;       // the source, in samples
  double scale_ = 1, scatter_ = 0;
  double fwhm_ = 0;              // pixels; 0: measured when it is asked for
  int columns_ = 0;              // coefficients of one phase in a row
  // [phase of y][phase of x][row][column]: coefficients a pixel apart are neighbours, so a box of pixels is rows of memory.
  std::vector<float> coefficients_;
  std::vector<float> samples_;
};

}  // namespace tessera::psf
