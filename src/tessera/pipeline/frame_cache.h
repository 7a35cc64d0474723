/// pipeline/frame_cache.h — windows of frames, read in bands of whole rows and kept, least recently used first out, below a
/// ceiling of bytes. What is read never depends on what is cached.
#pragma once
#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/core/frame.h"
#include "tessera/instrument/frame_file.h"

namespace tessera::pipeline {

/// Sizes and times of modification of a frame's files, as they are now.
std::string file_stamps(const instrument::FrameFile& frame);

/// A frame whose pixels cannot be read, or that is not the file any more that was planned with.
class UnreadableFrame : public DataError {
 public:
  UnreadableFrame(std::size_t frame, const std::string& message) : DataError{message}, frame_{frame} {}
  std::size_t frame() const { return frame_; }

 private:
  std::size_t frame_;
};

/// Throws UnreadableFrame when the frame's files are not those any more that were planned with.
void check_unchanged(const instrument::FrameFile& file, const std::string& stamp, std::size_t frame, const std::string& also = "");

class FrameCache {
 public:
  /// `frames` must outlive the cache, and `stamps`: what file_stamps() gave when they were planned; empty: not looked at.
  FrameCache(std::span<const instrument::FrameFile> frames, std::int64_t ceiling_bytes, std::span<const std::string> stamps = {});
  std::int64_t ceiling_bytes() const { return ceiling_; }
  /// Copies the pixels of `window` (inside the frame's box) to `into`, whose memory is used again. Safe from many threads; each
  /// band is read once at a time.
  void window(std::size_t frame, Box window, Frame& into);
  /// The pixels of `window` to look at: those in the cache itself where it holds all frames at once (`held` keeps them there), else a copy in `copy`.
  FrameView view(std::size_t frame, Box window, Frame& copy, std::shared_ptr<const Frame>& held);
  /// All pixels of a frame, shared with the cache where one band holds them. All three throw UnreadableFrame.
  std::shared_ptr<const Frame> whole(std::size_t frame);

 private:
  using Key = std::pair<std::size_t, int>;  // frame, band
  using BandPtr = std::shared_ptr<const Frame>;
  struct Entry {
    std::shared_future<BandPtr> band;
    std::list<Key>::iterator used;
    std::int64_t bytes = 0;
  };
  BandPtr band(std::size_t frame, int index);
  Frame read_pixels(std::size_t frame, Box box) const;
  int band_rows(std::size_t frame) const;
  Box band_box(std::size_t frame, int index) const;
  void evict_beyond_ceiling();

  std::span<const instrument::FrameFile> frames_;
  std::span<const std::string> stamps_;
  std::int64_t ceiling_, held_ = 0;
  bool holds_all_ = false;  // nothing is ever dropped
  std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::list<Key> order_;  // front: least recently used
};

}  // namespace tessera::pipeline
