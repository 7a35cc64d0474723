/// pipeline/extra_products.h — products made on request from a finished mosaic: local sky taken off, depth, footprints, geometry, correction.
#pragma once
#include <vector>

#include "tessera/pipeline/correlation.h"
#include "tessera/pipeline/frame_products.h"
#include "tessera/pipeline/products.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// Throws UsageError or DataError for options that ask for what cannot be, before any work is done.
void check_extra_options(const Plan& plan, const MosaicOptions& options);

std::vector<run::ProductRecord> write_extra_products(const Finished& mosaic, run::OutputFolder& folder, run::Context& context);

// The parts, each in its file.
void write_local_sky(const Finished& mosaic, double mean_exposure_s, const std::filesystem::path& path, run::Context& context);
void write_array_correction(const Finished& mosaic, double mean_exposure_s, const std::filesystem::path& path, run::Context& context);
/// The correction image over the relative pixel areas. Throws DataError when one cannot be read or is not of the frames' size.
Image<float> array_correction(const Plan& plan, const ExtraOptions& options);
/// Every usable frame as it is coadded: resampled, matched, without its rejected pixels.
std::vector<run::ProductRecord> write_interpolated(const Finished& mosaic, run::OutputFolder& folder, run::Context& context);
/// The mosaic in tiles of about the size asked for: MOPEX guide 5.6.19, 8.1.
std::vector<run::ProductRecord> write_kept_tiles(const Finished& mosaic, double mean_exposure_s, run::OutputFolder& folder, run::Context& context);
std::vector<run::ProductRecord> write_footprints(const Finished& mosaic, run::OutputFolder& folder, run::Context& context);

}  // namespace tessera::pipeline
