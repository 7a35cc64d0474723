#include "tessera/reproject/point_rows.h"

#include <algorithm>
#include <cstdint>
#include <cstddef>

#include "tessera/reproject/float_lanes.h"
#include "tessera/reproject/instruction_sets.h"
#include "tessera/reproject/point_kernels.h"

namespace tessera::reproject {

namespace {

constexpr int chunk = 64;  // output pixels whose places are found together

using lanes::Floats, lanes::load, lanes::store, lanes::sum_lanes;

/// Where the centres of some output pixels lie: first pixel of the patch, interval of the table and place in it, for either axis.
struct Places {
  int x[chunk], y[chunk], phase_x[chunk], phase_y[chunk];
  float t_x[chunk], t_y[chunk], inside[chunk];
  std::int32_t within[chunk];  // the patch, and what is read beside it, lies in the window
};

template <int Taps>
TESSERA_INLINE void place_axis(double at, int& first, int& phase, float& t) {
  constexpr double shift = Taps == 1 ? 0.5 : 0.0;
  constexpr int before = Taps == 1 ? 0 : Taps / 2 - 1;
  int whole = static_cast<int>(at + shift);
  whole -= static_cast<double>(whole) > at + shift ? 1 : 0;  // rounded down
  const double p = Taps == 1 ? 0.0 : (at - static_cast<double>(whole)) * PointKernel::phases;
  phase = static_cast<int>(p);
  t = static_cast<float>(p - static_cast<double>(phase));
  first = whole - before;
}

template <int Taps>
TESSERA_INLINE void place(Places& p, const PointRow& row, int from, int n) {
  const Box box = row.frame->box();
  const double u0 = box.x0 - 0.5, u1 = box.x1 - 0.5, v0 = box.y0 - 0.5, v1 = box.y1 - 0.5;
  const double* __restrict us = row.u + from;
  const double* __restrict vs = row.v + from;
  for (int k = 0; k < n; ++k) {
    const double u = us[k], v = vs[k];
    const bool inside = (u >= u0) & (u < u1) & (v >= v0) & (v < v1);  // false for NaN
    p.inside[k] = inside ? 1.0F : 0.0F;
    place_axis<Taps>(inside ? u : u1, p.x[k], p.phase_x[k], p.t_x[k]);
    place_axis<Taps>(inside ? v : v1, p.y[k], p.phase_y[k], p.t_y[k]);
    p.within[k] = (p.x[k] >= box.x0) & (p.y[k] >= box.y0) & (p.x[k] <= box.x1 - point_lanes(Taps)) & (p.y[k] <= box.y1 - Taps) & inside;
  }
}

/// Weights of the taps along either axis, and their squares along y.
template <int L>
struct Weights {
  alignas(64) float x[chunk][L], y[chunk][L], y2[chunk][L];

  TESSERA_INLINE void compute(const Places& p, const float* table, int n) {
    for (int k = 0; k < n; ++k) {
      Floats<L> w;
      interval(w, table, p.phase_x[k], p.t_x[k]);
      store(x[k], w);
      interval(w, table, p.phase_y[k], p.t_y[k]);
      store(y[k], w);
      w *= w;
      store(y2[k], w);
    }
  }

 private:
  TESSERA_INLINE static void interval(Floats<L>& w, const float* table, int phase, float t) {
    const float* entry = table + phase * (3 * L);
    Floats<L> a, b, c;
    load(a, entry);
    load(b, entry + L);
    load(c, entry + 2 * L);
    w = a + t * (b + t * c);
  }
};

/// A copy of the pixels under one kernel that reaches beyond the window: 0 there.
template <int Taps, int L>
struct Patch {
  float value[Taps][L], variance[Taps][L];

