/// pipeline/products.h — the files of a finished mosaic: FITS planes with their headers, tables, pictures.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/pipeline/correlation.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// What the header of one FITS product says beside what all have in common.
struct ProductText {
  std::string unit, title;
  std::vector<std::string> comments;
  bool per_pixel = false;  ///< fluxes of pixels, not surface brightness
};
/// WCS of the grid, unit, times, photometry, options and inputs. `mean_exposure_s`: of the covered pixels.
Header product_header(const ProductText& product, const Plan& plan, const FramePass& pass, const param::OptionSet& settings, double mean_exposure_s);
double mean_exposure(const TileStore& store);

/// Writes mosaic.fits, mosaic_unc.fits, mosaic_cov.fits, mosaic_exp.fits, mosaic_std.fits on request, FIF.tbl, header_list.tbl, offsets.tbl and the pictures to the
/// folder's product() names; returns each with its checksum.
std::vector<run::ProductRecord> write_products(const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, const MeasuredCorrelation& noise, const MosaicOptions& options,
                                          const param::OptionSet& settings, run::OutputFolder& folder, run::Context& context);

/// offsets.tbl; `rejected` pixels per frame, empty when nothing was rejected.
Table offsets_table(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected);
/// header_list.tbl: the frames as read from their headers.
Table header_list(const Plan& plan);

}  // namespace tessera::pipeline
