#include "tessera/joint_fit/batches.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::joint_fit {
namespace {

constexpr std::int64_t bytes_per_pixel = 21;   // value, variance, photons, model and light, and whether it is good
constexpr std::int64_t most_between = 10;       // pixels of a batch's boxes, per pixel of all windows: in late rounds the blocks that are left lie far apart
constexpr double least_cell = 32;              // pixels of the image that sources are found on

/// Blocks along rows of cells; a cell's windows of all images take about `bytes`.
std::vector<std::size_t> along_cells(std::span<const Source> sources, std::span<const Block> blocks, std::span<const std::size_t> todo, std::size_t images, std::int64_t bytes) {
  const double cell = std::max(least_cell, std::sqrt(static_cast<double>(bytes) / static_cast<double>(bytes_per_pixel * static_cast<std::int64_t>(std::max<std::size_t>(images, 1)))));
  std::vector<std::pair<std::array<long, 2>, std::size_t>> order;
  for (const auto b : todo) {
    const Source& s = sources[static_cast<std::size_t>(blocks[b].own.front())];
    order.push_back({{static_cast<long>(std::floor(s.ref_y / cell)), static_cast<long>(std::floor(s.ref_x / cell))}, b});
  }
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> sorted;
  for (const auto& [at, b] : order) sorted.push_back(b);
  return sorted;
}

std::int64_t area_of(const Box& box) { return box.empty() ? 0 : box.area(); }

/// Boxes around windows, and their pixels.
class Hulls {
 public:
  explicit Hulls(std::size_t images) : boxes(images) {}
  void add(std::span<const std::pair<std::size_t, Box>> windows) {
    for (const auto& [image, window] : windows) {
      Box& box = boxes[image];
      pixels -= area_of(box);
      box = box.empty() ? window : hull(box, window);
      pixels += area_of(box);
    }
  }
  std::int64_t pixels = 0;
  std::vector<Box> boxes;
};

std::vector<std::pair<std::size_t, Box>> windows_of_block(std::span<const FitImage> images, std::span<const Source> sources, const Block& block, const BlockOptions& options) {
  std::vector<std::pair<std::size_t, Box>> windows;
  for_windows(images, sources, block, options, [&](std::size_t, const photometry::Sight& sight, Box window) { windows.push_back({static_cast<std::size_t>(sight.frame), window}); });
  return windows;
}

}  // namespace

std::vector<std::vector<std::size_t>> batches_of(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, std::span<const std::size_t> todo, const BlockOptions& options,
                                                 std::int64_t bytes) {
  std::int64_t needed = 0;
  for (const auto b : todo)
    for (const auto& [image, window] : windows_of_block(images, sources, blocks[b], options)) needed += area_of(window);
  bytes = std::min(bytes, most_between * needed * bytes_per_pixel);
  std::vector<std::vector<std::size_t>> batches;
  Hulls held{images.size()};
  for (const auto b : along_cells(sources, blocks, todo, images.size(), bytes)) {
    const auto windows = windows_of_block(images, sources, blocks[b], options);
    held.add(windows);
    if (batches.empty() || held.pixels * bytes_per_pixel > bytes) {
      batches.emplace_back();
      held = Hulls{images.size()};
      held.add(windows);
    }
    batches.back().push_back(b);
  }
  return batches;
}

std::vector<Box> windows_of(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, std::span<const std::size_t> batch, const BlockOptions& options) {
  Hulls all{images.size()};
  for (const auto b : batch) all.add(windows_of_block(images, sources, blocks[b], options));
  return all.boxes;
}

std::vector<FitImage> load(std::span<const FitImage> images, std::span<const Box> windows, const SourceLists& sources, const parallel::Pool& pool) {
  std::vector<FitImage> parts(images.size());
  pool.for_each(static_cast<std::int64_t>(images.size()), [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    if (windows[i].empty()) {
      parts[i] = images[i].geometry();
      return;
    }
    parts[i] = images[i].window(windows[i]);
    parts[i].model = sources.model(parts[i], i);
    parts[i].light = sources.light(parts[i], i);
  });
  return parts;
}

}  // namespace tessera::joint_fit
