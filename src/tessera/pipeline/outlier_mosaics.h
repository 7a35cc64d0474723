/// pipeline/outlier_mosaics.h — the outlier maps of all frames as one: mosaic_outlier.fits and mosaic_dual_outlier.fits (MOPEX guide 5.6.20).
///
/// Means over the frames that have a value, weighted by coverage as in the mosaic: of the temporal deviations (I − M)/s; and of the signs that the dual scheme
/// gives, −1 for an outlier, 1 for a source, 0 for no detection. (The guide's dual maps hold cluster numbers with that sign; a mean of numbers says nothing.)
#pragma once
#include <filesystem>

#include "tessera/pipeline/outlier_maps.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// In the making: planes in a file of the scratch folder.
class OutlierMosaics {
 public:
  enum Plane { deviation, sign, planes };
  OutlierMosaics(const Plan& plan, const std::filesystem::path& scratch);
  /// Sets the pixels of `part`. Safe from many threads for different parts.
  void put(Plane plane, View<const float> mean, Box part) const;
  void read_row(Plane plane, int y, std::span<float> row) const;

 private:
  const Plan& plan_;
  run::ScratchFile file_;
};

/// Σ coverage · map / Σ coverage over the frames with coverage of at least `least`; NaN where there is none. All on boxes that hold `part`.
Image<float> mean_of_maps(std::span<const ResampledView> frames, std::span<const Image<float>> maps, double least, Box part);

/// Writes those that were asked for.
std::vector<run::ProductRecord> write_outlier_mosaics(const Plan& plan, const FramePass& pass, const MosaicOptions& options, const param::OptionSet& settings, double mean_exposure_s, run::OutputFolder& folder);

}  // namespace tessera::pipeline
