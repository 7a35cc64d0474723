/// photometry/aperture.h — sums over circles and ellipses by exact overlap, the sky of an annulus, and their errors.
/// MOPEX guide 8.8, 8.9.3; decisions.md: the variance of Σ a I is Σ a² σ², times what the correlation of the image's pixels adds.
#pragma once
#include <span>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/core/noise_correlation.h"
#include "tessera/photometry/overlap.h"

namespace tessera::photometry {

/// Of one aperture. Pixels that are bad or outside the image count in `bad_area` alone.
struct ApertureSum {
  double flux = 0;             ///< Σ a I
  double area = 0;             ///< Σ a, good pixels
  double bad_area = 0;         ///< Σ a of the others
  double variance = 0;         ///< Σ a² σ²
  double linear_variance = 0;  ///< Σ a σ², which MOPEX calls the uncertainty squared
};

/// Pixel centres are at integers. A position or radius that is not finite, or a radius ≤ 0, gives an empty sum.
ApertureSum sum_circle(const FrameView& frame, double x, double y, double radius);
ApertureSum sum_ellipse(const FrameView& frame, double x, double y, const Ellipse& ellipse);

enum class SkyStatistic { median, mode, clipped_mean };

struct AnnulusSky {
  double level = 0;     ///< NaN with fewer pixels than asked for
  double error = 0;     ///< 1σ of the level, pixels counted as independent
  double scatter = 0;   ///< robust 1σ of one pixel
  int pixels = 0;       ///< good ones
};
/// Whole pixels whose centres lie between the radii, ends included. median: error √(π/2) scatter/√n; mode: background::Panels' clipped mode, error as the
/// median's; clipped_mean: 3σ about the median until nothing changes, scatter/√n. `work` keeps its memory.
AnnulusSky annulus_sky(const FrameView& frame, double x, double y, double inner, double outer, SkyStatistic statistic, int min_pixels, std::vector<float>& work);

/// By how much the correlation of neighbouring pixels multiplies Σ a² σ² of a circle of this radius, averaged over sub-pixel positions, where σ
/// changes little across the aperture: Σ_d ρ(d) Σ_p a_p a_{p+d} / Σ_p a_p². 1 for independent pixels. Compute it once per radius.
double correlation_factor(const NoiseCorrelation& correlation, double radius);
/// The same for the mean of an annulus's pixels.
double annulus_correlation_factor(const NoiseCorrelation& correlation, double inner, double outer);

}  // namespace tessera::photometry
