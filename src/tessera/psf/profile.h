/// psf/profile.h — analytic profiles of a star, integrated over each pixel exactly enough to be the truth.
#pragma once
#include "tessera/core/image.h"
#include "tessera/param/schema.h"

namespace tessera::psf {

enum class ProfileShape { gaussian, moffat };

struct ProfileOptions {
  ProfileShape profile = ProfileShape::gaussian;
  double fwhm_pix = 0;     // 0: the camera's
  double beta = 3.0;       // Moffat
  double axis_ratio = 1;   // minor over major axis
  double angle_deg = 0;    // of the major axis, from +x to +y
};
void describe(param::Schema<ProfileOptions>& s);

/// Normalised to unit volume over the whole plane. FWHM is that of the geometric mean of the axes.
///   Gaussian  I = exp(−ρ²/2σ²) / 2πσ²,                σ = FWHM / √(8 ln 2)
///   Moffat    I = (β−1)/(πα²) · (1 + ρ²/α²)^−β,       α = FWHM / (2 √(2^{1/β} − 1))
/// ρ: radius in the plane where the ellipse is a circle of the same area.
class Profile {
 public:
  /// Throws UsageError when the FWHM is not positive or β ≤ 1.
  explicit Profile(const ProfileOptions& options);

  double density(double dx, double dy) const;   ///< fraction of the flux per square pixel at an offset from the centre
  /// Fraction of the flux in the pixel whose centre is at (dx, dy) from the star. Circular and axis-parallel Gaussian: differences
  /// of erf, to rounding; otherwise Gauss–Legendre points on cells no wider than the profile, better than 1e-8.
  double pixel_fraction(double dx, double dy) const;
  /// Half the side of the square outside which less than 1e-6 (Moffat) or 1e-9 (Gaussian) of the flux falls.
  int reach_pix() const { return reach_; }
  double fwhm_pix() const { return fwhm_; }
  double narrow_fwhm_pix() const;               ///< along the minor axis
  /// Adds `flux` × pixel fraction to every pixel of `image` within reach of (x, y). A position that is not finite adds nothing.
  void add_to(View<double> image, double x, double y, double flux) const;

 private:
  bool separable() const;
  double quadrature(double dx, double dy) const;
  double moffat_fall(double t) const;
  ProfileShape profile_;
  double fwhm_, beta_, major_, minor_, cos_, sin_, norm_;  // major_, minor_: σ or α along the axes
  int half_powers_ = 0;  // 2β where that is a whole number, 0 otherwise
  int reach_ = 0;
};

}  // namespace tessera::psf
