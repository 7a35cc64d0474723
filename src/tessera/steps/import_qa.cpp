// Namelists of apex_qa.pl as options of tessera residual. MOPEX guide 6.6.
#include <fmt/format.h>

#include "tessera/base/text.h"
#include "tessera/steps/import_report.h"
#include "tessera/steps/mopex_values.h"

namespace tessera::steps {
namespace {

using param::LegacySetting;
using namespace mopex;

constexpr std::string_view whole_response = "the whole response counts";

void named_image(Import& import, const LegacySetting& s) {
  import.note(Fate::command_line, s, "the mosaic, after the table");
}

void table(Import& import, const LegacySetting& s) { import.note(Fate::command_line, s, "the table, before the images"); }

/// The one that makes what the namelist asks for.
void residual(Import& import, const LegacySetting& s) {
  if (import.on(s.key)) import.note(Fate::always, s, "Residual/NAME_residual.fits");
  else import.note(Fate::unused, s, "off");
}

void sources_alone(Import& import, const LegacySetting& s) {
  if (import.on(s.key)) import.set("sources.alone", "true", s);
  else import.note(Fate::unused, s, "off");
}

void pixel_columns(Import& import, const LegacySetting& s) {
  if (is_off(s.value)) import.note(Fate::missing, s, "columns of pixels; the table needs right ascensions and declinations");
  else import.note(Fate::always, s, "columns are right ascensions and declinations, in degrees");
}

void mosaicking(Import& import, const LegacySetting& s) {
  if (import.on(s.key)) import.note(Fate::missing, s, "residual frames are not made into a mosaic; run mosaic.pl, or tessera mosaic, with -I Residual/images.txt");
  else import.note(Fate::unused, s, "off");
}

void radius(Import& import, const LegacySetting& s) {
  const auto* x = import.config().find(s.block, "PRF_ResampleX_Factor");
  const auto n = import.number(s), samples = x && !x->value.empty() ? import.number(*x) : std::nullopt;
  if (!n) return;
  if (!samples || *samples <= 0) return import.note(Fate::refused, s, "PRF pixels without PRF_ResampleX_Factor; flux is 1 within the whole table");
  import.set("psf.normalisation", "central", "flux is 1 for a source in the middle of a pixel (guide 6.5.18)");
  import.set("psf.normalisation_radius", text::from_double(*n / *samples), s, "image pixels");
}

const KeyRule rules[] = {
    {"", "EXTRACTION_TABLE", Fate::command_line, "", "the table, before the images; -E in tessera mopex", table},
    {"", "MOSAIC_FILE_NAME", Fate::command_line, "", "the mosaic, after the table; -T in tessera mopex", named_image},
    {"", "PRF_file_name", Fate::command_line, "--psf", "-p in tessera mopex"},
    {"", "PRFMAP_FILE_NAME", Fate::command_line, "--psf", "-m in tessera mopex; wins over PRF_file_name"},
    {"", "MOSAIC_PRF_file_name", Fate::command_line, "--psf", "-P in tessera mopex; with &MOSAIC_POINTSOURCEIMAGE"},
    {"", "USE_REFINED_POINTING", Fate::same, "input.pointing", "1: refined", refined_pointing},
    {"", "FIF_FILE_NAME", Fate::unneeded, "", "the images say where they lie"},
    {"", "run_MOSAIC_POINTSOURCEIMAGE", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "run_POINTSOURCEIMAGE", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "create_residual_images", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "create_residual_mosaic", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "create_pointsource_images", Fate::same, "sources.alone", "Sources/NAME_sources.fits; tessera mopex: pointsource_NAME.fits", sources_alone},
    {"", "create_pointsource_mosaic", Fate::same, "sources.alone", "Sources/NAME_sources.fits; tessera mopex: pointsource_NAME.fits", sources_alone},
    {"", "run_mosaic_interp", Fate::missing, "", "run mosaic.pl, or tessera mosaic, with -I Residual/images.txt", mosaicking},
    {"", "run_mosaic_int", Fate::missing, "", "run mosaic.pl, or tessera mosaic, with -I Residual/images.txt", mosaicking},
    {"", "run_mosaic_coadder", Fate::missing, "", "run mosaic.pl, or tessera mosaic, with -I Residual/images.txt", mosaicking},
    {"", "run_mosaic_combiner", Fate::missing, "", "run mosaic.pl, or tessera mosaic, with -I Residual/images.txt", mosaicking},
    {"", "MOSAIC_DIR", Fate::unneeded, "", own_folder},
    {"", "RESIDUAL_DIR", Fate::always, "", "tessera mopex puts residual images there; Residual-ApexQA where it is not given"},
    {"", "delete_intermediate_files", Fate::unneeded, "", "no files are made but the residual images"},
    {"MOSAIC_POINTSOURCEIMAGE", "PRF_ResampleX_Factor", Fate::same, "psf.samples_per_pixel", ""},
    {"MOSAIC_POINTSOURCEIMAGE", "PRF_ResampleY_Factor", Fate::same, "psf.samples_per_pixel", "as PRF_ResampleX_Factor", sampling_y},
    {"MOSAIC_POINTSOURCEIMAGE", "Normalization_Radius", Fate::same, "psf.normalisation_radius", "PRF pixels become image pixels", radius},
    {"MOSAIC_POINTSOURCEIMAGE", "Flux_Column_Name", Fate::same, "sources.flux", ""},
    {"MOSAIC_POINTSOURCEIMAGE", "X_Column_Name", Fate::same, "sources.ra", ""},
    {"MOSAIC_POINTSOURCEIMAGE", "Y_Column_Name", Fate::same, "sources.dec", ""},
    {"MOSAIC_POINTSOURCEIMAGE", "Input_RA_Dec", Fate::always, "", "1; pixel columns are not taken", pixel_columns},
    {"MOSAIC_POINTSOURCEIMAGE", "PS_Image_Xsize", Fate::unneeded, "", whole_response},
    {"MOSAIC_POINTSOURCEIMAGE", "PS_Image_Ysize", Fate::unneeded, "", whole_response},
    {"MOSAIC_POINTSOURCEIMAGE", "Outer_Radius", Fate::missing, "", whole_response},
    {"MOSAIC_POINTSOURCEIMAGE", "Hole_Radius", Fate::missing, "", whole_response},
    {"POINTSOURCEIMAGE", "PRF_ResampleX_Factor", Fate::same, "psf.samples_per_pixel", ""},
    {"POINTSOURCEIMAGE", "PRF_ResampleY_Factor", Fate::same, "psf.samples_per_pixel", "as PRF_ResampleX_Factor", sampling_y},
    {"POINTSOURCEIMAGE", "Normalization_Radius", Fate::same, "psf.normalisation_radius", "PRF pixels become image pixels", radius},
    {"POINTSOURCEIMAGE", "Flux_Column_Name", Fate::same, "sources.flux", ""},
    {"POINTSOURCEIMAGE", "X_Column_Name", Fate::same, "sources.ra", ""},
    {"POINTSOURCEIMAGE", "Y_Column_Name", Fate::same, "sources.dec", ""},
    {"POINTSOURCEIMAGE", "Input_RA_Dec", Fate::always, "", "1; pixel columns are not taken", pixel_columns},
    {"POINTSOURCEIMAGE", "PS_Image_Xsize", Fate::unneeded, "", whole_response},
    {"POINTSOURCEIMAGE", "PS_Image_Ysize", Fate::unneeded, "", whole_response},
    {"POINTSOURCEIMAGE", "Outer_Radius", Fate::missing, "", whole_response},
    {"POINTSOURCEIMAGE", "Hole_Radius", Fate::missing, "", whole_response},
};

}  // namespace

std::span<const KeyRule> qa_rules() { return rules; }

void read_qa(Import& import) {
  // Only one of the two blocks is run: that of frames where lists are given.
  const bool both = import.config().has_block("MOSAIC_POINTSOURCEIMAGE") && import.config().has_block("POINTSOURCEIMAGE");
  for (const LegacySetting& s : import.config().settings)
    if (both && text::lower(s.block) == "mosaic_pointsourceimage") import.note(Fate::unused, s, "&POINTSOURCEIMAGE is there as well, and counts");
  const std::string_view of_mosaic[] = {"MOSAIC_PIXEL_SIZE_X", "MOSAIC_PIXEL_SIZE_Y", "MOSAIC_PIXEL_RATIO_X", "MOSAIC_PIXEL_RATIO_Y", "run_fiducial_image_frame", "create_unc_mosaic", "sigma_weighted_coadd"};
  for (const auto key : of_mosaic)
    if (const auto* s = import.config().find("", key)) import.note(Fate::unused, *s, "residual frames are not made into a mosaic");
  for (const LegacySetting& s : import.config().settings)
    for (const auto block : {"mosaicintin", "mosaiccoaddin", "mosaiccovgin", "fiducialimageframein", "snestimatorin"})
      if (text::lower(s.block) == block) import.note(Fate::unused, s, "residual frames are not made into a mosaic");
  if (const auto* bits = import.config().find("", "RMask_Fatal_BitPattern"); bits && !bits->value.empty()) import.note(Fate::unneeded, *bits, "what is subtracted does not depend on masks");
}

}  // namespace tessera::steps
