#include "tessera/cube/cube_options.h"

namespace tessera::cube {

void describe(param::Schema<InputOptions>& s) {
  using O = InputOptions;
  s.field(&O::calibration, "calibration", "Folder with the products of calibration (spectral_wcs, spectral_channels), its URL, or @FILE that lists them; empty: they are looked for beside the frames.").flag("calibration").placeholder("FOLDER");
  s.field(&O::on_bad_frame, "on_bad_frame", "A frame that cannot be read ends the run, or is left out and counted.").choices({{"stop", instrument::OnBadFrame::stop}, {"skip", instrument::OnBadFrame::skip}}).flag("on-bad-frame");
  s.field(&O::survey, "survey", "Frames by their card NON_SURVEY: all, those of the all-sky survey (sky), or the others (deep).").choices({{"all", Survey::all}, {"sky", Survey::sky}, {"deep", Survey::deep}}).flag("survey");
  s.field(&O::any_quality, "any_quality", "Use frames too whose astrometry or quality check failed.").flag("any-quality");
}

void describe(param::Schema<TargetOptions>& s) {
  using O = TargetOptions;
  s.field(&O::center, "center", "Centre as \"RA Dec\" (ICRS), in degrees or sexagesimal; empty: the first input is one, as in 187.7,12.4.").flag("center").placeholder("\"RA DEC\"");
  s.field(&O::catalog, "catalog", "A table (FITS, IPAC, VOTable, ECSV, Parquet) of which one row is the centre; its columns ra and dec, RAJ2000 and DEJ2000 or another usual pair.").flag("catalog").placeholder("FILE");
  s.field(&O::row, "row", "Row of grid.catalog, from 1.").at_least(1).flag("row");
  s.field(&O::polygon, "polygon", "Corners of the target: the cube is the rectangle about it, with data in pixels that it touches.").flag("polygon").placeholder("\"RA,DEC ...\"");
  s.field(&O::size, "size", "Width and height, \"W,H\" or one number for both, in minutes of arc or with a unit behind: 30s, 15m, 2.5d.").flag("size").placeholder("SIZE");
  s.field(&O::rotation_deg, "rotation", "Angle of the cube's +y axis, east of north.").unit("deg").range(-360, 360).flag("rotation");
  s.field(&O::pixel_arcsec, "pixel", "Side of a pixel.").unit("arcsec").range(6.15, 3600).flag("pixel");
}

void describe(param::Schema<ChannelOptions>& s) {
  using O = ChannelOptions;
  s.field(&O::wavelengths, "wavelengths", "Only channels whose strips reach into these wavelengths, as in 0.9-1.1,2.0-2.4 (micrometres); empty: all 102.").flag("wavelengths").placeholder("RANGES");
  s.field(&O::channels, "numbers", "Channels by number, as in 1-17,40 (1 to 102: 17 for each detector); empty: those of the range of wavelengths.").flag("channels").placeholder("LIST");
  s.field(&O::bands, "bands", "Synthetic bands in the place of channels: tables of transmission, as in K.dat or K=filter.vot; channels are weighted as by a detector that counts photons.").flag("bands").placeholder("[NAME=]FILE,...");
  s.field(&O::band_unit, "band_unit", "Wavelengths of transmissions whose table does not say it.").choices({{"um", WavelengthUnit::um}, {"nm", WavelengthUnit::nm}, {"angstrom", WavelengthUnit::angstrom}});
  s.field(&O::band_coverage, "band_coverage", "A pixel of a band has a value where channels with data hold at least this part of the band's weight.").range(0, 1);
}

void describe(param::Schema<CoaddOptions>& s) {
  using O = CoaddOptions;
  s.field(&O::zodi, "zodi", "The model of zodiacal light in each frame's ZODI plane is subtracted from its pixels, or kept.").choices({{"subtract", Zodi::subtract}, {"keep", Zodi::keep}}).flag("zodi");
  s.field(&O::hit_fraction, "hit_fraction", "An exposure counts in NHITS of a pixel when its good pixels cover more than this part of it.").range(0, 1);
  s.field(&O::wave_eff, "wave_eff", "Also write WAVE_EFF, the mean wavelength of what each pixel was made of.").flag("wave-eff");
  s.field(&O::match, "match", "Match the levels of exposures in each channel by medians of their differences where they overlap, without sources: against airglow. The mean level stays.").flag("match");
  s.field(&O::clip, "clip", "Where five exposures or more show a pixel, leave out values further than this from their median, in sigma: the larger of the value's own and that of the scatter; 0: none is left out.").range(0, 1000).unit("sigma").flag("clip");
  s.field(&O::clip_floor, "clip_floor", "Part of the median by which values may deviate anyhow: undersampled stars do.").range(0, 10);
  s.field(&O::feather, "feather", "The weight of a strip falls to 0 over so many pixels towards its ends: where exposures overlap, stars on the ends keep their flux better. 0: one weight for a strip.").range(0, 64).unit("pixel").flag("feather");
}

void describe(param::Schema<ProductOptions>& s) {
  using O = ProductOptions;
  s.field(&O::axis, "axis", "Third axis of the cube: wavelengths by the table WCS-WAVE, or numbers of planes with the wavelengths as alternate WCS W, for programs that cannot use the table and then lose the sky's axes as well (casacore, CARTA).")
      .choices({{"table", WaveAxis::table}, {"planes", WaveAxis::planes}});
  s.field(&O::input_checksums, "input_checksums", "Record the SHA-256 of every frame in run.json: reads them whole, where a small cube needs small parts.");
  s.field(&O::pictures, "pictures", "Also draw a preview of each plane, a contact sheet, a picture in colours, and write report.html.");
}

void CubeOptions::declare(param::OptionSet& set) {
  set.add("input", "Frames that count, and calibration", input);
  set.add("grid", "Where the cube lies, and its pixels", target);
  set.add("channels", "Planes of the cube", channels);
  set.add("interpolation", "How frames are resampled", interpolation);
  set.add("coadd", "How exposures become one plane", coadd);
  set.add("output", "What is written beside the cube", product);
}

}  // namespace tessera::cube
