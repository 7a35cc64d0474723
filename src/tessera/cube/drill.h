/// cube/drill.h — a quick spectrum through a cube: sums over a pixel, a circle or a polygon, plane by plane. Not photometry: no point response, no fit.
///
///   flux = 23.5045 Σ f (I − B) Ω µJy,   σ² = Σ_pq f_p f_q Ω_p Ω_q σ_p σ_q ρ(p − q)
///
/// f is the part of a pixel in the region, Ω its square seconds of arc, σ² VARIANCE. Area overlap of frame pixels of side r (in output pixels, ≤ 1) gives neighbours along
/// an axis ρ = (r/6)/(1 − r/3), and diagonal ones its square (reproject/wide_pixels.h); for other kernels ρ is taken as 0, which a caveat says.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/cube/cube_file.h"
#include "tessera/cube/region.h"
#include "tessera/param/schema.h"

namespace tessera::cube {

struct DrillOptions {
  std::string at;                  // "RA,DEC"
  std::string circle;              // "RA,DEC,RADIUS"
  std::string polygon;             // "RA,DEC RA,DEC …"
  std::string background;          // "INNER,OUTER"
  double min_coverage = 0.99;
  bool picture = true;
};
void describe(param::Schema<DrillOptions>& s);

struct DrillPoint {
  double flux_ujy = 0, flux_err_ujy = 0;         ///< NaN where too much is missing
  double brightness = 0, brightness_err = 0;     ///< MJy/sr, mean over the region less the background
  double background = 0;                         ///< MJy/sr; 0 when none is taken off
  double coverage = 0;                           ///< part of the region with data
  double hits = 0;                               ///< mean over the region; NaN when the cube has none
  std::uint32_t flags = 0;                       ///< union
};

/// Throws UsageError: not exactly one region, a region off the cube, a background for a polygon.
Region drill_region(const CubeFile& cube, const DrillOptions& options);
/// `ring`: pixels of the background, or empty.
DrillPoint drill_plane(const CubeFile& cube, int plane, const Region& region, const Region* ring, double min_coverage);
/// The ring of options.background about the region, or one without pixels.
Region background_ring(const CubeFile& cube, const Region& region, const DrillOptions& options);
Table drill_table(const CubeFile& cube, const std::vector<DrillPoint>& points);

/// Correlation of neighbours along an axis of a cube made by area overlap; 0 for other kernels.
double neighbour_correlation(const CubeFile& cube);

}  // namespace tessera::cube
