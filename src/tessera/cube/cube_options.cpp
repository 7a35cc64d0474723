#include "tessera/cube/cube_options.h"

namespace tessera::cube {

void describe(param::Schema<InputOptions>& s) {
  using O = InputOptions;
  s.field(&O::calibration, "calibration", "Folder with the products of calibration (spectral_wcs, spectral_channels); empty: they are looked for beside the frames.").flag("calibration").placeholder("FOLDER");
  s.field(&O::on_bad_frame, "on_bad_frame", "A frame that cannot be read ends the run, or is left out and counted.").choices({{"stop", OnBadFrame::stop}, {"skip", OnBadFrame::skip}}).flag("on-bad-frame");
  s.field(&O::survey, "survey", "Frames by their card NON_SURVEY: all, those of the all-sky survey (sky), or the others (deep).").choices({{"all", Survey::all}, {"sky", Survey::sky}, {"deep", Survey::deep}}).flag("survey");
  s.field(&O::quality, "quality", "pass: frames with FINAST other than 0, or with a quality flag that is not Pass, are left out; any: they count as well.").choices({{"pass", Quality::pass}, {"any", Quality::any}});
}

void describe(param::Schema<TargetOptions>& s) {
  using O = TargetOptions;
  s.field(&O::center, "center", "Centre as \"RA Dec\" (ICRS), in degrees or sexagesimal; empty: the first input is one, as in 187.7,12.4.").flag("center").placeholder("\"RA DEC\"");
  s.field(&O::size, "size", "Width and height, \"W,H\" or one number for both, in minutes of arc or with a unit behind: 30s, 15m, 2.5d.").flag("size").placeholder("SIZE");
  s.field(&O::rotation_deg, "rotation", "Angle of the cube's +y axis, east of north.").unit("deg").range(-360, 360).flag("rotation");
  s.field(&O::pixel_arcsec, "pixel", "Side of a pixel.").unit("arcsec").range(6.15, 3600).flag("pixel");
}

void describe(param::Schema<ChannelOptions>& s) {
  using O = ChannelOptions;
  s.field(&O::wavelength, "wavelength", "\"MIN,MAX\" in µm: the channels whose strips reach into this range; empty: all 102.").flag("wavelength").placeholder("MIN,MAX");
  s.field(&O::channels, "numbers", "Channels by number, as in 1-17,40 (1 to 102: 17 for each detector); empty: those of the range of wavelengths.").flag("channels").placeholder("LIST");
}

void describe(param::Schema<CoaddOptions>& s) {
  using O = CoaddOptions;
  s.field(&O::zodi, "zodi", "The model of zodiacal light in each frame's ZODI plane is subtracted from its pixels, or kept.").choices({{"subtract", Zodi::subtract}, {"keep", Zodi::keep}}).flag("zodi");
  s.field(&O::hit_fraction, "hit_fraction", "An exposure counts in NHITS of a pixel when its good pixels cover more than this part of it.").range(0, 1);
  s.field(&O::wave_eff, "wave_eff", "Also write WAVE_EFF, the mean wavelength of what each pixel was made of.").flag("wave-eff");
}

void CubeOptions::declare(param::OptionSet& set) {
  set.add("input", "Frames that count, and calibration", input);
  set.add("grid", "Where the cube lies, and its pixels", target);
  set.add("channels", "Planes of the cube", channels);
  set.add("interpolation", "How frames are resampled", interpolation);
  set.add("coadd", "How exposures become one plane", coadd);
}

}  // namespace tessera::cube
