/// bench/cpu_time.h — CPU seconds of a piece of code.
#pragma once
#include <algorithm>
#include <ctime>
#include <vector>

inline double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Median CPU seconds of seven runs.
template <class F>
double median_of(F f) {
  std::vector<double> t;
  for (int k = 0; k < 7; ++k) {
    const double begin = cpu_seconds();
    f();
    t.push_back(cpu_seconds() - begin);
  }
  std::sort(t.begin(), t.end());
  return t[3];
}
