#include "tessera/reproject/area_block.h"

#include <algorithm>
#include <cmath>

#include "tessera/reproject/instruction_sets.h"
#include "tessera/reproject/overlap_lanes.h"

namespace tessera::reproject {

namespace {

using lanes::Doubles;

using Pair = Doubles<2>;

void set_pixel(const AreaRow& row, int k, double weighted, double weight, double variance, double area) {
  const bool covered = weight > least_coverage * area;
  const double inverse = covered ? 1.0 / weight : 0.0;
  row.value[k] = static_cast<float>(weighted * inverse);
  row.variance[k] = static_cast<float>(variance * inverse * inverse);
  row.coverage[k] = covered ? static_cast<float>(weight / area) : 0.0f;
}

// set_pixel for W pixels side by side.
template <int W>
TESSERA_INLINE void set_pixels(const AreaRow& row, int first, const double* weighted, const double* weight, const double* variance, const double* area) {
  using V = Doubles<W>;
  typedef float Floats __attribute__((vector_size(W * sizeof(float))));
  V sum, w, w2v, a;
  lanes::load(sum, weighted);
  lanes::load(w, weight);
  lanes::load(w2v, variance);
  lanes::load(a, area);
  const V zero{};
  const auto covered = w > least_coverage * a;
  const V inverse = covered ? 1.0 / w : zero, fraction = covered ? w / a : zero;
  const V mean = sum * inverse, noise = w2v * inverse * inverse;
  const auto put = [&](float* to, const V& from) {
    const Floats narrow = __builtin_convertvector(from, Floats);
    __builtin_memcpy(to + first, &narrow, sizeof narrow);
  };
  put(row.value, mean);
  put(row.variance, noise);
  put(row.coverage, fraction);
}

// A quadrilateral of more than largest_span cells a side. One that is very long for its area is no pixel but the trace of
// a seam of the sky that its corners straddle: not covered.
void resample_large(const AreaRow& row, int k) {
  constexpr double longest_squared = 100;        // in units of its area
  constexpr std::int64_t whole_limit = 1 << 18;  // pixels; larger ones are clipped to the frame
  const geometry::Quad q{{row.u_below[k], row.u_below[k + 1], row.u_above[k + 1], row.u_above[k]},
                         {row.v_below[k], row.v_below[k + 1], row.v_above[k + 1], row.v_above[k]}};
  const double area = std::abs(geometry::area(q));
  const Box under = geometry::pixels_under(q), inside = intersection(under, row.frame->box());
  const double length = std::max(under.width(), under.height());
  if (inside.empty() || !(length * length < longest_squared * area)) return set_pixel(row, k, 0, 0, 0, 1);
  row.table->compute(q, under.area() <= whole_limit ? under : inside);
  if (row.table->box().empty()) return set_pixel(row, k, 0, 0, 0, 1);
  double weighted = 0, weight = 0, variance = 0;
  for (int y = inside.y0; y < inside.y1; ++y) {
    const auto areas = row.table->row(y);
    for (int x = inside.x0; x < inside.x1; ++x) {
      if (!row.frame->good(x, y)) continue;
      const double a = areas[static_cast<std::size_t>(x - row.table->box().x0)];
      weighted += a * static_cast<double>(row.frame->value(x, y));
      weight += a;
      variance += a * a * static_cast<double>(row.frame->variance(x, y));
    }
  }
  set_pixel(row, k, weighted, weight, variance, area);
}

// Overlap areas of a group of lanes with N × N cells each, and the sums over the frame pixels under them.
template <int W, int N>
TESSERA_INLINE void resample_group(const AreaRow& row, const lanes::Placed<W>& placed, int first, const bool* use) {
  alignas(64) double areas[N * N * W], total[W], base_x[W], base_y[W];
  double weighted[W], weight[W], variances[W];
  bool all = true;
  lanes::cell_areas<W, N>(placed, areas, total);
  lanes::store(base_x, placed.base_x);
  lanes::store(base_y, placed.base_y);
  for (int lane = 0; lane < W; ++lane) {
    all &= use[lane];
    if (!use[lane]) continue;
    const PackedPixel* cell = row.packed + (static_cast<std::ptrdiff_t>(base_y[lane]) - row.packed_y0) * row.packed_stride +
                              (static_cast<std::ptrdiff_t>(base_x[lane]) - row.packed_x0);
    Pair sums{};  // Σ a v, Σ a
    double variance = 0;
#pragma GCC unroll 4
    for (int r = 0; r < N; ++r, cell += row.packed_stride)
#pragma GCC unroll 4
      for (int c = 0; c < N; ++c) {
        const double a = areas[(r * N + c) * W + lane];
        Pair value_and_good;
        lanes::load(value_and_good, &cell[c].value);
        sums += a * value_and_good;
        variance += a * a * cell[c].variance;
      }
    weighted[lane] = sums[0], weight[lane] = sums[1], variances[lane] = variance;
  }
  if (all) return set_pixels<W>(row, first, weighted, weight, variances, total);
  for (int lane = 0; lane < W; ++lane)
    if (use[lane]) set_pixel(row, first + lane, weighted[lane], weight[lane], variances[lane], total[lane]);
}

template <int W>
TESSERA_INLINE void resample_row(const AreaRow& row) {
  for (int first = 0; first < row.count; first += W) {
    lanes::Placed<W> placed;
    lanes::place<W>(placed, row.u_below + first, row.v_below + first, row.u_above + first, row.v_above + first);
    alignas(64) double span_x[W], span_y[W], checksum[W];
    lanes::store(span_x, placed.span_x);
    lanes::store(span_y, placed.span_y);
    lanes::store(checksum, placed.checksum);
    const int active = std::min(W, row.count - first);
    bool use[W] = {};
    double span = 0;
    for (int lane = 0; lane < active; ++lane) {
      const double s = std::max(span_x[lane], span_y[lane]);
      if (checksum[lane] != 0.0) {
        set_pixel(row, first + lane, 0, 0, 0, 1);
      } else if (s > lanes::largest_span) {
        resample_large(row, first + lane);
      } else {
        use[lane] = true;
        span = std::max(span, s);
      }
    }
    if (span == 0) {
      for (int lane = 0; lane < active; ++lane)
        if (use[lane]) set_pixel(row, first + lane, 0, 0, 0, 1);
    } else if (span <= 2) {
      resample_group<W, 2>(row, placed, first, use);
    } else if (span <= 3) {
      resample_group<W, 3>(row, placed, first, use);
    } else {
      resample_group<W, 4>(row, placed, first, use);
    }
  }
}

void resample_plain(const AreaRow& row) { resample_row<2>(row); }

#ifdef __x86_64__
__attribute__((target("avx2"))) void resample_avx2(const AreaRow& row) { resample_row<4>(row); }
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))) void resample_avx512(const AreaRow& row) { resample_row<8>(row); }
#endif

}  // namespace

const std::vector<AreaKernel>& area_kernels() {
  static const auto kernels = runnable<AreaKernel>({
      {"plain", resample_plain},
#ifdef __x86_64__
      {"avx2", resample_avx2},
      {"avx512", resample_avx512},
#endif
  });
  return kernels;
}

}  // namespace tessera::reproject
