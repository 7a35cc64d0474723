#include "tessera/reproject/area_edges.h"

#include <algorithm>
#include <cstdint>

#include "tessera/reproject/area_block.h"
#include "tessera/reproject/instruction_sets.h"
#include "tessera/reproject/shared_edges.h"

namespace tessera::reproject {

namespace {

using namespace edges;
using lanes::sum_lanes;

/// The rows of frame pixels under an output pixel; four of each may be read.
struct Under {
  const float *value, *variance;
  std::ptrdiff_t value_stride, variance_stride;
};

/// A copy of the frame pixels under an output pixel at the border of the window: 0 beyond.
struct Patch {
  float value[12] = {}, variance[12] = {};
  Patch(const FrameView& frame, int x0, int y0) {
    const Box inside = intersection(frame.box(), Box{x0, y0, x0 + 3, y0 + 3});
    for (int y = inside.y0; y < inside.y1; ++y)
      for (int x = inside.x0; x < inside.x1; ++x) {
        value[4 * (y - y0) + x - x0] = frame.value(x, y);
        variance[4 * (y - y0) + x - x0] = frame.variance(x, y);
      }
  }
};

/// Sums over the frame pixels under W output pixels, by column.
template <int W>
struct Sums {
  Four weighted[W], variance[W];
  Four least[W];    // variance; 0 where a frame pixel is bad
  float share[W];   // of the area that is good
};

template <int W>
TESSERA_INLINE void sum_pixel(Sums<W>& s, int lane, const float* areas, const Under& under) {
  Four weighted, variance, least, a, v, n;
  load(a, areas + 4 * lane);
  load(v, under.value);
  load(least, under.variance);
  weighted = a * v;
  variance = a * a * least;
#pragma GCC unroll 2
  for (int j = 1; j < 3; ++j) {
    load(a, areas + 4 * W * j + 4 * lane);
    load(v, under.value + j * under.value_stride);
    load(n, under.variance + j * under.variance_stride);
    weighted += a * v;
    variance += a * a * n;
    lower_of(least, least, n);
  }
  s.weighted[lane] = weighted;
  s.variance[lane] = variance;
  s.least[lane] = least;
}

/// The share of an output pixel's area that lies on good pixels: exactly 1 where all are.
template <int W>
TESSERA_INLINE float good_share(const float* areas, int lane, const Under& under) {
  float good = 0, all = 0;
  for (int j = 0; j < 3; ++j)
    for (int i = 0; i < 3; ++i) {
      const float a = areas[4 * W * j + 4 * lane + i];
      good += under.variance[j * under.variance_stride + i] > 0 ? a : 0.0F;
      all += a;
    }
  return all > 0 ? good / all : 0.0F;
}

template <int W>
TESSERA_INLINE void sum_columns(lanes::Floats<W>& sums, const Four (&columns)[W]) {
  float s[W];
#pragma GCC unroll 4
  for (int k = 0; k < W; k += 4) {
    const Four four[4] = {columns[k], columns[k + 1], columns[k + 2], columns[k + 3]};
    Four sum;
    sum_lanes(sum, four);
    store(s + k, sum);
  }
  load(sums, s);
}

template <int W>
TESSERA_INLINE void finish(const AreaBlock& block, int x, int y, int n, const Sums<W>& sums, const lanes::Floats<W>& area) {
  const lanes::Floats<W> zero{}, one = zero + 1.0F;
  lanes::Floats<W> weighted, variance, share;
  sum_columns<W>(weighted, sums.weighted);
  sum_columns<W>(variance, sums.variance);
  load(share, sums.share);
  const auto covered = share > static_cast<float>(least_coverage);
  const lanes::Floats<W> inverse = one / (covered ? area * share : one);
  const lanes::Floats<W> value = (covered ? weighted * inverse : zero) + 0.0F;  // no −0
  const lanes::Floats<W> noise = covered ? variance * (inverse * inverse) : zero;
  const lanes::Floats<W> coverage = covered ? share : zero;
  const auto put = [&](float* to, const lanes::Floats<W>& from) __attribute__((always_inline)) {
    n == W ? __builtin_memcpy(to + x, &from, sizeof from) : __builtin_memcpy(to + x, &from, static_cast<std::size_t>(n) * sizeof(float));
  };
  put(block.value + y * block.value_stride, value);
  put(block.variance + y * block.variance_stride, noise);
  put(block.coverage + y * block.coverage_stride, coverage);
}

template <int W>
TESSERA_INLINE bool all_set(const Ints<W>& mask) {
  std::uint64_t words[W / 2], all = ~std::uint64_t{0};
  __builtin_memcpy(words, &mask, sizeof words);
  for (const auto w : words) all &= w;
  return all == ~std::uint64_t{0};
}

TESSERA_INLINE bool all_positive(const Four& v) { return (v[0] > 0) & (v[1] > 0) & (v[2] > 0) & (v[3] > 0); }

/// Output pixels x … x + n − 1 of row y; returns how many are left.
template <int W>
TESSERA_INLINE int resample_group(const AreaBlock& block, int x, int y, int n, const Under& window, const Corners& below, const Corners& above, const Edges& bottom, const Edges& top,
                                  const Edges& side) {
  Ints<W> column, row, last_column, last_row, fits, a, b, c;
  extent<W>(column, last_column, below.column + x, below.column + x + 1, above.column + x, above.column + x + 1);
  extent<W>(row, last_row, below.row + x, below.row + x + 1, above.row + x, above.row + x + 1);
  load(fits, bottom.fits + x);
  load(a, top.fits + x);
  load(b, side.fits + x);
  load(c, side.fits + x + 1);
  fits &= a & b & c & (last_column - column <= 2) & (last_row - row <= 2);
  lanes::Floats<W> area[3][3] = {}, total;
  add_edges<W, 1>(area, bottom, x, column, row);
  add_edges<W, 1>(area, side, x + 1, column, row);
  add_edges<W, -1>(area, top, x, column, row);
  add_edges<W, -1>(area, side, x, column, row);
  alignas(64) float areas[3 * 4 * W];
  store_areas<W>(areas, total, fits, area);
  const Box box = block.frame->box();
  // A window so large that offsets need 64 bits is read by way of patches.
  const bool small = static_cast<double>(box.height()) * static_cast<double>(std::max(window.value_stride, window.variance_stride)) < 2e9;
  const Ints<W> within = (small ? fits : Ints<W>{}) & (column >= box.x0) & (row >= box.y0) & (column <= box.x1 - 4) & (row <= box.y1 - 3);
  const Ints<W> from_x = (column - box.x0) & within, from_y = (row - box.y0) & within;  // others may lie too far off for an offset
  const Ints<W> value_at = from_y * static_cast<std::int32_t>(window.value_stride) + from_x, variance_at = from_y * static_cast<std::int32_t>(window.variance_stride) + from_x;
  std::int32_t value_of[W], variance_of[W];
  __builtin_memcpy(value_of, &value_at, sizeof value_of);
  __builtin_memcpy(variance_of, &variance_at, sizeof variance_of);
  Sums<W> sums;
  int left = 0;
  const auto under = [&](int lane) __attribute__((always_inline)) {
    return Under{window.value + value_of[lane], window.variance + variance_of[lane], window.value_stride, window.variance_stride};
  };
  if (all_set<W>(within)) {
    Four least = Four{} + 1.0F;
#pragma GCC unroll 16
    for (int lane = 0; lane < W; ++lane) {
      sum_pixel<W>(sums, lane, areas, under(lane));
      lower_of(least, least, sums.least[lane]);
      sums.share[lane] = 1;
    }
    if (!all_positive(least))
      for (int lane = 0; lane < W; ++lane)
        if (!all_positive(sums.least[lane])) sums.share[lane] = good_share<W>(areas, lane, under(lane));
  } else {
    for (int lane = 0; lane < W; ++lane) {
      sums.weighted[lane] = sums.variance[lane] = Four{};
      sums.share[lane] = 0;
      if (lane >= n) continue;
      if (!fits[lane]) {
        block.left[y * block.width + x + lane] = 1;
        ++left;
      } else if (within[lane]) {
        sum_pixel<W>(sums, lane, areas, under(lane));
        sums.share[lane] = good_share<W>(areas, lane, under(lane));
      } else {
        const Patch patch{*block.frame, column[lane], row[lane]};
        const Under copied{patch.value, patch.variance, 4, 4};
        sum_pixel<W>(sums, lane, areas, copied);
        sums.share[lane] = good_share<W>(areas, lane, copied);
      }
    }
  }
  finish<W>(block, x, y, n, sums, total);
  return left;
}

template <int W>
TESSERA_INLINE int resample_block(const AreaBlock& block) {
  const FrameView& frame = *block.frame;
  const int n = block.width, padded = (n + W - 1) / W * W;
  const Under window{frame.value.row(frame.box().y0).data(), frame.variance.row(frame.box().y0).data(), frame.value.stride(), frame.variance.stride()};
  Corners rows[2];
  Edges across[2], side;
  int left = 0;
  std::fill_n(block.left, n * block.height, std::uint8_t{0});
  for (auto& c : rows)  // beyond the last corner
    for (int k = n + 1; k < room; ++k) c.x[k] = c.y[k] = 0, c.column[k] = c.row[k] = nowhere;
  place<W / 2>(rows[0], block.u, block.v, n + 1);
  for (int k = 0; k < padded; k += W) cut_edges<W>(across[0], k, rows[0], rows[0], k, k + 1);
  for (int y = 0; y < block.height; ++y) {
    const Corners& below = rows[y % 2];
    Corners& above = rows[(y + 1) % 2];
    Edges& top = across[(y + 1) % 2];
    place<W / 2>(above, block.u + (y + 1) * block.corner_stride, block.v + (y + 1) * block.corner_stride, n + 1);
    for (int k = 0; k < padded; k += W) cut_edges<W>(top, k, above, above, k, k + 1);
    for (int k = 0; k <= padded; k += W) cut_edges<W>(side, k, below, above, k, k);
    for (int x = 0; x < n; x += W) left += resample_group<W>(block, x, y, std::min(W, n - x), window, below, above, across[y % 2], top, side);
  }
  return left;
}

int resample_plain(const AreaBlock& block) { return resample_block<4>(block); }

#ifdef __x86_64__
__attribute__((target("avx2"))) int resample_avx2(const AreaBlock& block) { return resample_block<8>(block); }
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))) int resample_avx512(const AreaBlock& block) { return resample_block<16>(block); }
#endif

}  // namespace

const std::vector<AreaBlockKernel>& area_block_kernels() {
  static const auto kernels = runnable<AreaBlockKernel>({
      {"plain", resample_plain},
#ifdef __x86_64__
      {"avx2", resample_avx2},
      {"avx512", resample_avx512},
#endif
  });
  return kernels;
}

}  // namespace tessera::reproject
