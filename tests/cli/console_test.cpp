#include "console.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "resources.h"
#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/run/context.h"

using namespace tessera;
using cli::Console;
using cli::ConsoleOptions;
using run::Level;

namespace {

/// A console that writes into memory.
struct Recorded {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  ~Recorded() {
    std::fclose(stream);
    std::free(text);
  }
  ConsoleOptions options(int verbosity = 0) const {
    ConsoleOptions o;
    o.threads = 2;
    o.stream = stream;
    o.verbosity = verbosity;
    return o;
  }
  std::string str() const {
    std::fflush(stream);
    return {text, size};
  }
  std::vector<nlohmann::json> json() const {
    std::vector<nlohmann::json> lines;
    for (const auto& line : text::split(str(), '\n'))
      if (!line.empty()) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
};

bool contains(const std::string& s, const std::string& part) { return s.find(part) != std::string::npos; }

std::string content(const std::filesystem::path& path) {
  std::ostringstream s;
  s << std::ifstream{path}.rdbuf();
  return s.str();
}

void log_all_levels(Console& c) {
  c.log(Level::debug, "a detail");
  c.log(Level::info, "a fact");
  c.log(Level::warning, "a danger");
}

TEST(Console, SaysAsMuchAsWasAskedFor) {
  for (const int verbosity : {-1, 0, 1}) {
    Recorded out;
    Console c{out.options(verbosity)};
    log_all_levels(c);
    EXPECT_EQ(contains(out.str(), "a detail"), verbosity > 0);
    EXPECT_EQ(contains(out.str(), "a fact"), verbosity >= 0);
    EXPECT_TRUE(contains(out.str(), "warning: a danger"));
  }
}

TEST(Console, DrawsNoBarWhereThereIsNoTerminal) {
  Recorded out;
  Console c{out.options()};
  c.stage("adding", 3);
  for (int i = 0; i < 3; ++i) c.step(1);
  EXPECT_FALSE(contains(out.str(), "\r"));
  EXPECT_TRUE(out.str().starts_with("adding: 3 of 3 in "));
}

TEST(Console, DrawsABarOnATerminalThatMessagesDoNotTear) {
  Recorded out;
  auto o = out.options();
  o.terminal = true;
  Console c{o};
  c.stage("adding", 4);
  c.step(1);
  c.log(Level::info, "a fact");
  EXPECT_TRUE(contains(out.str(), "\radding [........................]   0 %  0/4\x1b[K\r\x1b[Ka fact\n")) << out.str();
}

TEST(Console, RewritesTheBarAtMostTenTimesASecond) {
  Recorded out;
  auto o = out.options();
  o.terminal = true;
  Console c{o};
  c.stage("adding", 1'000'000);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 999'999; ++i) c.step(1);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::size_t bars = 0;
  for (const char ch : out.str()) bars += ch == '\r';
  EXPECT_LE(static_cast<double>(bars), 2 + 10 * seconds);
}

TEST(Console, KeepsTheBarWithinTheTerminal) {
  Recorded out;
  auto o = out.options();
  o.terminal = true;
  o.width = 40;
  Console c{o};
  c.stage("a stage of quite a long name indeed", 4);
  for (const auto& line : text::split(out.str(), '\r')) EXPECT_LT(line.size(), 40 + std::string{"\x1b[K"}.size());
}

TEST(Console, CountsStepsOfManyThreads) {
  Recorded out;
  Console c{out.options()};
  c.stage("adding", 4000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) c.step(1);
    });
  for (auto& t : threads) t.join();
  EXPECT_TRUE(out.str().starts_with("adding: 4000 of 4000 in "));
}

TEST(Console, WritesJsonLinesWithTimeLevelAndMessage) {
  Recorded out;
  auto o = out.options();
  o.json = true;
  {
    Console c{o};
    log_all_levels(c);
    c.stage("adding", 2);
    c.step(2);
    c.caveat("odd", "odd \xff bytes", 3);
  }
  const auto lines = out.json();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0]["schema"], "tessera/log/1");
  EXPECT_EQ(lines[0]["level"], "info");
  EXPECT_EQ(lines[0]["message"], "a fact");
  EXPECT_EQ(lines[0]["time"].get<std::string>().size(), std::string{"2026-03-01T12:00:00.123Z"}.size());
  EXPECT_EQ(lines[2]["stage"], "adding");
  EXPECT_EQ(lines[2]["done"], 0);
  EXPECT_TRUE(lines[2]["eta_s"].is_null());
  EXPECT_EQ(lines[3]["done"], 2);
  EXPECT_EQ(lines[3]["total"], 2);
  EXPECT_EQ(lines[4]["level"], "caveat");
  EXPECT_EQ(lines[4]["count"], 3);
}

