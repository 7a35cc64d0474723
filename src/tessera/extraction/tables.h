/// extraction/tables.h — what was measured as tables: detections, the catalogue, light curves, DS9 regions. Columns are those of catalog/columns.h.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/catalog/column_set.h"
#include "tessera/core/table.h"
#include "tessera/extraction/apertures.h"
#include "tessera/extraction/find.h"

namespace tessera::extraction {

/// `unit`: of the image.
Table detection_table(const Found& found, const wcs::SkyWcs& wcs, const std::string& unit);

struct CatalogParts {
  std::span<const joint_fit::Source> sources;
  std::span<const Detection> detections;
  std::span<const ApertureFluxes> apertures;
  const wcs::SkyWcs* wcs = nullptr;         ///< of the image that sources are found on
  std::string flux_unit;
  std::string run;                          ///< what tells this run's identifiers from others'
  bool list = false;
  std::size_t radii = 0;                    ///< apertures of each source, also where there is no source
  const CatalogOptions* how = nullptr;      ///< zero point of Vega magnitudes, significance of limits
  const catalog::ColumnSet* more = nullptr; ///< further columns, one value per source
};
Table catalog_table(const CatalogParts& parts);
/// Fluxes of every two sources that were fitted together: the correlation is that of the fit, the covariance has the errors of the catalogue.
Table covariance_table(std::span<const joint_fit::Source> sources);
/// Text of a DS9 region file, a circle of that radius per row, green where the fit went well.
std::string regions_of(const Table& catalog, double radius_arcsec);

}  // namespace tessera::extraction
