/// pipeline/grid_from_file.h — the plane that a FIF.tbl or the first image of a FITS file describes.
#pragma once
#include <string>

#include "tessera/wcs/grid.h"

namespace tessera::pipeline {

/// Throws DataError: no such file, no grid in it.
wcs::Grid grid_from_file(const std::string& path);

}  // namespace tessera::pipeline
