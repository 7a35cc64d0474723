/// wcs/distortion.h — the distortions we evaluate ourselves, with analytic derivatives: SIP (Shupe et al. 2005), look-up
/// tables (Paper IV as HST and astropy use them) on pixels, TPV on the projection plane. FITS pixels, counted from 1.
/// Private to the room.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

/// A mapped point and its derivatives [∂u/∂x ∂u/∂y ∂v/∂x ∂v/∂y].
struct Mapped {
  double u = 0, v = 0;
  std::array<double, 4> d{1, 0, 0, 1};
};

/// Σ c_pq x^p y^q, p + q ≤ order, kept as a triangle; c(p, q) addresses it.
class Polynomial2 {
 public:
  explicit Polynomial2(int order = 0) : order_{order}, c_(static_cast<std::size_t>((order + 1) * (order + 2) / 2)) {}
  int order() const { return order_; }
  double& c(int p, int q) { return c_[index(p, q)]; }
  bool zero() const;
  /// Value and both derivatives.
  void evaluate(double x, double y, double& value, double& dx, double& dy) const;

 private:
  std::size_t index(int p, int q) const { return static_cast<std::size_t>(q * (order_ + 1) - q * (q - 1) / 2 + p); }
  int order_;
  std::vector<double> c_;  // rows of constant q
};

struct Sip {
  Polynomial2 a, b;
};

/// One table, applied to one pixel axis: bilinear between its nodes, the edge value outside.
class Lookup {
 public:
  explicit Lookup(std::shared_ptr<const LookupTable> table) : table_{std::move(table)} {}
  void evaluate(double x, double y, double& value, double& dx, double& dy) const;

 private:
  std::shared_ptr<const LookupTable> table_;
};

/// p → q = p + d2im(p) → q + sip(q − CRPIX) + prior(q), both corrections taken at q as astropy does.
class PixelDistortion {
 public:
  std::array<double, 2> crpix{};
  std::optional<Sip> sip;
  std::array<std::optional<Lookup>, 2> detector, prior;
  bool identity() const { return !sip && !has_lookup(); }
  bool has_lookup() const { return detector[0] || detector[1] || prior[0] || prior[1]; }
  Mapped apply(double x, double y) const;
  /// The pixel that apply() carries to (u, v), on the branch that holds CRPIX; nothing when there is none.
  std::optional<std::array<double, 2>> invert(double u, double v) const;

 private:
  Mapped detector_step(double x, double y) const;
  Mapped prior_step(double x, double y) const;
};

/// TPV: a polynomial of degree ≤ 7 with radial terms on the intermediate world coordinates, degrees. SCAMP's PV on TAN is the same.
class PlanePolynomial {
 public:
  static constexpr int terms = 40;
  std::array<double, terms> lng{}, lat{};
  PlanePolynomial() { lng[1] = lat[1] = 1; }
  Mapped apply(double x, double y) const;
  std::optional<std::array<double, 2>> invert(double u, double v) const;
};

}  // namespace tessera::wcs
