/// reproject/shared_edges.h — overlap areas of quadrilaterals with at most 3 × 3 pixels in single precision, many side by side, from edges they may share.
///
/// An edge that crosses at most one grid line each way lies on 2 × 2 cells. Of its piece in either row of cells it keeps D = ∫ dy, and ∫ clamp(x − i, 0, 1) dy for the cells
/// i of its two columns; cells to its left take D, cells to its right nothing. By Green's theorem the area of a quadrilateral in a cell is the sum over its four
/// edges. Corners lie on a raster of 2⁻²³ pixel: all D are then exact in single precision, so that they cancel in cells beside the quadrilateral, and areas are good to 3·10⁻⁷.
#pragma once
#include <cstdint>

#include "tessera/reproject/float_lanes.h"

namespace tessera::reproject::edges {

using lanes::load, lanes::lower_of, lanes::store, lanes::upper_of;

constexpr int largest_row = 64, room = largest_row + 2 * 16;
constexpr int nowhere = 1 << 29;  // the cell of a corner without a place

template <int W>
struct Vectors {
  typedef std::int32_t Ints __attribute__((vector_size(W * sizeof(std::int32_t))));
};
template <int W>
using Ints = typename Vectors<W>::Ints;
using Four = lanes::Floats<4>;

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
  lower_of(low, ya, yb);
  upper_of(high, ya, yb);
  upper_of(at, cut, low);
  lower_of(at, at, high);
  const lanes::Floats<W> from = xa < one ? ya : at, to = xb < one ? yb : at;
  upper_of(ta, ta, zero);
  upper_of(tb, tb, zero);
  const lanes::Floats<W> missing = 0.5F * (ta + tb) * (to - from);  // ∫ max(1 − x, 0) dy
  const lanes::Floats<W> first = rise - missing, second = whole - first;
  store(e.beside[r] + k, rise);
  store(e.inside[r][0] + k, first);
  store(e.inside[r][1] + k, second);
}

/// Edges k … k + W − 1 from corners of a from `from` on to corners of b from `to` on.
template <int W>
TESSERA_INLINE void cut_edges(Edges& e, int k, const Corners& a, const Corners& b, int from, int to) {
  const lanes::Floats<W> zero{}, one = zero + 1.0F;
  lanes::Floats<W> x0, y0, x1, y1;
  Ints<W> ca, ra, cb, rb;
  load(x0, a.x + from);
  load(y0, a.y + from);
  load(x1, b.x + to);
  load(y1, b.y + to);
  load(ca, a.column + from);
  load(ra, a.row + from);
  load(cb, b.column + to);
  load(rb, b.row + to);
  const Ints<W> dc = cb - ca, dr = rb - ra;
  Ints<W> column, row;
  lower_of(column, ca, cb);
  lower_of(row, ra, rb);
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
  lower_of(low, x0, x1);
  upper_of(high, x0, x1);
  upper_of(cut_x, cut_x, low);
  lower_of(cut_x, cut_x, high);
  lanes::Floats<W> ya, yb;
  const auto low0 = y0 < one, low1 = y1 < one;
  lower_of(ya, y0, one);
  lower_of(yb, y1, one);
  add_piece<W>(e, 0, k, low0 ? x0 : cut_x, ya, low1 ? x1 : cut_x, yb, cut_y);
  upper_of(ya, y0, one);
  upper_of(yb, y1, one);
  add_piece<W>(e, 1, k, low0 ? cut_x : x0, ya, low1 ? cut_x : x1, yb, cut_y);
}

/// Adds what W edges give to 3 × 3 cells from (column, row) on.
template <int W, int Sign>
TESSERA_INLINE void add_edges(lanes::Floats<W> (&area)[3][3], const Edges& e, int k, const Ints<W>& column, const Ints<W>& row) {
  const lanes::Floats<W> zero{};
  Ints<W> c, r;
  load(c, e.column + k);
  load(r, e.row + k);
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

/// Of a quadrilateral: below, the rounding of an area would count.
constexpr float least_area = 1.0F / 64;

/// The areas that a quadrilateral has in 3 × 3 cells: three rows of {area, area, area, 0} for each of W, W of a row together. `total` is their sum, with which the
/// quadrilateral's sense is taken out; lanes that are smaller than least_area are taken out of `fits`.
template <int W>
TESSERA_INLINE void store_areas(float* areas, lanes::Floats<W>& total, Ints<W>& fits, lanes::Floats<W> (&area)[3][3]) {
  const lanes::Floats<W> zero{};
  const lanes::Floats<W> whole = ((area[0][0] + area[0][1]) + (area[0][2] + area[1][0])) + ((area[1][1] + area[1][2]) + (area[2][0] + area[2][1])) + area[2][2];
  const lanes::Floats<W> sign = whole < zero ? zero - 1.0F : zero + 1.0F;  // a mirrored map runs round the other way
  fits &= whole * sign >= least_area;
  total = zero;
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    for (auto& a : area[j]) {
      a *= sign;
      upper_of(a, a, zero);
    }
    total += (area[j][0] + area[j][1]) + area[j][2];
    by_pixel(areas + 4 * W * j, area[j][0], area[j][1], area[j][2]);
  }
}

/// Least and largest of four.
template <int W>
TESSERA_INLINE void extent(Ints<W>& least, Ints<W>& most, const std::int32_t* p, const std::int32_t* q, const std::int32_t* r, const std::int32_t* s) {
  Ints<W> a, b, c, d, low, high;
  load(a, p);
  load(b, q);
  load(c, r);
  load(d, s);
  lower_of(low, a, b);
  lower_of(least, c, d);
  lower_of(least, least, low);
  upper_of(high, a, b);
  upper_of(most, c, d);
  upper_of(most, most, high);
}

}  // namespace tessera::reproject::edges
