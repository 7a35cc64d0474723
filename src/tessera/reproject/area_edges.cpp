#include "tessera/reproject/area_edges.h"

#include <algorithm>

#include "tessera/reproject/area_block.h"
#include "tessera/reproject/float_lanes.h"

namespace tessera::reproject {

namespace {

using lanes::load, lanes::store, lanes::sum_lanes;

constexpr int room = AreaBlock::largest_width + 2 * 16;
constexpr int nowhere = 1 << 29;      // the cell of a corner without a place
constexpr float least_area = 1.0F / 64;  // of an output pixel in the frame: below, an area's rounding would count

template <int W>
struct Vectors {
  typedef std::int32_t Ints __attribute__((vector_size(W * sizeof(std::int32_t))));
};
template <int W>
using Ints = typename Vectors<W>::Ints;
using Four = lanes::Floats<4>;

template <class T>
TESSERA_INLINE void load_ints(T& to, const std::int32_t* from) {
  __builtin_memcpy(&to, from, sizeof(T));
}
template <class T>
TESSERA_INLINE void lower(T& to, const T& a, const T& b) {
  to = a < b ? a : b;
}
template <class T>
TESSERA_INLINE void upper(T& to, const T& a, const T& b) {
  to = a > b ? a : b;
}

/// A row of corners: the cell each is in, and the place in it.
struct Corners {
  alignas(64) float x[room], y[room];
  alignas(64) std::int32_t column[room], row[room];
};

template <int H>
TESSERA_INLINE void place_axis(const lanes::Doubles<H>& from, float* at, std::int32_t* cell) {
  constexpr double raster = 805306368.0;  // 1.5 · 2²⁹: adding it leaves multiples of 2⁻²³
  const lanes::Doubles<H> x = (from + 0.5 + raster) - raster;
  lanes::Doubles<H> whole;
  lanes::round_down(whole, x);
  const lanes::Floats<H> in_cell = __builtin_convertvector(x - whole, lanes::Floats<H>);
  const Ints<H> i = __builtin_convertvector(whole, Ints<H>);
  store(at, in_cell);
  __builtin_memcpy(cell, &i, sizeof i);
}

/// `u` and `v` are readable to the next multiple of H.
template <int H>
TESSERA_INLINE void place(Corners& c, const double* u, const double* v, int n) {
  const lanes::Doubles<H> far = lanes::Doubles<H>{} + nowhere;
  for (int k = 0; k < n; k += H) {
    lanes::Doubles<H> a, b;
    lanes::load(a, u + k);
    lanes::load(b, v + k);
    const auto placed = (a > -1e8) & (a < 1e8) & (b > -1e8) & (b < 1e8);  // false for NaN
    a = placed ? a : far;
    b = placed ? b : far;
    place_axis<H>(a, c.x + k, c.column + k);
    place_axis<H>(b, c.y + k, c.row + k);
  }
}

/// Edges side by side. The cell of the first column and row, and by row D and the integrals of the two columns.
struct Edges {
  alignas(64) std::int32_t column[room], row[room];
  alignas(64) std::int32_t fits[room];  // −1: crosses at most one grid line each way
  alignas(64) float beside[2][room], inside[2][2][room];
};

/// One row of cells: the piece of an edge from (xa, ya) to (xb, yb), cut where it leaves the first column at y = cut.
template <int W>
TESSERA_INLINE void add_piece(Edges& e, int r, int k, const lanes::Floats<W>& xa, const lanes::Floats<W>& ya, const lanes::Floats<W>& xb, const lanes::Floats<W>& yb, const lanes::Floats<W>& cut) {
  const lanes::Floats<W> zero{}, one = zero + 1.0F;
  const lanes::Floats<W> rise = yb - ya, whole = 0.5F * (xa + xb) * rise;  // ∫ x dy
  lanes::Floats<W> low, high, at, ta = one - xa, tb = one - xb;
  lower(low, ya, yb);
  upper(high, ya, yb);
  upper(at, cut, low);
  lower(at, at, high);
  const lanes::Floats<W> from = xa < one ? ya : at, to = xb < one ? yb : at;
  upper(ta, ta, zero);
  upper(tb, tb, zero);
  const lanes::Floats<W> missing = 0.5F * (ta + tb) * (to - from);  // ∫ max(1 − x, 0) dy
  const lanes::Floats<W> first = rise - missing, second = whole - first;
  store(e.beside[r] + k, rise);
  store(e.inside[r][0] + k, first);
  store(e.inside[r][1] + k, second);
}

/// Edges k … k + W − 1 from corners a + k to corners b + k.
template <int W>
TESSERA_INLINE void cut_edges(Edges& e, int k, const Corners& a, const Corners& b, int next) {
  const lanes::Floats<W> zero{}, one = zero + 1.0F;
  lanes::Floats<W> x0, y0, x1, y1;
  Ints<W> ca, ra, cb, rb;
  load(x0, a.x + k);
  load(y0, a.y + k);
  load(x1, b.x + k + next);
  load(y1, b.y + k + next);
  load_ints(ca, a.column + k);
  load_ints(ra, a.row + k);
  load_ints(cb, b.column + k + next);
  load_ints(rb, b.row + k + next);
  const Ints<W> dc = cb - ca, dr = rb - ra;
  Ints<W> column, row;
  lower(column, ca, cb);
  lower(row, ra, rb);
  const Ints<W> fits = (dc >= -1) & (dc <= 1) & (dr >= -1) & (dr <= 1);
  __builtin_memcpy(e.column + k, &column, sizeof column);
  __builtin_memcpy(e.row + k, &row, sizeof row);
  __builtin_memcpy(e.fits + k, &fits, sizeof fits);
  x0 += dc < 0 ? one : zero;
  x1 += dc > 0 ? one : zero;
  y0 += dr < 0 ? one : zero;
  y1 += dr > 0 ? one : zero;
  const lanes::Floats<W> dx = x1 - x0, dy = y1 - y0;
  const lanes::Floats<W> some_dx = dx == zero ? one : dx, some_dy = dy == zero ? one : dy;
  const lanes::Floats<W> inverse = one / (some_dx * some_dy);
  // Where the edge crosses x = 1, and y = 1; of no use where it does not.
  const lanes::Floats<W> cut_y = y0 + (one - x0) * (dy * some_dy * inverse);
  lanes::Floats<W> cut_x = x0 + (one - y0) * (dx * some_dx * inverse), low, high;
  lower(low, x0, x1);
  upper(high, x0, x1);
  upper(cut_x, cut_x, low);
  lower(cut_x, cut_x, high);
  lanes::Floats<W> ya, yb;
  const auto low0 = y0 < one, low1 = y1 < one;
  lower(ya, y0, one);
  lower(yb, y1, one);
  add_piece<W>(e, 0, k, low0 ? x0 : cut_x, ya, low1 ? x1 : cut_x, yb, cut_y);
  upper(ya, y0, one);
  upper(yb, y1, one);
  add_piece<W>(e, 1, k, low0 ? cut_x : x0, ya, low1 ? cut_x : x1, yb, cut_y);
}

/// Adds what W edges give to 3 × 3 cells from (column, row) on.
template <int W, int Sign>
TESSERA_INLINE void add_edges(lanes::Floats<W> (&area)[3][3], const Edges& e, int k, const Ints<W>& column, const Ints<W>& row) {
  const lanes::Floats<W> zero{};
  Ints<W> c, r;
  load_ints(c, e.column + k);
  load_ints(r, e.row + k);
  const Ints<W> shift_c = c - column, shift_r = r - row;
  const auto c0 = shift_c == 0, c1 = shift_c == 1, r0 = shift_r == 0, r1 = shift_r == 1;
  lanes::Floats<W> in[2][3];
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    lanes::Floats<W> beside, first, second;
    load(beside, e.beside[j] + k);
    load(first, e.inside[j][0] + k);
    load(second, e.inside[j][1] + k);
    in[j][0] = c0 ? first : beside;
    in[j][1] = c0 ? second : c1 ? first : beside;
    in[j][2] = c0 ? zero : c1 ? second : first;
  }
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) {
    const lanes::Floats<W> part[3] = {r0 ? in[0][i] : zero, r0 ? in[1][i] : r1 ? in[0][i] : zero, r0 ? zero : r1 ? in[1][i] : in[0][i]};
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) area[j][i] = Sign > 0 ? area[j][i] + part[j] : area[j][i] - part[j];
  }
}

