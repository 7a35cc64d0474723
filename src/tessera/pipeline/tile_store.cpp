#include "tessera/pipeline/tile_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "tessera/base/error.h"
#include "tessera/base/files.h"

namespace tessera::pipeline {
namespace {

[[noreturn]] void fail(const char* doing, const std::filesystem::path& path) {
  throw SystemError{fmt::format("{}: {} failed: {}; free space or choose another output folder, then run the same command again to go on",
                                path.string(), doing, std::strerror(errno))};
}

void write_all(int fd, const void* data, std::size_t bytes, std::int64_t at, const std::filesystem::path& path) {
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = at < 0 ? ::write(fd, p, bytes) : ::pwrite(fd, p, bytes, at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail("writing", path);
    p += done;
    bytes -= static_cast<std::size_t>(done);
    if (at >= 0) at += done;
  }
}

void read_all(int fd, void* data, std::size_t bytes, std::int64_t at, const std::filesystem::path& path) {
  char* p = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::pread(fd, p, bytes, at);
    if (done < 0 && errno == EINTR) continue;
    if (done == 0) errno = EIO;
    if (done <= 0) fail("reading", path);
    p += done;
    bytes -= static_cast<std::size_t>(done);
    at += done;
  }
}

/// Plane `plane` of those that lie in the file one after the other.
template <class T>
const Image<T>& plane_of(const TileResult& result, int plane, PlaneSet planes) {
  if constexpr (std::is_same_v<T, float>) return result.plane[static_cast<std::size_t>(planes.at(plane))];
  else return result.context[static_cast<std::size_t>(plane - planes.count())];
}

nlohmann::json to_json(const Rejected& rejected) {
  auto j = nlohmann::json::array();
  for (const auto& r : rejected) j.push_back({r.frame, r.runs});
  return j;
}

Rejected rejected_from(const nlohmann::json& j) {
  Rejected rejected;
  for (const auto& entry : j) rejected.push_back({entry.at(0), entry.at(1)});
  return rejected;
}

}  // namespace

std::string bytes_of(const TileResult& result) {
  std::string bytes;
  std::size_t size = 0;
  for (const auto& plane : result.plane) size += plane.pixels().size_bytes();
  bytes.reserve(size);
  for (const auto& plane : result.plane) bytes.append(reinterpret_cast<const char*>(plane.pixels().data()), plane.pixels().size_bytes());
  for (const auto& plane : result.context) bytes.append(reinterpret_cast<const char*>(plane.pixels().data()), plane.pixels().size_bytes());
  return bytes;
}

Box TileLattice::box(std::int64_t tile) const {
  const int x = static_cast<int>(tile % columns()) * side, y = static_cast<int>(tile / columns()) * side;
  return {x, y, std::min(width, x + side), std::min(height, y + side)};
}

TileResult::TileResult(Box box, PlaneSet asked, int context_planes) : context(static_cast<std::size_t>(context_planes)) {
  for (int p = 0; p < planes; ++p)
    if (asked.has(p)) plane[static_cast<std::size_t>(p)].reset(box);
  for (auto& c : context) c.reset(box);
}

TileStore::TileStore(const std::filesystem::path& folder, const TileLattice& lattice, const std::string& plan_hash, PlaneSet planes, int context_planes,
                     std::function<std::string(std::int64_t)> key)
    : lattice_{lattice}, planes_{planes}, context_planes_{context_planes}, folder_{folder}, finished_(static_cast<std::size_t>(lattice.count()), 0), rejected_(finished_.size()), key_{std::move(key)} {
  // Another memory ceiling may have chosen other tiles for the same plan: then they are made anew.
  const auto before = run::journal_head(folder);
  const bool resume = before && before->plan == plan_hash && before->tile_side == lattice.side;
  const int fresh = resume ? 0 : O_TRUNC;
  tiles_ = ::open((folder / "tiles").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | fresh, 0666);
  if (tiles_ < 0) fail("opening", folder / "tiles");
  if (resume) recover();
  journal_ = ::open((folder / "journal").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | fresh, 0666);
  if (journal_ < 0) {
    ::close(tiles_);
    fail("opening", folder / "journal");
  }
  if (!resume) {
    const std::string head =
        nlohmann::json{{"schema", "tessera/journal/1"}, {"plan", plan_hash}, {"tile_side", lattice_.side}}.dump() + "\n";
    write_all(journal_, head.data(), head.size(), -1, folder / "journal");
    ::fdatasync(journal_);
  }
}

