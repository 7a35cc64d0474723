/// extraction/detection_list.h — an earlier table of detections, read in the place of finding some.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/extraction/find.h"

namespace tessera::extraction {

/// detections.fits, or MOPEX's mosaic_detect.tbl (column srcid: its pixels count from 1): x, y, and what it has of peak, brightest (flux), area, blends, axes and FitX, FitY (made odd).
/// Throws DataError: no column x or y, a place that is no number, a window below 1.
std::vector<Detection> read_detections(const Table& table, const std::string& path);

}  // namespace tessera::extraction
