#include "tessera/extraction/extract_options.h"

namespace tessera::extraction {

void describe(param::Schema<PsfUse>& s) {
  s.field(&PsfUse::of, "of", "What psf.file describes where a mosaic alone is fitted: that image, or the frames it was made of (its run.json names them): then the response is that of the coadd, at the place of each bright source and averaged over dithers for the others.")
      .choices({{"image", PsfOf::image}, {"frames", PsfOf::frames}}).flag("psf-of");
  s.field(&PsfUse::place_snr, "place_snr", "With psf.of = frames, sources whose flux is this many times its error, or more, are fitted again with the response of the coadd at their own place.").at_least(0);
}

void describe(param::Schema<DetectionOptions>& s) {
  using O = DetectionOptions;
  s.field(&O::mosaic, "mosaic", "A finished mosaic of the frames, its folder or its mosaic.fits, on which sources are found; empty: it is made in OUT/mosaic.").flag("mosaic").placeholder("PATH");
  s.field(&O::coverage, "coverage", "Coverage of the mosaic; empty: NAME_cov.fits beside NAME.fits, where it is.").flag("coverage", 'C').placeholder("FILE").namelist("", "COVERAGE_MAP");
  s.field(&O::psf, "psf", "Point response on the mosaic, as psf.file; empty: psf.file itself when the mosaic is fitted, that of a coadd of frames with psf.file when they are.").placeholder("FILE").namelist("", "MOSAIC_PRF_file_name");
  s.field(&O::psf_samples, "psf_samples_per_pixel", "Samples of that file's table per pixel of the mosaic; 0: as the file says.").range(0, 1000).namelist("POINTSOURCEPROB", "PRF_ResampleX_Factor");
  s.field(&O::psf_samples_y, "psf_samples_per_pixel_y", "The same along y, where it differs; 0: as along x.").range(0, 1000).namelist("POINTSOURCEPROB", "PRF_ResampleY_Factor");
  s.field(&O::bands, "bands", "Mosaics of other bands on the same pixels, as in ch2/mosaic.fits,ch3/mosaic.fits: sources are found on the chi square of all (fitted on the first), the threshold in sigma of equal chance.").flag("bands");
  s.field(&O::band_psfs, "band_psfs", "Point responses of those bands, in their order, as psf.file; empty: that of the first band.");
  s.field(&O::image, "image", "The image that the threshold applies to: the matched filter's signal to noise, MOPEX's point source probability (threshold from 0 to 1), the filtered flux in its own noise, or the pixels themselves, less the background, in theirs.")
      .choices({{"significance", DetectionImage::significance}, {"probability", DetectionImage::probability}, {"filtered", DetectionImage::filtered}, {"pixels", DetectionImage::pixels}}).namelist("", "use_psp_to_detect");
  s.field(&O::unit, "threshold_unit", "What the threshold counts: own = the image's own unit (signal to noise; probability; noise around for filtered and pixels), local = the noise of the image in windows around, whole = standard deviations of the whole image above its mean, without what exceeds the threshold.")
      .choices({{"own", ThresholdUnit::own}, {"local", ThresholdUnit::local}, {"whole", ThresholdUnit::whole}}).namelist("DETECT", "Input_Type");
  s.field(&O::probability_limit, "probability_limit", "Pixels of a higher probability do not count in that mean and deviation; 0: all do.").range(0, 1).namelist("", "PROBABILITY_THRESHOLD");
  s.field(&O::min_coverage, "min_coverage", "Pixels of the mosaic with less coverage are not searched.").at_least(0).unit("frames").namelist("DETECT", "Minimum_Coverage");
  s.field(&O::bright_limit, "bright_limit", "Bright objects that are not searched: pixels above this, in the unit of the threshold; 0: none …").at_least(0).namelist("BRIGHT_DETECT", "Detection_Threshold");
  s.field(&O::bright_area, "bright_area", "… in clusters of at least so many such pixels.").at_least(1).unit("pixel").namelist("BRIGHT_DETECT", "Detection_Min_Area");
  s.field(&O::bright_whole, "bright_whole", "… with all pixels above the threshold of detection that hang together with them, so that no rim of a bright object is found.");
  s.field(&O::table, "table", "An earlier table of detections that is fitted in the place of what would be found: columns x and y (detections.fits, MOPEX's mosaic_detect.tbl with pixels from 1), and FitX, FitY where the fit's windows are their own.").placeholder("FILE").namelist("", "run_detect");
  s.field(&O::uncertainty, "uncertainty", "Uncertainty by which sources are found, where it is not that which comes with the image: a FITS image; std = NAME_std.fits beside NAME.fits; none = the noise of the pixels, measured. Apertures and fits keep the stated one.").placeholder("FILE").namelist("", "use_std_to_detect");
  s.field(&O::edge, "edge", "Pixels this near to the edge of the image are not searched.").range(0, 10000).unit("pixel").namelist("DETECT", "N_Edge");
  s.field(&O::background, "background", "The background taken off before anything else: clipped medians of a mesh joined by splines, a running median, modes of panels, or none.")
      .choices({{"mesh", SkyChoice::mesh}, {"median", SkyChoice::median}, {"panels", SkyChoice::panels}, {"none", SkyChoice::none}}).namelist("DETECT_MEDFILTER", "Use_Sbkg_for_Med");
  s.field(&O::cell, "cell", "Side of a cell of the mesh; 0: 16 full widths of the response, 24 to 96.").range(0, 10000).unit("pixel");
  s.field(&O::window_x, "window_x", "Width of the window of the running median, or of a panel.").range(3, 10001).unit("pixel").namelist("DETECT_MEDFILTER", "Window_X");
  s.field(&O::window_y, "window_y", "Height of the same.").range(3, 10001).unit("pixel").namelist("DETECT_MEDFILTER", "Window_Y");
  s.field(&O::dropped, "dropped", "Brightest pixels of a full window that the running median leaves out.").at_least(0).unit("pixel").namelist("DETECT_MEDFILTER", "N_Outliers_Per_Window");
  s.field(&O::panel_filter, "panel_filter", "Panels a side of the median that smooths the panels' modes.").range(1, 101).namelist("DETECT_MEDFILTER", "Sbkg_Filt_Size_for_Med");
  s.field(&O::noise_cell, "noise_cell", "The noise of the filtered image is half its 68 % width in windows of twice this side; 0: the stated uncertainties are right and pixels independent.").range(0, 100000).unit("pixel").namelist("GAUSSNOISE", "Window_X");
  s.field(&O::noise_cell_y, "noise_cell_y", "The same along y, where it differs; 0: as along x.").range(0, 100000).unit("pixel").namelist("GAUSSNOISE", "Window_Y");
  s.field(&O::noise_min_pixels, "noise_min_pixels", "Windows with fewer good pixels have the noise of the nearest that has more.").range(3, 1000000).unit("pixel").namelist("GAUSSNOISE", "Min_Good_Pixels_In_Window");
  s.field(&O::prior, "prior", "Probability of a source on a pixel before it is looked at, for image = probability.").range(1e-12, 0.5).namelist("POINTSOURCEPROB", "Apriori_Probability");
  s.field(&O::probability_scale, "probability_scale", "Factor on the logarithm of the likelihood, for image = probability.").range(1e-6, 1e6);
  s.field(&O::separation, "separation", "How detections that touch are taken apart: a watershed with contrast and prominence, MOPEX's thresholds (simple, combo, peak), or not at all.")
      .choices({{"watershed", Separation::watershed}, {"simple", Separation::simple}, {"combo", Separation::combo}, {"peak", Separation::peak}, {"none", Separation::none}}).namelist("DETECT", "Threshold_Type");
  s.field(&O::max_area, "max_area", "MOPEX's thresholds: larger clusters are cut by a threshold of their own.").at_least(1).unit("pixel").namelist("DETECT", "Detection_Max_Area");
  s.field(&O::min_peak_fraction, "min_peak_fraction", "MOPEX's thresholds: a part rises above the cut by at least this share of the cluster's peak.").range(0, 1).namelist("DETECT", "Detection_Min_Peak_Fraction");
  s.field(&O::peaks_radius, "peaks_radius", "Separation by peak: a peak exceeds all pixels this near.").range(1, 100).unit("pixel").namelist("DETECT", "Peaks_Radius");
  s.field(&O::max_level, "max_level", "Separation by combo and peak: how often the threshold is raised before a cluster stays whole.").range(1, 100000).namelist("DETECT", "Max_Segmentation_Level");
  s.field(&O::extended_area, "extended_area", "Separation by peak: a cluster larger than this that the first threshold does not change stays whole.").at_least(1).unit("pixel").namelist("DETECT", "Extended_Object_Area");
  s.field(&O::rounds, "rounds", "Rounds of finding: from the second on, in what the fit of all sources left (active deblending); a source found so stays when the fit of all gives it more than the threshold. 1: none.").range(1, 20);
  s.field(&O::model_error, "model_error", "Share of the light of fitted sources that counts as noise in those further rounds.").range(0, 1);
  s.field(&O::check_psf, "check_psf", "Refuse a point response that is much wider or narrower than the bright isolated sources are.");
}

void describe(param::Schema<FitSkyOptions>& s) {
  using O = FitSkyOptions;
  s.field(&O::method, "method", "The sky under the fit: that of the detection (of the mosaic, for its frames too), or one found on each fitted image by itself, as the choices of detection.background; none: the images as they are.")
      .choices({{"detection", FitSky::detection}, {"mesh", FitSky::mesh}, {"median", FitSky::median}, {"panels", FitSky::panels}, {"none", FitSky::none}}).namelist("EXTRACT_MEDFILTER", "Use_Sbkg_for_Med");
  s.field(&O::window_x, "window_x", "Width of the window of the running median, or of a panel.").range(3, 10001).unit("pixel").namelist("EXTRACT_MEDFILTER", "Window_X");
  s.field(&O::window_y, "window_y", "Height of the same.").range(3, 10001).unit("pixel").namelist("EXTRACT_MEDFILTER", "Window_Y");
  s.field(&O::dropped, "dropped", "Brightest pixels of a full window that the running median leaves out.").at_least(0).unit("pixel").namelist("EXTRACT_MEDFILTER", "N_Outliers_Per_Window");
  s.field(&O::panel_filter, "panel_filter", "Panels a side of the median that smooths the panels' modes.").range(1, 101).namelist("EXTRACT_MEDFILTER", "Sbkg_Filt_Size_for_Med");
}

void describe(param::Schema<ApertureOptions>& s) {
  using O = ApertureOptions;
  s.field(&O::radii, "radii", "Radii of circular apertures on the mosaic (or the one frame), as in 3,5,8; empty: none.").unit("pixel").namelist("APERTURE", "Aperture_Radius_1");
  s.field(&O::annulus_inner, "annulus_inner", "Inner radius of the ring whose level is taken off; 0 with annulus_outer 0: none beyond the background.").range(0, 10000).unit("pixel").namelist("APERTURE", "Inner_Radius");
  s.field(&O::annulus_outer, "annulus_outer", "Its outer radius.").range(0, 10000).unit("pixel").namelist("APERTURE", "Outer_Radius");
  s.field(&O::statistic, "statistic", "The level of the ring.")
      .choices({{"median", photometry::SkyStatistic::median}, {"mode", photometry::SkyStatistic::mode}, {"clipped_mean", photometry::SkyStatistic::clipped_mean}}).namelist("APERTURE", "Annulus_Compute_Type");
  s.field(&O::correct, "correct", "Multiply fluxes in circles by what the response of a point source has outside of the circle (and in the annulus); aperture_#_correction says by how much.");
  s.field(&O::min_pixels, "min_pixels", "With fewer good pixels in the ring its sky is not known.").at_least(1).unit("pixel").namelist("APERTURE", "Min_Number_Pixels");
  s.field(&O::without_sky, "without_sky", "What an aperture without a known sky has: no flux, or the sum of its pixels with nothing subtracted, as in MOPEX.")
      .choices({{"missing", WithoutSky::missing}, {"unsubtracted", WithoutSky::unsubtracted}});
  s.field(&O::image, "image", "What is summed: the image less the background of the detection, or the image as it is, for the ring alone to take its level off.")
      .choices({{"subtracted", ApertureImage::subtracted}, {"original", ApertureImage::original}}).namelist("", "use_background_subtracted_image_for_aperture");
  s.field(&O::errors, "errors", "Variance of a sum with overlaps a: variance = Σ a² σ² with the correlation of the pixels and the error of the ring's level, or overlap = Σ a σ² as MOPEX, and none with a bad pixel.")
      .choices({{"variance", ApertureErrors::variance}, {"overlap", ApertureErrors::overlap}});
  s.field(&O::place, "place", "Where circles are laid: about the fitted positions, or those found or listed.").choices({{"fitted", AperturePlace::fitted}, {"found", AperturePlace::found}}).namelist("", "use_extract_table_for_aperture");
}

void describe(param::Schema<ShapeOptions>& s) {
  using O = ShapeOptions;
  s.field(&O::measure, "measure", "Measure sources as more than points: Kron aperture, half-light radius, star or galaxy, elliptical apertures; on the image that sources are found on, models of all others taken off.");
  s.field(&O::kron_factor, "kron_factor", "The Kron aperture reaches this times the first moment of the light.").range(0.1, 10);
  s.field(&O::kron_least, "kron_least", "And at least this times the axes of the source.").range(0, 20);
  s.field(&O::ellipses, "ellipses", "Elliptical apertures, as factors on the axes of each source (1 sigma of its light), as in 2,4; empty: none.");
}

void describe(param::Schema<CorrectionOptions>& s) {
  using O = CorrectionOptions;
  s.field(&O::pixel_phase, "pixel_phase", "Amplitude A of the column pixel_phase_correction, 1/(1 + A (1/sqrt(2 pi) - p)), p the distance from the middle of the pixel; 0: none. IRAC channel 1, cryogenic: 0.0535.").range(-1, 1);
  s.field(&O::array_location, "array_location", "Image of frame size with the factor for point sources, for the column array_location_correction; empty: none.").placeholder("FILE");
  s.field(&O::colour, "colour", "Factor of the column colour_correction; 1: no column.").range(0.001, 1000);
}

void describe(param::Schema<CatalogOptions>& s) {
  using O = CatalogOptions;
  s.field(&O::sources, "sources", "A table of positions (columns ra, dec in degrees, ICRS) to be measured instead of what is found; every row comes back.").flag("sources").placeholder("LIST").namelist("", "INPUT_USER_LIST");
  s.field(&O::positions, "sources_in", "What places of that table are: ra and dec, or columns x and y of the mosaic in FITS pixels, which count from 1.").choices({{"sky", ListPositions::sky}, {"pixels", ListPositions::pixels}}).namelist("", "use_input_list_type");
  s.field(&O::formats, "formats", "Formats of all tables: fits, ipac, votable, ecsv, parquet.").each_of({"fits", "ipac", "votable", "ecsv", "parquet"}).flag("formats");
  s.field(&O::where, "where", "Rows that the catalogue keeps, as in: snr > 5 and deblend != \"N\".").flag("where").placeholder("CONDITION").namelist("", "select_conditions");
  s.field(&O::detect_where, "detect_where", "Detections that are fitted, by columns of detections.fits.").placeholder("CONDITION").namelist("", "select_detect_conditions");
  s.field(&O::pick, "pick", "Columns that the catalogue keeps, in that order, as in id,ra,dec,flux; empty: all.").placeholder("NAMES").namelist("", "select_columns");
  s.field(&O::detect_pick, "detect_pick", "Columns that the table of detections keeps; empty: all.").placeholder("NAMES").namelist("", "select_detect_columns");
  s.field(&O::columns, "columns", "Names of the columns: ours, or MOPEX's where it has one; then x and y count from 1, and bad aperture errors are -9.99.").choices({{"tessera", ColumnNames::tessera}, {"mopex", ColumnNames::mopex}}).flag("columns");
  s.field(&O::raw, "raw", "Write catalog_raw and detections_raw as well: all rows and columns, before catalog.where, pick and detect_where.");
  s.field(&O::apertures, "aperture_table", "Write apertures as well: places and aperture fluxes of all rows.");
  s.field(&O::epoch, "epoch", "Julian year of the positions in the list, for its proper motions (columns pm_ra, pm_dec or pmra, pmdec in mas per year, the first times cos Dec); 0: the list's column epoch or ref_epoch.").range(0, 3000).unit("yr");
  s.field(&O::vega_jy, "vega_jy", "Flux density of magnitude 0 in the Vega system, for the column mag_vega; 0: no column. IRAC: 280.9, 179.7, 115.0, 64.9.").at_least(0).unit("Jy");
  s.field(&O::limit_sigma, "limit_sigma", "Sources less significant than this have an upper limit in flux_limit: the flux, if positive, and so many sigma.").at_least(0).unit("sigma");
  s.field(&O::flags, "flags", "Count the bits of the frames' masks under each source: columns flags, flag_# and saturated.");
  s.field(&O::regions, "regions", "Write sources.reg for DS9.");
  s.field(&O::background, "background_map", "Write background.fits, the background of the mosaic.");
  s.field(&O::noise, "noise_map", "Write noise.fits: how much wider the filtered image is than its uncertainties say.");
  s.field(&O::significance, "significance_map", "Write significance.fits, the image that the threshold applied to.");
  s.field(&O::segments, "segmentation_map", "Write segmentation.fits: the number of the detection on each of its pixels.");
  s.field(&O::residual, "residual", "Write residual.fits: the mosaic (or the one frame) less background and fitted sources.");
  s.field(&O::residual_frames, "residual_frames", "Write Residual/NAME_residual.fits for every file that was fitted: its frames less the fitted sources, all else as it was.");
}

void describe(param::Schema<InjectionOptions>& s) {
  using O = InjectionOptions;
  s.field(&O::number, "number", "Artificial sources added to the images that were read, and found and fitted again: completeness, bias of fluxes and the true size of errors, in injection.fits, completeness.fits and the report.")
      .range(0, 10000000).flag("inject").placeholder("N");
  s.field(&O::snr_min, "snr_min", "Their signal to noise, evenly spread in its logarithm, from this …").range(0.01, 1e6);
  s.field(&O::snr_max, "snr_max", "… to this.").range(0.01, 1e6);
  s.field(&O::separation, "separation", "Those added at a time are this far from one another, so that they crowd nothing but what is there; what does not fit is added in further rounds.").range(1, 1000).unit("FWHM");
  s.field(&O::seed, "seed", "Other numbers give other places, fluxes and photon noise.").at_least(0);
}

void ExtractOptions::declare(param::OptionSet& options) {
  options.add("psf", "Point response of the frames, or of the image fitted alone", psf);
  options.add("psf", "Point response of the frames, or of the image fitted alone", psf_use);
  options.add("detection", "Finding sources", detection);
  options.add("detection", "Finding sources", filter);
  options.add("detection", "Finding sources", segments);
  options.add("fit", "Fitting point sources", fit);
  options.add("fit_sky", "The sky under the fit", fit_sky);
  options.add("aperture", "Apertures", aperture);
  options.add("shape", "Sources as more than points", shape);
  options.add("correction", "Factors on fluxes, as columns", correction);
  options.add("catalog", "The catalogue and its companions", catalog);
  options.add("injection", "Artificial sources", injection);
  mosaic.declare(options);
}

}  // namespace tessera::extraction