TEST(Console, ListsCaveatsAtTheEndWithCounts) {
  Recorded out;
  Console c{out.options(-1)};
  for (int i = 0; i < 5; ++i) c.caveat("odd", "frame " + std::to_string(i % 2), 2);
  for (int i = 0; i < 5; ++i) c.caveat("even", "frame " + std::to_string(i), 1);
  ASSERT_EQ(c.caveats().size(), 7u);
  EXPECT_EQ(c.caveats()[0].count, 6);
  EXPECT_EQ(out.str(), "");
  c.finish();
  EXPECT_EQ(out.str(), "caveats:\n  odd: frame 0 (6)\n  odd: frame 1 (4)\n  even: frame 0\n  even: frame 1\n  even: frame 2\n  even: … and 2 more (2)\n");
}

TEST(Console, LetsNothingSteerTheTerminal) {
  Recorded out;
  Console c{out.options()};
  c.log(Level::info, "a\x1b[2Jb\nc µ");
  EXPECT_EQ(out.str(), "a?[2Jb?c µ\n");
}

TEST(Console, KeepsEverythingInTheLogFileEvenWhatCameBeforeIt) {
  const auto path = std::filesystem::path{testing::TempDir()} / "tessera_console.log";
  std::filesystem::remove(path);
  Recorded out;
  {
    Console c{out.options(-1)};
    log_all_levels(c);
    c.log_to(path.string());
    c.stage("adding", 1);
    c.step(1);
    c.caveat("odd", "one frame", 1);
    c.finish("the disk is full");
  }
  const std::string log = content(path);
  for (const char* part : {"debug   a detail\n", "info    a fact\n", "warning a danger\n", "adding begins", "adding: 1 of 1", "odd: one frame", "error   the disk is full\n"})
    EXPECT_TRUE(contains(log, part)) << part << " in\n" << log;
  for (const auto& line : text::split(log, '\n'))
    if (!line.empty()) {
      EXPECT_TRUE(line[4] == '-' && line[10] == 'T' && line[23] == 'Z') << line;
    }
  std::filesystem::remove(path);
}

TEST(Console, SaysWhenTheLogFileCannotBeWritten) {
  Recorded out;
  Console c{out.options()};
  try {
    c.log_to("/nowhere/at/all.log");
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_TRUE(contains(e.what(), "/nowhere/at/all.log: the log file cannot be written"));
  }
}

TEST(ErrorLine, HoldsKindCodeAndMessage) {
  const auto j = nlohmann::json::parse(cli::error_line("data", 1, "x.fits: \"truncated\"\n"));
  EXPECT_EQ(j["schema"], "tessera/error/1");
  EXPECT_EQ(j["kind"], "data");
  EXPECT_EQ(j["exit_code"], 1);
  EXPECT_EQ(j["message"], "x.fits: \"truncated\"\n");
}

TEST(MemoryCeiling, ReadsBytesAndPercentages) {
  constexpr std::int64_t gib = std::int64_t{1} << 30;
  EXPECT_EQ(cli::memory_ceiling("4G", gib), 4 * gib);
  EXPECT_EQ(cli::memory_ceiling("25%", 16 * gib), 4 * gib);
  EXPECT_EQ(cli::memory_ceiling(" 12.5 %", 16 * gib), 2 * gib);
  EXPECT_EQ(cli::memory_ceiling("1%", gib), gib / 16);  // a percentage never falls below the least a run needs
}

TEST(MemoryCeiling, RefusesOtherText) {
  for (const char* bad : {"", "4X", "0%", "-3%", "101%", "nan%", "%", "1K", "0", "much"})
    EXPECT_THROW(cli::memory_ceiling(bad, std::int64_t{1} << 30), UsageError) << bad;
}

}  // namespace
