/// background/objects.h — stars, galaxies and hits of one frame, so that its sky can be averaged without them.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "tessera/background/background_options.h"
#include "tessera/background/frame_sky.h"
#include "tessera/core/frame.h"

namespace tessera::background {

/// Good pixels brighter (or fainter) than options.object_threshold σ against the local sky, grown by one. σ is √variance · noise_scale; a noise_scale that is not a positive
/// number counts as 1.
Image<std::uint8_t> mask_objects(const FrameView& frame, double noise_scale, const BackgroundOptions& options, const FrameSkyOptions& sky = {});

/// Rows of a frame too large for memory; the view is good until the next call.
using FrameRows = std::function<FrameView(int y0, int y1)>;

/// mask_objects(), with the sky of a mesh, of a frame that is read in bands; the same bits: one pass for the local background, one for the mask.
class ObjectFinder {
 public:
  /// Reads all rows of `frame` once, in bands of a few dozen.
  ObjectFinder(Box frame, double noise_scale, const BackgroundOptions& options, const FrameRows& rows);
  ~ObjectFinder();
  /// The mask of rows [y0, y1); reads those and one more on either side.
  Image<std::uint8_t> mask(int y0, int y1, const FrameRows& rows) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace tessera::background
