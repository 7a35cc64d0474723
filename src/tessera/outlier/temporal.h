/// outlier/temporal.h — outliers among the values that many exposures give for one output pixel.
/// MOPEX guide 5.6.7 and 8.2.2, with three additions that let it work from two exposures on and inside undersampled stars:
///
///   I − R > threshold_high · s + gradient · G   or   R − I > threshold_low · s + gradient · G   flags the value I.
///
/// R is the median of the stack; of two or four values the lower middle one, since radiation only adds: then of two the larger
/// can be flagged, and never both as happens around a mean, and two hits among four do not hide each other. Frames of more
/// than four times the sky noise of the deepest one there have no say in R and s.
/// s² = max(σ_I, MAD/0.6745)² from min_images values on, before that σ_I², plus σ_R² for two. σ_I is the value's own
/// uncertainty and not the smallest of the stack as in the guide: where exposures differ in noise the smallest would flag
/// the noise of all others. The scatter of fewer than five values says little, and one outlier among four already
/// doubles it; it is a bound from below for deeper stacks, where uncertainties may be too small.
/// G is the largest step of R along the axes within one frame pixel (slopes are the detector's, however finely it is resampled), beyond what noise makes of a flat sky: where the sky is steep,
/// resampled values differ by a part of it that depends on the dither and not on noise (the derivative criterion of
/// drizzlepac's comparison with the median). From min_images values on half of it is allowed: their scatter s holds the rest. The defaults are those of a simulation, tests/outlier/rejection_test.cpp.
///
/// From `candidate` sigma on, outlier/frame_test.h tests the frames' own pixels; without it (candidate = 0) the flags above decide.
/// Neighbours of a flagged value are held to the lower threshold `grow`: the wings of a hit spread by the interpolation.
#pragma once
#include <cstdint>
#include <span>

#include "tessera/core/frame.h"
#include "tessera/outlier/stack_statistics.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::outlier {

struct TemporalOptions {
  double threshold_high = 4.5;
  double threshold_low = 5.0;
  int min_images = 5;
  double gradient = 0.8;
  double grow = 3.0;
  double min_overlap = 0.2;
  double min_coverage = 0.5;
  double candidate = 2.5;
  Scatter scatter = Scatter::mad;
};
void describe(param::Schema<TemporalOptions>& s);

/// How far a value's flag looks: to the neighbours that may be flagged and from there, for the gradient, one frame pixel (in output pixels) on.
constexpr int temporal_halo(int frame_pixel) { return 1 + frame_pixel; }

/// Flags, per exposure and output pixel of the common box, values that deviate from the stack: `outlier[j](x, y)` = 1.
/// Values with coverage below options.min_coverage take no part and are not flagged. Overwrites the flags. Needs the stack's
/// box to be `temporal_halo(frame_pixel)` larger on each side than the pixels whose flags are used; at the border the neighbours there
/// are count. Frames that cover nothing of the box cost little.
/// `sky_variance` has one entry per frame of the stack, or is empty when all are alike. `frame_pixel`: size of the frames' pixels in
/// output pixels, rounded, at least 1.
void flag_temporal(std::span<const ResampledView> stack, const TemporalOptions& options, std::span<const View<std::uint8_t>> outlier,
                   std::span<const float> sky_variance = {}, int frame_pixel = 1);

/// Projects flagged output pixels back on the frame (guide: RMask): a frame pixel whose area is covered by flagged output
/// pixels by the fraction options.min_overlap or more gets rejected(x, y) = 1. Only frame pixels inside rejected.box() count.
/// A frame pixel's result needs the flags of all output pixels that touch it, and of no others, to the last bit.
/// Returns how many were newly set.
long project_to_frame(View<const std::uint8_t> outlier, const wcs::PixelMap& output_to_frame, const TemporalOptions& options,
                      View<std::uint8_t> rejected);

}  // namespace tessera::outlier
