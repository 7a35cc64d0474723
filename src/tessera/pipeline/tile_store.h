/// pipeline/tile_store.h — finished tiles on disk while a run goes on, with the journal that lets it be resumed.
/// OUT/.tessera/tiles holds the float planes of each tile, tile after tile; OUT/.tessera/journal one JSON line per finished tile.
#pragma once
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/run/output_folder.h"

namespace tessera::pipeline {

/// Tiles of side `side` over [0,width)×[0,height), numbered by rows from the grid's origin.
struct TileLattice {
  int width = 0, height = 0, side = 256;
  int columns() const { return (width + side - 1) / side; }
  int rows() const { return (height + side - 1) / side; }
  std::int64_t count() const { return static_cast<std::int64_t>(columns()) * rows(); }
  Box box(std::int64_t tile) const;
};

/// Rejected pixels of one frame: pixel number (y·width + x) where a run starts, its length, the next start …
struct RejectedRuns {
  int frame = 0;
  std::vector<std::int64_t> runs;
  void add(std::int64_t pixel) {
    if (!runs.empty() && runs[runs.size() - 2] + runs.back() == pixel)
      ++runs.back();
    else
      runs.insert(runs.end(), {pixel, 1});
  }
  std::int64_t count() const {
    std::int64_t sum = 0;
    for (std::size_t i = 1; i < runs.size(); i += 2) sum += runs[i];
    return sum;
  }
};
using Rejected = std::vector<RejectedRuns>;

/// Which planes (TileResult::Plane) a run makes: mosaic, uncertainty, coverage and exposure always. They stand in the order of their numbers.
class PlaneSet {
 public:
  void add(int plane) { bits_ |= 1u << plane; }
  bool has(int plane) const { return (bits_ >> plane & 1u) != 0; }
  int count() const { return std::popcount(bits_); }
  unsigned bits() const { return bits_; }
  static PlaneSet of_bits(unsigned bits) {
    PlaneSet set;
    set.bits_ = bits;
    return set;
  }
  /// How many planes of the set stand before this one.
  int index(int plane) const { return std::popcount(bits_ & ((1u << plane) - 1)); }
  /// The plane that `index` others of the set stand before.
  int at(int index) const {
    int plane = 0;
    while (!has(plane) || this->index(plane) < index) ++plane;
    return plane;
  }

 private:
  unsigned bits_ = 0b1111;
};

/// The coadded planes of one tile and what rejection did there.
struct TileResult {
  enum Plane { mosaic, uncertainty, coverage, exposure, deviation, median, median_uncertainty, planes };
  std::array<Image<float>, planes> plane;  ///< empty: not asked for
  std::vector<Image<std::int32_t>> context;  ///< bit f % 32 of plane f / 32: frame f counts in the pixel; empty: not asked for
  Rejected rejected;  ///< frame pixels whose home is this tile
  explicit TileResult(Box box = {}, PlaneSet asked = {}, int context_planes = 0);
};

class TileStore {
 public:
  /// Opens or creates `folder`/tiles and `folder`/journal. A journal of the same plan hash whose tiles' checksums hold gives
  /// finished tiles; a torn last line is dropped. `planes`: those that each tile has, which the plan settles. `key` of a tile: a hash of what its pixels
  /// depend on; a tile that was made under another is to be made again. Throws SystemError.
  TileStore(const std::filesystem::path& folder, const TileLattice& lattice, const std::string& plan_hash, PlaneSet planes = {}, int context_planes = 0,
            std::function<std::string(std::int64_t)> key = {});
  ~TileStore();
  TileStore(const TileStore&) = delete;
  TileStore& operator=(const TileStore&) = delete;

