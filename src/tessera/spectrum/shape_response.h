/// spectrum/shape_response.h — a zone's response to a source with a shape: its cells convolved with a mixture of Gaussians, on the same oversampled grid.
///
/// Gaussians that are narrow beside the grid are exp(−2π² fᵀVf) in Fourier space, exact however narrow; wide ones, which would come back round the other side, are sampled on the
/// grid and convolved there. What lies outside the grid's part that is kept is lost, and not made up for.
#pragma once
#include <array>
#include <complex>
#include <vector>

#include "tessera/spectrum/fourier.h"
#include "tessera/spectrum/response.h"
#include "tessera/spectrum/sersic.h"
#include "tessera/spectrum/sources.h"

namespace tessera::spectrum {

/// Covariance [xx, xy, yy] in native pixels² of a unit-variance (R_e²) profile with this shape at a place whose Jacobian d(ξ, η)/d(x, y) is given in degrees per pixel.
std::array<double, 3> pixel_covariance(const SersicShape& shape, const std::array<double, 4>& jacobian);

/// One zone, ready for any number of shapes. `reach`: native pixels from the source to the border of what is kept.
class ShapeMaker {
 public:
  /// The zone's response must outlive it.
  ShapeMaker(const ZoneResponse& zone, double reach);
  ZoneResponse response(const SersicShape& shape, const std::array<double, 4>& jacobian) const;

 private:
  const ZoneResponse& point_;
  int kept_;
  Fourier fourier_;
  std::vector<std::complex<double>> zone_;  // transform of the point's response, the middle cell at the origin
};

}  // namespace tessera::spectrum
