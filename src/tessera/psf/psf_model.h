/// psf/psf_model.h — the point response of a detector or mosaic at every position: tables and how they depend on the position.
///
/// Constant; rectangles with a table each (MOPEX's PRF maps, guide 8.7); a grid of positions with the nearest table or bilinear between
/// them (photutils' GriddedPSFModel, SPHEREx zones); a polynomial of tables (PSFEx: Σ xⁱ yʲ T_ij of scaled positions); or tables at places of their own,
/// of which the nearest counts (coadds, whose response changes from star to star).
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tessera/psf/point_response.h"
#include "tessera/psf/profile.h"

namespace tessera::psf {

/// A rectangle of the detector, edges in pixels whose centres are at integers from 0, and the table used there.
struct Zone {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  int table = 0;
};

enum class Between { nearest, bilinear };

/// Σ_k u^i v^j T_k in the order of PSFEx: all powers of u for v⁰, then for v¹ …; u = (x − x_zero) / x_scale.
struct Polynomial {
  int degree = 0;
  double x_zero = 0, x_scale = 1, y_zero = 0, y_scale = 1;
  int terms() const { return (degree + 1) * (degree + 2) / 2; }
};

class PsfModel {
 public:
  static PsfModel constant(PointResponse table);
  /// Throws UsageError without zones or when a zone names a table that is not there. Where zones overlap the first counts; outside of all the one nearest.
  static PsfModel zones(std::vector<PointResponse> tables, std::vector<Zone> zones);
  /// tables[iy · xs.size() + ix] stands at (xs[ix], ys[iy]), both ascending. Outside the outer positions the outer tables hold. Throws UsageError when
  /// numbers do not fit, or bilinear tables differ in geometry.
  static PsfModel grid(std::vector<PointResponse> tables, std::vector<double> xs, std::vector<double> ys, Between between);
  static PsfModel polynomial(std::vector<PointResponse> tables, const Polynomial& polynomial);
  /// tables[k] stands at places[k]; of two equally near the first counts. Throws UsageError when numbers do not fit, there is none, or one is not finite.
  static PsfModel places(std::vector<PointResponse> tables, const std::vector<std::pair<double, double>>& places);
  /// The same within `radius` of a place; further from all, `elsewhere`, which is the first of tables().
  static PsfModel places(PointResponse elsewhere, std::vector<PointResponse> tables, const std::vector<std::pair<double, double>>& places, double radius);
  /// A Gaussian or Moffat integrated over pixels, tabulated so finely that interpolation stays below 2e-6 of the peak, out to `reach_pix` (0: where less
  /// than 1e-5 of the flux lies outside, at most 40 pixels). Its flux over the whole plane is 1.
  static PsfModel analytic(const ProfileOptions& options, double reach_pix = 0);

  /// The response at a position of the detector. A table of the model where one alone counts there, else `workspace`, filled.
  const PointResponse& at(double x, double y, PointResponse& workspace) const;
  bool varies() const { return tables_.size() > 1; }
  const std::vector<PointResponse>& tables() const { return tables_; }
  double reach_pix() const;  ///< the greatest of the tables'
  const std::string& description() const { return description_; }
  void describe(std::string text) { description_ = std::move(text); }

 private:
  enum class Kind { constant, zones, grid, polynomial, places };
  struct Place {
    double x, y;
    std::size_t table;
  };
  void place(std::vector<PointResponse> tables, const std::vector<std::pair<double, double>>& places);
  const PointResponse& nearest_place(double x, double y) const;
  const PointResponse& between_nodes(double x, double y, PointResponse& workspace) const;
  const PointResponse& of_polynomial(double x, double y, PointResponse& workspace) const;
  Kind kind_ = Kind::constant;
  std::vector<PointResponse> tables_;
  std::vector<Zone> zones_;
  std::vector<double> xs_, ys_;
  Between between_ = Between::nearest;
  Polynomial polynomial_;
  std::vector<Place> places_;  // ascending in y
  double radius_ = 0;          // of places
  std::string description_;
};

}  // namespace tessera::psf
