/// images/flat.h — a flat field from the frames themselves: the median of the stack in pixels of the detector, sources left out.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/param/schema.h"
#include "tessera/run/context.h"

namespace tessera::images {

struct FlatOptions {
  double object_threshold = 3;
  int min_frames = 3;
  bool mask_objects = true;
};
void describe(param::Schema<FlatOptions>& s);

/// Every frame is divided by its level (the median of its good pixels), and the median is taken over the frames. Then each frame is divided
/// by that flat, its sources are masked, its level is taken from the rest, and the median is taken again. The result has the median 1.
/// Writes the flat, SIGMA (its error, from the frames' variances) and COVERAGE (frames that count). The frames are read in bands of rows, so
/// that a stack larger than memory can be used. Throws DataError for frames of different sizes or without a positive level.
void make_flat(const std::vector<instrument::FrameFile>& frames, const FlatOptions& options, const std::filesystem::path& out, run::Context& context);

}  // namespace tessera::images
