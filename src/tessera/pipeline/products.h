/// pipeline/products.h — the files of a finished mosaic: FITS planes with their headers, tables, pictures.
#pragma once
#include <string>
#include <vector>

#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/provenance.h"

namespace tessera::pipeline {

/// Writes mosaic.fits, mosaic_unc.fits, mosaic_cov.fits, mosaic_exp.fits, mosaic_std.fits on request, FIF.tbl, header_list.tbl, offsets.tbl and the pictures to the
/// folder's product() names; returns each with its checksum.
std::vector<ProductRecord> write_products(const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, const MosaicOptions& options,
                                          const param::OptionSet& settings, OutputFolder& folder, Context& context);

}  // namespace tessera::pipeline
