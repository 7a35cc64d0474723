// Namelists of apex_qa.pl as options of tessera residual. MOPEX guide 6.6.

#include <vector>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_values.h"

namespace tessera::translate {
namespace {

using param::LegacySetting;
using namespace mopex;

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
  if (is_off(s.value)) import.set("sources.places", "pixels", s, "FITS pixels, of the mosaic or of FIF.tbl");
  else import.note(Fate::same, s, "sources.places = sky");
}

void mosaicking(Import& import, const LegacySetting& s) {
  if (import.on(s.key)) import.note(Fate::same, s, "the residual frames become a mosaic, OUT/Combine-ApexQA; outside of tessera mopex: tessera mosaic -I Residual/images.txt");
  else import.note(Fate::unused, s, "off");
}

void radius(Import& import, const LegacySetting& s) {
  const auto n = in_image_pixels(import, s);
  if (!n) return;
  import.set("psf.normalisation", "central", "flux is 1 for a source in the middle of a pixel (guide 6.5.18)");
  import.set("psf.normalisation_radius", text::from_double(*n), s, "image pixels");
}

const KeyRule general[] = {
    {"", "EXTRACTION_TABLE", Fate::command_line, "", "the table, before the images; -E in tessera mopex", table},
    {"", "MOSAIC_FILE_NAME", Fate::command_line, "", "the mosaic, after the table; -T in tessera mopex", named_image},
    {"", "PRF_file_name", Fate::command_line, "--psf", "-p in tessera mopex"},
    {"", "PRFMAP_FILE_NAME", Fate::command_line, "--psf", "-m in tessera mopex; wins over PRF_file_name"},
    {"", "MOSAIC_PRF_file_name", Fate::command_line, "--psf", "-P in tessera mopex; with &MOSAIC_POINTSOURCEIMAGE"},
    {"", "USE_REFINED_POINTING", Fate::same, "input.pointing", "1: refined", refined_pointing},
    {"", "FIF_FILE_NAME", Fate::command_line, "sources.grid", "-F in tessera mopex; where Input_RA_Dec = 0, and for the mosaic of residual frames"},
    {"", "run_MOSAIC_POINTSOURCEIMAGE", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "run_POINTSOURCEIMAGE", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "create_residual_images", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "create_residual_mosaic", Fate::always, "", "Residual/NAME_residual.fits", residual},
    {"", "create_pointsource_images", Fate::same, "sources.alone", "Sources/NAME_sources.fits; tessera mopex: pointsource_NAME.fits", sources_alone},
    {"", "create_pointsource_mosaic", Fate::same, "sources.alone", "Sources/NAME_sources.fits; tessera mopex: pointsource_NAME.fits", sources_alone},
    {"", "run_mosaic_interp", Fate::same, "", "tessera mopex makes a mosaic of the residual frames, by this namelist or that of -u: Combine-ApexQA/mosaic.fits", mosaicking},
    {"", "run_mosaic_int", Fate::same, "", "tessera mopex makes a mosaic of the residual frames, by this namelist or that of -u: Combine-ApexQA/mosaic.fits", mosaicking},
    {"", "run_mosaic_coadder", Fate::same, "", "tessera mopex makes a mosaic of the residual frames, by this namelist or that of -u: Combine-ApexQA/mosaic.fits", mosaicking},
    {"", "run_mosaic_combiner", Fate::same, "", "tessera mopex makes a mosaic of the residual frames, by this namelist or that of -u: Combine-ApexQA/mosaic.fits", mosaicking},
    {"", "MOSAIC_DIR", Fate::unneeded, "", own_folder},
    {"", "RESIDUAL_DIR", Fate::always, "", "tessera mopex puts residual images there; Residual-ApexQA where it is not given"},
    {"", "delete_intermediate_files", Fate::unneeded, "", "no files are made but the residual images"},
};

/// The block of the mosaic and that of frames have the same keys.
std::vector<KeyRule> of_block(std::string_view block) {
  return {
      {block, "PRF_ResampleX_Factor", Fate::same, "psf.samples_per_pixel", ""},
      {block, "PRF_ResampleY_Factor", Fate::same, "psf.samples_per_pixel_y", "where it differs from PRF_ResampleX_Factor", sampling_y},
      {block, "Normalization_Radius", Fate::same, "psf.normalisation_radius", "PRF pixels become image pixels", radius},
      {block, "Flux_Column_Name", Fate::same, "sources.flux", ""},
      {block, "X_Column_Name", Fate::same, "sources.ra", ""},
      {block, "Y_Column_Name", Fate::same, "sources.dec", ""},
      {block, "Input_RA_Dec", Fate::same, "sources.places", "1: sky; 0: pixels, from 1, of the mosaic or of FIF.tbl", pixel_columns},
      {block, "PS_Image_Xsize", Fate::same, "sources.box_x", "image pixels"},
      {block, "PS_Image_Ysize", Fate::same, "sources.box_y", "image pixels"},
      {block, "Outer_Radius", Fate::same, "sources.outer_radius", "image pixels"},
      {block, "Hole_Radius", Fate::same, "sources.hole_radius", "image pixels"},
  };
}

std::vector<KeyRule> all_rules() {
  std::vector<KeyRule> all(std::begin(general), std::end(general));
  for (const auto block : {"MOSAIC_POINTSOURCEIMAGE", "POINTSOURCEIMAGE"})
    for (const KeyRule& rule : of_block(block)) all.push_back(rule);
  return all;
}

}  // namespace

std::span<const KeyRule> qa_rules() {
  static const std::vector<KeyRule> rules = all_rules();
  return rules;
}

void read_qa(Import& import) {
  // Only one of the two blocks is run: that of frames where lists are given.
  const bool both = import.config().has_block("MOSAIC_POINTSOURCEIMAGE") && import.config().has_block("POINTSOURCEIMAGE");
  for (const LegacySetting& s : import.config().settings)
    if (both && text::lower(s.block) == "mosaic_pointsourceimage") import.note(Fate::unused, s, "&POINTSOURCEIMAGE is there as well, and counts");
  const bool mosaics = import.on("run_mosaic_coadder") || import.on("run_mosaic_combiner");
  const Fate fate = mosaics ? Fate::same : Fate::unused;
  const std::string_view told = mosaics ? "of the mosaic of the residual frames" : "residual frames are made into a mosaic by the namelist of -u alone";
  const std::string_view of_mosaic[] = {"MOSAIC_PIXEL_SIZE_X", "MOSAIC_PIXEL_SIZE_Y", "MOSAIC_PIXEL_RATIO_X", "MOSAIC_PIXEL_RATIO_Y", "run_fiducial_image_frame", "create_unc_mosaic", "sigma_weighted_coadd"};
  for (const auto key : of_mosaic)
    if (const auto* s = import.config().find("", key)) import.note(fate, *s, told);
  for (const LegacySetting& s : import.config().settings)
    for (const auto block : {"mosaicintin", "mosaiccoaddin", "mosaiccovgin", "fiducialimageframein", "snestimatorin"})
      if (text::lower(s.block) == block) import.note(fate, s, told);
  if (const auto* bits = import.config().find("", "RMask_Fatal_BitPattern"); bits && !bits->value.empty()) import.note(Fate::unneeded, *bits, "what is subtracted does not depend on masks");
}

}  // namespace tessera::translate
