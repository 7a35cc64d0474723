/// cube/plane_sums.h — one plane of a cube, or some rows of it, as running sums over exposures in their order.
///
///   w_j = c_j / median(VARIANCE_j),   IMAGE = Σ w I / Σ w,   VARIANCE = Σ w² V / (Σ w)²,   WEIGHT = Σ w,   WAVE_EFF = Σ w λ / Σ w
///
/// with c_j the part of the pixel that good pixels of the strip cover, times a taper towards the strip's ends where that is asked for, and I, V, λ resampled. NHITS counts exposures with c_j above a threshold; FLAGS is the union over
/// good pixels that the output pixel touches. With a clip, where five values or more meet, those with
///
///   |I_j − M| > max(κ max(σ_j, 1.4826 MAD), floor |M|)
///
/// are left out, M their median: the floor keeps undersampled stars, whose values differ with the pixel's phase. Akeson et al. (pipeline paper), 5; one weight for each exposure and strip.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/cube/cube_frame.h"

namespace tessera::cube {

/// The union of `flags` over the frame pixels under each output pixel of `out`, where those have an area in common; `coverage` 0 gives 0.
void flags_under(View<const std::uint32_t> flags, const wcs::PixelMap& to_frame, View<const float> coverage, View<std::int32_t> out);

/// The finished rows.
struct PlaneRows {
  Image<float> image, variance, weight, wave;  ///< image, variance, wave: NaN without data; weight 0
  Image<std::int32_t> hits, flags;
};

/// A synthetic band of planes that lie on the same rows (band.h).
class BandSums {
 public:
  BandSums(Box rows, bool wave);
  void add(const PlaneRows& channel, double weight);
  /// Pixels whose planes with data hold less than `coverage` of the weights (which sum to 1) have no value. WEIGHT is what VARIANCE = 1/WEIGHT would make of the channels'.
  PlaneRows finish(double coverage) &&;

 private:
  Box box_;
  Image<double> sum_, value_, variance_, inverse_weight_, wavelength_;
  Image<std::int32_t> hits_, flags_;
};

class PlaneSums {
 public:
  PlaneSums(Box rows, const CoaddOptions& options);
  /// Adds what the strip has for these rows. A pixel's bits depend on the exposures and their order alone, not on the rows.
  void add(const CubeFrame& frame, const StripUse& use, const CubeSetting& setting, const StripMaps& maps, const spherex::CalibrationSet& calibration);
  /// The same with pixels that are there already, on a box that holds what resampling takes for these rows.
  void add(const CubeFrame& frame, const StripUse& use, const StripPixels& pixels, const CubeSetting& setting);
  PlaneRows finish() &&;
  long clipped() const { return clipped_; }  ///< values left out by finish()
  /// Bytes for each output pixel, and for each pixel of a strip while it is added.
  static constexpr std::int64_t bytes_per_pixel = 120, bytes_per_strip_pixel = 104;
  static constexpr std::int64_t bytes_per_layer_pixel = 24;  ///< more, for each exposure, where values are clipped

 private:
  struct Layer {
    Resampled resampled;
    Image<float> wave, taper;
    Image<std::int32_t> flags;
    double weight = 0;
  };
  void clip();
  void take(const Layer& layer);

  Box box_;
  const CoaddOptions& options_;
  std::vector<Layer> layers_;  // kept until all are there, when they are clipped
  long clipped_ = 0;
  Image<double> weight_, value_, variance_, wavelength_;
  Image<std::int32_t> hits_, flags_;
};

}  // namespace tessera::cube