/// rows[k] = {a[k], b[k], c[k], 0}.
TESSERA_INLINE void by_pixel(float* rows, const Four& a, const Four& b, const Four& c) {
  const Four zero{};
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four c_low = __builtin_shufflevector(c, zero, 0, 4, 1, 5), c_high = __builtin_shufflevector(c, zero, 2, 6, 3, 7);
  const Four p[4] = {__builtin_shufflevector(ab_low, c_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, c_low, 2, 3, 6, 7), __builtin_shufflevector(ab_high, c_high, 0, 1, 4, 5),
                     __builtin_shufflevector(ab_high, c_high, 2, 3, 6, 7)};
  for (int k = 0; k < 4; ++k) store(rows + 4 * k, p[k]);
}
TESSERA_INLINE void by_pixel(float* rows, const lanes::Floats<8>& a, const lanes::Floats<8>& b, const lanes::Floats<8>& c) {
  using V = lanes::Floats<8>;
  const V zero{};
  const V ab_low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13), ab_high = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  const V c_low = __builtin_shufflevector(c, zero, 0, 8, 1, 9, 4, 12, 5, 13), c_high = __builtin_shufflevector(c, zero, 2, 10, 3, 11, 6, 14, 7, 15);
  const V p[4] = {__builtin_shufflevector(ab_low, c_low, 0, 1, 8, 9, 4, 5, 12, 13), __builtin_shufflevector(ab_low, c_low, 2, 3, 10, 11, 6, 7, 14, 15),
                  __builtin_shufflevector(ab_high, c_high, 0, 1, 8, 9, 4, 5, 12, 13), __builtin_shufflevector(ab_high, c_high, 2, 3, 10, 11, 6, 7, 14, 15)};
  for (int k = 0; k < 4; ++k) {
    const Four low = __builtin_shufflevector(p[k], p[k], 0, 1, 2, 3), high = __builtin_shufflevector(p[k], p[k], 4, 5, 6, 7);
    store(rows + 4 * k, low);
    store(rows + 4 * (k + 4), high);
  }
}
TESSERA_INLINE void by_pixel(float* rows, const lanes::Floats<16>& a, const lanes::Floats<16>& b, const lanes::Floats<16>& c) {
  using V = lanes::Floats<8>;
  V low[3], high[3];
  const lanes::Floats<16>* all[3] = {&a, &b, &c};
  for (int k = 0; k < 3; ++k) {
    __builtin_memcpy(&low[k], all[k], sizeof(V));
    __builtin_memcpy(&high[k], reinterpret_cast<const char*>(all[k]) + sizeof(V), sizeof(V));
  }
  by_pixel(rows, low[0], low[1], low[2]);
  by_pixel(rows + 32, high[0], high[1], high[2]);
}

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
    lower(least, least, n);
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
  const lanes::Floats<W> zero{};
  Ints<W> column, row, last_column, last_row, fits;
  {
    Ints<W> a, b, c, d, low, high;
    const auto extent = [&](Ints<W>& least, Ints<W>& most, const std::int32_t* p, const std::int32_t* q) __attribute__((always_inline)) {
      load_ints(a, p + x);
      load_ints(b, p + x + 1);
      load_ints(c, q + x);
      load_ints(d, q + x + 1);
      lower(low, a, b);
      lower(least, c, d);
      lower(least, least, low);
      upper(high, a, b);
      upper(most, c, d);
      upper(most, most, high);
    };
    extent(column, last_column, below.column, above.column);
    extent(row, last_row, below.row, above.row);
    load_ints(a, bottom.fits + x);
    load_ints(b, top.fits + x);
    load_ints(c, side.fits + x);
    load_ints(d, side.fits + x + 1);
    fits = a & b & c & d & (last_column - column <= 2) & (last_row - row <= 2);
  }
  lanes::Floats<W> area[3][3];
  for (auto& r : area)
    for (auto& a : r) a = zero;
  add_edges<W, 1>(area, bottom, x, column, row);
  add_edges<W, 1>(area, side, x + 1, column, row);
  add_edges<W, -1>(area, top, x, column, row);
  add_edges<W, -1>(area, side, x, column, row);
  const lanes::Floats<W> whole = ((area[0][0] + area[0][1]) + (area[0][2] + area[1][0])) + ((area[1][1] + area[1][2]) + (area[2][0] + area[2][1])) + area[2][2];
  const lanes::Floats<W> sign = whole < zero ? zero - 1.0F : zero + 1.0F;  // a mirrored map runs round the other way
  fits &= whole * sign >= least_area;
  alignas(64) float areas[3 * 4 * W];
  lanes::Floats<W> total = zero;
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    for (auto& a : area[j]) {
      a *= sign;
      upper(a, a, zero);
    }
    total += (area[j][0] + area[j][1]) + area[j][2];
    by_pixel(areas + 4 * W * j, area[j][0], area[j][1], area[j][2]);
  }
  const Box box = block.frame->box();
  // A window so large that offsets need 64 bits is read by way of patches.
  const bool small = static_cast<double>(box.height()) * static_cast<double>(std::max(window.value_stride, window.variance_stride)) < 2e9;
  const Ints<W> within = (small ? fits : Ints<W>{}) & (column >= box.x0) & (row >= box.y0) & (column <= box.x1 - 4) & (row <= box.y1 - 3);
  const Ints<W> from_x = column - box.x0, from_y = row - box.y0;
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
      lower(least, least, sums.least[lane]);
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
  for (int k = 0; k < padded; k += W) cut_edges<W>(across[0], k, rows[0], rows[0], 1);
  for (int y = 0; y < block.height; ++y) {
    const Corners& below = rows[y % 2];
    Corners& above = rows[(y + 1) % 2];
    Edges& top = across[(y + 1) % 2];
    place<W / 2>(above, block.u + (y + 1) * block.corner_stride, block.v + (y + 1) * block.corner_stride, n + 1);
    for (int k = 0; k < padded; k += W) cut_edges<W>(top, k, above, above, 1);
    for (int k = 0; k <= padded; k += W) cut_edges<W>(side, k, below, above, 0);
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
  static const std::vector<AreaBlockKernel> kernels = [] {
    std::vector<AreaBlockKernel> found{{"plain", resample_plain}};
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", resample_avx2});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
      found.push_back({"avx512", resample_avx512});
#endif
    return found;
  }();
  return kernels;
}

}  // namespace tessera::reproject
