/// simulate/sources.h — point sources on the sky: drawn, on a grid, or from a catalogue; with blends.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/param/schema.h"
#include "tessera/simulate/stack.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::simulate {

enum class Placement { random, grid };

struct SourceOptions {
  int count = 300;
  Placement placement = Placement::random;
  std::string catalog;                 // a table with ra, dec, flux; read by the caller
  double flux_min_ujy = 20, flux_max_ujy = 3000;
  double flux_slope = 1.7;             // dN/dF ∝ F^−slope
  double blend_fraction = 0;
  double blend_separation_arcsec = 2.5;
  double blend_flux_ratio = 0.5;
  int min_frames = 0;                  // 0: anywhere in the field
  double edge_pix = 8;
};
void describe(param::Schema<SourceOptions>& s);

struct Source {
  std::int64_t id = 0;        ///< from 1
  wcs::SkyPoint position;
  double flux_ujy = 0;
  std::int64_t blend_id = 0;  ///< id of the primary for both members of a blend, 0 for a single source
};

/// The field of a stack: a tangent plane of 1″ pixels (pixel (0, 0) at its middle, x to the west) and the box on it that all frames fill.
struct Field {
  wcs::SkyWcs plane;
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};
Field make_field(const StackOptions& stack, const Camera& camera, const std::vector<wcs::SkyWcs>& frames);

/// Draws `count` sources in the field, plus companions. With min_frames > 0 a place that lies at least edge_pix inside fewer
/// frames is drawn again (grid: left out). Throws UsageError when no place can be found.
std::vector<Source> make_sources(const SourceOptions& options, std::uint64_t seed, const Field& field, const Camera& camera,
                                 const std::vector<wcs::SkyWcs>& frames);

/// Columns ra, dec (degrees) and flux or flux_ujy (µJy); id, blend_id when present. Throws DataError that starts with `where`.
std::vector<Source> sources_from_table(const Table& table, const std::string& where);
Table sources_table(const std::vector<Source>& sources);

}  // namespace tessera::simulate
