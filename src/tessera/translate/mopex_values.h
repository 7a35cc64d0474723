/// translate/mopex_values.h — settings of MOPEX namelists whose values are converted, or say something together with others: what a rule of mopex_keys.cpp or apex_keys.cpp applies.
#pragma once
#include <optional>

#include "tessera/translate/import_report.h"

namespace tessera::translate::mopex {

inline constexpr std::string_view own_folder = "no such file is made, or products have fixed names in the output folder; see docs/formats/products.md";
inline constexpr std::string_view followed = "tessera mopex puts its products there; those of tessera mosaic have fixed names, see docs/formats/products.md";
inline constexpr std::string_view no_tiles = "tiles in which the work is done follow from run.memory, or run.tile_size; results do not depend on them, and no file is made of them";

/// Whether a key outside the blocks has a value.
bool is_given(const Import& import, std::string_view key);

void pixel_size(Import& import, const param::LegacySetting& s);
void pixel_ratio(Import& import, const param::LegacySetting& s);
void rotation(Import& import, const param::LegacySetting& s);
void sky_frame(Import& import, const param::LegacySetting& s);
void projection(Import& import, const param::LegacySetting& s);
void fatal_bits(Import& import, const param::LegacySetting& s);
void pmask_bits(Import& import, const param::LegacySetting& s);
void fix_coverage(Import& import, const param::LegacySetting& s);
void rmask_mosaic(Import& import, const param::LegacySetting& s);
void outlier_mosaic(Import& import, const param::LegacySetting& s);
void dual_outlier_mosaic(Import& import, const param::LegacySetting& s);
void grid_file(Import& import, const param::LegacySetting& s);
void threads(Import& import, const param::LegacySetting& s);
void interpolation(Import& import, const param::LegacySetting& s);
void fineres(Import& import, const param::LegacySetting& s);
void bright_objects(Import& import, const param::LegacySetting& s);
void overlap_threshold(Import& import, const param::LegacySetting& s);
void of_detection(Import& import, const param::LegacySetting& s);
void weights(Import& import, const param::LegacySetting& s);
void threshold_option(Import& import, const param::LegacySetting& s);
void frame_sky(Import& import, const param::LegacySetting& s);
void noise_model(Import& import, const param::LegacySetting& s);
void multiprocess(Import& import, const param::LegacySetting& s);
void zodi_files(Import& import, const param::LegacySetting& s);
void verbosity(Import& import, const param::LegacySetting& s);
void margin(Import& import, const param::LegacySetting& s);
void moving_object(Import& import, const param::LegacySetting& s);
void refined_pointing(Import& import, const param::LegacySetting& s);
void minimum_mosaic(Import& import, const param::LegacySetting& s);
void array_image(Import& import, const param::LegacySetting& s);
void array_module(Import& import, const param::LegacySetting& s);
void sampling_y(Import& import, const param::LegacySetting& s);
/// A radius in PRF pixels, divided by the block's PRF_ResampleX_Factor; none, and noted why, where one of them is not there.
std::optional<double> in_image_pixels(Import& import, const param::LegacySetting& s);
void left_over(Import& import, const param::LegacySetting& s);

}  // namespace tessera::translate::mopex
