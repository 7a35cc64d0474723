#include "tessera/pipeline/mosaic_options.h"

namespace tessera::pipeline {

void describe(param::Schema<ProductOptions>& s) {
  s.field(&ProductOptions::pictures, "pictures", "Write mosaic.png and coverage.png.").flag("pictures");
  s.field(&ProductOptions::report, "report", "Write report.html: pictures, plots, caveats and the record of the run in one file for the browser.").flag("report");
  s.field(&ProductOptions::rmasks, "rmasks", "Write Rmask/NAME_rmask.fits for every frame: its outliers (bit 0: radhit, 1: temporal, 2: dual, 3: box, 4: blot).").flag("rmasks").namelist("", "run_mosaic_rmask");
  s.field(&ProductOptions::rmask_mosaic, "rmask_mosaic", "Write mosaic_rmask.fits: per output pixel the schemes that found an outlier in any frame, and in how many frames each did.")
      .namelist("", "create_rmask_mosaic");
  s.field(&ProductOptions::outlier_maps, "outlier_maps", "Write Outlier/NAME_outlier.fits for every frame: how far its values lie from the stack, for rejection.outlier_maps of a later run.");
  s.field(&ProductOptions::outlier_mosaic, "outlier_mosaic", "Write mosaic_outlier.fits: the mean of the frames' deviations from their median, in units of the scatter, weighted by coverage.").namelist("", "create_outlier_mosaic");
  s.field(&ProductOptions::dual_outlier_mosaic, "dual_outlier_mosaic", "Write mosaic_dual_outlier.fits: the mean of what the dual scheme says, -1 for an outlier, 1 for a source, 0 for no detection.").namelist("", "create_dual_outlier_mosaic");
  s.field(&ProductOptions::detection_maps, "detection_maps", "Write Detect/NAME_detmap.fits for every frame: the clusters of bright pixels of the dual scheme, for rejection.detection_maps of a later run.");
  s.field(&ProductOptions::std, "std", "Write mosaic_std.fits: the standard deviation of the frames' values in each pixel.").namelist("", "create_std_mosaic");
  s.field(&ProductOptions::median, "median", "Write mosaic_median.fits and mosaic_median_unc.fits beside the mean: the median of the values that it is made of, and its uncertainty. Flux of stars is not conserved.").namelist("", "run_median_mosaic");
  s.field(&ProductOptions::correlation, "correlation", "Measure how the noise of neighbouring pixels is correlated and write it as extensions of mosaic_unc.fits, for errors of sums over pixels.");
  s.field(&ProductOptions::context, "context", "Write mosaic_ctx.fits: which frames count in each pixel, one bit each in planes of 32; 4 bytes per pixel and 32 frames, twice while the run goes on.");
  s.field(&ProductOptions::star_check, "star_check", "Measure the mosaic's stars in every frame, to tell wrong pointings and throughputs, for run.json and the report.");
  s.field(&ProductOptions::input_checksums, "input_checksums", "Record the SHA-256 of every input file in run.json, by which tessera replay knows that they are the same.");
  s.field(&ProductOptions::compress, "compress", "Write the images tile-compressed (as fpack does): gzip keeps every bit, NaN included; rice rounds values and uncertainties to 1/16 of the noise, with 0 where there are no data, and keeps the rest.")
      .choices({{"none", io::FitsWriter::Compression::none}, {"gzip", io::FitsWriter::Compression::gzip_lossless}, {"rice", io::FitsWriter::Compression::rice}})
      .flag("compress");
}

void describe(param::Schema<EngineOptions>& s) {
  s.field(&EngineOptions::tile_size, "tile_size", "Largest side of the tiles the output is made in, smaller where the memory ceiling asks for it; 0: up to 256. Results do not depend on it.")
      .unit("output pixel")
      .range(0, 8192);
  s.field(&EngineOptions::max_pixels, "max_pixels", "An output grid of more pixels than this is refused with the forecast.")
      .unit("output pixel")
      .at_least(1);
  s.field(&EngineOptions::save_every, "save_every",
          "Finished tiles that fit the memory ceiling are saved together this often: what a run that is killed has to do again. 0: each at once.")
      .unit("s")
      .range(0, 86400);
}

void MosaicOptions::declare(param::OptionSet& options) {
  options.add("input", "Frames, and how they are read", input);
  options.add("grid", "The output grid", grid);
  options.add("grid", "The output grid", moving);
  options.add("grid", "The output grid", geometry);
  options.add("background", "Matching of the frames' backgrounds", background);
  options.add("frame_sky", "The local sky of single frames", frame_sky);
  options.add("interpolation", "Resampling", interpolation);
  options.add("rejection", "Outlier rejection", rejection);
  options.add("rejection", "Outlier rejection", temporal);
  options.add("rejection", "Outlier rejection", box);
  options.add("rejection", "Outlier rejection", detection);
  options.add("rejection", "Outlier rejection", dual);
  options.add("rejection", "Outlier rejection", radhit);
  options.add("rejection", "Outlier rejection", blot);
  options.add("coadd", "Coaddition", fix_coverage);
  options.add("coadd", "Coaddition", coadd);
  options.add("output", "Products", products);
  options.add("output", "Products", extra);
  options.add("local_sky", "The sky taken off for mosaic_minback.fits", local_sky);
  options.add("run", "Tiles and limits", engine);
}

}  // namespace tessera::pipeline
