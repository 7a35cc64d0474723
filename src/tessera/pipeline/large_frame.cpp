#include "tessera/pipeline/large_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tessera/background/noise.h"
#include "tessera/background/objects.h"
#include "tessera/base/error.h"

namespace tessera::pipeline {
namespace {

constexpr std::int64_t pixels_together = 1 << 20;  // of a band
constexpr std::int64_t sky_bytes_per_pixel = 28;   // values, their ranks, and the sky of a running median
constexpr std::int64_t band_bytes_per_pixel = 30;  // its copy, its mask, and the planes as they are read

/// Rows of a frame through the cache.
class Rows {
 public:
  Rows(FrameCache& cache, std::size_t frame, int width) : cache_{cache}, frame_{frame}, width_{width} {}
  FrameView operator()(int y0, int y1) {
    cache_.window(frame_, {0, y0, width_, y1}, rows_);
    return rows_.view();
  }

 private:
  FrameCache& cache_;
  std::size_t frame_;
  int width_;
  Frame rows_;
};

background::FrameNoise noise_of(Box box, std::size_t frame, FrameCache& cache) {
  std::vector<Frame> windows;
  for (const Box& part : background::noise_windows(box)) cache.window(frame, part, windows.emplace_back());
  std::vector<FrameView> views;
  for (const auto& w : windows) views.push_back(w.view());
  return background::measure_noise(std::move(views));
}

/// All of a frame and what measuring it takes.
std::int64_t whole_bytes(const instrument::FrameFile& frame, const MosaicOptions& options) {
  return frame.box().area() * (measuring_bytes_per_pixel + (options.frame_sky.method == background::SkyMethod::mesh ? 0 : sky_bytes_per_pixel));
}

}  // namespace

bool measured_in_bands(const instrument::FrameFile& frame, const MosaicOptions& options, const FrameCache& cache) {
  // The frame pass has 5/4 of what the cache has (share_memory).
  return whole_bytes(frame, options) > cache.ceiling_bytes() / 4 * 5;
}

std::int64_t measuring_bytes(const instrument::FrameFile& frame, const MosaicOptions& options, const FrameCache& cache) {
  return measured_in_bands(frame, options, cache) ? std::max<std::int64_t>(pixels_together, 16LL * frame.width) * band_bytes_per_pixel : whole_bytes(frame, options);
}

std::optional<background::CellMap> measure_large(const Plan& plan, const MosaicOptions& options, std::size_t frame, FrameCache& cache, FrameState& state) {
  const auto& file = plan.frames[frame];
  const Box box = file.box();
  const bool running_sky = options.frame_sky.method != background::SkyMethod::mesh;
  if (running_sky || options.rejection.uses(outlier::Scheme::radhit) || options.rejection.needs_detections())
    throw SystemError{fmt::format("{}: {} at whole frames, and one of {} × {} pixels does not fit the memory ceiling; raise --memory or {}", file.label(),
                                  running_sky ? "a running median looks" : "the schemes radhit and dual look", box.width(), box.height(),
                                  running_sky ? "take frame_sky.method = mesh" : "leave them out of rejection.method")};
  Rows rows{cache, frame, box.width()};
  const int together = static_cast<int>(std::max<std::int64_t>(16, pixels_together / box.width()));
  std::int64_t good = 0;
  for (int y = 0; y < box.height(); y += together) {
    const FrameView band = rows(y, std::min(box.height(), y + together));
    for (int row = band.box().y0; row < band.box().y1; ++row)
      for (const auto g : band.good.row(row)) good += g;
  }
  state.good_fraction = static_cast<double>(good) / static_cast<double>(std::max<std::int64_t>(1, box.area()));
  if (good == 0) return std::nullopt;
  const auto noise = noise_of(box, frame, cache);
  if (options.input.scale_noise) state.noise_scale = noise.scale;
  const double scale = std::isfinite(state.noise_scale) ? state.noise_scale : 1;
  state.sky_variance = noise.sky_variance * scale * scale;
  if (options.background.method == background::Method::none) return std::nullopt;
  const auto read = [&rows](int y0, int y1) { return rows(y0, y1); };
  const background::ObjectFinder objects{box, scale, options.background, read};
  background::CellSums sums{box, *state.frame_to_output, plan.cell_side, {0, 0, plan.grid.width, plan.grid.height}};
  for (int y = 0; y < box.height(); y += together) {
    const int end = std::min(box.height(), y + together);
    const auto masked = objects.mask(y, end, read);
    sums.add(rows(y, end), masked.view());
  }
  return sums.finish();
}

}  // namespace tessera::pipeline
