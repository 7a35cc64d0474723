#include "tessera/reproject/drop_quads.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tessera/reproject/instruction_sets.h"
#include "tessera/reproject/overlap_lanes.h"

namespace tessera::reproject {

namespace {

// A drop of more than largest_span output pixels a side.
void drop_large(const DropRow& row, int k) {
  constexpr std::int64_t whole_limit = 1 << 18;  // output pixels; larger ones are clipped to the output
  geometry::Quad q{};
  for (std::size_t c = 0; c < 4; ++c) {
    q.x[c] = row.x[c][k];
    q.y[c] = row.y[c][k];
  }
  const double area = std::abs(geometry::area(q));
  const Box under = geometry::pixels_under(q), inside = intersection(under, row.sums->box());
  const double length = std::max(under.width(), under.height());
  if (inside.empty() || !(length * length < longest_squared * area)) return;
  row.table->compute(q, under.area() <= whole_limit ? under : inside);
  const Box box = intersection(row.table->box(), inside);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      row.sums->add(x, y, (*row.table)(x, y), static_cast<double>(row.value[k]), static_cast<double>(row.variance[k]));
}

template <int W, int N>
TESSERA_INLINE void drop_group(const DropRow& row, const lanes::Placed<W>& placed, int first, const bool* use) {
  alignas(64) double areas[N * N * W], total[W], base_x[W], base_y[W];
  lanes::cell_areas<W, N>(placed, areas, total);
  lanes::store(base_x, placed.base_x);
  lanes::store(base_y, placed.base_y);
  const Box out = row.sums->box();
  for (int lane = 0; lane < W; ++lane) {
    if (!use[lane]) continue;
    const double value = static_cast<double>(row.value[first + lane]), variance = static_cast<double>(row.variance[first + lane]);
    const int x0 = static_cast<int>(base_x[lane]), y0 = static_cast<int>(base_y[lane]);
    if (x0 >= out.x0 && y0 >= out.y0 && x0 + N <= out.x1 && y0 + N <= out.y1) {
      // Which cells a drop misses cannot be foreseen: adding nothing there costs less than asking.
      const auto area = [&](int r, int c) __attribute__((always_inline)) {
        const double a = areas[(r * N + c) * W + lane];
        return a > 0 ? a : 0.0;
      };
      row.sums->add_square<N>(x0, y0, area, value, variance);
      continue;
    }
    for (int r = std::max(0, out.y0 - y0); r < std::min(N, out.y1 - y0); ++r)
      for (int c = std::max(0, out.x0 - x0); c < std::min(N, out.x1 - x0); ++c) {
        const double a = areas[(r * N + c) * W + lane];
        if (a > 0) row.sums->add(x0 + c, y0 + r, a, value, variance);
      }
  }
}

template <int W>
TESSERA_INLINE void drop_row(const DropRow& row) {
  const Box out = row.sums->box();
  for (int first = 0; first < row.count; first += W) {
    lanes::Placed<W> placed;
    lanes::place_corners<W>(placed, row.x, row.y, first);
    alignas(64) double span_x[W], span_y[W], base_x[W], base_y[W], checksum[W];
    lanes::store(span_x, placed.span_x);
    lanes::store(span_y, placed.span_y);
    lanes::store(base_x, placed.base_x);
    lanes::store(base_y, placed.base_y);
    lanes::store(checksum, placed.checksum);
    bool use[W] = {};
    double span = 0;
    for (int lane = 0; lane < std::min(W, row.count - first); ++lane) {
      const bool touches = base_x[lane] < out.x1 && base_x[lane] + span_x[lane] > out.x0 && base_y[lane] < out.y1 && base_y[lane] + span_y[lane] > out.y0;
      if (!row.good[first + lane] || checksum[lane] != 0.0 || !touches) continue;
      const double s = std::max(span_x[lane], span_y[lane]);
      if (s > lanes::largest_span) {
        drop_large(row, first + lane);
      } else {
        use[lane] = true;
        span = std::max(span, s);
      }
    }
    if (span == 0) continue;
    if (span <= 2)
      drop_group<W, 2>(row, placed, first, use);
    else if (span <= 3)
      drop_group<W, 3>(row, placed, first, use);
    else
      drop_group<W, 4>(row, placed, first, use);
  }
}

void drop_plain(const DropRow& row) { drop_row<2>(row); }

#ifdef __x86_64__
__attribute__((target("avx2"))) void drop_avx2(const DropRow& row) { drop_row<4>(row); }
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))) void drop_avx512(const DropRow& row) { drop_row<8>(row); }
#endif

}  // namespace

const std::vector<DropQuadsKernel>& drop_quads_kernels() {
  static const auto kernels = runnable<DropQuadsKernel>({
      {"plain", drop_plain},
#ifdef __x86_64__
      {"avx2", drop_avx2},
      {"avx512", drop_avx512},
#endif
  });
  return kernels;
}

}  // namespace tessera::reproject
