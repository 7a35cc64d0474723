#include "tessera/fit/gram.h"

#include <algorithm>
#include <cstring>

#include "tessera/base/clones.h"

namespace tessera::fit {
namespace {

#define TESSERA_INLINE inline __attribute__((always_inline))

typedef float Floats __attribute__((vector_size(64)));
typedef double Doubles __attribute__((vector_size(64)));
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = Floats;
};
template <>
struct VectorOf<double> {
  using Type = Doubles;
};

constexpr std::size_t longest_chain = 32;  // additions per lane
constexpr std::size_t tile_rows = 2, tile_columns = 4;

TESSERA_INLINE void add_total(double& to, const Doubles& v) {
  typedef double Four __attribute__((vector_size(32)));
  typedef double Two __attribute__((vector_size(16)));
  const Four four = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
  const Two two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
  to += two[0] + two[1];
}
TESSERA_INLINE void add_total(double& to, const Floats& v) {
  const Doubles sum = __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), Doubles) + __builtin_convertvector(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15), Doubles);
  add_total(to, sum);
}

template <class T>
struct Job {
  const T* rows;
  std::size_t count, length;
  const T* weight;
  const Reach* reach;  // null: all
  double* g;
};

TESSERA_INLINE void widen(Reach& to, const Reach* rows, std::size_t n) {
  to = rows[0];
  for (std::size_t k = 1; k < n; ++k) to.begin = std::min(to.begin, rows[k].begin), to.end = std::max(to.end, rows[k].end);
}

/// Rows i … i + A − 1 with rows j … j + B − 1. Chains begin at the same pixels whatever the reach.
template <std::size_t A, std::size_t B, class T>
TESSERA_INLINE void add_tile(const Job<T>& job, std::size_t i0, std::size_t j0) {
  using V = typename VectorOf<T>::Type;
  constexpr std::size_t chain = longest_chain * row_lanes<T>;
  const std::size_t length = job.length;
  const T *const a = job.rows + i0 * length, *const b = job.rows + j0 * length, *const weight = job.weight;
  Reach in{0, length};
  if (job.reach) {
    Reach other;
    widen(in, job.reach + i0, A), widen(other, job.reach + j0, B);
    in.begin = std::max(in.begin, other.begin), in.end = std::min(in.end, other.end);
  }
  for (std::size_t begin = in.begin / chain * chain; begin < in.end; begin += chain) {
    const std::size_t end = std::min(in.end, begin + chain);
    V s[A][B] = {};
    for (std::size_t p = std::max(in.begin, begin); p < end; p += row_lanes<T>) {
      V w, x[A], y[B];
      std::memcpy(&w, weight + p, sizeof w);
      for (std::size_t i = 0; i < A; ++i) {
        std::memcpy(&x[i], a + i * length + p, sizeof w);
        x[i] *= w;
      }
      for (std::size_t j = 0; j < B; ++j) std::memcpy(&y[j], b + j * length + p, sizeof w);
      for (std::size_t i = 0; i < A; ++i)
        for (std::size_t j = 0; j < B; ++j) s[i][j] += x[i] * y[j];
    }
    for (std::size_t i = 0; i < A; ++i)
      for (std::size_t j = 0; j < B; ++j) add_total(job.g[(i0 + i) * job.count + j0 + j], s[i][j]);
  }
}

template <std::size_t A, class T>
TESSERA_INLINE void add_rows(const Job<T>& job, std::size_t i) {
  const std::size_t columns = i + A;  // what lies above the diagonal in a tile's corner is summed too
  std::size_t j = 0;
  for (; j + tile_columns <= columns; j += tile_columns) add_tile<A, tile_columns>(job, i, j);
  for (; j + 2 <= columns; j += 2) add_tile<A, 2>(job, i, j);
  for (; j < columns; ++j) add_tile<A, 1>(job, i, j);
}

template <class T>
TESSERA_INLINE void sum(const Job<T>& job) {
  std::fill_n(job.g, job.count * job.count, 0.0);
  std::size_t i = 0;
  for (; i + tile_rows <= job.count; i += tile_rows) add_rows<tile_rows>(job, i);
  for (; i < job.count; ++i) add_rows<1>(job, i);
}

TESSERA_CLONES void sum_floats(const Job<float>& job) { sum(job); }
TESSERA_CLONES void sum_doubles(const Job<double>& job) { sum(job); }

}  // namespace

void gram(const float* rows, std::size_t count, std::size_t length, const float* weight, std::span<const Reach> reach, double* g) { sum_floats({rows, count, length, weight, reach.empty() ? nullptr : reach.data(), g}); }
void gram(const double* rows, std::size_t count, std::size_t length, const double* weight, std::span<const Reach> reach, double* g) { sum_doubles({rows, count, length, weight, reach.empty() ? nullptr : reach.data(), g}); }

}  // namespace tessera::fit
