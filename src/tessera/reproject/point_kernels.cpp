#include "tessera/reproject/point_kernels.h"

#include <cmath>
#include <numbers>

namespace tessera::reproject {

namespace {

double sinc(double x) {
  const double a = std::numbers::pi * x;
  return std::abs(x) < 1e-9 ? 1.0 : std::sin(a) / a;
}

double lanczos(int order, double x) { return std::abs(x) < order ? sinc(x) * sinc(x / order) : 0.0; }

double keys(double alpha, double x) {
  const double a = std::abs(x);
  if (a < 1) return ((alpha + 2) * a - (alpha + 3)) * a * a + 1;
  return a < 2 ? ((a - 5) * a + 8) * alpha * a - 4 * alpha : 0.0;
}

}  // namespace

const PointKernel& nearest_kernel() {
  static const PointKernel kernel{1, [](double) { return 1.0; }};
  return kernel;
}

const PointKernel& bilinear_kernel() {
  static const PointKernel kernel{2, [](double x) { return 1 - std::abs(x); }};
  return kernel;
}

PointKernel cubic_kernel(double alpha) {
  return {4, [alpha](double x) { return keys(alpha, x); }};
}

const PointKernel& lanczos_kernel(int order) {
  static const PointKernel two{4, [](double x) { return lanczos(2, x); }}, three{6, [](double x) { return lanczos(3, x); }},
      four{8, [](double x) { return lanczos(4, x); }};
  return order == 2 ? two : order == 3 ? three : four;
}

void interpolate(const FrameView& frame, const wcs::PixelMap& to_frame, const PointKernel& kernel, double min_weight, ResampledView out) {
  const Box box = out.box();
  if (box.empty()) return;
  // By blocks whose pixels, in the frame, stay in the nearest cache at any angle.
  constexpr int block_width = 64, block_height = 32;
  const auto width = static_cast<std::size_t>(box.width());
  std::vector<double> u(width * block_height), v(u.size());
  const auto& kernel_of_rows = point_row_kernels().back();
  PointRow row;
  row.frame = &frame;
  row.table = kernel.table();
  row.least = static_cast<float>(min_weight * (1 - 1e-6));
  for (int y0 = box.y0; y0 < box.y1; y0 += block_height) {
    const int y1 = std::min(y0 + block_height, box.y1);
    const auto at = [&](int x, int y) { return static_cast<std::size_t>(y - y0) * width + static_cast<std::size_t>(x - box.x0); };
    for (int y = y0; y < y1; ++y) to_frame.apply_row(box.x0, y, {&u[at(box.x0, y)], width}, {&v[at(box.x0, y)], width});
    for (int x = box.x0; x < box.x1; x += block_width)
      for (int y = y0; y < y1; ++y) {
        row.u = &u[at(x, y)];
        row.v = &v[at(x, y)];
        row.count = std::min(block_width, box.x1 - x);
        row.value = &out.value(x, y);
        row.variance = &out.variance(x, y);
        row.coverage = &out.coverage(x, y);
        kernel_of_rows.interpolate(kernel.taps(), row);
      }
  }
}

}  // namespace tessera::reproject
