/// pipeline/finished.h — a mosaic whose tiles are all made: what its products follow from.
#pragma once
#include "tessera/param/schema.h"
#include "tessera/pipeline/correlation.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/tile_store.h"

namespace tessera::pipeline {

/// All references must outlive it.
struct Finished {
  const Plan& plan;
  const FramePass& pass;
  const TileStore& store;
  const FrameMasks& masks;
  const MosaicOptions& options;
  const param::OptionSet& settings;
  FrameCache& cache;
  const MeasuredCorrelation& noise;
};

}  // namespace tessera::pipeline
