/// wcs/healpix.h — HEALPix cells in the nested scheme and sets of them. Górski et al. 2005, ApJ 622, 759; MOC 2.0 (IVOA 2022).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

constexpr int most_healpix_order = 29;

/// Number of the cell of order 0 … 29 that holds a point of the sphere (right ascension as longitude).
std::int64_t healpix_cell(SkyPoint p, int order);
/// Middle of a cell.
SkyPoint healpix_center(std::int64_t cell, int order);
/// The finest order whose cells' side (root of the area) is at least so many arcsec.
int healpix_order(double side_arcsec);

/// A set of cells, kept as few as can be: four cells that fill a larger one are that one.
class Moc {
 public:
  /// `cells` of one order, in any order and with repeats.
  Moc(int order, std::vector<std::int64_t> cells);
  int order() const { return static_cast<int>(cells_.size()) - 1; }             ///< the finest
  const std::vector<std::int64_t>& cells(int order) const { return cells_[static_cast<std::size_t>(order)]; }  ///< rising
  double area_sr() const;
  std::vector<std::int64_t> uniq() const;  ///< 4·4^order + cell, rising: the column of MOC files
  std::string json() const;                ///< {"order":[cell,…],…}

 private:
  std::vector<std::vector<std::int64_t>> cells_;  // by order
};

}  // namespace tessera::wcs
