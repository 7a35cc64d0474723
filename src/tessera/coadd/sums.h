/// coadd/sums.h — running sums of a weighted mean with propagated variance. MOPEX guide 5.6.19 in its general form:
/// O = Σ w c I / Σ w c, U² = Σ (w c)² σ² / (Σ w c)², coverage Σ c, exposure Σ c T.
#pragma once
#include "tessera/core/frame.h"
#include "tessera/param/schema.h"

namespace tessera::coadd {

enum class Weighting { automatic, coverage, sky_variance };

struct CoaddOptions {
  Weighting weights = Weighting::automatic;
  double min_coverage = 0.0;
};
void describe(param::Schema<CoaddOptions>& s);

/// Sums of one tile. Frames must be added in one fixed order: then the bits are those of any other tiling.
class Sums {
 public:
  void reset(Box box);
  /// Adds one resampled frame: weight·coverage each; `offset` is subtracted from its values; its variance is multiplied
  /// by `variance_scale`. out-of-box parts of `frame` are an error (assert).
  void add(const ResampledView& frame, double weight, double exposure_s, double offset, double variance_scale);
  /// Writes the results; pixels with coverage ≤ min_coverage become NaN (mosaic, uncertainty) and 0 (coverage, exposure).
  void finish(double min_coverage, View<float> mosaic, View<float> uncertainty, View<float> coverage, View<float> exposure) const;
  Box box() const { return weighted_value_.box(); }

 private:
  Image<double> weight_, weighted_value_, weighted_variance_, coverage_, exposure_;
};

}  // namespace tessera::coadd
