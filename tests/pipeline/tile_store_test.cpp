#include "tessera/pipeline/tile_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "base/temporary_folder.h"
#include "tessera/base/files.h"

namespace tessera::pipeline {
namespace {

const TileLattice lattice{10, 7, 4};  // 3 × 2 tiles, the last column 2 wide, the last row 3 high

TileResult numbered(std::int64_t tile, PlaneSet planes = {}) {
  TileResult r{lattice.box(tile), planes};
  for (int p = 0; p < TileResult::planes; ++p)
    for (int y = r.plane[0].box().y0; y < r.plane[0].box().y1; ++y)
      for (int x = r.plane[0].box().x0; x < r.plane[0].box().x1; ++x)
        if (planes.has(p)) r.plane[static_cast<std::size_t>(p)](x, y) = static_cast<float>(1000 * p + 10 * y + x);
  RejectedRuns first{0, {}}, other{2, {}};
  for (std::int64_t p = 0; p < tile; ++p) first.add(20 * tile + p);
  other.add(7);
  r.rejected = {first, other};
  return r;
}

TEST(TileLattice, CoversTheGridOnceAndOnly) {
  Image<int> seen{lattice.width, lattice.height};
  for (std::int64_t t = 0; t < lattice.count(); ++t) {
    const Box b = lattice.box(t);
    for (int y = b.y0; y < b.y1; ++y)
      for (int x = b.x0; x < b.x1; ++x) ++seen(x, y);
  }
  for (const int n : seen.pixels()) EXPECT_EQ(n, 1);
}

TEST(PlaneSet, CountsAndOrdersWhatItHas) {
  PlaneSet planes;
  EXPECT_EQ(planes.count(), 4);
  EXPECT_FALSE(planes.has(TileResult::deviation));
  planes.add(TileResult::median);
  EXPECT_EQ(planes.count(), 5);
  EXPECT_EQ(planes.index(TileResult::exposure), 3);
  EXPECT_EQ(planes.index(TileResult::median), 4) << "the deviation is not there";
}

TEST(TileStore, KeepsExtraPlanesOnRequestAndRecoversThem) {
  const TemporaryFolder folder;
  PlaneSet asked;
  for (const auto plane : {TileResult::median_uncertainty, TileResult::median}) asked.add(plane);
  for (const int round : {0, 1}) {
    TileStore store{folder.path(), lattice, "hash", asked};
    EXPECT_EQ(store.finished_count(), round ? lattice.count() : 0);
    for (std::int64_t t = 0; t < lattice.count(); ++t)
      if (!store.finished(t)) store.put(t, numbered(t, asked));
    for (const auto plane : {TileResult::mosaic, TileResult::exposure, TileResult::median, TileResult::median_uncertainty}) {
      PlaneRows rows{store, plane, -1.0F};
      for (int y = 0; y < 7; ++y)
        for (int x = 0; x < 10; ++x) EXPECT_EQ(rows.row(y)[static_cast<std::size_t>(x)], static_cast<float>(1000 * plane + 10 * y + x)) << x << ' ' << y;
    }
  }
}

TEST(TileStore, GivesAnyBoxBackAndKnowsWhereNothingIs) {
  const TemporaryFolder folder;
  TileStore store{folder.path(), lattice, "hash"};
  for (const std::int64_t t : {0, 2, 5}) store.put(t, numbered(t));  // columns 0–3 and 8–9 below, 8–9 above
  Image<float> part;
  for (const Box box : {Box{0, 0, 10, 7}, Box{3, 2, 9, 6}, Box{9, 6, 10, 7}, Box{5, 1, 6, 2}}) {
    store.read_box(TileResult::coverage, box, -1.0F, part);
    ASSERT_EQ(part.box(), box);
    bool any = false;
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const bool made = x >= 8 || (x < 4 && y < 4);
        any = any || made;
        EXPECT_EQ(part(x, y), made ? static_cast<float>(1000 * TileResult::coverage + 10 * y + x) : -1.0F) << x << ' ' << y;
      }
    EXPECT_EQ(store.covered(box), any);
  }
  EXPECT_FALSE(store.covered({4, 0, 8, 7}));
  TileStore none{folder.path(), {2000, 1000, 10}, "another"};
  PlaneRows rows{none, TileResult::mosaic, 5.0F};
  for (const int y : {0, 9, 10, 999}) {
    EXPECT_TRUE(rows.empty(y));
    EXPECT_EQ(rows.row(y)[1999], 5.0F);
  }
}

TEST(TileStore, GivesRowsBackAcrossTiles) {
  const TemporaryFolder folder;
  TileStore store{folder.path(), lattice, "hash"};
  for (const std::int64_t t : {5, 0, 3, 1, 2}) store.put(t, numbered(t));  // tile 4 (columns 4–7 of the upper row) is never made
  PlaneRows rows{store, TileResult::coverage, -1.0F};
  for (int y = 0; y < 7; ++y) {
    const auto row = rows.row(y);
    for (int x = 0; x < 10; ++x) {
      const bool missing = y >= 4 && x >= 4 && x < 8;
      EXPECT_EQ(row[static_cast<std::size_t>(x)], missing ? -1.0F : static_cast<float>(2000 + 10 * y + x)) << x << ' ' << y;
    }
  }
  EXPECT_EQ(store.rejected(3), (std::vector<std::int64_t>{0 + 1 + 2 + 3 + 5, 0, 5}));
}

TEST(TileStore, ResumesWhatItsJournalAndChecksumsVouchFor) {
  const TemporaryFolder folder;
  {
    TileStore store{folder.path(), lattice, "hash"};
    for (const std::int64_t t : {0, 1, 2}) store.put(t, numbered(t));
  }
  std::ofstream{folder.path() / "journal", std::ios::app} << "{\"tile\":3,\"sha2";  // torn by a crash
  {
    std::fstream tiles{folder.path() / "tiles", std::ios::in | std::ios::out | std::ios::binary};
    tiles.seekp(4 * 4 * 4 * 4 + 5);  // inside tile 1
    tiles.put('\x55');
  }
  TileStore store{folder.path(), lattice, "hash"};
  EXPECT_TRUE(store.finished(0));
  EXPECT_FALSE(store.finished(1));
  EXPECT_TRUE(store.finished(2));
  EXPECT_EQ(store.finished_count(), 2);
  store.put(3, numbered(3));
  const auto journal = files::read(folder.path() / "journal");
  EXPECT_EQ(journal.find("sha2{"), std::string::npos) << "the torn line must be gone before a new one is appended";
}

TEST(TileStore, HeldTilesNeedNoFileAndAnExceptionSavesThem) {
  const TemporaryFolder folder;
  const auto tile_bytes = static_cast<std::int64_t>(sizeof(float)) * 4 * 4 * 4;
  try {
    TileStore store{folder.path(), lattice, "hash"};
    store.hold(2 * tile_bytes, 3600);
    for (const std::int64_t t : {0, 3}) store.put(t, numbered(t));
    EXPECT_EQ(std::filesystem::file_size(folder.path() / "tiles"), 0u);
    store.put(1, numbered(1));  // no room: written at once
    EXPECT_GT(std::filesystem::file_size(folder.path() / "tiles"), 0u);
    EXPECT_EQ(store.finished_count(), 3);
    for (const auto plane : {TileResult::mosaic, TileResult::exposure}) {
      PlaneRows rows{store, plane, -1.0F};
      for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 8; ++x) EXPECT_EQ(rows.row(y)[static_cast<std::size_t>(x)], static_cast<float>(1000 * plane + 10 * y + x));
    }
    EXPECT_EQ(store.rejected(3), (std::vector<std::int64_t>{0 + 1 + 3, 0, 3}));
    throw std::runtime_error{"the run ends here"};
  } catch (const std::runtime_error&) {
  }
  TileStore again{folder.path(), lattice, "hash"};
  EXPECT_EQ(again.finished_count(), 3);
  EXPECT_EQ(again.rejected(3), (std::vector<std::int64_t>{0 + 1 + 3, 0, 3}));
}

