/// pipeline/plane_writer.h — a finished plane as an image of a product, plain or packed in tiles as output.compress asks.
#pragma once
#include <functional>
#include <span>

#include "tessera/io/fits.h"
#include "tessera/pipeline/tile_store.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

/// Changes pixels of row y from column x0 on.
using RowChange = std::function<void(int y, int x0, std::span<float> pixels)>;

struct PlaneImage {
  TileResult::Plane plane = TileResult::mosaic;
  float empty = 0;                    ///< value where no tile was made; never changed
  bool exact = false;                 ///< kept without loss whatever is asked for: zeros of the coverage tell where nothing is
  std::function<RowChange()> change;  ///< makes what is applied to the pixels of tiles (one for each thread); empty: nothing is
};

/// Without loss a packed plane costs, where no tile was made, only its copied bytes: neither pixels nor gzip. All threads pack; the bytes do not
/// depend on threads or on the tiles of the run.
void write_plane(const Header& header, const TileStore& store, const PlaneImage& image, io::FitsWriter::Compression compression, io::FitsWriter& writer, run::Context& context);

}  // namespace tessera::pipeline
