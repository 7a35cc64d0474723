#include "tessera/parallel/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <numeric>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/parallel/cgroup.h"

namespace tessera::parallel {
namespace {

/// Work of uneven length, so that threads overtake one another.
std::uint64_t spin(std::int64_t i) {
  std::uint64_t x = static_cast<std::uint64_t>(i) + 1;
  for (std::int64_t k = 0; k < (i * 7919) % 4001; ++k) x = x * 6364136223846793005u + 1442695040888963407u;
  return x;
}

class InterruptReset {
 public:
  ~InterruptReset() { interrupt_signal() = 0; }
};

TEST(Pool, DoesEveryPieceOnce) {
  for (const int threads : {1, 2, 5}) {
    std::vector<int> calls(1000, 0);
    Pool{threads}.for_each(1000, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    EXPECT_EQ(std::count(calls.begin(), calls.end(), 1), 1000) << threads;
  }
}

TEST(Pool, DoesNothingForNoWork) {
  const Pool pool{3};
  const auto never = [](std::int64_t) { FAIL(); };
  pool.for_each(0, never);
  pool.for_each(-4, never);
  pool.for_each_ordered(0, 2, never, never);
}

TEST(Pool, TakesTheMachinesProcessorsWhenNotTold) {
  EXPECT_EQ(Pool{0}.threads(), available_processors());
  EXPECT_GE(available_processors(), 1);
  EXPECT_EQ(Pool{3}.threads(), 3);
  EXPECT_THROW(Pool{-1}, UsageError);
}

TEST(Pool, RunsPiecesAtTheSameTime) {
  // Two pieces that wait for each other end only when two threads are at work.
  std::atomic<int> arrived{0};
  std::mutex mutex;
  std::condition_variable all_here;
  Pool{2}.for_each(2, [&](std::int64_t) {
    std::unique_lock lock{mutex};
    ++arrived;
    all_here.notify_all();
    EXPECT_TRUE(all_here.wait_for(lock, std::chrono::seconds{30}, [&] { return arrived == 2; }));
  });
}

TEST(Pool, RethrowsTheLowestOfTheFailures) {
  for (int repeat = 0; repeat < 20; ++repeat) {
    try {
      Pool{4}.for_each(200, [](std::int64_t i) {
        spin(i);
        if (i >= 37 && i % 2 == 1) throw DataError{std::to_string(i)};
      });
      FAIL();
    } catch (const DataError& error) {
      EXPECT_STREQ(error.what(), "37");
    }
  }
}

TEST(Pool, StartsNoNewPiecesAfterAFailure) {
  std::atomic<std::int64_t> started{0};
  EXPECT_THROW(Pool{1}.for_each(1000,
                                [&](std::int64_t i) {
                                  ++started;
                                  if (i == 3) throw SystemError{"full"};
                                }),
               SystemError);
  EXPECT_EQ(started, 4);
}

TEST(Pool, StopsBetweenPiecesWhenASignalCame) {
  const InterruptReset reset;
  std::atomic<int> started{0};
  try {
    Pool{2}.for_each(10000, [&](std::int64_t i) {
      ++started;
      if (i == 5) interrupt_signal() = SIGTERM;
    });
    FAIL();
  } catch (const Interrupted& error) {
    EXPECT_EQ(error.exit_code(), 143);
  }
  EXPECT_LT(started, 10000);
}

TEST(OrderedLoop, HandsResultsOverInOrderOneAtATime) {
  for (const int threads : {1, 2, 4, 9}) {
    for (const std::int64_t ahead : {1, 2, 3, 100, 5000}) {
      std::vector<std::uint64_t> results(300, 0);
      std::vector<std::int64_t> order;
      std::atomic<int> inside{0};
      Pool{threads}.for_each_ordered(
          300, ahead, [&](std::int64_t i) { results[static_cast<std::size_t>(i)] = spin(i); },
          [&](std::int64_t i) {
            EXPECT_EQ(++inside, 1);
            EXPECT_EQ(results[static_cast<std::size_t>(i)], spin(i));
            order.push_back(i);
            --inside;
          });
      std::vector<std::int64_t> expected(300);
      std::iota(expected.begin(), expected.end(), 0);
      EXPECT_EQ(order, expected) << threads << " threads, ahead " << ahead;
    }
  }
}

TEST(OrderedLoop, HoldsBackWorkBeyondAhead) {
  constexpr std::int64_t ahead = 3;
  std::atomic<std::int64_t> finished{0}, most{0};
  Pool{6}.for_each_ordered(
      200, ahead,
      [&](std::int64_t i) {
        // `finished` can only have grown since this piece was let in, so the distance is never overestimated.
        const std::int64_t distance = i - finished;
        for (auto seen = most.load(); distance > seen && !most.compare_exchange_weak(seen, distance);) {
        }
        spin(i);
      },
      [&](std::int64_t i) { finished = i + 1; });
  EXPECT_LT(most, ahead);
  EXPECT_EQ(finished, 200);
}

TEST(OrderedLoop, OneSlowPieceLetsTheOthersRunAheadOnlySoFar) {
  std::mutex mutex;
  std::condition_variable changed;
  int others = 0;
  Pool{3}.for_each_ordered(
      20, 4,
      [&](std::int64_t i) {
        std::unique_lock lock{mutex};
        if (i == 0) {
          EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds{30}, [&] { return others == 3; }));
          EXPECT_FALSE(changed.wait_for(lock, std::chrono::milliseconds{50}, [&] { return others > 3; }));
        } else {
          ++others;
          changed.notify_all();
        }
      },
      [](std::int64_t) {});
  EXPECT_EQ(others, 19);
}

TEST(OrderedLoop, RethrowsFailuresOfWorkAndOfDone) {
  const auto message = [](auto work, auto done) {
    try {
      Pool{3}.for_each_ordered(100, 4, work, done);
    } catch (const DataError& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  const auto fail_from = [](std::int64_t first, const char* text) {
    return [=](std::int64_t i) {
      spin(i);
      if (i >= first) throw DataError{text + std::to_string(i)};
    };
  };
  const auto nothing = [](std::int64_t) {};
  EXPECT_EQ(message(fail_from(17, "work "), nothing), "work 17");
  EXPECT_EQ(message(nothing, fail_from(23, "done ")), "done 23");
  EXPECT_EQ(message(nothing, nothing), "");
}

TEST(OrderedLoop, NeverHandsOverAnythingBehindAFailure) {
  std::int64_t last = -1;
  EXPECT_THROW(Pool{4}.for_each_ordered(
                   100, 8,
                   [](std::int64_t i) {
                     if (i == 31) throw DataError{"x"};
                   },
                   [&](std::int64_t i) { last = i; }),
               DataError);
  EXPECT_LT(last, 31);
}

TEST(OrderedLoop, StopsWhenASignalCame) {
  const InterruptReset reset;
  std::int64_t finished = 0;
  EXPECT_THROW(Pool{3}.for_each_ordered(
                   100000, 4, [](std::int64_t) {},
                   [&](std::int64_t i) {
                     finished = i + 1;
                     if (i == 9) interrupt_signal() = SIGINT;
                   }),
               Interrupted);
  EXPECT_GE(finished, 10);
  EXPECT_LT(finished, 100000);
}

TEST(Budget, NeverLendsMoreThanItHas) {
  Budget budget{100};
  std::atomic<std::int64_t> used{0}, most{0};
  Pool{4}.for_each(400, [&](std::int64_t i) {
    const std::int64_t bytes = 1 + (i * 37) % 100;
    budget.acquire(bytes, "a tile");
    const auto now = used += bytes;
    for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    spin(i);
    used -= bytes;
    budget.release(bytes);
  });
  EXPECT_LE(most, 100);
  EXPECT_GT(most, 0);
  EXPECT_EQ(budget.total(), 100);
  budget.acquire(100, "everything");  // all of it came back
}

TEST(Budget, RefusesWhatCanNeverFit) {
  Budget budget{1 << 20};
  try {
    budget.acquire(3 << 20, "tile 7");
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("tile 7 needs 3.0 MiB, the memory ceiling is 1.0 MiB"));
  }
}

class Cgroup : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view content) const {
    std::filesystem::create_directories((folder / name).parent_path());
    files::write_atomic(folder / name, content);
  }
  std::int64_t limit() const { return cgroup_memory_limit(folder / "self", folder / "mount"); }
  TemporaryFolder folder;
};

