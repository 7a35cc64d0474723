/// pipeline/tile_keys.h — what the pixels of a tile depend on, as one hash: a resumed run keeps the tiles whose hash is the same.
#pragma once
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"

namespace tessera::pipeline {

/// Of each frame on a tile its files, and what is subtracted from it, its weight, its outliers where they are known before the tile. A changed frame changes the
/// offsets of all it is matched with, and so their tiles too; without matching only its own tiles are made again.
class TileKeys {
 public:
  /// `masks`: of the rejection pass; null where a tile finds its own outliers.
  TileKeys(const Plan& plan, const FramePass& pass, const MosaicOptions& options, const FrameMasks* masks);
  std::string operator()(std::int64_t tile) const;

 private:
  const Plan& plan_;
  const FramePass& pass_;
  std::string common_;
  std::vector<std::string> of_frame_;
};

}  // namespace tessera::pipeline
