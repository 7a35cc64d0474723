#include "console.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::cli {

using nlohmann::ordered_json;
using run::Level;

namespace {

constexpr std::size_t early_limit = 10000;     // lines kept for a log file that is named later
constexpr std::size_t shown_of_a_kind = 3;     // caveats of one kind that are written out at the end
constexpr auto bar_interval = std::chrono::milliseconds{100};
constexpr auto json_interval = std::chrono::seconds{1};

const char* name_of(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warning: return "warning";
  }
  return "?";
}

std::string dump(const ordered_json& line) { return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

std::string json_message(std::string_view level, std::string_view message) {
  return dump({{"schema", "tessera/log/1"}, {"time", utc_now()}, {"level", level}, {"message", message}});
}

double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

std::string printable(std::string_view s) {
  std::string result{s};
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return result;
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto t = static_cast<std::time_t>(ms / 1000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(t), ms % 1000);
}

std::string error_line(std::string_view kind, int exit_code, std::string_view message) {
  return dump({{"schema", "tessera/error/1"}, {"kind", kind}, {"exit_code", exit_code}, {"message", message}});
}

Console::Console(const ConsoleOptions& options) : options_{options}, pool_{options.threads} {}

Console::~Console() { finish(); }

void Console::print_line(const std::string& line) {
  if (bar_shown_) std::fputs("\r\x1b[K", options_.stream);
  bar_shown_ = false;
  std::fputs((line + "\n").c_str(), options_.stream);
  std::fflush(options_.stream);
}

void Console::record(std::string_view level, std::string_view message) {
  const std::string line = fmt::format("{} {:<7} {}\n", utc_now(), level, printable(message));
  if (file_)
    std::fputs(line.c_str(), file_);
  else if (early_.size() < early_limit)
    early_.push_back(line);
  if (file_ && level != "debug") std::fflush(file_);
}

void Console::show(Level level, std::string_view message) {
  record(name_of(level), message);
  const int wanted = level == Level::debug ? 1 : level == Level::info ? 0 : -1;
  if (options_.verbosity < wanted) return;
  if (options_.json)
    print_line(json_message(name_of(level), message));
  else
    print_line((level == Level::warning ? "warning: " : "") + printable(message));
}

void Console::log(Level level, std::string_view message) {
  const std::lock_guard lock{mutex_};
  show(level, message);
}

void Console::stage(std::string_view name, std::int64_t total) {
  const std::lock_guard lock{mutex_};
  end_stage();
  stage_ = {std::string{name}, total, Clock::now()};
  begin_stage();
}

Console::Clock::duration Console::report_interval() const {
  return options_.json ? Clock::duration{json_interval} : Clock::duration{bar_interval};
}

void Console::begin_stage() {
  done_ = 0;
  total_ = stage_.total;
  next_report_ = (stage_.begin + report_interval()).time_since_epoch().count();
  record("stage", fmt::format("{} begins: {} pieces", stage_.name, stage_.total));
  draw_progress(0);
}

void Console::end_stage() {
  if (stage_.name.empty()) return;
  const auto done = done_.load();
  const std::string line = fmt::format("{}: {} of {} in {}", stage_.name, done, stage_.total, text::format_duration(seconds(Clock::now() - stage_.begin)));
  if (options_.json && options_.verbosity >= 0)
    print_line(dump({{"schema", "tessera/progress/1"}, {"stage", stage_.name}, {"done", done}, {"total", stage_.total}, {"eta_s", 0}}));
  if (options_.json)
    record("info", line);
  else
    show(Level::info, line);
  stage_ = {};
  total_ = std::numeric_limits<std::int64_t>::max();  // pieces beyond the announced ones change nothing
}

void Console::step(std::int64_t pieces) {
  const auto done = done_.fetch_add(pieces) + pieces;
  if (done >= total_) {
    const std::lock_guard lock{mutex_};
    end_stage();
    return;
  }
  // One thread of all that pass here at once reports; the others go on with their work.
  auto due = next_report_.load();
  const auto now = Clock::now().time_since_epoch().count();
  if (now < due) return;
  if (!next_report_.compare_exchange_strong(due, now + report_interval().count())) return;
  const std::lock_guard lock{mutex_};
  draw_progress(done);
}

void Console::draw_progress(std::int64_t done) {
  if (options_.verbosity < 0 || stage_.name.empty()) return;
  const double fraction = stage_.total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(stage_.total)) : 0.0;
  const double elapsed = seconds(Clock::now() - stage_.begin);
  const double left = fraction > 0 ? elapsed * (1 - fraction) / fraction : NAN;
  if (options_.json) {
    const ordered_json eta = std::isnan(left) ? ordered_json(nullptr) : ordered_json(std::round(left * 10) / 10);
    print_line(dump({{"schema", "tessera/progress/1"}, {"stage", stage_.name}, {"done", done}, {"total", stage_.total}, {"eta_s", eta}}));
    return;
  }
  if (!options_.terminal) return;
  constexpr int bar = 24;
  const auto filled = static_cast<std::size_t>(fraction * bar);
  std::string line = fmt::format("{} [{}{}] {:3.0f} %  {}/{}", printable(stage_.name), std::string(filled, '#'), std::string(bar - filled, '.'),
                                 std::floor(fraction * 100), done, stage_.total);
  if (!std::isnan(left) && elapsed > 1) line += "  " + text::format_duration(left) + " left";
  if (line.size() >= static_cast<std::size_t>(options_.width)) line.resize(static_cast<std::size_t>(std::max(options_.width - 1, 1)));
  std::fputs(("\r" + line + "\x1b[K").c_str(), options_.stream);
  std::fflush(options_.stream);
  bar_shown_ = true;
}

