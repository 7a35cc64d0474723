/// pipeline/extra_products.h — products made on request from a finished mosaic: local sky taken off, depth, footprints, geometry, correction.
#pragma once
#include <vector>

#include "tessera/pipeline/correlation.h"
#include "tessera/pipeline/frame_products.h"
#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/products.h"

namespace tessera::pipeline {

/// Throws UsageError or DataError for options that ask for what cannot be, before any work is done.
void check_extra_options(const Plan& plan, const MosaicOptions& options);

std::vector<ProductRecord> write_extra_products(const Finished& mosaic, OutputFolder& folder, Context& context);

// The parts, each in its file.
void write_local_sky(const Finished& mosaic, double mean_exposure_s, const std::filesystem::path& path, Context& context);
void write_array_correction(const Finished& mosaic, double mean_exposure_s, const std::filesystem::path& path, Context& context);
/// The correction image over the relative pixel areas. Throws DataError when one cannot be read or is not of the frames' size.
Image<float> array_correction(const Plan& plan, const ExtraOptions& options);
/// Every usable frame as it is coadded: resampled, matched, without its rejected pixels.
std::vector<ProductRecord> write_interpolated(const Finished& mosaic, OutputFolder& folder, Context& context);
/// The mosaic in tiles of about the size asked for: MOPEX guide 5.6.19, 8.1.
std::vector<ProductRecord> write_kept_tiles(const Finished& mosaic, double mean_exposure_s, OutputFolder& folder, Context& context);
std::vector<ProductRecord> write_footprints(const Finished& mosaic, OutputFolder& folder, Context& context);

}  // namespace tessera::pipeline
