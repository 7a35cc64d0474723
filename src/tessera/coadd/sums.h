/// coadd/sums.h — running sums of a weighted mean with propagated variance. MOPEX guide 5.6.19 in its general form:
/// O = Σ w c I / Σ w c, U² = Σ (w c)² σ² / (Σ w c)², coverage Σ c, exposure Σ c T.
#pragma once
#include "tessera/core/frame.h"

namespace tessera::coadd {

/// Sums of one tile. Frames must be added in one fixed order: then the bits are those of any other tiling.
class Sums {
 public:
  void reset(Box box);
  /// Adds one resampled frame: weight·coverage each; `offset` is subtracted from its values; its variance is multiplied
  /// by `variance_scale`. out-of-box parts of `frame` are an error (assert).
  void add(const ResampledView& frame, double weight, double exposure_s, double offset, double variance_scale);
  /// Adds one resampled frame with the weight coverage/variance of each pixel (guide: sigma weighting). A bright pixel's variance holds
  /// the source's own photons, so where it came out high by noise it counts less: sources become too faint.
  void add_by_variance(const ResampledView& frame, double exposure_s);
  /// Writes the results; pixels with coverage ≤ min_coverage become NaN (mosaic, uncertainty) and 0 (coverage, exposure).
  void finish(double min_coverage, View<float> mosaic, View<float> uncertainty, View<float> coverage, View<float> exposure) const;
  Box box() const { return weighted_value_.box(); }

 private:
  Image<double> weight_, weighted_value_, weighted_variance_, coverage_, exposure_;
};

}  // namespace tessera::coadd
