/// joint_fit/source_table.h — positions and fluxes of sources from a table: a catalogue of ours, MOPEX's extract.tbl, or any other with the columns named.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/joint_fit/source.h"
#include "tessera/param/schema.h"

namespace tessera::joint_fit {

struct SourceTableOptions {
  std::string ra, dec, flux;   // columns; empty: ours, or MOPEX's
  std::string unit;            // of the flux; empty: as the table says
  std::string where;
};
void describe(param::Schema<SourceTableOptions>& s);

/// Right ascensions and declinations, degrees; NaN where a row has none, a declination beyond the poles too. Throws DataError naming `path`: a column that is not there, is no number, or is in another unit.
std::vector<wcs::SkyPoint> positions_of(const Table& table, const std::string& path, const std::string& ra = {}, const std::string& dec = {});

/// Sources to be measured: positions, identifiers (columns id, source_id, name, srcid or number) and proper motions (pm_ra, pm_dec or pmra, pmdec: mas per year, the first times cos Dec), which need an `epoch` (Julian year; 0: the
/// columns epoch or ref_epoch), else UsageError.
std::vector<Source> sources_to_measure(const Table& table, const std::string& path, double epoch);

/// The same of FITS pixels (from 1) of a plane; columns x and y where no names are given.
std::vector<wcs::SkyPoint> positions_in_pixels(const Table& table, const std::string& path, const wcs::SkyWcs& plane, const std::string& x = {}, const std::string& y = {});

struct ListedSources {
  std::vector<Source> sources; ///< rows with a position and a flux, in order; flux in the unit asked for, with its variance where the table has one
  long rows = 0, chosen = 0;   ///< of the table; met the condition
  bool unit_assumed = false;   ///< the table does not say the unit
};
/// `flux_unit`: of the images (fit_image.h); other units of flux density, and AB magnitudes, are converted to uJy. Throws DataError when they cannot be.
/// `pixels_of`: places are not on the sky but FITS pixels (from 1) of this plane, columns x and y where the options name none.
ListedSources listed_sources(const Table& table, const std::string& path, const SourceTableOptions& options, const std::string& flux_unit, const wcs::SkyWcs* pixels_of = nullptr);

}  // namespace tessera::joint_fit
