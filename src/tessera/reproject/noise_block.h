/// reproject/noise_block.h — the correlation that resampling and coadding give to the noise of a block of output pixels, from the very
/// weights that were used.
///
/// With α_jpi the weight of pixel i of frame j in its value for output pixel p (Σ_i α_jpi = 1), and ω_jp its weight in the mean,
///
///   Cov(p, q) = Σ_j ω_jp ω_jq Σ_i α_jpi α_jqi σ_ji² / (Σ_j ω_jp · Σ_j ω_jq).
///
/// The α are read off resample() itself: frames that are 1 on every K-th pixel and 0 elsewhere give one weight per output pixel each, K² of
/// them all weights, whatever the method. Nothing is assumed of it but that it is linear and of finite support.
#pragma once
#include <vector>

#include "tessera/reproject/interpolation.h"

namespace tessera::reproject {

/// How one frame enters the mean.
struct FrameInMean {
  double weight = 1;          ///< times coverage; see by_variance
  double variance_scale = 1;  ///< of the frame's variances
  bool by_variance = false;   ///< weight = coverage over the value's own variance (guide: sigma weighting)
};

/// Sums over pairs of covered output pixels d = (dx, dy) apart, for 0 ≤ dy ≤ reach and |dx| ≤ reach.
struct NoiseSums {
  int reach = 0;
  double covered = 0;               ///< output pixels with a value
  double coverage = 0;              ///< Σ coverage over them
  double variance = 0;              ///< Σ U² over them
  std::vector<double> covariance;   ///< Σ Cov(p, p + d), row by row: dy (2 reach + 1) + dx + reach
  std::vector<double> sigmas;       ///< Σ U_p U_{p+d}
  std::size_t index(int dx, int dy) const { return static_cast<std::size_t>(dy * (2 * reach + 1) + dx + reach); }
};

class NoiseBlock {
 public:
  NoiseBlock(Box block, int reach, const InterpolationOptions& options);
  /// `frame` as for resample() on `block`, without what was rejected. Frames in a fixed order give the same bits. Where an output pixel takes more than
  /// largest_noise_patch² frame pixels of any frame the block says nothing: reading off the weights would cost more than making the mosaic.
  void add(const FrameView& frame, const FrameMaps& maps, const FrameInMean& in_mean);
  NoiseSums finish() const;

 private:
  void read_weights(const FrameView& frame, const FrameMaps& maps);
  void add_covariances(const FrameView& frame, double variance_scale);
  std::size_t pixel(int x, int y) const { return static_cast<std::size_t>(y - block_.y0) * static_cast<std::size_t>(block_.width()) + static_cast<std::size_t>(x - block_.x0); }

  Box block_;
  int reach_, lags_;
  InterpolationOptions options_;
  std::vector<double> covariance_, mean_weight_, coverage_;  // per output pixel and lag; per output pixel
  // Of the frame that is being added:
  bool given_up_ = false;               // a frame's weights are too many to read off
  int side_ = 0;                        // of the patch of frame pixels around each output pixel
  std::vector<int> patch_x_, patch_y_;  // its first frame pixel
  std::vector<double> weight_;          // side² weights per output pixel
  std::vector<double> omega_;
  Resampled part_;
  Image<float> probe_;
};

/// How far apart, in output pixels along an axis, two of them may take the same frame pixel; at most largest_noise_reach. `side` is a frame
/// pixel's in output pixels.
int noise_reach(const InterpolationOptions& options, double side);
constexpr int largest_noise_reach = 15;

constexpr int largest_noise_patch = 12;

/// Frame pixels per axis among which the method takes, for an output pixel that spans `span` frame pixels along that axis.
int noise_patch(const InterpolationOptions& options, double span);

}  // namespace tessera::reproject
