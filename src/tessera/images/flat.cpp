#include "tessera/images/flat.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/background/noise.h"
#include "tessera/background/objects.h"
#include "tessera/base/error.h"
#include "tessera/base/version.h"
#include "tessera/coadd/order.h"
#include "tessera/core/statistics.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/tile_store.h"

namespace tessera::images {
namespace {

constexpr std::int64_t stack_bytes_per_pixel = 3 * sizeof(float) + 9;  // value, variance, coverage; the frame they come from

/// What the median needs to know of a frame.
struct Level {
  double level = 1, noise_scale = 1;
  pipeline::RejectedRuns masked;  // sources
};

struct Flat {
  Image<float> value, sigma, count;
  explicit Flat(Box box) : value{box}, sigma{box}, count{box} {}
};

double median_of_good(const Frame& frame, View<const std::uint8_t> masked, const std::string& name) {
  std::vector<float> values;
  for (int y = frame.box().y0; y < frame.box().y1; ++y)
    for (int x = frame.box().x0; x < frame.box().x1; ++x)
      if (frame.good(x, y) && (masked.box().empty() || !masked(x, y))) values.push_back(frame.value(x, y));
  const double level = statistics::median_inplace(std::span<float>{values});
  if (!(level > 0)) throw DataError{fmt::format("{}: the median of its {} good pixels is {}; a flat field needs frames of a bright sky", name, values.size(), level)};
  return level;
}

void divide(Frame& frame, const Image<float>& flat) {
  for (int y = frame.box().y0; y < frame.box().y1; ++y)
    for (int x = frame.box().x0; x < frame.box().x1; ++x) {
      const float f = flat(x, y);
      const bool good = frame.good(x, y) && f > 0;  // false for NaN
      frame.good(x, y) = good;
      frame.value(x, y) = good ? frame.value(x, y) / f : 0;
      frame.variance(x, y) = good ? frame.variance(x, y) / (f * f) : 0;
    }
}

class FlatMaker {
 public:
  FlatMaker(const std::vector<instrument::FrameFile>& frames, const FlatOptions& options, run::Context& context)
      : frames_{frames}, options_{options}, context_{context}, box_{frames.front().box()}, levels_(frames.size()) {}

  Flat make() {
    each_frame("levels of frames", [&](std::size_t i) { levels_[i].level = median_of_good(instrument::read_frame(frames_[i], box_), {}, frames_[i].label()); });
    Flat flat = median("median of frames");
    if (!options_.mask_objects) return flat;
    each_frame("masking sources", [&](std::size_t i) { mask_sources(i, flat.value); });
    return median("median without sources");
  }

 private:
  template <class Work>
  void each_frame(const char* name, Work work) {
    context_.stage(name, static_cast<std::int64_t>(frames_.size()));
    parallel::Budget budget{context_.memory_bytes() / 2};
    const auto bytes = std::min(budget.total(), box_.area() * 24);
    context_.pool().for_each(static_cast<std::int64_t>(frames_.size()), [&](std::int64_t i) {
      budget.acquire(bytes, "measuring a frame");
      work(static_cast<std::size_t>(i));
      budget.release(bytes);
      context_.step();
    });
  }

  void mask_sources(std::size_t i, const Image<float>& flat) {
    Frame frame = instrument::read_frame(frames_[i], box_);
    divide(frame, flat);
    const auto noise = background::measure_noise(frame.view());
    background::BackgroundOptions how;
    how.object_threshold = options_.object_threshold;
    auto& level = levels_[i];
    level.noise_scale = std::isfinite(noise.scale) ? noise.scale : 1;
    const auto masked = background::mask_objects(frame.view(), level.noise_scale, how);
    level.level = median_of_good(frame, masked, frames_[i].label());
    for (int y = 0; y < box_.y1; ++y)
      for (int x = 0; x < box_.x1; ++x)
        if (masked(x, y)) level.masked.add(static_cast<std::int64_t>(y) * box_.width() + x);
  }

  /// Rows of frame i over its level, without its sources.
  Resampled rows(std::size_t i, Box band) const {
    const Frame frame = instrument::read_frame(frames_[i], band);
    const auto& level = levels_[i];
    Resampled out{band};
    const double variance = std::pow(level.noise_scale / level.level, 2);
    for (std::size_t p = 0; p < out.value.pixels().size(); ++p) {
      if (!frame.good.pixels()[p]) continue;
      out.value.pixels()[p] = static_cast<float>(static_cast<double>(frame.value.pixels()[p]) / level.level);
      out.variance.pixels()[p] = static_cast<float>(static_cast<double>(frame.variance.pixels()[p]) * variance);
      out.coverage.pixels()[p] = 1;
    }
    const std::int64_t first = static_cast<std::int64_t>(band.y0) * box_.width(), last = static_cast<std::int64_t>(band.y1) * box_.width();
    for (std::size_t r = 0; r + 1 < level.masked.runs.size(); r += 2)
      for (std::int64_t p = std::max(first, level.masked.runs[r]); p < std::min(last, level.masked.runs[r] + level.masked.runs[r + 1]); ++p) {
        const auto at = static_cast<std::size_t>(p - first);
        out.value.pixels()[at] = out.variance.pixels()[at] = out.coverage.pixels()[at] = 0;
      }
    return out;
  }

