#include "tessera/run/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/utf8.h"
#include "tessera/run/record_file.h"

namespace tessera::run {
namespace {

namespace fs = std::filesystem;

std::string differences(const Request& before, const Request& now) {
  std::vector<std::string> parts;
  if (before.verb != now.verb) parts.push_back(fmt::format("the verb was {}", before.verb));
  std::map<std::string, std::string> old(before.settings.begin(), before.settings.end());
  for (const auto& [key, value] : now.settings)
    if (const auto found = old.find(key); found == old.end())
      parts.push_back(fmt::format("{} is new", key));
    else if (found->second != value && key != "run.threads" && key != "run.memory")
      parts.push_back(fmt::format("{} was \"{}\", now \"{}\"", key, found->second, value));
  if (before.frames != now.frames) parts.push_back(fmt::format("the frames differ ({} before, {} now)", before.frames.size(), now.frames.size()));
  if (parts.empty()) parts.push_back("the grid file, a table of offsets or the program's version changed");
  if (parts.size() > 4) parts.resize(4), parts.push_back("…");
  return text::join(parts, "; ");
}

[[noreturn]] void refuse(const fs::path& path, const char* doing) {
  throw SystemError{fmt::format("{}: {}: {}; choose an output folder that can be written", path.string(), doing, std::strerror(errno))};
}

/// What a run that was killed while it cleaned up may leave.
fs::path leftover(const fs::path& out) { return out / ".tessera.done"; }

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

std::string to_json(const Request& r) {
  nlohmann::json settings = nlohmann::json::array();
  for (const auto& [key, value] : r.settings) settings.push_back({key, value});
  nlohmann::json j{{"schema", "tessera/request/1"}, {"verb", r.verb},     {"plan", r.plan_hash},  {"inputs", r.inputs},
                        {"working_folder", r.working_folder}, {"settings", settings}, {"frames", r.frames}};
  text::change_strings(j, text::to_utf8);
  return j.dump(1) + "\n";
}

Request request_from_json(const std::string& content, const std::string& where) {
  if (text::json_nesting(content) > text::json_nesting_limit) throw DataError{fmt::format("{}: nested deeper than {}; not a request of an unfinished run", where, text::json_nesting_limit)};
  try {
    auto j = nlohmann::json::parse(content);
    text::change_strings(j, text::raw_bytes);
    Request r;
    r.verb = j.at("verb");
    r.plan_hash = j.at("plan");
    r.inputs = j.at("inputs");
    r.working_folder = j.at("working_folder");
    for (const auto& entry : j.at("settings")) r.settings.emplace_back(entry.at(0), entry.at(1));
    r.frames = j.at("frames");
    return r;
  } catch (const nlohmann::json::exception& error) {
    throw DataError{fmt::format("{}: not a request of an unfinished run ({})", where, error.what())};
  }
}

Request unfinished_request(const fs::path& out) {
  const auto path = out / ".tessera" / "plan.json";
  std::error_code code;
  if (!fs::exists(path, code)) throw UsageError{fmt::format("{}: no unfinished run to resume (no .tessera/plan.json there)", out.string())};
  return request_from_json(files::read(path), path.string());
}

bool OutputFolder::blocking() const {
  std::error_code code;
  for (const char* sign : {"run.json", "mosaic.fits"})
    for (const auto& place : places(sign))
      if (fs::exists(out_ / place, code)) return true;
  return false;
}

OutputFolder::OutputFolder(const fs::path& out, const Request& request, bool overwrite, Placement placement) : out_{out}, placement_{std::move(placement)} {
  std::error_code code;
  if (fs::exists(out_, code) && !fs::is_directory(out_, code))
    throw UsageError{fmt::format("{}: is a file; -o names the folder the products go to", out_.string())};
  created_ = !fs::exists(out_, code);
  fs::remove_all(leftover(out_), code);
  const bool scratch_there = fs::exists(scratch(), code);
  if (!scratch_there && blocking() && !overwrite)
    throw UsageError{fmt::format("{}: holds a finished run already; give --overwrite to replace it, or another -o", out_.string())};
  fs::create_directories(scratch(), code);
  if (code) {
    errno = code.value();
    refuse(out_, "cannot be made or written");
  }
  lock_ = ::open((scratch() / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) refuse(scratch(), "cannot be written");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    lock_ = -1;
    throw UsageError{fmt::format("{}: another run is working in this folder; wait for it, or choose another -o", out_.string())};
  }
  if (fs::exists(scratch() / "plan.json", code) && resumable()) {
    const auto before = unfinished_request(out_);
    resumed_ = before.plan_hash == request.plan_hash;
    if (!resumed_ && !overwrite) {
      const auto what = differences(before, request);
      ::close(lock_);
      throw UsageError{fmt::format("{}: holds an unfinished run of another plan ({}); give --overwrite to start anew, or another -o", out_.string(), what)};
    }
  }
  if (!resumed_)
    for (const char* name : {"journal", "tiles", "frames", "outliers", "scale", "parts"}) fs::remove_all(scratch() / name, code);
  fs::remove_all(scratch() / "products", code);
  fs::create_directory(scratch() / "products", code);
  if (code) {
    errno = code.value();
    refuse(scratch(), "cannot be written");
  }
  files::write_atomic(scratch() / "plan.json", to_json(request));
}

OutputFolder::~OutputFolder() {
  std::error_code code;
  // With nothing to resume: leave no trace of a run that failed at once.
  if (!published_ && !resumable()) {
    fs::remove_all(scratch(), code);
    if (created_) fs::remove(out_, code);
  }
  if (lock_ >= 0) ::close(lock_);
}

std::optional<JournalHead> journal_head(const fs::path& scratch) {
  std::ifstream in{scratch / "journal"};
  std::string line;
  std::getline(in, line);
  const auto j = nlohmann::json::parse(line, nullptr, false);
  if (!j.is_object() || !j.contains("plan") || !j["plan"].is_string()) return std::nullopt;
  const auto side = j.find("tile_side");
  return JournalHead{j["plan"].get<std::string>(), side != j.end() && side->is_number_integer() ? side->get<int>() : 0};
}

bool OutputFolder::resumable() const {
  std::error_code code;
  if (journal_head(scratch()) || fs::exists(scratch() / "scale" / "plan.json", code) || fs::exists(scratch() / "parts", code)) return true;
  try {
    return !RecordReader{scratch() / "frames"}.entries().empty();
  } catch (const DataError&) {
    return false;
  }
}

fs::path OutputFolder::product(const std::string& name) {
  if (std::find(products_.begin(), products_.end(), name) == products_.end()) products_.push_back(name);
  const auto path = scratch() / "products" / name;
  std::error_code code;
  fs::create_directories(path.parent_path(), code);  // what fails here fails again, with its reason, when the file is opened
  return path;
}

void OutputFolder::put_in_place(const std::string& name) {
  const auto targets = places(name);
  std::error_code code;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto target = out_ / targets[i], made = scratch() / "products" / name;
    fs::create_directories(target.parent_path(), code);
    if (i + 1 < targets.size())
      fs::copy_file(made, target, fs::copy_options::overwrite_existing, code);
    else
      fs::rename(made, target, code);
    if (code) {
      errno = code.value();
      refuse(target, "cannot be put in place");
    }
  }
}

void OutputFolder::begin_parts(const std::string& last) {
  files::write_atomic(scratch() / "parts", "");
  std::error_code code;
  for (const auto& place : places(last)) fs::remove(out_ / place, code);
  sync_folder(out_);
}

void OutputFolder::put_early(const std::string& name) {
  put_in_place(name);
  early_.push_back(name);
}

void OutputFolder::publish(const std::string& last) {
  std::error_code code;
  for (const auto& place : places(last)) fs::remove(out_ / place, code);  // while products change, no record says that they are complete
  for (const auto& name : products_)
    if (name != last && std::ranges::find(early_, name) == early_.end()) put_in_place(name);
  sync_folder(out_);  // a power cut must not keep the record and lose a product
  put_in_place(last);
  sync_folder(out_);
  published_ = true;
  // Renamed at once, so that a complete folder is never taken for an unfinished one, however far the removal comes.
  fs::rename(scratch(), leftover(out_), code);
  fs::remove_all(code ? scratch() : leftover(out_), code);
}

}  // namespace tessera::run
