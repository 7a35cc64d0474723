/// outlier/frame_test.h — outliers told apart on the frames' own pixels.
/// Resampling spreads a hit of one pixel over up to nine output pixels and blurs stars by an amount that depends on the dither, so the
/// stack of resampled values only names candidates (values `candidate` sigma from the median). Each frame pixel under a candidate is then
/// held against what the other frames say of its place:
///   on a flat sky, the median of the stack there (as drizzlepac's blot), with the frame pixel's full signal;
///   where the sky is steep and five frames deep, a surface through all frames' pixels within about a pixel of there (local_fit.h):
///   dithered frames sample one and the same sky, star ⊗ pixel, at scattered places, so it has no blur in it, and the scatter around it
///   says how far it can be trusted (the interpolation's own error, whatever the sampling of the PSF);
///   where the sky is steep and the stack shallow, the resampled values and the gradient term of outlier/temporal.h decide.
/// The noise a pixel is held to is what it would have without a hit: on a flat sky that of its neighbours, in stars that of the other
/// frames there; a hit's own photon noise would hide it.
#pragma once
#include <span>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/outlier/temporal.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::outlier {

/// Output pixels around a frame pixel on which its rejection depends. `largest`: side of the largest frame pixel in output pixels;
/// `frame_pixel`: of the typical one, rounded.
double rejection_reach(double largest, int frame_pixel);

/// A frame of the stack as it was read: value − offset and variance · variance_scale are those of the resampled stack.
struct StackFrame {
  FrameView pixels;         ///< may be empty
  const wcs::PixelMap* to_frame = nullptr;
  const wcs::PixelMap* to_output = nullptr;
  float offset = 0, variance_scale = 1;
  float sky_variance = 0;   ///< after scaling
};

/// Sets rejected[k](x, y) = 1 for outliers of frame k; rejected[k] lies on the box of frames[k].pixels and comes in as 0.
/// `stack` holds the same frames resampled by overlap area. `frame_pixel`: as flag_temporal()'s. A frame pixel's result needs the stack
/// rejection_reach() around it and the frame pixels under that; bits depend on nothing else.
/// Returns how many were set.
long reject_in_frames(std::span<const ResampledView> stack, std::span<const StackFrame> frames, const TemporalOptions& options, int frame_pixel,
                      std::span<const View<std::uint8_t>> rejected);

/// The same, or with options.candidate = 0 flag_temporal() and project_to_frame() alone.
long reject_outliers(std::span<const ResampledView> stack, std::span<const StackFrame> frames, const TemporalOptions& options, int frame_pixel,
                     std::span<const View<std::uint8_t>> rejected);

}  // namespace tessera::outlier
