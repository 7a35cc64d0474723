// What this process may use of the machine, and what it has used: the answers of Linux's /proc, cgroups and getrusage.
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "tessera/base/text.h"
#include "tessera/parallel/cgroup.h"
#include "tessera/parallel/pool.h"

namespace tessera::parallel {
namespace {

std::int64_t installed_memory() {
  const std::int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page > 0 ? pages * page : std::int64_t{1} << 30;
}

/// A limit file holds a number or "max".
std::int64_t limit_in(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::string word;
  if (!(in >> word)) return no_limit;
  const auto value = text::to_integer(word);
  return value && *value > 0 ? *value : no_limit;
}

/// The lowest limit from `group` up to the root: each level of the tree holds for those below it. Inside a container
/// the path may not exist below the mount; the root of the mount is then the container's own group.
std::int64_t lowest_limit(const std::filesystem::path& mount, std::filesystem::path group, const char* file) {
  std::int64_t lowest = limit_in(mount / file);
  for (group = group.relative_path(); !group.empty(); group = group.parent_path()) {
    lowest = std::min(lowest, limit_in(mount / group / file));
  }
  return lowest;
}

}  // namespace

std::int64_t cgroup_memory_limit(const std::filesystem::path& proc_cgroup, const std::filesystem::path& mount) {
  std::ifstream in{proc_cgroup};
  std::int64_t lowest = no_limit;
  for (std::string line; std::getline(in, line);) {
    // "0::/path" is version 2, "4:memory,cpu:/path" version 1.
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = text::split(line.substr(first + 1, second - first - 1), ',');
    const std::string group = line.substr(second + 1);
    if (controllers.size() == 1 && controllers.front().empty()) {
      lowest = std::min(lowest, lowest_limit(mount, group, "memory.max"));
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      lowest = std::min(lowest, lowest_limit(mount / "memory", group, "memory.limit_in_bytes"));
    }
  }
  return lowest;
}

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::int64_t physical_memory() {
  return std::min(installed_memory(), cgroup_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup"));
}

std::int64_t peak_resident() {
  // ru_maxrss of a process starts at that of the one that started it, a large interpreter's perhaps; VmHWM is its own.
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:"))
      if (const auto kib = text::to_integer(text::trim(std::string_view{line}.substr(6, line.find("kB") - 6)))) return *kib * 1024;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

void release_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace tessera::parallel