TEST_F(Cgroup, WithoutAnyIsUnlimited) {
  EXPECT_EQ(limit(), no_limit);
  write("self", "0::/user/session\n");
  write("mount/user/session/memory.max", "max\n");
  EXPECT_EQ(limit(), no_limit);
}

TEST_F(Cgroup, Version2TakesTheLowestOfItsAncestors) {
  write("self", "0::/user/session\n");
  write("mount/user/session/memory.max", "2000000\n");
  write("mount/user/memory.max", "1000000\n");
  EXPECT_EQ(limit(), 1000000);
}

TEST_F(Cgroup, Version1ReadsTheMemoryController) {
  write("self", "12:cpuset:/a\n4:memory,hugetlb:/job\n0::/\n");
  write("mount/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("mount/memory/job/memory.limit_in_bytes", "3000000\n");
  EXPECT_EQ(limit(), 3000000);
}

TEST_F(Cgroup, InAContainerTheMountIsTheGroup) {
  write("self", "0::/docker/0123456789ab\n");
  write("mount/memory.max", "500000\n");
  EXPECT_EQ(limit(), 500000);
}

TEST(Machine, FiguresAreSane) {
  EXPECT_GT(physical_memory(), 64 << 20);
  EXPECT_LE(physical_memory(), no_limit / 2);
  EXPECT_GT(peak_resident(), 1 << 20);
  const double before = cpu_seconds();
  std::uint64_t sum = 0;
  for (int i = 0; cpu_seconds() < before + 0.02; ++i) sum += spin(i);
  EXPECT_GT(cpu_seconds(), before) << sum;
}

}  // namespace
}  // namespace tessera::parallel
