/// coadd/votes.h — the values of one output pixel that have a say in a median or a minimum, and their median with its error.
#pragma once
#include <span>
#include <vector>

#include "tessera/core/frame.h"

namespace tessera::coadd {

/// n · variance of the median of n normal values of unit variance: 1, 1, 1.346, 1.193, 1.434 … π/2 (to 10⁻³ above 20 values).
double median_variance_factor(std::size_t n);

struct Median {
  float value = 0;
  float sigma = 0;  ///< 1σ: of one or two values the mean's; of more, √(k_n/n) of the harmonic mean of their uncertainties
};

/// A value counts that covers its pixel at least half as well as the best does: the sliver of a frame that ends in the pixel shows the sky
/// beside it, and a statistic of order could not give it less weight. So every covered pixel has at least one vote.
class Votes {
 public:
  /// Collects the values of pixel (x, y), in the order of the stack.
  void gather(std::span<const ResampledView> stack, int x, int y);
  std::size_t size() const { return value_.size(); }
  std::span<const float> values() const { return value_; }
  std::span<const float> variances() const { return variance_; }
  /// Needs at least one vote.
  Median median();

 private:
  std::vector<float> value_, variance_, sorted_;
};

}  // namespace tessera::coadd
