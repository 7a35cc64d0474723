#include "tessera/pipeline/plane_writer.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tessera::pipeline {
namespace {

using Compression = io::FitsWriter::Compression;

/// Packed tiles on which no tile was made: of a few sizes, all of one value.
class EmptyTiles {
 public:
  explicit EmptyTiles(float value) : value_{value} {}
  const std::string& of(Box box) {
    const std::lock_guard lock{mutex_};
    auto& packed = packed_[{box.width(), box.height()}];
    if (packed.empty()) packed = io::pack_tile(Image<float>{Box{0, 0, box.width(), box.height()}, value_}.view());
    return packed;
  }

 private:
  float value_;
  std::mutex mutex_;
  std::map<std::pair<int, int>, std::string> packed_;
};

void write_packed(const Header& header, const TileStore& store, const PlaneImage& image, io::FitsWriter& writer, run::Context& context) {
  const int width = store.lattice().width, height = store.lattice().height;
  const int across = (width + io::packed_tile_width - 1) / io::packed_tile_width, up = (height + io::packed_tile_height - 1) / io::packed_tile_height;
  writer.begin_packed("", header, width, height);
  EmptyTiles empty{image.empty};
  const std::int64_t ahead = 2 * context.pool().threads();
  std::vector<std::vector<std::string>> rows(static_cast<std::size_t>(std::min<std::int64_t>(up, ahead)));  // a ring; "": an empty tile
  const auto box_of = [&](std::int64_t row, int column) {
    const int x = column * io::packed_tile_width, y = static_cast<int>(row) * io::packed_tile_height;
    return Box{x, y, std::min(width, x + io::packed_tile_width), std::min(height, y + io::packed_tile_height)};
  };
  const auto pack = [&](std::int64_t row) {
    auto& packed = rows[static_cast<std::size_t>(row) % rows.size()];
    packed.assign(static_cast<std::size_t>(across), {});
    const RowChange change = image.change ? image.change() : RowChange{};
    Image<float> pixels;
    for (int column = 0; column < across; ++column) {
      const Box box = box_of(row, column);
      if (!store.covered(box)) continue;
      store.read_box(image.plane, box, image.empty, pixels);
      for (int y = box.y0; change && y < box.y1; ++y) change(y, box.x0, pixels.row(y));
      packed[static_cast<std::size_t>(column)] = io::pack_tile(std::as_const(pixels).view());
    }
  };
  context.pool().for_each_ordered(up, ahead, pack, [&](std::int64_t row) {
    auto& packed = rows[static_cast<std::size_t>(row) % rows.size()];
    for (int column = 0; column < across; ++column) {
      const auto& tile = packed[static_cast<std::size_t>(column)];
      writer.add_packed(tile.empty() ? empty.of(box_of(row, column)) : tile);
    }
    packed.clear();
  });
}

}  // namespace

void write_plane(const Header& header, const TileStore& store, const PlaneImage& image, Compression compression, io::FitsWriter& writer, run::Context& context) {
  if (image.exact && compression == Compression::rice) compression = Compression::gzip_lossless;
  if (compression == Compression::gzip_lossless) return write_packed(header, store, image, writer, context);
  PlaneRows rows{store, image.plane, image.empty};
  const RowChange change = image.change ? image.change() : RowChange{};
  Header told = header;
  if (compression == Compression::rice) {
    told.set("QLEVEL", 16.0, "steps of the rounding per sigma of a tile's noise");
    told.add_comment("pixels are rounded (RICE_1, SUBTRACTIVE_DITHER_2); those without data are 0 here, and 0 in the coverage");
  }
  writer.add_image("", told, store.lattice().width, store.lattice().height, [&](int y, std::span<float> row) {
    std::ranges::copy(rows.row(y), row.begin());
    if (change && !rows.empty(y)) change(y, 0, row);
  }, compression);
}

}  // namespace tessera::pipeline