  void fill(const FrameView& frame, int x0, int y0) {
    for (int r = 0; r < Taps; ++r)
      for (int c = 0; c < L; ++c) {
        const bool inside = c < Taps && frame.box().contains(x0 + c, y0 + r);
        value[r][c] = inside ? frame.value(x0 + c, y0 + r) : 0.0F;
        variance[r][c] = inside ? frame.variance(x0 + c, y0 + r) : 0.0F;
      }
  }
};

/// Where the pixels under one kernel are, in the frame or in a patch; L pixels of each row may be read.
struct Pixels {
  const float *value, *variance;
  std::ptrdiff_t value_stride, variance_stride;
};

/// A group of L output pixels: sums by taps of a row, to be added up side by side.
template <int L>
struct Group {
  Pixels pixels[L];
  Floats<L> value[L], variance[L];
  Floats<L> good[L];  // 1 for taps without a bad pixel
};

template <int Taps, int L>
TESSERA_INLINE void add_taps(Group<L>& g, int lane, const Pixels& pixels, const float* wx, const float* wy, const float* wy2) {
  Floats<L> value, variance, least, w, v, s;
  load(v, pixels.value);
  load(s, pixels.variance);
  value = wy[0] * v;
  variance = wy2[0] * s;
  least = s;
#pragma GCC unroll 8
  for (int r = 1; r < Taps; ++r) {
    load(v, pixels.value + r * pixels.value_stride);
    load(s, pixels.variance + r * pixels.variance_stride);
    value += wy[r] * v;
    variance += wy2[r] * s;
    least = s < least ? s : least;  // a bad pixel has no variance
  }
  load(w, wx);
  g.pixels[lane] = pixels;
  g.value[lane] = value * w;
  g.variance[lane] = variance * (w * w);
  Floats<L> tap{};
#pragma GCC unroll 8
  for (int c = 0; c < Taps; ++c) tap[c] = 1.0F;
  g.good[lane] = least > 0.0F ? tap : Floats<L>{};
}

/// Σ w over the good pixels under one kernel, and the share of Σ |w| that lies on them.
template <int Taps, int L>
TESSERA_INLINE void good_weights(const Pixels& pixels, const float* wx, const float* wy, float& found, float& covered) {
  const Floats<L> zero{}, one = zero + 1.0F;
  Floats<L> weight{}, size{}, s, w;
  float all_y = 0;
#pragma GCC unroll 8
  for (int r = 0; r < Taps; ++r) {
    load(s, pixels.variance + r * pixels.variance_stride);
    const Floats<L> good = s > 0.0F ? one : zero;
    const float length = wy[r] < 0 ? -wy[r] : wy[r];
    weight += wy[r] * good;
    size += length * good;
    all_y += length;
  }
  load(w, wx);
  const Floats<L> length = w < 0.0F ? -w : w;
  weight *= w;
  size *= length;
  float sum = 0, good = 0, all = 0;
#pragma GCC unroll 8
  for (int c = 0; c < Taps; ++c) sum += weight[c], good += size[c], all += length[c];
  found = sum;
  covered = good / (all * all_y);
}

template <int L>
TESSERA_INLINE void put(float* to, const Floats<L>& from, int n) {
  n == L ? __builtin_memcpy(to, &from, sizeof from) : __builtin_memcpy(to, &from, static_cast<std::size_t>(n) * sizeof(float));
}

/// Output pixels [first, first + n), n ≤ L, whose places are `at` on.
template <int Taps, int L>
TESSERA_INLINE void interpolate_group(const PointRow& row, const Places& places, const Weights<L>& weights, const Pixels& window, int at, int first, int n) {
  const auto plane_bytes = static_cast<std::size_t>(n) * sizeof(float);
  bool any_inside = false;
  for (int lane = 0; lane < n; ++lane) any_inside |= places.inside[at + lane] != 0;
  if (!any_inside) {
    for (float* plane : {row.value, row.variance, row.coverage}) __builtin_memset(plane + first, 0, plane_bytes);
    return;
  }
  const Box box = row.frame->box();
  Group<L> g;
  Patch<Taps, L> patches[L];
  for (int lane = 0; lane < L; ++lane) {
    const int k = at + (lane < n ? lane : 0), x = places.x[k], y = places.y[k];
    Pixels pixels{window.value + ((y - box.y0) * window.value_stride + (x - box.x0)), window.variance + ((y - box.y0) * window.variance_stride + (x - box.x0)),
                  window.value_stride, window.variance_stride};
    if (!places.within[k]) {
      patches[lane].fill(*row.frame, x, y);
      pixels = {patches[lane].value[0], patches[lane].variance[0], L, L};
    }
    add_taps<Taps, L>(g, lane, pixels, weights.x[k], weights.y[k], weights.y2[k]);
  }
  const Floats<L> zero{}, one = zero + 1.0F;
  Floats<L> value, variance, weight, weight_y, good, inside = zero, coverage = one, wx[L], wy[L];
  for (int lane = 0; lane < L; ++lane) {
    const int k = at + (lane < n ? lane : 0);
    load(wx[lane], weights.x[k]);
    load(wy[lane], weights.y[k]);
  }
  sum_lanes(value, g.value);
  sum_lanes(variance, g.variance);
  sum_lanes(good, g.good);
  sum_lanes(weight, wx);
  sum_lanes(weight_y, wy);
  __builtin_memcpy(&inside, places.inside + at, static_cast<std::size_t>(n) * sizeof(float));
  weight *= weight_y;
  float taps_good[L], w[L], c[L], in[L];
  store(taps_good, good);
  bool clean = true;
  for (int lane = 0; lane < L; ++lane) clean &= taps_good[lane] == Taps;
  if (!clean) {
    store(w, weight);
    store(c, coverage);
    store(in, inside);
    for (int lane = 0; lane < n; ++lane) {
      if (taps_good[lane] == Taps || in[lane] == 0) continue;
      float found = 0;
      good_weights<Taps, L>(g.pixels[lane], weights.x[at + lane], weights.y[at + lane], found, c[lane]);
      if (c[lane] >= row.least && found >= row.least * w[lane])
        w[lane] = found;
      else
        in[lane] = 0;
    }
    load(weight, w);
    load(coverage, c);
    load(inside, in);
  }
  const auto any = inside > zero;
  const Floats<L> inverse = 1.0F / weight;
  value = (any ? value * inverse : zero) + 0.0F;  // no −0
  variance = any ? variance * (inverse * inverse) : zero;
  coverage = any ? coverage : zero;
  put<L>(row.value + first, value, n);
  put<L>(row.variance + first, variance, n);
  put<L>(row.coverage + first, coverage, n);
}

template <int Taps>
TESSERA_INLINE void interpolate_row(const PointRow& row) {
  constexpr int L = point_lanes(Taps);
  Places places;
  Weights<L> weights;
  const FrameView& frame = *row.frame;
  const Pixels window{frame.value.row(frame.box().y0).data(), frame.variance.row(frame.box().y0).data(), frame.value.stride(), frame.variance.stride()};
  for (int first = 0; first < row.count; first += chunk) {
    const int n = std::min(chunk, row.count - first);
    place<Taps>(places, row, first, n);
    weights.compute(places, row.table, n);
    for (int k = 0; k < n; k += L) interpolate_group<Taps, L>(row, places, weights, window, k, first + k, std::min(L, n - k));
  }
}

TESSERA_INLINE void interpolate(int taps, const PointRow& row) {
  switch (taps) {
    case 1: return interpolate_row<1>(row);
    case 2: return interpolate_row<2>(row);
    case 4: return interpolate_row<4>(row);
    case 6: return interpolate_row<6>(row);
    default: return interpolate_row<8>(row);
  }
}

void interpolate_plain(int taps, const PointRow& row) { interpolate(taps, row); }

#ifdef __x86_64__
__attribute__((target("avx2"))) void interpolate_avx2(int taps, const PointRow& row) { interpolate(taps, row); }
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))) void interpolate_avx512(int taps, const PointRow& row) { interpolate(taps, row); }
#endif

}  // namespace

const std::vector<PointRowKernel>& point_row_kernels() {
  static const auto kernels = runnable<PointRowKernel>({
      {"plain", interpolate_plain},
#ifdef __x86_64__
      {"avx2", interpolate_avx2},
      {"avx512", interpolate_avx512},
#endif
  });
  return kernels;
}

}  // namespace tessera::reproject
