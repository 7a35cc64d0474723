/// spectrum/shape_response.h — the response to a source with a shape on native pixels: a zone's point response convolved with a mixture of Gaussians.
///
/// The value of a pixel is ∫ Z(f) Σ a_k exp(−2π² v_k fᵀVf) exp(2πi f·(pixel − source)) d²f, Z the zone's transform with its pixels (zone_spectrum.h): no grid of cells is made, the place within a
/// pixel is a phase. Sums over steps 1/N of frequency stand for the integral; what they add are images N pixels away, so these lie 5.4 σ off at least: wider Gaussians are summed
/// with a larger N, where fewer frequencies count.
#pragma once
#include <array>

#include "tessera/spectrum/response.h"
#include "tessera/spectrum/sersic.h"
#include "tessera/spectrum/sources.h"
#include "tessera/spectrum/zone_spectrum.h"

namespace tessera::spectrum {

/// Covariance [xx, xy, yy] in native pixels² of a unit-variance (R_e²) profile with this shape at a place whose Jacobian d(ξ, η)/d(x, y) is given in degrees per pixel.
std::array<double, 3> pixel_covariance(const SersicShape& shape, const std::array<double, 4>& jacobian);

/// One zone, ready for any number of shapes.
class ShapeMaker {
 public:
  /// `reach`: pixels from the source's to the border of what is made, up to 20; light beyond is lost, and not made up for.
  ShapeMaker(const ZoneResponse& zone, int reach);
  /// Of a source at (x, y), pixel centres at integers.
  Stamp stamp(const SersicShape& shape, const std::array<double, 4>& jacobian, double x, double y) const;

 private:
  ZoneSpectrum zone_;
  int reach_;
  std::array<double, 2> shift_;
};

}  // namespace tessera::spectrum
