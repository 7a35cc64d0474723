/// cube/target.h — the sky a cube shows: a rectangle in the tangent plane (TAN) about a position, and the planes asked for.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tessera/cube/cube_options.h"
#include "tessera/spherex/channels.h"
#include "tessera/wcs/grid.h"

namespace tessera::cube {

/// Degrees of "15" (minutes of arc), "30s", "15m", "2.5d". Throws UsageError that starts with `where`.
double parse_angle_deg(const std::string& text, const std::string& where);

/// The rectangle about `center` (ICRS), as many whole pixels as come closest to the size, one at least. Throws UsageError: a size that is no size, or absurd
/// (beyond 40 degrees, more than 16384 pixels along a side).
wcs::Grid target_grid(wcs::SkyPoint center, const TargetOptions& options);

/// The rectangle about a polygon, turned as options say; `size` and `center` do not count. Throws UsageError as above.
wcs::Grid target_grid(const std::vector<wcs::SkyPoint>& polygon, const TargetOptions& options);

/// Position of a row (from 1) of a table. Throws DataError: no usual pair of columns, no position there; UsageError: no such row.
wcs::SkyPoint catalog_position(const std::string& path, int row);

/// The channels asked for, ascending. Throws UsageError: no such channel, a range without any.
std::vector<spherex::Channel> wanted_channels(const spherex::ChannelTable& table, const ChannelOptions& options);

}  // namespace tessera::cube
