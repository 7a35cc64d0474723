#include "tessera/spectrum/spectrum.h"

namespace tessera::spectrum {

void describe(param::Schema<FitOptions>& s) {
  using O = FitOptions;
  s.field(&O::side, "side", "Side of the square of pixels that is fitted, odd.").range(5, 31).unit("pixel").flag("side");
  s.field(&O::reach, "reach", "Listed sources up to this far outside the square are fitted along.").range(0, 20).unit("pixel");
  s.field(&O::weights, "variance", "Weights of pixels: smooth takes the noise of the sky and of the model; plane takes VARIANCE as it is, as the mission's tool does, which holds each pixel's own noise and makes fluxes low by 0.1 sigma.")
      .choices({{"plane", Weights::plane}, {"smooth", Weights::smooth}}).flag("variance");
  s.field(&O::placement, "psf_shift", "How a zone's response is laid on pixels: exact by areas of its cells, or cells shifted by Lanczos-3.").choices({{"exact", Placement::exact}, {"lanczos3", Placement::lanczos3}}).flag("psf-shift");
  s.field(&O::psf_shift_x, "psf_offset_x", "Where the centre of the responses lies off the middle of their grid, along x.").range(-1, 1).unit("pixel");
  s.field(&O::psf_shift_y, "psf_offset_y", "The same along y.").range(-1, 1).unit("pixel");
  s.field(&O::covariance, "covariance", "Write the covariances with all sources fitted along.").flag("covariance");
}

void describe(param::Schema<BackgroundOptions>& s) {
  using O = BackgroundOptions;
  s.field(&O::way, "method", "Background: local from pixels around (clipped, 2.5 median - 1.5 mean), fit as one more free parameter, auto: fit where a Sersic source is fitted and local elsewhere, or none.").choices({{"local", SkyWay::local}, {"fit", SkyWay::fit}, {"auto", SkyWay::by_shape}, {"none", SkyWay::none}}).flag("background");
  s.field(&O::side, "side", "Side of the square whose pixels give the local background, odd.").range(5, 61).unit("pixel");
  s.field(&O::widest_side, "widest_side", "It grows by 2 up to this while too few pixels are left; then the background is fitted, and CONTAINS_BAD_PIXEL set.").range(5, 61).unit("pixel");
  s.field(&O::least_fraction, "least_fraction", "Of its pixels, the share that must be left by flags.").range(0, 1);
  s.field(&O::mask_sources, "mask_sources", "Pixels within 2.5 of listed sources do not count for it.");
}

void describe(param::Schema<SpectrumOptions>& s) {
  using O = SpectrumOptions;
  s.field(&O::wavelengths, "wavelengths", "Measure only at these wavelengths, as in 0.9-1.1,2.0-2.4 (micrometres); empty: all.").flag("wavelengths").placeholder("RANGES");
  s.field(&O::calibration, "calibration", "Folder with the products of calibration, its URL, or @FILE that lists them; empty: beside the frames, or in calibration/ there.").flag("calibration").placeholder("FOLDER");
  s.field(&O::any_quality, "any_quality", "Use frames too whose astrometry or quality check failed.").flag("any-quality");
  s.field(&O::on_bad_frame, "on_bad_frame", "A frame that cannot be used: stop, or leave it out and count it.").choices({{"stop", instrument::OnBadFrame::stop}, {"skip", instrument::OnBadFrame::skip}}).flag("on-bad-frame");
  s.field(&O::formats, "formats", "Formats of the tables: fits, ipac, votable, ecsv, parquet.").each_of({"fits", "ipac", "votable", "ecsv", "parquet"}).flag("formats");
  s.field(&O::flag_counts, "flag_counts", "A column for each flag with the number of pixels of the central region that have it.");
  s.field(&O::each, "each", "A VOTable and pictures for each source, where there are no more sources than this.").range(0, 1e6);
  s.field(&O::report, "report", "Write report.html.").flag("report");
}

void SpectrumOptions::declare(param::OptionSet& options) {
  options.add("spectrum", "What is measured, and how it is written", *this);
  options.add("sources", "Columns of the table of sources, and neighbours", sources);
  options.add("fit", "The joint fit in each cut-out", fit);
  options.add("background", "The background under the sources", background);
  options.add("channels", "Means by spectral channel", channels);
}

}  // namespace tessera::spectrum
