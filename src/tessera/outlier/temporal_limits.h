/// outlier/temporal_limits.h — what a value of each output pixel is held against: the stack's median, its noise, its steepness.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/outlier/temporal.h"

namespace tessera::outlier {

/// In planes on the box of the stack, so that a row is tested without a branch.
class TemporalLimits {
 public:
  TemporalLimits(std::span<const ResampledView> stack, std::span<const float> sky_variance, Box box, const TemporalOptions& options, int frame_pixel);

  /// flags[i] = 1 where the value of pixel (x0 + i, y) deviates by more than the thresholds and its coverage suffices.
  /// `steep`: factor of what steepness allows; `scatter`: of the variance that the scatter of the stack demands at least.
  void test(const ResampledView& frame, int x0, int y, int count, float high, float low, float min_coverage, std::uint8_t* flags, float steep = 1.0f, float scatter = 1.0f) const;

  Box box() const { return reference_.box(); }
  /// False where fewer than two values can be compared; the others are undefined there.
  bool comparable(int x, int y) const { return known_(x, y) > 1; }
  float reference(int x, int y) const { return reference_(x, y); }
  /// By how much steepness allows a resampled value to deviate, 0 on a flat sky.
  float allowed(int x, int y) const { return allowed_(x, y); }
  float noise_of_reference(int x, int y) const { return reference_noise_(x, y); }  ///< variance
  /// Values the reference is the median of.
  int depth(int x, int y) const { return depth_(x, y); }
  /// Scatter of the stack around its median over what its variances say (both variances), where it is deep enough to tell; else 0.
  float scatter(int x, int y) const { return least_noise_(x, y); }
  float mean_variance(int x, int y) const { return mean_variance_(x, y); }

 private:
  void steepest_steps(int y, std::vector<float>& step) const;

  static constexpr float never = std::numeric_limits<float>::infinity();
  int frame_pixel_;           // in output pixels
  Image<std::uint8_t> known_; // 3: deep enough for the scatter, else the number of values up to 2
  Image<std::uint16_t> depth_;
  Image<float> reference_, reference_noise_, mean_variance_;
  Image<float> allowed_;      // by the gradient; `never` where there is nothing to compare with
  Image<float> least_noise_;  // variance a value has at least, by the scatter of the stack
  Image<float> more_noise_;   // variance of the reference, where it is one value
};

}  // namespace tessera::outlier
