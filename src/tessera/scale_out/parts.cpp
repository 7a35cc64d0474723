#include "tessera/scale_out/parts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>

#include "tessera/base/error.h"
#include "tessera/base/files.h"

namespace tessera::scale_out {
namespace {

namespace fs = std::filesystem;

/// The instruction set that TESSERA_CLONES takes here: bits are the same within one level.
const char* instruction_level() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return "x86-64-v4";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma")) return "x86-64-v3";
#endif
  return "base";
}

/// "coadd-17-99-host.123.4.part" → 17, 99.
bool parse_name(const std::string& name, const std::string& pass, std::int64_t& first, std::int64_t& last) {
  long long a = 0, b = 0;
  if (!name.starts_with(pass + "-") || !name.ends_with(".part") || std::sscanf(name.c_str() + pass.size() + 1, "%lld-%lld-", &a, &b) != 2) return false;
  first = a, last = b;
  return true;
}

/// One record, without a look at the others of its file.
std::string read_record(const std::string& path, const run::RecordEntry& entry) {
  std::string bytes(entry.bytes, '\0');
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::size_t done = 0;
  while (file >= 0 && done < bytes.size()) {
    const ssize_t got = ::pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(entry.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  if (file >= 0) ::close(file);
  if (done < bytes.size() || files::sha256(bytes) != entry.sha256)
    throw DataError{fmt::format("{}: piece {} cannot be read, or its checksum does not hold; delete the file, and the work in it is done again by tessera work", path, entry.id)};
  return bytes;
}

}  // namespace

Parts::Parts(const PlanFile& plan, Pass pass, PieceRange range) {
  std::error_code code;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{plan.folder() / "parts", code}) names.push_back(entry.path().filename().string());
  if (code) throw UsageError{fmt::format("{}: the plan's work folder cannot be read: {}; it belongs beside {}", (plan.folder() / "parts").string(), code.message(), plan.path().string())};
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    std::int64_t first = 0, last = 0;
    if (!parse_name(name, name_of(pass), first, last) || last < range.first || first > range.last) continue;
    const auto path = plan.folder() / "parts" / name;
    try {
      const run::RecordReader reader{path};
      const auto head = nlohmann::json::parse(reader.head());
      if (!reader.whole() || head.at("plan") != plan.plan().hash) continue;
      files_.push_back(path.string());
      levels_.push_back(head.value("level", ""));
      for (const auto& entry : reader.entries())
        if (const auto piece = static_cast<std::int64_t>(entry.id); piece >= range.first && piece <= range.last) places_.emplace(piece, Place{files_.size() - 1, entry});
    } catch (const DataError&) {
    } catch (const nlohmann::json::exception&) {
    }
  }
}

std::string Parts::read(std::int64_t piece) const {
  const auto& place = places_.at(piece);
  return read_record(files_[place.file], place.entry);
}

std::pair<fs::path, std::int64_t> Parts::place(std::int64_t piece) const {
  const auto& place = places_.at(piece);
  return {files_[place.file], static_cast<std::int64_t>(place.entry.offset)};
}

const std::string& Parts::path_of(std::int64_t piece) const { return files_[places_.at(piece).file]; }

std::vector<std::string> Parts::levels() const {
  auto all = levels_;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::unique_ptr<run::RecordWriter> new_part(const PlanFile& plan, Pass pass, std::int64_t first, std::int64_t last) {
  static std::atomic<int> counter{0};
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const auto name = fmt::format("{}-{}-{}-{}.{}.{:x}.{}.part", name_of(pass), first, last, host, ::getpid(), now, counter++);
  const auto head = nlohmann::json{{"schema", "tessera/part/1"}, {"plan", plan.plan().hash}, {"pass", name_of(pass)}, {"level", instruction_level()}}.dump();
  return std::make_unique<run::RecordWriter>(plan.folder() / "parts" / name, head);
}

}  // namespace tessera::scale_out
