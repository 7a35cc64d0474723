/// simulate_spherex/galaxy.h — a Sérsic profile as points of light, dense enough that a PSF spreads them into the galaxy (errors below 0.1 % of its peak).
#pragma once
#include <array>
#include <vector>

namespace tessera::simulate_spherex {

/// Regularised lower incomplete gamma function P(a, x).
double gamma_p(double a, double x);
/// b of the profile exp{−b[(r/R_e)^(1/n) − 1]}: γ(2n, b) = Γ(2n)/2.
double sersic_b(double n);
/// Share of the light inside r = `radii` R_e: P(2n, b (r/R_e)^(1/n)) (Graham & Driver 2005, PASA 22, 118).
double sersic_growth(double n, double radii);

struct LightPoint {
  double x = 0, y = 0;  ///< pixels from the centre
  double share = 0;     ///< of the total light
};
struct SersicShape {
  double n = 1, effective_radius_arcsec = 1, axis_ratio = 1, position_angle_deg = 0;
};
/// Rings of at least 0.1 pixel up to 12 R_e (60 pixels at most) or 99.999 % of the light; each holds the light between its edges, which the curve of growth tells, at the radius
/// that keeps its second moment. `jacobian` is [ξx ξy ηx ηy], degrees per pixel, as SkyWcs::jacobian gives it.
std::vector<LightPoint> light_points(const SersicShape& shape, const std::array<double, 4>& jacobian);

}  // namespace tessera::simulate_spherex
