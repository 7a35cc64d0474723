/// pipeline/mosaic_options.h — every option of a mosaic run, one member per section of the command line.
#pragma once
#include <string>

#include "tessera/background/background_options.h"
#include "tessera/background/frame_sky.h"
#include "tessera/coadd/coadd_options.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/io/fits.h"
#include "tessera/outlier/blot.h"
#include "tessera/outlier/box.h"
#include "tessera/outlier/detection.h"
#include "tessera/outlier/dual.h"
#include "tessera/outlier/fix_coverage.h"
#include "tessera/outlier/temporal.h"
#include "tessera/param/schema.h"
#include "tessera/pipeline/extra_options.h"
#include "tessera/pipeline/mosaic_geometry.h"
#include "tessera/pipeline/moving.h"
#include "tessera/reproject/interpolation.h"
#include "tessera/wcs/grid.h"

namespace tessera::pipeline {

struct ProductOptions {
  bool pictures = true;
  bool report = true;
  bool rmasks = false;
  bool rmask_mosaic = false;
  bool outlier_maps = false;
  bool outlier_mosaic = false;
  bool dual_outlier_mosaic = false;
  bool detection_maps = false;
  bool std = false;
  bool median = false;
  bool correlation = true;
  bool context = false;
  bool star_check = true;
  bool input_checksums = true;
  io::FitsWriter::Compression compress = io::FitsWriter::Compression::none;
};
void describe(param::Schema<ProductOptions>& s);

struct EngineOptions {
  int tile_size = 0;          // output pixels; 0: from the memory ceiling
  double max_pixels = 4e9;
  double save_every = 0;      // s; 0: each tile at once
};
void describe(param::Schema<EngineOptions>& s);

struct MosaicOptions {
  instrument::InputOptions input;
  wcs::GridOptions grid;
  MovingOptions moving;
  GeometryOptions geometry;
  background::BackgroundOptions background;
  background::FrameSkyOptions frame_sky;
  reproject::InterpolationOptions interpolation;
  outlier::RejectionOptions rejection;
  outlier::TemporalOptions temporal;
  outlier::BoxOptions box;
  outlier::DetectionOptions detection;
  outlier::DualOptions dual;
  outlier::RadhitOptions radhit;
  outlier::BlotOptions blot;
  outlier::FixCoverageOptions fix_coverage;
  coadd::CoaddOptions coadd;
  ProductOptions products;
  ExtraOptions extra;
  LocalSkyOptions local_sky;
  EngineOptions engine;
  void declare(param::OptionSet& options);
};

}  // namespace tessera::pipeline