TEST(TileStore, HeldTilesAreSavedEverySoOftenAndAKilledRunLosesTheRest) {
  const TemporaryFolder folder;
  {
    TileStore store{folder.path(), lattice, "hash"};
    store.hold(1 << 20, 0.05);
    store.put(0, numbered(0));
    std::this_thread::sleep_for(std::chrono::milliseconds{80});
    store.put(1, numbered(1));  // saves both
    store.put(2, numbered(2));  // not yet; a normal end saves nothing, as the products hold it
  }
  TileStore again{folder.path(), lattice, "hash"};
  EXPECT_TRUE(again.finished(0) && again.finished(1));
  EXPECT_EQ(again.finished_count(), 2);
}

TEST(TileStore, StartsAnewForAnotherPlan) {
  const TemporaryFolder folder;
  { TileStore{folder.path(), lattice, "hash"}.put(0, numbered(0)); }
  EXPECT_EQ(run::journal_head(folder.path())->plan, "hash");
  TileStore store{folder.path(), lattice, "other"};
  EXPECT_EQ(store.finished_count(), 0);
  EXPECT_EQ(run::journal_head(folder.path())->plan, "other");
}

TEST(TileStore, IgnoresAJournalOfNonsense) {
  const TemporaryFolder folder;
  for (const char* nonsense : {"", "\n", "{}", "[1]\n", "{\"plan\":7}\n", "{\"plan\":\"hash\"}\n{\"tile\":-1}\n{\"tile\":99}\n{\"tile\":\"x\"}\n"}) {
    std::ofstream{folder.path() / "journal"} << nonsense;
    TileStore store{folder.path(), lattice, "hash"};
    EXPECT_EQ(store.finished_count(), 0) << nonsense;
  }
}

}  // namespace
}  // namespace tessera::pipeline
