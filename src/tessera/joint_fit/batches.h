/// joint_fit/batches.h — blocks that are fitted while their windows of all images are in memory, where the images are not.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/joint_fit/block_fit.h"
#include "tessera/parallel/pool.h"

namespace tessera::joint_fit {

/// The blocks of `todo`, neighbours on the sky together, in batches whose boxes take at most `bytes` (those of one block alone may take more) and no more than ten times all the windows.
std::vector<std::vector<std::size_t>> batches_of(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, std::span<const std::size_t> todo, const BlockOptions& options,
                                                 std::int64_t bytes);

/// Of each image the box around all windows of the blocks; empty where they have none.
std::vector<Box> windows_of(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, std::span<const std::size_t> batch, const BlockOptions& options);

/// Every image as far as its window, with the models of `sources` as they stand; of the others the geometry.
std::vector<FitImage> load(std::span<const FitImage> images, std::span<const Box> windows, const SourceLists& sources, const parallel::Pool& pool);

}  // namespace tessera::joint_fit
