#include "tessera/psf_estimate/estimate_options.h"

namespace tessera::psf_estimate {

void describe(param::Schema<EstimateOptions>& s) {
  using O = EstimateOptions;
  s.field(&O::sources, "sources", "A table of stars to be used (columns ra, dec in degrees, ICRS); empty: bright isolated ones are chosen. psf at: places beside those named.").flag("sources").placeholder("LIST");
  s.field(&O::min_snr, "min_snr", "Detections below this signal to noise, on the image that sources are found on, are not chosen.").range(3, 1e6);
  s.field(&O::max_stars, "max_stars", "So many are chosen at most, the brightest first.").range(3, 5000);
  s.field(&O::isolation, "isolation", "A chosen star has no neighbour nearer than this that has more than estimate.contamination of its light.").range(0, 100).unit("FWHM");
  s.field(&O::contamination, "contamination", "Neighbours fainter than this share of the star are let alone; pixels around brighter ones further away are not used.").range(0, 1);
  s.field(&O::max_value, "max_value", "A star with a pixel above this, in the image's unit, is not used (detectors that are not linear there); 0: all are.").at_least(0);
  s.field(&O::samples_per_pixel, "samples_per_pixel", "Samples of the table per pixel of the images; 0: six in a full width. psf at: per pixel of the mosaic, 4 to 16; 0: seven in a full width.").range(0, 12);
  s.field(&O::radius, "radius", "Radius of the table, within which its flux is 1; 0: five full widths.").range(0, 200).unit("pixel");
  s.field(&O::positions, "positions", "Fit the stars' positions; false: those of estimate.sources are exact.");
  s.field(&O::shift_images, "shift_images", "Let every frame lie a little off its WCS.");
  s.field(&O::model_error, "model_error", "Share of a star's light that counts as noise, so that single bright stars do not decide alone.").range(0, 1);
  s.field(&O::reject, "reject", "Stars whose χ² stands out by so many sigma of its logarithm do not count; 0: all do.").range(0, 1000).unit("sigma");
  s.field(&O::degree, "degree", "Degree of the polynomial in the position on the detector by which the table varies; 0: one table.").range(0, 2);
  s.field(&O::sectors_x, "sectors_x", "Sectors of the detector along x, each with a table of its own (a PRF map); 1: none.").range(1, 20);
  s.field(&O::sectors_y, "sectors_y", "The same along y.").range(1, 20);
  s.field(&O::rounds, "rounds", "Rounds over table and stars, at most.").range(1, 100);
}

void PsfOptions::declare(param::OptionSet& options) {
  options.add("estimate", "The estimate", estimate);
  options.add("psf", "Point response that stars are found with; psf at: that of frames", images.psf);
  options.add("detection", "Finding stars", images.detection);
  options.add("detection", "Finding stars", images.filter);
  options.add("detection", "Finding stars", images.segments);
  images.mosaic.declare(options);
}

}  // namespace tessera::psf_estimate