TileStore::~TileStore() {
  if (std::uncaught_exceptions() > 0 && !unsaved_.empty()) {
    std::vector<Held> rest;
    for (const auto tile : unsaved_) rest.emplace_back(tile, held_.at(tile));
    try {
      save(rest);
    } catch (const std::exception&) {
      // What ends the run is told already; these tiles are made again.
    }
  }
  ::close(tiles_);
  ::close(journal_);
}

std::int64_t TileStore::offset(std::int64_t tile) const {
  // Whole rows of tiles before this one, then the tiles to its left, all of this row's height.
  const Box box = lattice_.box(tile);
  return (static_cast<std::int64_t>(box.y0) * lattice_.width + static_cast<std::int64_t>(box.x0) * box.height()) * (planes_.count() + context_planes_) *
         static_cast<std::int64_t>(sizeof(float));
}

std::int64_t TileStore::bytes_of_tile(std::int64_t tile) const {
  return lattice_.box(tile).area() * (planes_.count() + context_planes_) * static_cast<std::int64_t>(sizeof(float));
}

std::string TileStore::read_tile(std::int64_t tile) const {
  std::string bytes(static_cast<std::size_t>(bytes_of_tile(tile)), '\0');
  read_all(tiles_, bytes.data(), bytes.size(), offset(tile), folder_ / "tiles");
  return bytes;
}

void TileStore::recover_tile(std::int64_t tile, const std::string& sha256, const std::string& key, Rejected rejected, std::int64_t file_bytes) {
  if (tile < 0 || tile >= lattice_.count()) return;
  if (key_ && key_(tile) != key) {
    stale_.insert(tile);
    return;
  }
  const auto end = offset(tile) + bytes_of_tile(tile);
  if (end > file_bytes || files::sha256(read_tile(tile)) != sha256) return;
  finished_[static_cast<std::size_t>(tile)] = 1;
  stale_.erase(tile);
  rejected_[static_cast<std::size_t>(tile)] = std::move(rejected);
}

void TileStore::recover() {
  const std::string text = files::read(folder_ / "journal", std::size_t{1} << 34);
  struct stat status {};
  ::fstat(tiles_, &status);
  std::size_t begin = 0, kept = 0;
  while (begin < text.size()) {
    const auto end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn by a crash
    const auto line = nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
    begin = kept = end + 1;
    try {
      if (line.is_object() && line.contains("tile")) recover_tile(line.at("tile"), line.at("sha256"), line.value("key", std::string{}), rejected_from(line.at("rejected")), status.st_size);
    } catch (const nlohmann::json::exception&) {
      continue;  // not a line of ours: that tile is made again
    }
  }
  if (kept < text.size() && ::truncate((folder_ / "journal").c_str(), static_cast<off_t>(kept)) != 0) fail("truncating", folder_ / "journal");
}

void TileStore::adopt(std::int64_t tile, std::filesystem::path file, std::int64_t at, Rejected rejected) {
  if (files_.empty() || files_.back() != file) files_.push_back(std::move(file));
  adopted_[tile] = {files_.size(), at};
  finished_[static_cast<std::size_t>(tile)] = 1;
  rejected_[static_cast<std::size_t>(tile)] = std::move(rejected);
}

void TileStore::read_at(std::int64_t tile, std::int64_t begin, void* into, std::int64_t bytes) const {
  const auto place = adopted_.find(tile);
  if (place == adopted_.end()) return read_all(tiles_, into, static_cast<std::size_t>(bytes), offset(tile) + begin, folder_ / "tiles");
  // Opened for each piece: there may be more such files than a process may have open.
  const auto& path = files_[place->second.file - 1];
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail("opening", path);
  try {
    read_all(file, into, static_cast<std::size_t>(bytes), place->second.at + begin, path);
  } catch (...) {
    ::close(file);
    throw;
  }
  ::close(file);
}

std::int64_t TileStore::finished_count() const { return std::count(finished_.begin(), finished_.end(), 1); }

/// All data first, synced, then the journal: a line never stands for a tile that a power cut has taken.
void TileStore::save(std::span<const Held> tiles) {
  std::string lines;
  for (const auto& [tile, result] : tiles) {
    const std::string bytes = bytes_of(*result);
    write_all(tiles_, bytes.data(), bytes.size(), offset(tile), folder_ / "tiles");
    nlohmann::json entry{{"tile", tile}, {"sha256", files::sha256(bytes)}, {"rejected", to_json(result->rejected)}};
    if (key_) entry["key"] = key_(tile);
    lines += entry.dump() + "\n";
  }
  if (::fdatasync(tiles_) != 0) fail("syncing", folder_ / "tiles");
  const std::lock_guard lock{journal_mutex_};
  write_all(journal_, lines.data(), lines.size(), -1, folder_ / "journal");
  if (::fdatasync(journal_) != 0) fail("syncing", folder_ / "journal");
}

