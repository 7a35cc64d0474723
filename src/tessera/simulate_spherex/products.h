/// simulate_spherex/products.h — the products of calibration that belong to simulated frames, and the tables of truth.
#pragma once
#include <filesystem>
#include <vector>

#include "tessera/simulate_spherex/planes.h"

namespace tessera::simulate_spherex {

/// Of each detector spectral_wcs (CWAVE, CBAND, WCS-WAVE), solid_angle_pixel_map, average_psf, abs_gain_matrix and dark; and spectral_channels.
void write_calibration(const std::filesystem::path& folder, const Scene& scene);

/// A row for each frame.
Table frames_table(const Scene& scene);
/// A row for each source on each frame: what it is there. `frames` in the order of frames_of().
Table fluxes_table(const Scene& scene, const std::vector<std::vector<MeasuredTruth>>& frames);

}  // namespace tessera::simulate_spherex
