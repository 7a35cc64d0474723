#include "tessera/pipeline/frame_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "tessera/base/text.h"
#include "tessera/io/remote.h"

namespace tessera::pipeline {
namespace {

constexpr std::int64_t bytes_per_pixel = 9;      // float value, float variance, one byte good
constexpr std::int64_t least_bands = 32;         // a larger part of the ceiling than 1/32 is read in pieces

void copy_rows(const Frame& from, Frame& to) {
  const Box part = intersection(from.box(), to.box());
  const auto copy = [&](const auto& source, auto& target) {
    for (int y = part.y0; y < part.y1; ++y)
      std::copy_n(&source(part.x0, y), part.width(), &target(part.x0, y));
  };
  if (part.empty()) return;
  copy(from.value, to.value);
  copy(from.variance, to.variance);
  copy(from.good, to.good);
}

/// Rows a power of two apart fall on the same few places of the nearest cache, and push each other out: a copy of another width is faster.
bool rows_collide(int width) { return static_cast<std::size_t>(width) * sizeof(float) % 2048 == 0; }

}  // namespace

std::string file_stamps(const instrument::FrameFile& frame) {
  std::string text;
  const auto add = [&](const instrument::PlaneLocation& plane) {
    if (io::is_url(plane.path.string())) {
      text += fmt::format("{}{}[{}]/{}", text.empty() ? "" : ";", plane.path.filename().string(), plane.hdu, io::remote_identity(plane.path.string()).stamp());
      return;
    }
    std::error_code code;
    const auto bytes = std::filesystem::file_size(plane.path, code);
    const auto time = std::filesystem::last_write_time(plane.path, code).time_since_epoch().count();
    text += fmt::format("{}{}[{}]/{}/{}", text.empty() ? "" : ";", plane.path.filename().string(), plane.hdu, code ? 0 : bytes, code ? 0 : time);
  };
  add(frame.image);
  if (frame.uncertainty) add(*frame.uncertainty);
  if (frame.mask) add(*frame.mask);
  if (frame.rmask) add(frame.rmask->plane);
  if (frame.pmask) add(frame.pmask->plane);
  for (const auto& plane : frame.more_variance) add(plane);
  return text;
}

FrameCache::FrameCache(std::span<const instrument::FrameFile> frames, std::int64_t ceiling_bytes, std::span<const std::string> stamps)
    : frames_{frames}, stamps_{stamps}, ceiling_{ceiling_bytes} {
  std::int64_t all = 0;
  for (const auto& f : frames) all += f.box().area() * bytes_per_pixel;
  holds_all_ = all <= ceiling_;
}

int FrameCache::band_rows(std::size_t frame) const {
  const auto& file = frames_[frame];
  // A gzipped file is inflated as a whole at every opening, so it is one band; unless it is large, and a run has unpacked it.
  for (const auto* plane : file.planes())
    if (plane->unpacked_bytes > 0 && plane->unpacked.empty()) return std::max(1, file.height);
  const std::int64_t rows = std::max<std::int64_t>(16, ceiling_ / least_bands / bytes_per_pixel / std::max(1, file.width));
  return static_cast<int>(std::min<std::int64_t>(rows, std::max(1, file.height)));
}

Box FrameCache::band_box(std::size_t frame, int index) const {
  const int rows = band_rows(frame);
  const auto& file = frames_[frame];
  return {0, index * rows, file.width, std::min(file.height, (index + 1) * rows)};
}

void FrameCache::window(std::size_t frame, Box window, Frame& into) {
  into.reshape(window);
  if (window.empty()) return;
  const int rows = band_rows(frame);
  for (int index = window.y0 / rows; index <= (window.y1 - 1) / rows; ++index) copy_rows(*band(frame, index), into);
}

FrameView FrameCache::view(std::size_t frame, Box window, Frame& copy, std::shared_ptr<const Frame>& held) {
  const int rows = band_rows(frame), index = window.empty() ? 0 : window.y0 / rows;
  if (!holds_all_ || window.empty() || index != (window.y1 - 1) / rows || rows_collide(frames_[frame].width)) {
    held.reset();
    this->window(frame, window, copy);
    return copy.view();
  }
  held = band(frame, index);
  const FrameView all = held->view();
  return {all.value.window(window), all.variance.window(window), all.good.window(window)};
}

std::shared_ptr<const Frame> FrameCache::whole(std::size_t frame) {
  const Box box{0, 0, frames_[frame].width, frames_[frame].height};
  if (band_rows(frame) == box.height()) return band(frame, 0);
  auto all = std::make_shared<Frame>();
  window(frame, box, *all);
  return all;
}

/// Which file of a frame has another size, or another time of modification.
std::string difference(const std::string& before, const std::string& now) {
  const auto was = text::split(before, ';'), is = text::split(now, ';');
  for (std::size_t i = 0; i < std::min(was.size(), is.size()); ++i) {
    if (was[i] == is[i]) continue;
    const auto a = text::split(was[i], '/'), b = text::split(is[i], '/');  // name, bytes, time: a name has no such sign
    if (a.size() != 3 || b.size() != 3) break;
    return a[1] == b[1] ? fmt::format("{} was modified", a[0]) : fmt::format("{} had {} bytes, now {}", a[0], a[1], b[1]);
  }
  return "its files are others";
}

void check_unchanged(const instrument::FrameFile& file, const std::string& stamp, std::size_t frame, const std::string& also) {
  if (const auto now = file_stamps(file); now != stamp)
    throw UnreadableFrame{frame, fmt::format("{}: changed since the run was planned: {}{}{}; run again to plan with the new file", file.label(), difference(stamp, now), also.empty() ? "" : "; ", also)};
}

/// A file that changed since the plan was made does not fit the plan, even where it can be read.
Frame FrameCache::read_pixels(std::size_t frame, Box box) const {
  const auto& file = frames_[frame];
  std::string reason;
  std::optional<Frame> pixels;
  try {
    pixels = instrument::read_frame(file, box);
  } catch (const DataError& error) {
    reason = error.what();
  }
  if (!stamps_.empty()) check_unchanged(file, stamps_[frame], frame, reason);
  if (!pixels) throw UnreadableFrame{frame, reason};
  return std::move(*pixels);
}

FrameCache::BandPtr FrameCache::band(std::size_t frame, int index) {
  const Key key{frame, index};
  std::promise<BandPtr> promise;
  {
    std::unique_lock lock{mutex_};
    if (const auto found = entries_.find(key); found != entries_.end()) {
      order_.splice(order_.end(), order_, found->second.used);
      const auto future = found->second.band;
      lock.unlock();
      return future.get();
    }
    Entry entry;
    entry.band = promise.get_future().share();
    entry.used = order_.insert(order_.end(), key);
    entry.bytes = band_box(frame, index).area() * bytes_per_pixel;
    held_ += entry.bytes;
    entries_.emplace(key, std::move(entry));
    evict_beyond_ceiling();
  }
  try {
    auto read = std::make_shared<const Frame>(read_pixels(frame, band_box(frame, index)));
    promise.set_value(read);
    return read;
  } catch (...) {
    promise.set_exception(std::current_exception());
    throw;
  }
}

void FrameCache::evict_beyond_ceiling() {
  // The newest entry stays: its reader is about to use it. Others in use live on through their shared pointers.
  while (held_ > ceiling_ && order_.size() > 1) {
    const auto oldest = entries_.find(order_.front());
    held_ -= oldest->second.bytes;
    order_.pop_front();
    entries_.erase(oldest);
  }
}

}  // namespace tessera::pipeline
