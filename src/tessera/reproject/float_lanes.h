/// reproject/float_lanes.h — sums across the lanes of vectors of floats, for the loops of the resamplers.
#pragma once
#include "tessera/reproject/overlap_lanes.h"

namespace tessera::reproject::lanes {

template <int L>
struct FloatVector {
  typedef float Type __attribute__((vector_size(L * sizeof(float))));
};
template <int L>
using Floats = typename FloatVector<L>::Type;

/// sums[k] = the sum of the lanes of a[k], in the same order for every k.
TESSERA_INLINE void sum_lanes(Floats<4>& sums, const Floats<4> (&a)[4]) {
  const auto pair = [](Floats<4>& to, const Floats<4>& p, const Floats<4>& q) __attribute__((always_inline)) {
    to = __builtin_shufflevector(p, q, 0, 4, 1, 5) + __builtin_shufflevector(p, q, 2, 6, 3, 7);
  };
  Floats<4> ab, cd;
  pair(ab, a[0], a[1]);
  pair(cd, a[2], a[3]);
  sums = __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}
TESSERA_INLINE void sum_lanes(Floats<8>& sums, const Floats<8> (&a)[8]) {
  Floats<8> two[4], four[2];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k)
    two[k] = __builtin_shufflevector(a[2 * k], a[2 * k + 1], 0, 8, 1, 9, 4, 12, 5, 13) + __builtin_shufflevector(a[2 * k], a[2 * k + 1], 2, 10, 3, 11, 6, 14, 7, 15);
#pragma GCC unroll 2
  for (int k = 0; k < 2; ++k)
    four[k] = __builtin_shufflevector(two[2 * k], two[2 * k + 1], 0, 1, 8, 9, 4, 5, 12, 13) + __builtin_shufflevector(two[2 * k], two[2 * k + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  sums = __builtin_shufflevector(four[0], four[1], 0, 1, 2, 3, 8, 9, 10, 11) + __builtin_shufflevector(four[0], four[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

}  // namespace tessera::reproject::lanes
