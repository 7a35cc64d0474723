/// pipeline/outlier_maps.h — the outlier maps of every frame as products, and masks made of them with other thresholds.
/// Outlier/NAME_outlier.fits: primary HDU the temporal deviation on the part of the grid that the frame covers (MINTOFFX and MINTOFFY say where),
/// extension BOX that of the box scheme, NaN where the temporal one decides; extension DUAL the numbers of the frame's clusters, negative where the dual scheme rejects.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/run/scratch_file.h"

namespace tessera::pipeline {

/// Maps in the making: each frame's planes in a file of the scratch folder, to which tiles add their pixels in any order.
class OutlierMaps {
 public:
  enum Plane { temporal, box, dual, planes };
  OutlierMaps(const Plan& plan, std::filesystem::path scratch) : plan_{plan}, scratch_{std::move(scratch)} {}
  /// What of a frame's map lies on the grid.
  static Box place(const Plan& plan, std::size_t frame);
  /// Adds the pixels of `part`. Safe from many threads for different parts.
  void put(std::size_t frame, Plane plane, View<const float> deviation, Box part) const;
  /// One plane of a frame; pixels no tile gave are 0.
  Image<float> read(std::size_t frame, Plane plane) const;

 private:
  const Plan& plan_;
  std::filesystem::path scratch_;
};

/// Writes the maps of one frame.
void write_outlier_map(const Plan& plan, const MosaicOptions& options, const OutlierMaps& maps, std::size_t frame, const std::filesystem::path& path);

/// Masks by thresholds on the maps in `folder`, those of a finished run of the same frames on the same grid; nothing is compared again. `names`: the
/// maps' files, per frame. Throws DataError naming the file that is not there or is of another grid.
FrameMasks masks_from_maps(const Plan& plan, const FramePass& frames, const MosaicOptions& options, const std::vector<std::string>& names, FrameCache& cache, run::Context& context);

/// FOLDER/NAME_SUFFIX.fits per frame: the image's name without .fits and what compression added; frames that share it get a number.
std::vector<std::string> product_names(const Plan& plan, const std::string& folder, const std::string& suffix);

}  // namespace tessera::pipeline
