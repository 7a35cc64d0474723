/// psf/coadded.h — the point response of a coadd of dithered frames, resampled by area overlap.
///
/// The mosaic's pixel at X holds Σ w_i R(x_i − s) / Σ w_i, w the overlap of the frame's pixel i with the mosaic's. With many dithers the sum becomes an integral over where frame pixels fall:
/// the response convolved with the frame's pixel and averaged over the mosaic's pixel (Hook & Fruchter 2000, ASP 216, 521, for the variances; the mean over dither phases of Lauer 1999, PASP 111, 1434).
/// For few dithers of undersampled frames single stars differ from that mean by their phases.
#pragma once
#include <array>
#include <span>

#include "tessera/psf/psf_model.h"

namespace tessera::psf {

/// How mosaic pixels lie on frame pixels: (dx, dy) of the frame = (m[0] dX + m[1] dY, m[2] dX + m[3] dY), and how many frames lie so.
struct FrameLie {
  std::array<double, 4> frame_per_mosaic{1, 0, 0, 1};
  double weight = 1;
};

/// The mean over the lies, five samples per mosaic pixel at least and eight per full width, normalised as the frames' response is. Throws UsageError: no lie, a singular one.
PointResponse coadded(const PointResponse& frame, std::span<const FrameLie> lies);

}  // namespace tessera::psf
