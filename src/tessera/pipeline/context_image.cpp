#include "tessera/pipeline/context_image.h"

#include <algorithm>
#include <string>
#include <utility>

#include "tessera/io/fits.h"

namespace tessera::pipeline {

void mark_context(int frame, View<const float> coverage, View<const float> mosaic_coverage, std::vector<Image<std::int32_t>>& context) {
  auto& plane = context[static_cast<std::size_t>(frame / frames_per_context_plane)];
  const auto bit = static_cast<std::int32_t>(std::uint32_t{1} << (frame % frames_per_context_plane));
  const Box box = coverage.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (coverage(x, y) > 0 && mosaic_coverage(x, y) > 0) plane(x, y) |= bit;
}

void write_context(const TileStore& store, int planes, Header header, io::FitsWriter::Compression compression, const std::filesystem::path& path) {
  header.set("CTYPE3", std::string{"PLANE"}, "32 frames each");
  header.set("CRPIX3", 1.0, "");
  header.set("CRVAL3", 1.0, "");
  header.set("CDELT3", 1.0, "");
  header.add_comment("bit b (from 0) of plane p (from 1) is set where frame 32 (p - 1) + b + 1 of header_list.tbl counts in the pixel");
  const auto& lattice = store.lattice();
  io::FitsWriter writer{path};
  Image<std::int32_t> band;
  int at_plane = -1, at_row = -1;
  writer.add_cube("", header, lattice.width, lattice.height, planes, [&](int z, int y, std::span<std::int32_t> row) {
    const int tile_row = y / lattice.side;
    if (z != at_plane || tile_row != at_row) store.read_context(z, tile_row, band);
    at_plane = z;
    at_row = tile_row;
    std::ranges::copy(std::as_const(band).row(y), row.begin());
  }, compression == io::FitsWriter::Compression::none ? compression : io::FitsWriter::Compression::rice);
  writer.close();
}

}  // namespace tessera::pipeline
