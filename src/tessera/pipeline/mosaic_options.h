/// pipeline/mosaic_options.h — every option of a mosaic run, one member per section of the command line.
#pragma once
#include <string>

#include "tessera/background/offsets.h"
#include "tessera/coadd/coadd_options.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/outlier/temporal.h"
#include "tessera/param/schema.h"
#include "tessera/reproject/interpolation.h"
#include "tessera/wcs/grid.h"

namespace tessera::pipeline {

enum class Rejection { none, temporal };

struct RejectionMethod {
  Rejection method = Rejection::temporal;
};
void describe(param::Schema<RejectionMethod>& s);

struct ProductOptions {
  bool pictures = true;
  bool report = true;
  bool rmasks = false;
  bool std = false;
  bool correlation = true;
  bool context = false;
};
void describe(param::Schema<ProductOptions>& s);

struct EngineOptions {
  int tile_size = 0;          // output pixels; 0: from the memory ceiling
  double max_pixels = 4e9;
};
void describe(param::Schema<EngineOptions>& s);

struct MosaicOptions {
  instrument::InputOptions input;
  wcs::GridOptions grid;
  background::BackgroundOptions background;
  reproject::InterpolationOptions interpolation;
  RejectionMethod rejection;
  outlier::TemporalOptions temporal;
  coadd::CoaddOptions coadd;
  ProductOptions products;
  EngineOptions engine;
  void declare(param::OptionSet& options);
};

}  // namespace tessera::pipeline