  const TileLattice& lattice() const { return lattice_; }
  bool finished(std::int64_t tile) const { return finished_[static_cast<std::size_t>(tile)] != 0; }
  std::int64_t finished_count() const;
  std::int64_t stale_count() const { return static_cast<std::int64_t>(stale_.size()); }  ///< tiles of the journal whose key is another one now
  /// The tile is taken from `at` on in another file, which stays there: its planes as in bytes_of().
  void adopt(std::int64_t tile, std::filesystem::path file, std::int64_t at, Rejected rejected);
  /// From here on up to `bytes` of tiles stay in memory, and what is not on disk yet is written together every `seconds`: a run that ends sooner writes
  /// its tiles once, as products, and a run that is killed loses the work of so many seconds. An exception that ends the run saves them all.
  void hold(std::int64_t bytes, double seconds);
  /// Takes the tile: writes it, syncs it, then its journal line, unless it is held. Safe from many threads.
  void put(std::int64_t tile, TileResult result);
  /// The rows of one row of tiles, one plane over the whole width; tiles never put read as `fill`.
  void read_band(TileResult::Plane plane, int tile_row, float fill, Image<float>& band) const;
  /// Whether a finished tile has pixels in the box: where not, nothing need be read or looked at.
  bool covered(Box box) const;
  /// Pixels of one plane in any box of the mosaic; tiles never put read as `fill`.
  void read_box(TileResult::Plane plane, Box box, float fill, Image<float>& pixels) const;
  /// Likewise one plane of the context; tiles never put are 0.
  void read_context(int plane, int tile_row, Image<std::int32_t>& band) const;
  /// Frame pixels rejected per frame, summed over finished tiles.
  std::vector<std::int64_t> rejected(std::size_t frames) const;
  /// What was rejected, tile by tile.
  const std::vector<Rejected>& rejected_runs() const { return rejected_; }

 private:
  std::int64_t offset(std::int64_t tile) const;
  std::int64_t bytes_of_tile(std::int64_t tile) const;
  struct Place {
    std::size_t file = 0;  // of files_, from 1; 0: the own one
    std::int64_t at = 0;
  };
  void read_at(std::int64_t tile, std::int64_t begin, void* into, std::int64_t bytes) const;
  void recover();
  void recover_tile(std::int64_t tile, const std::string& sha256, const std::string& key, Rejected rejected, std::int64_t file_bytes);
  std::string read_tile(std::int64_t tile) const;
  using Held = std::pair<std::int64_t, std::shared_ptr<const TileResult>>;
  void save(std::span<const Held> tiles);
  std::shared_ptr<const TileResult> held(std::int64_t tile) const;
  template <class T>
  void read_plane(int plane, Box box, T fill, Image<T>& pixels) const;
  Box band_box(int tile_row) const;

  TileLattice lattice_;
  PlaneSet planes_;
  int context_planes_;  // 32 bits per pixel each, as the planes
  std::filesystem::path folder_;
  int tiles_ = -1, journal_ = -1;
  std::vector<char> finished_;
  std::vector<Rejected> rejected_;
  mutable std::mutex mutex_;
  std::mutex journal_mutex_;
  std::map<std::int64_t, std::shared_ptr<const TileResult>> held_;
  std::vector<std::int64_t> unsaved_;  // of the held ones
  std::int64_t held_bytes_ = 0, most_held_ = 0;
  double save_every_ = 0;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  std::function<std::string(std::int64_t)> key_;
  std::set<std::int64_t> stale_;
  std::vector<std::filesystem::path> files_;   // of adopted tiles
  std::map<std::int64_t, Place> adopted_;
};

/// The planes of a tile as they lie in a file.
std::string bytes_of(const TileResult& result);

/// Rows of one plane in rising order, read a row of tiles at a time. Rows without a finished tile cost next to nothing.
class PlaneRows {
 public:
  PlaneRows(const TileStore& store, TileResult::Plane plane, float fill) : store_{store}, plane_{plane}, fill_{fill} {}
  std::span<const float> row(int y) {
    if (empty(y)) {
      if (empty_row_.empty()) empty_row_.assign(static_cast<std::size_t>(store_.lattice().width), fill_);
      return empty_row_;
    }
    const int tile_row = y / store_.lattice().side;
    if (band_.empty() || tile_row != tile_row_) store_.read_band(plane_, tile_row, fill_, band_);
    tile_row_ = tile_row;
    return std::as_const(band_).row(y);
  }
  /// Whether row y lies in no finished tile, so that row() is `fill` all along.
  bool empty(int y) {
    const int tile_row = y / store_.lattice().side;
    if (tile_row != asked_row_) empty_ = !store_.covered({0, y, store_.lattice().width, y + 1});
    asked_row_ = tile_row;
    return empty_;
  }

 private:
  const TileStore& store_;
  TileResult::Plane plane_;
  float fill_;
  int tile_row_ = -1, asked_row_ = -1;
  bool empty_ = false;
  Image<float> band_;
  std::vector<float> empty_row_;
};

}  // namespace tessera::pipeline
