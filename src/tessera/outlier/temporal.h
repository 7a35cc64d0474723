/// outlier/temporal.h — outliers among the values that many exposures give for one output pixel.
/// MOPEX guide 5.6.7 and 8.2 (temporal): M = median, s = MAD/0.6745 with the smallest σ as floor. Beyond it: a term for the
/// interpolation's own error where the sky is steep (the derivative criterion of drizzlepac's median–blot comparison).
#pragma once
#include <span>

#include "tessera/core/frame.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::outlier {

struct TemporalOptions {
  double threshold_high = 5.0;
  double threshold_low = 5.0;
  int min_images = 3;
  double gradient = 1.0;
  double min_overlap = 0.3;
  double min_coverage = 0.5;
};
void describe(param::Schema<TemporalOptions>& s);

/// Flags, per exposure and output pixel of the common box, values that deviate from the stack: `outlier[j](x, y)` = 1.
/// Values with coverage below options.min_coverage take no part and are not flagged. Needs the stack's box to be one pixel
/// larger on each side than the pixels whose flags are used (the gradient looks at neighbours); the border row and
/// column use the neighbours there are.
void flag_temporal(std::span<const ResampledView> stack, const TemporalOptions& options, std::span<const View<std::uint8_t>> outlier);

/// Projects flagged output pixels back on the frame (guide: RMask): a frame pixel whose area is covered by flagged output
/// pixels by the fraction options.min_overlap or more gets rejected(x, y) = 1. Only frame pixels inside rejected.box() count.
/// Returns how many were newly set.
long project_to_frame(View<const std::uint8_t> outlier, const wcs::PixelMap& output_to_frame, const TemporalOptions& options,
                      View<std::uint8_t> rejected);

}  // namespace tessera::outlier