void TileStore::hold(std::int64_t bytes, double seconds) {
  most_held_ = bytes;
  save_every_ = seconds;
}

std::shared_ptr<const TileResult> TileStore::held(std::int64_t tile) const {
  const std::lock_guard lock{mutex_};
  const auto found = held_.find(tile);
  return found == held_.end() ? nullptr : found->second;
}

void TileStore::put(std::int64_t tile, TileResult result) {
  const auto kept = std::make_shared<const TileResult>(std::move(result));
  std::vector<Held> to_save;
  {
    const std::lock_guard lock{mutex_};
    if (save_every_ > 0 && held_bytes_ + bytes_of_tile(tile) <= most_held_) {
      held_.emplace(tile, kept);
      held_bytes_ += bytes_of_tile(tile);
      unsaved_.push_back(tile);
    } else {
      to_save.emplace_back(tile, kept);
    }
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - saved_).count() > save_every_) {
      for (const auto t : unsaved_) to_save.emplace_back(t, held_.at(t));
      unsaved_.clear();
      saved_ = now;
    }
  }
  if (!to_save.empty()) save(to_save);
  const std::lock_guard lock{mutex_};
  finished_[static_cast<std::size_t>(tile)] = 1;
  rejected_[static_cast<std::size_t>(tile)] = kept->rejected;
}

bool TileStore::covered(Box box) const {
  const int side = lattice_.side;
  for (int ty = box.y0 / side; ty <= (box.y1 - 1) / side; ++ty)
    for (int tx = box.x0 / side; tx <= (box.x1 - 1) / side; ++tx)
      if (finished(static_cast<std::int64_t>(ty) * lattice_.columns() + tx)) return true;
  return false;
}

template <class T>
void TileStore::read_plane(int plane, Box wanted, T fill, Image<T>& pixels) const {
  static_assert(sizeof(T) == sizeof(float));
  pixels.reset(wanted, fill);
  std::vector<T> rows;
  const int side = lattice_.side;
  for (int ty = wanted.y0 / side; ty <= (wanted.y1 - 1) / side; ++ty)
    for (int tx = wanted.x0 / side; tx <= (wanted.x1 - 1) / side; ++tx) {
      const std::int64_t tile = static_cast<std::int64_t>(ty) * lattice_.columns() + tx;
      if (!finished(tile)) continue;
      const Box box = lattice_.box(tile), part = intersection(box, wanted);
      if (const auto memory = held(tile)) {
        const auto view = plane_of<T>(*memory, plane, planes_).view().window(part);
        for (int y = part.y0; y < part.y1; ++y) std::ranges::copy(view.row(y), &pixels(part.x0, y));
        continue;
      }
      rows.resize(static_cast<std::size_t>(part.height()) * static_cast<std::size_t>(box.width()));  // whole rows of the tile lie together
      const std::int64_t before = (plane * box.area() + static_cast<std::int64_t>(part.y0 - box.y0) * box.width()) * static_cast<std::int64_t>(sizeof(T));
      read_at(tile, before, rows.data(), static_cast<std::int64_t>(rows.size() * sizeof(T)));
      for (int y = part.y0; y < part.y1; ++y)
        std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(y - part.y0) * box.width() + (part.x0 - box.x0), part.width(), &pixels(part.x0, y));
    }
}

Box TileStore::band_box(int tile_row) const {
  const int y0 = tile_row * lattice_.side;
  return {0, y0, lattice_.width, std::min(lattice_.height, y0 + lattice_.side)};
}

void TileStore::read_band(TileResult::Plane plane, int tile_row, float fill, Image<float>& band) const { read_plane(planes_.index(plane), band_box(tile_row), fill, band); }

void TileStore::read_box(TileResult::Plane plane, Box box, float fill, Image<float>& pixels) const { read_plane(planes_.index(plane), box, fill, pixels); }

void TileStore::read_context(int plane, int tile_row, Image<std::int32_t>& band) const { read_plane(planes_.count() + plane, band_box(tile_row), std::int32_t{0}, band); }

std::vector<std::int64_t> TileStore::rejected(std::size_t frames) const {
  std::vector<std::int64_t> sums(frames, 0);
  for (const auto& tile : rejected_)
    for (const auto& r : tile)
      if (r.frame >= 0 && static_cast<std::size_t>(r.frame) < frames) sums[static_cast<std::size_t>(r.frame)] += r.count();
  return sums;
}

}  // namespace tessera::pipeline
