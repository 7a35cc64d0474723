/// outlier/blot.h — outliers of one frame against the median of all, in the frame's own pixels: the comparison of the drizzle family
/// (Fruchter & Hook 2002, PASP 114, 144; Hack et al. 2012, DrizzlePac; Roman and JWST pipelines, outlier_detection).
///
/// The median image is brought to the frame by bilinear interpolation (blot). With d = |I − ε − blot| and D the largest step of the blot to one of
/// its four neighbours, a pixel is a candidate when d > scale_high · D + threshold_high · σ; its eight neighbours and itself are outliers
/// when they have d > scale_low · D + threshold_low · σ too.
#pragma once
#include "tessera/outlier/schemes.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::outlier {

struct BlotOptions {
  double threshold_high = 5.0;
  double threshold_low = 4.0;
  double scale_high = 1.2;
  double scale_low = 0.7;
};
void describe(param::Schema<BlotOptions>& s);

/// Output pixels around the centre of a frame pixel that its flag needs of the median image: a neighbour of a neighbour, wherever a
/// turned frame has it, and bilinear interpolation.
constexpr int blot_halo(int frame_pixel) { return 3 * frame_pixel + 2; }

/// The median of the values with coverage ≥ least_coverage per output pixel; of two or four values the lower middle one, as in
/// StackStatistics. NaN where fewer than two frames have a value: one frame has nothing to be held against.
Image<float> median_image(const Stack& stack, double least_coverage);

/// Flags pixels of `frame`, good ones only: `outlier(x, y)` = 1 on the frame's box; overwrites the flags. `offset` is subtracted from the
/// frame, √variance multiplied by `noise_scale`. Where the blot is unknown nothing is flagged.
void flag_blot(const FrameView& frame, double offset, double noise_scale, View<const float> median, const wcs::PixelMap& frame_to_output,
               const BlotOptions& options, View<std::uint8_t> outlier);

}  // namespace tessera::outlier
