/// cube/cube_layout.h — headers and tables of a cube file, with the names of the mission's cubes.
#pragma once
#include <vector>

#include "tessera/core/table.h"
#include "tessera/cube/cube_plan.h"
#include "tessera/io/fits_cubes.h"

namespace tessera::cube {

/// Places of the cubes in the file.
enum CubeHduPlace : std::size_t { image_hdu, variance_hdu, weight_hdu, hits_hdu, flags_hdu, wave_hdu };

Header primary_header(const CubePlan& plan, const CubeOptions& options);
/// IMAGE, VARIANCE, WEIGHT, NHITS, FLAGS, and WAVE_EFF when asked for; axis 3 is WAVE-TAB (FITS Paper III, 6) by the table WCS-WAVE.
std::vector<io::CubeHdu> cube_hdus(const CubePlan& plan, const CubeOptions& options);
/// SPECTRAL_CHANNELS, a row for each plane, and WCS-WAVE, one row of arrays PLANE, WAVELENGTHS, BANDWIDTHS.
std::vector<Table> cube_tables(const CubePlan& plan);
/// A row for each strip of each exposure in the cube, and a comment for each frame that was left out.
Table exposure_table(const CubePlan& plan);

}  // namespace tessera::cube
