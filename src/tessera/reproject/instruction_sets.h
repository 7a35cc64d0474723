/// reproject/instruction_sets.h — which builds of a loop, each for one instruction set, this machine can run.
#pragma once
#include <initializer_list>
#include <string_view>
#include <vector>

namespace tessera::reproject {

/// "plain" runs everywhere; "avx2"; "avx512": F, DQ, VL and BW.
inline bool can_run(std::string_view build) {
#ifdef __x86_64__
  if (build == "avx2") return __builtin_cpu_supports("avx2");
  if (build == "avx512") return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
  return build == "plain";
}

/// Those of the builds that can run here, in the order they are given: the fastest last.
template <class Kernel>
std::vector<Kernel> runnable(std::initializer_list<Kernel> builds) {
  std::vector<Kernel> found;
  for (const auto& b : builds)
    if (can_run(b.name)) found.push_back(b);
  return found;
}

}  // namespace tessera::reproject
