/// spectrum/joint_fit.h — the fluxes of all sources in one cut-out at once, positions and shapes fixed: F = AᵀWA, f = F⁻¹AᵀWp, covariance F⁻¹.
///
/// With the variance plane as weights, W = 1/V, faint sources come out low, as V contains their own noise; Weights::smooth takes V = a + b (sky + model) instead, a
/// and b from a line through the cut-out's variances against its values, and iterates twice.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/spectrum/response.h"

namespace tessera::spectrum {

enum class Weights { plane, smooth };

/// One cut-out: planes on boxes that hold `box`.
struct CutOut {
  Box box;
  View<const float> image, variance;       ///< MJy/sr, (MJy/sr)²
  View<const std::uint8_t> good;           ///< 1: the fit may use the pixel; its variance is then finite and positive
};

struct JointOptions {
  Weights weights = Weights::plane;
  double condition_limit = 1e10;  ///< of the matrix with unit diagonal, 1-norm
};

/// The place and stamp of each source; the first is the one the cut-out is about.
struct JointSource {
  double x = 0, y = 0;
  const Stamp* stamp = nullptr;
};

/// Of the fit; fluxes are in pixels × the image's unit.
struct JointResult {
  bool solved = false;
  double flux = 0, variance = 0;       ///< of the first source
  double sky = 0;                      ///< the level that was taken off, given or fitted
  double sky_slope = 0;                ///< d flux / d level that was taken off
  double quality = 0;                  ///< mean |p − m|/σ over good pixels within 2.5 pixels of the first source
  int pixels = 0;                      ///< good pixels of the cut-out
  std::vector<double> fluxes;          ///< of every source; NaN of one that no pixel tells anything about
  std::vector<double> variances;       ///< of every source; NaN likewise
  std::vector<double> covariances;     ///< of the first source with each; NaN likewise
};

/// Radius about a source's place within which flags count and quality is measured, and the one within which a pixel must be good; native pixels.
inline constexpr double central_radius = 2.5, needed_radius = 1.5;

/// Variances of a cut-out against its values.
struct VarianceLine {
  double mean_value = 0, mean_variance = 0, slope = 0;
  double floor = 0;                    ///< no variance is taken to be below
};

class JointFit {
 public:
  explicit JointFit(JointOptions options) : options_{options} {}
  /// `level`: of the sky, taken off first; with `fit_level` it is one more free parameter. What is given back is good until the next fit.
  const JointResult& fit(const CutOut& cutout, std::span<const JointSource> sources, double level, bool fit_level) &;
  JointResult fit(const CutOut& cutout, std::span<const JointSource> sources, double level, bool fit_level) && { return fit(cutout, sources, level, fit_level); }
  /// The model of the last fit and the sky, on the cut-out's box.
  Image<float> model() const;

 private:
  void collect(const CutOut& cutout, std::span<const JointSource> sources, double level);
  bool solve(bool fit_level);
  bool draw_line();
  void weigh_by_model();
  double quality(std::span<const JointSource> sources) const;
  /// What of the cut-out may lie within a radius of a source.
  Box about(const JointSource& source, double radius) const;
  std::size_t place(int x, int y) const { return static_cast<std::size_t>(y - box_.y0) * static_cast<std::size_t>(box_.width()) + static_cast<std::size_t>(x - box_.x0); }

  JointOptions options_;
  Box box_;
  double level_ = 0;
  std::size_t pixels_ = 0, rows_ = 0;               // row length, a multiple of the lanes; sources and perhaps a constant
  std::vector<double> values_, variance_, weights_;  // by pixel; weight 0: not used
  std::vector<double> rows_of_, weighted_;           // one row per source
  std::vector<double> matrix_, factor_, inverse_, right_, solution_, diagonal_;
  std::vector<double> model_;
  VarianceLine line_;
  JointResult result_;
  std::vector<std::size_t> used_;                    // sources with a diagonal above 0
};

}  // namespace tessera::spectrum
