/// parallel/cgroup.h — the memory limit Linux control groups set on this process (containers, batch systems).
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>

namespace tessera::parallel {

inline constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

/// Bytes, or `no_limit`. Reads version 1 and version 2 groups: `proc_cgroup` is /proc/self/cgroup, `mount` is
/// /sys/fs/cgroup; both are arguments so that tests can show it other machines.
std::int64_t cgroup_memory_limit(const std::filesystem::path& proc_cgroup, const std::filesystem::path& mount);

}  // namespace tessera::parallel
