/// pipeline/frame_masks.h — the rejected pixels of every frame, each with the bits of the schemes that found it, as run lengths.
#pragma once
#include <cstdint>
#include <mutex>
#include <vector>

#include "tessera/outlier/schemes.h"
#include "tessera/pipeline/tile_store.h"

namespace tessera::pipeline {

/// Pixels start … start + length − 1 of a frame, numbered by rows (y · width + x), that the schemes `bits` found.
struct MaskRun {
  std::int64_t start = 0;
  std::int32_t length = 0;
  outlier::SchemeBits bits = 0;
};

class FrameMasks {
 public:
  explicit FrameMasks(std::size_t frames) : runs_(frames) {}
  /// What a run that looks for temporal outliers alone, tile by tile, has rejected.
  FrameMasks(const TileStore& store, std::size_t frames);

  /// Appends a pixel to runs in the making, in rising order of pixels.
  static void add(std::vector<MaskRun>& runs, std::int64_t pixel, outlier::SchemeBits bits);
  /// Takes the runs of one frame that one tile found. No pixel may come twice. Safe from many threads.
  void take(std::size_t frame, const std::vector<MaskRun>& runs);
  /// Sorts and joins: after it nothing tells which tiles the runs came from.
  void settle();
  FrameMasks(FrameMasks&& other) noexcept : runs_{std::move(other.runs_)} {}
  FrameMasks& operator=(FrameMasks&& other) noexcept {
    runs_ = std::move(other.runs_);
    return *this;
  }

  const std::vector<MaskRun>& of(std::size_t frame) const { return runs_[frame]; }
  /// Per frame: pixels that any of `bits` found.
  std::vector<std::int64_t> count(outlier::SchemeBits bits) const;
  /// Makes the pixels that any of `bits` found bad in a window of a frame of this width.
  void drop(std::size_t frame, int width, outlier::SchemeBits bits, Frame& window) const;
  /// Adds all bits to a whole frame's mask.
  void mark(std::size_t frame, View<std::int16_t> mask) const;

 private:
  std::vector<std::vector<MaskRun>> runs_;
  std::mutex mutex_;
};

}  // namespace tessera::pipeline
