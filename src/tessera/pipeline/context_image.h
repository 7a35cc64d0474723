/// pipeline/context_image.h — which frames count in each pixel of the mosaic, one bit each, as drizzle and Roman's resampling write it.
#pragma once
#include <filesystem>

#include "tessera/core/header.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/tile_store.h"

namespace tessera::pipeline {

constexpr int frames_per_context_plane = 32;
inline int context_planes(std::size_t frames) { return static_cast<int>((frames + frames_per_context_plane - 1) / frames_per_context_plane); }

/// Sets the bit of `frame` where it has coverage, for pixels that the mosaic has.
void mark_context(int frame, View<const float> coverage, View<const float> mosaic_coverage, std::vector<Image<std::int32_t>>& context);

/// Writes a cube of `planes` planes, a row of tiles at a time in memory. `header`: grid and the common cards.
void write_context(const TileStore& store, int planes, Header header, io::FitsWriter::Compression compression, const std::filesystem::path& path);

}  // namespace tessera::pipeline