  Flat median(const char* name) {
    Flat flat{box_};
    const std::int64_t row_bytes = static_cast<std::int64_t>(frames_.size()) * box_.width() * stack_bytes_per_pixel;
    const int height = static_cast<int>(std::clamp<std::int64_t>(context_.memory_bytes() / 2 / row_bytes, 1, box_.height()));
    context_.stage(name, (box_.height() + height - 1) / height);
    for (int y = 0; y < box_.y1; y += height) {
      const Box band{0, y, box_.x1, std::min(box_.y1, y + height)};
      std::vector<Resampled> stack(frames_.size());
      context_.pool().for_each(static_cast<std::int64_t>(frames_.size()), [&](std::int64_t i) { stack[static_cast<std::size_t>(i)] = rows(static_cast<std::size_t>(i), band); });
      context_.pool().for_each(band.height(), [&](std::int64_t r) {
        const int v = band.y0 + static_cast<int>(r);
        median_of_row(stack, {0, v, box_.x1, v + 1}, flat);
      });
      context_.step();
    }
    normalise(flat);
    return flat;
  }

  void median_of_row(std::vector<Resampled>& stack, Box row, Flat& flat) const {
    std::vector<ResampledView> views;
    for (auto& s : stack) views.push_back({s.value.view().window(row), s.variance.view().window(row), s.coverage.view().window(row)});
    for (int x = row.x0; x < row.x1; ++x) {
      for (const auto& v : views) flat.count(x, row.y0) += v.coverage(x, row.y0);
      if (flat.count(x, row.y0) < static_cast<float>(options_.min_frames)) flat.value(x, row.y0) = flat.sigma(x, row.y0) = NAN;
    }
    coadd::median(views, flat.value.view().window(row), flat.sigma.view().window(row));  // leaves NaN alone
  }

  void normalise(Flat& flat) const {
    const double middle = statistics::median(std::span<const float>{flat.value.pixels()});
    if (!(middle > 0)) throw DataError{fmt::format("no pixel is good in {} of the {} frames (flat.min_frames)", options_.min_frames, frames_.size())};
    for (float& v : flat.value.pixels()) v = static_cast<float>(static_cast<double>(v) / middle);
    for (float& v : flat.sigma.pixels()) v = static_cast<float>(static_cast<double>(v) / middle);
  }

  const std::vector<instrument::FrameFile>& frames_;
  const FlatOptions& options_;
  run::Context& context_;
  Box box_;
  std::vector<Level> levels_;
};

}  // namespace

void describe(param::Schema<FlatOptions>& s) {
  s.field(&FlatOptions::min_frames, "min_frames", "Pixels that are good and free of sources in fewer frames have no value in the flat.").range(1, 1000000);
  s.field(&FlatOptions::mask_objects, "mask_objects", "Leave sources out: pixels far from their frame's local sky, once the first flat is divided out.");
  s.field(&FlatOptions::object_threshold, "object_threshold", "Pixels this far from the local sky, and their neighbours, count as sources.").unit("sigma").range(1, 1000);
}

void make_flat(const std::vector<instrument::FrameFile>& frames, const FlatOptions& options, const std::filesystem::path& out, run::Context& context) {
  const auto& first = frames.front();
  for (const auto& frame : frames)
    if (frame.box() != first.box())
      throw DataError{fmt::format("{}: {} × {} pixels, but {} has {} × {}; a flat field is made from frames of one detector", frame.label(), frame.width, frame.height, first.label(), first.width, first.height)};
  if (static_cast<int>(frames.size()) < options.min_frames) throw UsageError{fmt::format("{} frames were given; flat.min_frames asks for {}", frames.size(), options.min_frames)};
  const Flat flat = FlatMaker{frames, options, context}.make();
  Header header;
  header.set("OBJECT", std::string{"flat field"}, "median over frames of value / level; its median is 1");
  if (!first.filter.empty()) header.set("FILTER", first.filter, "of the first frame");
  header.set("PROFILE", first.profile->name, "instrument profile of the first frame");
  header.set("NCOMBINE", static_cast<std::int64_t>(frames.size()), "frames combined");
  header.set("CREATOR", "tessera " + std::string{version()}, "program that made this file");
  for (const auto& frame : frames) header.add_history(frame.image.path.filename().string());
  io::FitsWriter writer{out};
  writer.add_image("", header, flat.value.view());
  Header sigma, count;
  sigma.add_comment("1-sigma error of the flat, from the frames' variances");
  count.add_comment("frames that count in each pixel");
  writer.add_image("SIGMA", sigma, flat.sigma.view());
  writer.add_image("COVERAGE", count, flat.count.view());
  writer.close();
}

}  // namespace tessera::images
