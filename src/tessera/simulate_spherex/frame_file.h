/// simulate_spherex/frame_file.h — a spectral image as a file, laid out as published ones: HDUs, cards and their order.
#pragma once
#include <filesystem>
#include <string>

#include "tessera/simulate_spherex/planes.h"

namespace tessera::simulate_spherex {

/// "level2_2025W18_1A_0001_1D1_spx_l2b-v12-2025-164.fits"
std::string file_name(const Scene& scene, FrameKey key);
/// VERSION in the primary HDU.
std::string pipeline_version(const SurveyOptions& options);
void write_frame(const std::filesystem::path& path, const Scene& scene, FrameKey key, const Planes& planes);
/// Cards of the celestial WCS and of WCS A, for images of truth.
Header place_cards(const Scene& scene, FrameKey key);

}  // namespace tessera::simulate_spherex
