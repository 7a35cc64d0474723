/// reproject/interpolation.h — the methods of interpolation behind one call, with their options.
/// MOPEX guide 5.6.8 and 8.4; Fruchter & Hook 2002, PASP 114, 144; Keys 1981, IEEE TASSP 29, 1153; Duchon 1979, JAM 18, 1016.
#pragma once
#include "tessera/core/frame.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::reproject {

enum class Interpolation { area, drizzle, bilinear, nearest, cubic, lanczos2, lanczos3, lanczos4, grid, adaptive };

/// The shape of drizzle's drop, as it lies on the output grid.
enum class DropKernel { square, turbo, gaussian, point };

enum class AdaptiveKernel { gaussian, hann };

struct InterpolationOptions {
  Interpolation method = Interpolation::area;
  double pixfrac = 1.0;
  DropKernel kernel = DropKernel::square;
  double alpha = -0.5;
  int grid_ratio = 4;
  double min_weight = 0.5;
  AdaptiveKernel adaptive_kernel = AdaptiveKernel::gaussian;
  double adaptive_width = 1.3;
};
void describe(param::Schema<InterpolationOptions>& s);

/// Both directions between the output grid and a frame; each inverts the other to the accuracy of the pixel maps.
struct FrameMaps {
  const wcs::PixelMap& to_frame;
  const wcs::PixelMap& to_output;
};

/// Resamples `frame` to the pixels of `out` by the chosen method. The contract is area_overlap's: `frame` is any window that
/// holds what `out` needs, pixels outside it count as bad, `out` is overwritten entirely, the bits of a pixel depend on
/// neither tile nor window, no thread is started.
void resample(const FrameView& frame, const FrameMaps& maps, const InterpolationOptions& options, ResampledView out);

/// How far from the place of an output pixel's centre the frame pixels lie that it takes, along either axis of the frame and in its
/// pixels; 0 for those that take only frame pixels they overlap.
double kernel_radius(const InterpolationOptions& options);

/// No frame pixel further than this, along an axis of the frame, from the place of an output pixel's centre has weight in it, where the output
/// pixel spans `span` frame pixels along that axis.
double support_radius(const InterpolationOptions& options, double span);

/// Frame pixels around needed_window() of the output pixels grown by output_margin() that the method looks at.
int window_margin(const InterpolationOptions& options);
int output_margin(const InterpolationOptions& options);

/// The window of the frame that resample() needs for the output pixels of `out`.
Box window_to_resample(const wcs::PixelMap& to_frame, Box out, Box frame, const InterpolationOptions& options);

}  // namespace tessera::reproject
