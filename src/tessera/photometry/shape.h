/// photometry/shape.h — the sizes of sources that may be more than points, and how far they are from points.
#pragma once
#include "tessera/core/frame.h"
#include "tessera/photometry/overlap.h"
#include "tessera/psf/psf_model.h"

namespace tessera::photometry {

struct KronOptions {
  double factor = 2.5;         ///< of the first moment
  double least = 3.5;          ///< of the ellipse's axes: the aperture is never smaller
  double search = 6;           ///< of the axes: how far the moment is taken
};

struct Kron {
  double radius = 0;           ///< of the aperture in units of the given axes; NaN without a good pixel
  Ellipse aperture;
};

/// Kron 1980, ApJS 43, 305, as Bertin & Arnouts 1996 have it: r₁ = Σ r I / Σ I over pixels inside `search` × `axes` (r: of the scaled ellipse through the
/// pixel); the aperture is max(factor r₁, least) × axes. `axes`: 1σ of the light, pixels and radians.
Kron kron(const FrameView& frame, double x, double y, const Ellipse& axes, const KronOptions& options);

/// Radius in pixels of the circle with half of `total`; NaN when `total` is not positive or no circle up to `limit` has that much.
double half_light_radius(const FrameView& frame, double x, double y, double total, double limit);

/// Star or galaxy: SPREAD_MODEL of Desai et al. 2012, ApJ 757, 83, eq. 2: 0 for a point, positive for what is wider, negative for what is narrower (hits).
struct Spread {
  double value = 0, error = 0;
};
/// `response`: of the source's place. G is the response convolved with an exponential disc of scale length FWHM/16. NaN without good pixels or light.
Spread spread(const FrameView& frame, const psf::PointResponse& response, double x, double y);

}  // namespace tessera::photometry
