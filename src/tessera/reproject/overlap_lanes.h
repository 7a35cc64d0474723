/// reproject/overlap_lanes.h — overlap areas of W small quadrilaterals at once, one per vector lane, without a branch.
///
/// For a quadrilateral with local corners in [0, N] × [0, N], let A(X, Y) be its area within x < X and y < Y. By Green's theorem
/// A is a sum over the edges, each first cut at y = Y:  ∮ x dy  where X is beyond all corners, else −∮ max(X − x, 0) dy, which
/// along a straight edge from a to b is −½ (tₐ + t_b) · (dy/dx) (tₐ − t_b) with t = max(X − x, 0). Differences of A between
/// neighbouring grid lines are the areas in the cells. All in double and without fused operations, so that every W gives
/// the same bits; a lane's bits do not depend on N either (see `collapse`), so lanes may be grouped as they come.
#pragma once
#include <cstdint>

#define TESSERA_INLINE inline __attribute__((always_inline))

namespace tessera::reproject::lanes {

template <int W>
struct Vector {
  typedef double Type __attribute__((vector_size(W * sizeof(double))));
};
template <int W>
using Doubles = typename Vector<W>::Type;

constexpr int largest_span = 4;  ///< cells per side of the largest quadrilateral that is done in lanes

// The functions below pass vectors by reference only: by value their calling convention would depend on the instruction set.

template <class V, class T>
TESSERA_INLINE void load(V& to, const T* from) {
  __builtin_memcpy(&to, from, sizeof(V));
}
template <class V, class T>
TESSERA_INLINE void store(T* to, const V& from) {
  __builtin_memcpy(to, &from, sizeof(V));
}
template <class V>
TESSERA_INLINE void lower_of(V& to, const V& a, const V& b) {
  to = a < b ? a : b;
}
template <class V>
TESSERA_INLINE void upper_of(V& to, const V& a, const V& b) {
  to = a > b ? a : b;
}
/// Valid for |x| < 2⁵¹: adding 1.5·2⁵² rounds to the nearest integer.
template <class V>
TESSERA_INLINE void round_down(V& to, const V& x) {
  constexpr double round = 6755399441055744.0;
  const V nearest = (x + round) - round;
  to = nearest > x ? nearest - 1.0 : nearest;
}

/// Where the quadrilaterals lie: corners from the corner of their first cell, and cells per side (0 … any number).
template <int W>
struct Placed {
  Doubles<W> x[4], y[4];
  Doubles<W> base_x, base_y, span_x, span_y;  // base: index of the first cell
  Doubles<W> checksum;                        // 0 where all corners are finite, else NaN
};

template <class V>
TESSERA_INLINE void place_axis(V (&c)[4], V& base, V& span) {
  V low, high, a, b;
  lower_of(a, c[0], c[1]);
  lower_of(b, c[2], c[3]);
  lower_of(low, a, b);
  upper_of(a, c[0], c[1]);
  upper_of(b, c[2], c[3]);
  upper_of(high, a, b);
  round_down(base, low);
  const V negative = -high;
  round_down(a, negative);
  span = -a - base;
  for (int k = 0; k < 4; ++k) c[k] -= base;
}

/// Corners k, k+1 of the row below and of the row above, pixel (i, j) being [i−½, i+½] × [j−½, j+½].
template <int W>
TESSERA_INLINE void place(Placed<W>& p, const double* u_below, const double* v_below, const double* u_above, const double* v_above) {
  load(p.x[0], u_below);
  load(p.x[1], u_below + 1);
  load(p.x[2], u_above + 1);
  load(p.x[3], u_above);
  load(p.y[0], v_below);
  load(p.y[1], v_below + 1);
  load(p.y[2], v_above + 1);
  load(p.y[3], v_above);
  p.checksum = Doubles<W>{};
  for (int k = 0; k < 4; ++k) {
    p.checksum += (p.x[k] - p.x[k]) + (p.y[k] - p.y[k]);
    p.x[k] += 0.5;
    p.y[k] += 0.5;
  }
  place_axis(p.x, p.base_x, p.span_x);
  place_axis(p.y, p.base_y, p.span_y);
}

/// Adds (or, Sign = −1, subtracts) twice one edge's part of A; the last row and column stand for X, Y beyond everything.
template <int Sign, int N, class V>
TESSERA_INLINE void add_edge(V (&twice_a)[N][N], const V& x0, const V& y0, const V& x1, const V& y1) {
  const V dx = x1 - x0, dy = y1 - y0;
  const V zero{}, one = zero + 1.0;
  // So steep that dy/dx · (difference of t) would lose digits: x counts as constant. The threshold balances this error
  // (dx/8) and the loss (4e-16/dx): both stay below 1e-7.
  const auto steep = (dx < 0.0 ? -dx : dx) < 3e-8;
  const auto flat = (dy < 0.0 ? -dy : dy) < 1e-30;
  const V some_dx = steep ? one : dx, some_dy = flat ? one : dy;
  const V inverse = 1.0 / (some_dx * some_dy);
  const V dx_dy = flat ? zero : dx * some_dx * inverse;
  const V dy_dx = steep ? zero : dy * some_dy * inverse;
  const V upright = steep ? one : zero;
#pragma GCC unroll 4
  for (int r = 0; r < N; ++r) {
    V ya = y0, yb = y1, xa = x0, xb = x1;
    if (r + 1 < N) {
      const V line = zero + (r + 1.0);
      lower_of(ya, y0, line);
      lower_of(yb, y1, line);
      xa = x0 + (ya - y0) * dx_dy;
      xb = x0 + (yb - y0) * dx_dy;  // from the same end, so that a wholly cut edge is exactly one point
    }
    const V rise = yb - ya, rise_upright = upright * rise;
#pragma GCC unroll 4
    for (int c = 0; c + 1 < N; ++c) {
      V ta = (c + 1.0) - xa, tb = (c + 1.0) - xb;
      upper_of(ta, ta, zero);
      upper_of(tb, tb, zero);
      const V part = (ta + tb) * (dy_dx * (ta - tb) + rise_upright);
      twice_a[r][c] = Sign > 0 ? twice_a[r][c] - part : twice_a[r][c] + part;
    }
    const V part = (xa + xb) * rise;
    twice_a[r][N - 1] = Sign > 0 ? twice_a[r][N - 1] + part : twice_a[r][N - 1] - part;
  }
}

/// At grid lines beyond a quadrilateral's own cells A is what it is beyond everything: takes it from there. This makes
/// cells outside the span exactly 0, and the bits inside independent of N.
template <int N, class V>
TESSERA_INLINE void collapse(V (&twice_a)[N][N], const V& span_x, const V& span_y) {
#pragma GCC unroll 4
  for (int c = 0; c + 1 < N; ++c) {
    const auto beyond = span_x <= c + 1.0;
#pragma GCC unroll 4
    for (int r = 0; r < N; ++r) twice_a[r][c] = beyond ? twice_a[r][N - 1] : twice_a[r][c];
  }
#pragma GCC unroll 4
  for (int r = 0; r + 1 < N; ++r) {
    const auto beyond = span_y <= r + 1.0;
#pragma GCC unroll 4
    for (int c = 0; c < N; ++c) twice_a[r][c] = beyond ? twice_a[N - 1][c] : twice_a[r][c];
  }
}

/// The same from the four corners in order around each quadrilateral, one array per corner.
template <int W>
TESSERA_INLINE void place_corners(Placed<W>& p, const double* const (&u)[4], const double* const (&v)[4], int first) {
  p.checksum = Doubles<W>{};
  for (int k = 0; k < 4; ++k) {
    load(p.x[k], u[k] + first);
    load(p.y[k], v[k] + first);
    p.checksum += (p.x[k] - p.x[k]) + (p.y[k] - p.y[k]);
    p.x[k] += 0.5;
    p.y[k] += 0.5;
  }
  place_axis(p.x, p.base_x, p.span_x);
  place_axis(p.y, p.base_y, p.span_y);
}

/// Areas by cell, row by row: areas[(r N + c) W + lane] ≥ 0; total[lane] is the quadrilateral's whole area ≥ 0.
template <int W, int N>
TESSERA_INLINE void cell_areas(const Placed<W>& p, double* areas, double* total) {
  using V = Doubles<W>;
  const V zero{};
  V twice_a[N][N];
#pragma GCC unroll 4
  for (int r = 0; r < N; ++r)
#pragma GCC unroll 4
    for (int c = 0; c < N; ++c) twice_a[r][c] = zero;
  // Edges run left to right and upwards whichever quadrilateral they serve, so that neighbours cut them alike.
  add_edge<1, N>(twice_a, p.x[0], p.y[0], p.x[1], p.y[1]);
  add_edge<1, N>(twice_a, p.x[1], p.y[1], p.x[2], p.y[2]);
  add_edge<-1, N>(twice_a, p.x[3], p.y[3], p.x[2], p.y[2]);
  add_edge<-1, N>(twice_a, p.x[0], p.y[0], p.x[3], p.y[3]);
  collapse<N>(twice_a, p.span_x, p.span_y);
  const V whole = twice_a[N - 1][N - 1];
  const V half = whole < 0.0 ? zero - 0.5 : zero + 0.5;  // a mirrored map runs round the other way
  const V area = whole * half;
  store(total, area);
#pragma GCC unroll 4
  for (int r = 0; r < N; ++r)
#pragma GCC unroll 4
    for (int c = 0; c < N; ++c) {
      V cell = twice_a[r][c];
      if (c > 0) cell -= twice_a[r][c - 1];
      if (r > 0) cell -= c > 0 ? twice_a[r - 1][c] - twice_a[r - 1][c - 1] : twice_a[r - 1][c];
      cell *= half;
      upper_of(cell, cell, zero);
      store(areas + (r * N + c) * W, cell);
    }
}

}  // namespace tessera::reproject::lanes
