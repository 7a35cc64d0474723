#include "tessera/pipeline/outlier_maps.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/outlier/deviation.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {
namespace {

std::filesystem::path scratch_file(const std::filesystem::path& folder, std::size_t frame) { return folder / fmt::format("outlier_map_{}", frame); }

std::int64_t offset_of(Box place, OutlierMaps::Plane plane, int x, int y) {
  return plane * place.area() + static_cast<std::int64_t>(y - place.y0) * place.width() + (x - place.x0);
}

int extension(const io::FitsFile& file, const std::string& name) {
  for (const auto& hdu : file.hdus())
    if (hdu.name == name) return hdu.index;
  throw DataError{fmt::format("{}: holds no map of the {} scheme; make the maps with it in rejection.method", file.path().string(), text::lower(name))};
}

/// The map of one frame in a finished run, checked to be of this grid.
Image<float> finished_map(const io::FitsFile& file, int hdu, Box place) {
  const auto& info = file.hdus()[static_cast<std::size_t>(hdu)];
  const Header header = file.header(0);
  const auto x = header.integer("MINTOFFX"), y = header.integer("MINTOFFY");
  if (info.axes.size() != 2 || info.axes[0] != place.width() || info.axes[1] != place.height() || !x || !y || *x != place.x0 || *y != place.y0)
    throw DataError{fmt::format("{}: this outlier map is no {} × {} pixels at ({}, {}) of the grid, so it was made of other frames or on another grid; repeat the first run's options",
                                file.path().string(), place.width(), place.height(), place.x0, place.y0)};
  const Image<float> read = file.read_float(hdu, Box{0, 0, place.width(), place.height()});
  Image<float> map{place};
  std::copy(read.pixels().begin(), read.pixels().end(), map.pixels().begin());
  return map;
}

}  // namespace

Box OutlierMaps::place(const Plan& plan, std::size_t frame) { return intersection(plan.on_grid[frame], {0, 0, plan.grid.width, plan.grid.height}); }

void OutlierMaps::put(std::size_t frame, Plane plane, View<const float> deviation, Box part) const {
  const Box whole = place(plan_, frame), inside = intersection(part, whole);
  if (inside.empty()) return;
  const run::ScratchFile file{scratch_file(scratch_, frame), "an outlier map"};
  for (int y = inside.y0; y < inside.y1; ++y) file.write(deviation.window(inside).row(y), offset_of(whole, plane, inside.x0, y));
}

Image<float> OutlierMaps::read(std::size_t frame, Plane plane) const {
  Image<float> map{place(plan_, frame)};
  if (map.empty()) return map;
  const run::ScratchFile file{scratch_file(scratch_, frame), "an outlier map"};
  for (int y = map.box().y0; y < map.box().y1; ++y) file.read(map.row(y), offset_of(map.box(), plane, map.box().x0, y));
  return map;
}

