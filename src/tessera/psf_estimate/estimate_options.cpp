#include "tessera/psf_estimate/estimate_options.h"

namespace tessera::psf_estimate {

void describe(param::Schema<EstimateChoice>& s) {
  using O = EstimateChoice;
  s.field(&O::method, "method", "effective: the effective PSF (Anderson & King 2000), fitted to all pixels at once, for undersampled detectors too; mopex: the mean of shifted postage stamps, as MOPEX's prf_estimate.").flag("method")
      .choices({{"effective", EstimateMethod::effective}, {"mopex", EstimateMethod::mopex}});
  s.field(&O::sources, "sources", "A table of stars to be used (columns ra, dec in degrees, ICRS); empty: bright isolated ones are chosen. psf at: places beside those named.").flag("sources").placeholder("LIST");
  s.field(&O::forms, "forms", "psf estimate: files that the response is written to: prf = psf.fits, ours; psfex = psf.psf, a model of PSFEx; grid = psf_grid.fits, an STDPSF grid for photutils.").flag("forms").each_of({"prf", "psfex", "grid"});
}

void describe(param::Schema<EstimateOptions>& s) {
  using O = EstimateOptions;
  s.field(&O::min_snr, "min_snr", "Detections below this signal to noise, on the image that sources are found on, are not chosen.").range(3, 1e6);
  s.field(&O::max_stars, "max_stars", "So many are chosen at most, the brightest first.").range(3, 5000);
  s.field(&O::isolation, "isolation", "A chosen star has no neighbour nearer than this that has more than estimate.contamination of its light.").range(0, 100).unit("FWHM");
  s.field(&O::contamination, "contamination", "Neighbours fainter than this share of the star are let alone; pixels around brighter ones further away are not used.").range(0, 1);
  s.field(&O::max_value, "max_value", "A star with a pixel above this, in the image's unit, is not used (detectors that are not linear there); 0: all are.").at_least(0);
  s.field(&O::samples_per_pixel, "samples_per_pixel", "Samples of the table per pixel of the images; 0: six in a full width, 4 with method mopex. psf at: per pixel of the mosaic, 4 to 16; 0: seven in a full width.").range(0, 12).namelist("PRF_ESTIMATE", "PRF_ResampleX_Factor");
  s.field(&O::samples_per_pixel_y, "samples_per_pixel_y", "Method mopex: the same along y, where it differs; 0: as along x.").range(0, 12).namelist("PRF_ESTIMATE", "PRF_ResampleY_Factor");
  s.field(&O::radius, "radius", "Radius of the table, within which its flux is 1; 0: five full widths, with method mopex half the stamp.").range(0, 200).unit("pixel");
  s.field(&O::positions, "positions", "Fit the stars' positions; false: those of estimate.sources are exact.");
  s.field(&O::shift_images, "shift_images", "Let every frame lie a little off its WCS.");
  s.field(&O::model_error, "model_error", "Share of a star's light that counts as noise, so that single bright stars do not decide alone.").range(0, 1);
  s.field(&O::reject, "reject", "Stars whose χ² stands out by so many sigma of its logarithm do not count; 0: all do.").range(0, 1000).unit("sigma");
  s.field(&O::degree, "degree", "Degree of the polynomial in the position on the detector by which the table varies; 0: one table.").range(0, 2);
  s.field(&O::sectors_x, "sectors_x", "Sectors of the detector along x, each with a table of its own (a PRF map); 1: none.").range(1, 20);
  s.field(&O::sectors_y, "sectors_y", "The same along y.").range(1, 20);
  s.field(&O::map, "map", "A PRF map of MOPEX whose areas are the sectors, in place of sectors_x and sectors_y; tables that it names are not read.").placeholder("FILE").namelist("", "PRFMAP_FILE_NAME");
  s.field(&O::rounds, "rounds", "Rounds over table and stars, at most.").range(1, 100);
  s.field(&O::stamp, "stamp", "Method mopex: side of the postage stamps, odd; 0: twice the radius, or five full widths (at least 10 pixels), and one.").range(0, 201).unit("pixel").namelist("CROP_STACK", "PostStamp_Xsize");
  s.field(&O::stamp_y, "stamp_y", "Method mopex: the same along y, where stamps are no squares; 0: as along x.").range(0, 201).unit("pixel").namelist("CROP_STACK", "PostStamp_Ysize");
  s.field(&O::fit, "fit", "Method mopex: place, flux and width of a star by a Gaussian; false: its centroid, and the sum of its stamp.").namelist("PRF_ESTIMATE", "Fit_Seed");
  s.field(&O::fit_box, "fit_box", "Method mopex: side of the area that the Gaussian is fitted to, odd.").range(3, 201).unit("pixel").namelist("PRF_ESTIMATE", "Fit_X");
  s.field(&O::fit_box_y, "fit_box_y", "Method mopex: the same along y; 0: as along x.").range(0, 201).unit("pixel").namelist("PRF_ESTIMATE", "Fit_Y");
  s.field(&O::core_box, "core_box", "Method mopex: side of the middle of a stamp, odd, in which a bad pixel or an outlier gives the stamp up.").range(1, 201).unit("pixel").namelist("PRF_ESTIMATE", "Center_Box_X");
  s.field(&O::core_box_y, "core_box_y", "Method mopex: the same along y; 0: as along x.").range(0, 201).unit("pixel").namelist("PRF_ESTIMATE", "Center_Box_Y");
  s.field(&O::max_bad, "max_bad", "Method mopex: a stamp with more bad pixels than this does not count.").at_least(0).unit("pixel").namelist("PRF_ESTIMATE", "Reject_NaNs");
  s.field(&O::min_neighbours, "min_neighbours", "Method mopex: a bad pixel becomes the median of the pixels around it, at least so many.").range(1, 1000).unit("pixel").namelist("PRF_ESTIMATE", "MinNumber_Replacement_Pixels");
  s.field(&O::outlier_sigma, "outlier_sigma", "Method mopex: widths, misfits and pixels so many standard deviations off the other stamps' are outliers.").range(0.1, 1e6).unit("sigma").namelist("PRF_ESTIMATE", "Outlier_Threshold");
  s.field(&O::min_overlap, "min_overlap", "Method mopex: share of a stamp's pixel that outliers of the shifted stamp must cover.").range(0, 1).namelist("PRF_ESTIMATE", "Min_Outlier_Overlap");
  s.field(&O::max_outlier_share, "max_outlier_share", "Method mopex: a stamp does not count when more than this share of its pixels and more than max_outliers are outliers.").range(0, 1).namelist("PRF_ESTIMATE", "Max_Ratio_Outliers");
  s.field(&O::max_outliers, "max_outliers", "Method mopex: see max_outlier_share.").at_least(0).unit("pixel").namelist("PRF_ESTIMATE", "Max_Number_Outliers");
  s.field(&O::zero_edge, "zero_edge", "Method mopex: so many samples along the edge of the table become 0.").at_least(0).unit("sample").namelist("PRF_ESTIMATE", "Zero_Edge");
  s.field(&O::places, "places", "What the places in estimate.sources are: right ascension and declination, or FITS pixels (from 1) of estimate.grid.").choices({{"sky", extraction::ListPositions::sky}, {"pixels", extraction::ListPositions::pixels}}).namelist("CROP_STACK", "TransformationType");
  s.field(&O::grid, "grid", "With places = pixels: FIF.tbl or FITS image whose pixels they are; empty: the one image, or the mosaic of the frames.").placeholder("FILE");
  s.field(&O::ra_column, "ra_column", "Column of estimate.sources with right ascensions, or x; empty: ra, or x.").namelist("CROP_STACK", "X_Column_Name");
  s.field(&O::dec_column, "dec_column", "Column with declinations, or y; empty: dec, or y.").namelist("CROP_STACK", "Y_Column_Name");
  s.field(&O::flux_column, "flux_column", "Method mopex: column of estimate.sources with the flux each stamp is divided by, in the unit of the fluxes here; empty: what the fit finds.").namelist("PRF_ESTIMATE", "Flux_Column_Name");
}

void PsfOptions::declare(param::OptionSet& options) {
  options.add("estimate", "The estimate", choice);
  options.add("estimate", "The estimate", estimate);
  options.add("psf", "Point response that stars are found with; psf at: that of frames", images.psf);
  options.add("fit_sky", "The sky under the stars", images.fit_sky);
  options.add("detection", "Finding stars", images.detection);
  options.add("detection", "Finding stars", images.filter);
  options.add("detection", "Finding stars", images.segments);
  images.mosaic.declare(options);
}

}  // namespace tessera::psf_estimate
