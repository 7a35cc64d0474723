/// extraction/mopex_tables.h — catalogues as MOPEX writes them: its names of columns, pixels from 1, −9.99 for a bad aperture error. MOPEX guide 6.5.12, 6.5.20, 8.9.3.
#pragma once
#include <string>

#include "tessera/core/table.h"
#include "tessera/joint_fit/source.h"

namespace tessera::extraction {

/// The catalogue in MOPEX's form; Status::poor is −2, a fit that converged above Chi_Threshold.
Table mopex_catalog(Table table);
/// Detections: srcid, x, y, flux (the brightest pixel), BlendId, BlendSize, then our own columns.
Table mopex_detections(Table table);
/// Rows of a catalogue with their number, place and apertures alone, in its own order.
Table apertures_of(const Table& catalog);

}  // namespace tessera::extraction