void Console::caveat(std::string_view kind, std::string_view message, std::int64_t count) {
  const std::lock_guard lock{mutex_};
  for (auto& c : caveats_)
    if (c.kind == kind && c.message == message) {
      c.count += count;
      return;
    }
  caveats_.push_back({std::string{kind}, std::string{message}, count});
  record("caveat", fmt::format("{}: {} ({})", kind, message, count));
}

std::vector<Caveat> Console::caveats() const {
  const std::lock_guard lock{mutex_};
  return caveats_;
}

void Console::log_to(const std::string& path) {
  const std::lock_guard lock{mutex_};
  if (file_) std::fclose(file_);
  file_ = std::fopen(path.c_str(), "a");
  if (!file_) throw SystemError{fmt::format("{}: the log file cannot be written: {}", path, std::strerror(errno))};
  for (const auto& line : early_) std::fputs(line.c_str(), file_);
  early_.clear();
  std::fflush(file_);
}

void Console::print_caveats() {
  if (options_.json) {
    for (const auto& c : caveats_)
      print_line(dump({{"schema", "tessera/log/1"}, {"time", utc_now()}, {"level", "caveat"}, {"kind", c.kind}, {"message", c.message}, {"count", c.count}}));
    return;
  }
  if (!caveats_.empty()) print_line("caveats:");
  std::vector<std::string> kinds;
  for (const auto& c : caveats_)
    if (std::find(kinds.begin(), kinds.end(), c.kind) == kinds.end()) kinds.push_back(c.kind);
  for (const auto& kind : kinds) {
    std::size_t shown = 0;
    std::int64_t others = 0, other_messages = 0;
    for (const auto& c : caveats_) {
      if (c.kind != kind) continue;
      if (shown++ < shown_of_a_kind) {
        print_line(fmt::format("  {}: {}{}", printable(c.kind), printable(c.message), c.count == 1 ? "" : fmt::format(" ({})", c.count)));
      } else {
        ++other_messages;
        others += c.count;
      }
    }
    if (other_messages > 0) print_line(fmt::format("  {}: … and {} more ({})", printable(kind), other_messages, others));
  }
}

void Console::finish(std::string_view failure) {
  const std::lock_guard lock{mutex_};
  if (finished_) return;
  finished_ = true;
  if (failure.empty()) {
    end_stage();
  } else {
    if (bar_shown_) std::fputs("\n", options_.stream);  // how far it came stays on the screen
    bar_shown_ = false;
    stage_ = {};
    record("error", failure);
  }
  print_caveats();
  for (const auto& c : caveats_) record("caveat", fmt::format("{}: {} ({} in all)", c.kind, c.message, c.count));
  if (!file_) return;
  const bool broken = std::ferror(file_) != 0 || std::fclose(file_) != 0;
  file_ = nullptr;
  if (broken) print_line("warning: the log file is incomplete (disk full?)");
}

}  // namespace tessera::cli