void write_outlier_map(const Plan& plan, const MosaicOptions& options, const OutlierMaps& maps, std::size_t frame, const std::filesystem::path& path) {
  const Box place = OutlierMaps::place(plan, frame);
  Header header = plan.grid.header();
  for (const char* key : {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"}) header.remove(key);
  header.set("CRPIX1", plan.grid.crpix1 - place.x0);
  header.set("CRPIX2", plan.grid.crpix2 - place.y0);
  header.set("MINTOFFX", static_cast<std::int64_t>(place.x0), "[pixel] first column's offset in the mosaic");
  header.set("MINTOFFY", static_cast<std::int64_t>(place.y0), "[pixel] first row's offset in the mosaic");
  header.add_comment("deviation of the frame's values from the stack, in units of its scatter; 0 without a value");
  io::FitsWriter writer{path};
  const Image<float> temporal = maps.read(frame, OutlierMaps::temporal);
  writer.add_image("", header, temporal.view());
  if (options.rejection.uses(outlier::Scheme::box)) {
    const Image<float> box = maps.read(frame, OutlierMaps::box);
    writer.add_image("BOX", header, box.view());
  }
  if (options.rejection.uses(outlier::Scheme::dual)) {
    const Image<float> dual = maps.read(frame, OutlierMaps::dual);
    writer.add_image("DUAL", header, dual.view());
  }
  writer.close();
}

FrameMasks masks_from_maps(const Plan& plan, const FramePass& frames, const MosaicOptions& options, const std::vector<std::string>& names, FrameCache& cache, run::Context& context) {
  using outlier::Scheme;
  FrameMasks masks{plan.frames.size()};
  parallel::Budget budget{share_memory(context.memory_bytes()).frames};
  context.stage("thresholds on outlier maps", static_cast<std::int64_t>(names.size()));
  context.pool().for_each(static_cast<std::int64_t>(names.size()), [&](std::int64_t index) {
    const auto f = static_cast<std::size_t>(index);
    const Box place = OutlierMaps::place(plan, f);
    context.step();
    if (!frames.frames[f].usable || place.empty()) return;
    const std::int64_t bytes = std::min(budget.total(), place.area() * 10 + plan.frames[f].box().area() * measuring_bytes_per_pixel);
    budget.acquire(bytes, "reading an outlier map");
    const std::unique_ptr<parallel::Budget, std::function<void(parallel::Budget*)>> held{&budget, [bytes](parallel::Budget* b) { b->release(bytes); }};
    const io::FitsFile file{std::filesystem::path{options.rejection.outlier_maps} / names[f]};
    const Image<float> temporal = finished_map(file, 0, place);
    Image<std::uint8_t> by_time{place}, flags{place}, bits{plan.frames[f].box()};
    outlier::threshold(temporal, options.temporal.threshold_high, options.temporal.threshold_low, by_time);
    const auto leave = [&](View<const std::uint8_t> found, Scheme scheme) {
      Image<std::uint8_t> rejected{bits.box()};
      outlier::project_to_frame(found, *frames.frames[f].output_to_frame, options.temporal, rejected);
      for (std::size_t i = 0; i < bits.pixels().size(); ++i)
        if (rejected.pixels()[i]) bits.pixels()[i] = bits.pixels()[i] | bit_of(scheme);
    };
    if (options.rejection.uses(Scheme::temporal)) leave(by_time, Scheme::temporal);
    if (options.rejection.uses(Scheme::box)) {
      const Image<float> box = finished_map(file, extension(file, "BOX"), place);
      outlier::threshold(box, options.box.threshold_high, options.box.threshold_low, flags);
      for (std::size_t i = 0; i < flags.pixels().size(); ++i)
        if (std::isnan(box.pixels()[i])) flags.pixels()[i] = by_time.pixels()[i];
      leave(flags, Scheme::box);
    }
    if (options.rejection.uses(Scheme::dual)) {
      outlier::threshold(finished_map(file, extension(file, "DUAL"), place), INFINITY, 0, flags);
      leave(flags, Scheme::dual);
    }
    const auto frame = cache.whole(f);
    std::vector<MaskRun> runs;
    for (std::size_t i = 0; i < bits.pixels().size(); ++i)
      if (bits.pixels()[i] && frame->good.pixels()[i]) FrameMasks::add(runs, static_cast<std::int64_t>(i), bits.pixels()[i]);
    masks.take(f, runs);
  });
  masks.settle();
  return masks;
}

std::vector<std::string> product_names(const Plan& plan, const std::string& folder, const std::string& suffix) {
  std::vector<std::string> names;
  std::map<std::string, int> uses;
  for (const auto& frame : plan.frames) {
    auto name = frame.image.path.filename();
    if (name.extension() == ".gz" || name.extension() == ".fz") name = name.stem();
    names.push_back(name.stem().string() + (frame.hdu_label.empty() ? "" : fmt::format("_{}", frame.image.hdu)));
    ++uses[names.back()];
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (uses[names[i]] > 1) names[i] += fmt::format("_image{}", i + 1);  // Image_id of header_list.tbl
    names[i] = fmt::format("{}/{}_{}.fits", folder, names[i], suffix);
  }
  return names;
}

}  // namespace tessera::pipeline
