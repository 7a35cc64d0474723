#include "tessera/pipeline/detection_maps.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/io/fits.h"
#include "tessera/parallel/pool.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

outlier::Clusters read_detection_map(const std::filesystem::path& path, int width, int height) {
  const io::FitsFile file{path};
  const auto& axes = file.hdus().front().axes;
  if (axes.size() != 2 || axes[0] != width || axes[1] != height)
    throw DataError{fmt::format("{}: a detection map of {} × {} pixels was expected, as large as its frame; give the Detect folder of a run of the same frames", path.string(), width, height)};
  const Image<float> map = file.read_float(0);
  outlier::Clusters clusters;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const float v = map(x, y);
      if (v == 0 || std::isnan(v)) continue;
      if (!(v > 0 && v <= 16777216.0f) || v != std::floor(v))
        throw DataError{fmt::format("{}: holds {} at ({}, {}), and the number of a cluster or 0 was expected; is it a detection map?", path.string(), v, x, y)};
      const auto number = static_cast<std::int32_t>(v);
      clusters.count = std::max(clusters.count, number);
      if (x > 0 && !clusters.runs.empty() && clusters.runs.back().y == y && clusters.runs.back().x + clusters.runs.back().length == x && clusters.runs.back().cluster == number) ++clusters.runs.back().length;
      else clusters.runs.push_back({x, y, 1, number});
    }
  return clusters;
}

std::vector<run::ProductRecord> write_detection_maps(const Plan& plan, const FramePass& pass, run::OutputFolder& folder, run::Context& context) {
  const auto names = product_names(plan, "Detect", "detmap");
  std::vector<run::ProductRecord> records;
  context.stage("writing detection maps", static_cast<std::int64_t>(names.size()));
  for (std::size_t f = 0; f < names.size(); ++f) {
    parallel::check_interrupt();
    context.step();
    if (!pass.frames[f].usable) continue;
    Image<std::int32_t> map{plan.frames[f].width, plan.frames[f].height};
    for (const auto& run : pass.frames[f].detections.runs)
      for (int x = run.x; x < run.x + run.length; ++x) map(x, run.y) = run.cluster;
    Header header;
    header.set("NCLUSTER", static_cast<std::int64_t>(pass.frames[f].detections.count), "largest number of a cluster");
    header.add_history(fmt::format("bright pixels of {}", plan.frames[f].image.path.filename().string()));
    io::FitsWriter writer{folder.product(names[f])};
    writer.add_image("", header, std::as_const(map).view());
    writer.close();
    records.push_back({names[f], run::datasums(folder.product(names[f]))});
  }
  return records;
}

}  // namespace tessera::pipeline
