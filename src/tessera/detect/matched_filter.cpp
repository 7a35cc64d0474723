#include "tessera/detect/matched_filter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tessera/base/clones.h"

namespace tessera::detect {

void describe(param::Schema<FilterOptions>& s) {
  s.field(&FilterOptions::enclosed, "filter_enclosed", "Share of the response's summed square that the matched filter keeps; its radius follows.").range(0.5, 1);
  s.field(&FilterOptions::max_radius, "filter_max_radius", "Half the side of the square of pixels that the matched filter takes, at most.").range(1, 40).unit("pixel").namelist("POINTSOURCEPROB", "PRF_Xsize");
  s.field(&FilterOptions::max_radius_y, "filter_max_radius_y", "The same along y, where it differs; 0: as along x.").range(0, 40).unit("pixel").namelist("POINTSOURCEPROB", "PRF_Ysize");
  s.field(&FilterOptions::response_step, "filter_response_step", "A varying response is taken anew for every square of this many pixels.").range(4, 4096).unit("pixel");
}

namespace {

constexpr int lanes = 8, vectors = 2, strip = lanes * vectors;  // pixels that are filtered together
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float))));

struct Radius {
  int x = 0, y = 0;
};

struct Kernel {
  Radius radius;
  int width() const { return 2 * radius.x + 1; }
  int height() const { return 2 * radius.y + 1; }
  std::vector<float> response, square;  // by rows
};

Radius largest_radius(double reach_pix, const FilterOptions& options) {
  const int reach = static_cast<int>(std::floor(reach_pix));
  return {std::min(options.max_radius, reach), std::min(options.max_radius_y > 0 ? options.max_radius_y : options.max_radius, reach)};
}

Radius radius_of(const psf::PointResponse& response, const FilterOptions& options) {
  const auto [most_x, most_y] = largest_radius(response.reach_pix(), options);
  const int most = std::max(most_x, most_y);
  std::vector<double> within(static_cast<std::size_t>(most) + 1);
  double total = 0;
  for (int y = -most_y; y <= most_y; ++y)
    for (int x = -most_x; x <= most_x; ++x) {
      const double r = response.at(x - options.offset_x, y - options.offset_y), square = r * r;
      total += square;
      within[static_cast<std::size_t>(std::max(std::abs(x), std::abs(y)))] += square;
    }
  double sum = 0;
  int r = 0;
  while (r < most && (sum += within[static_cast<std::size_t>(r)]) < options.enclosed * total) ++r;
  return {std::max(std::min(r, most_x), 1), std::max(std::min(r, most_y), 1)};
}

Kernel kernel_of(const psf::PointResponse& response, const FilterOptions& options) {
  Kernel k;
  k.radius = radius_of(response, options);
  k.response.resize(static_cast<std::size_t>(k.width() * k.height()));
  response.evaluate(options.offset_x, options.offset_y, Box{-k.radius.x, -k.radius.y, k.radius.x + 1, k.radius.y + 1}, k.response, {}, {});
  for (const float r : k.response) k.square.push_back(r * r);
  return k;
}

/// A and B of `strip` pixels; `data` and `weight` point to the pixel at the kernel's first corner.
TESSERA_CLONES void filter_strip(const float* data, const float* weight, std::ptrdiff_t stride, const float* response, const float* square, int width, int height, float* a, float* b) {
  Lanes sum_a[vectors] = {}, sum_b[vectors] = {};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const float r = response[y * width + x], q = square[y * width + x];
      for (int v = 0; v < vectors; ++v) {
        Lanes d, w;
        std::memcpy(&d, data + y * stride + x + v * lanes, sizeof d);
        std::memcpy(&w, weight + y * stride + x + v * lanes, sizeof w);
        sum_a[v] += d * r;
        sum_b[v] += w * q;
      }
    }
  std::memcpy(a, sum_a, sizeof sum_a);
  std::memcpy(b, sum_b, sizeof sum_b);
}

int step_down(int v, int step) { return v >= 0 ? v / step * step : -((-v + step - 1) / step) * step; }

/// s/σ² and 1/σ² with a border of zeros, so that no kernel asks where the frame ends.
struct Weighted {
  Image<float> data, weight;
  Weighted(const FrameView& frame, Box box) : data{box}, weight{box} {
    const Box part = intersection(box, frame.box());
    for (int y = part.y0; y < part.y1; ++y) {
      const float *value = &frame.value(part.x0, y), *variance = &frame.variance(part.x0, y);
      const std::uint8_t* good = &frame.good(part.x0, y);
      float *d = &data(part.x0, y), *w = &weight(part.x0, y);
      for (int x = 0; x < part.width(); ++x) {
        const auto use = static_cast<float>(good[x]);
        w[x] = use / (variance[x] + (1 - use));  // 0 where bad, there the variance is 0
        d[x] = w[x] * value[x];
      }
    }
  }
};

/// A/√B, A/B and 1/√B; NaN where B is 0.
TESSERA_CLONES void rates(const float* a, const float* b, int n, float* significance, float* flux, float* error) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  float root[strip];
  for (int i = 0; i < strip; ++i) root[i] = std::sqrt(b[i]);
  for (int i = 0; i < n; ++i) significance[i] = b[i] > 0 ? a[i] / root[i] : nan;
  if (flux)
    for (int i = 0; i < n; ++i) flux[i] = b[i] > 0 ? a[i] / b[i] : nan;
  if (error)
    for (int i = 0; i < n; ++i) error[i] = b[i] > 0 ? 1 / root[i] : nan;
}

void filter_block(const Weighted& in, const Kernel& k, Box block, const Filtered& out) {
  std::array<float, strip> a{}, b{}, spare{};
  for (int y = block.y0; y < block.y1; ++y)
    for (int x = block.x0; x < block.x1; x += strip) {
      filter_strip(&in.data(x - k.radius.x, y - k.radius.y), &in.weight(x - k.radius.x, y - k.radius.y), in.data.box().width(), k.response.data(), k.square.data(), k.width(), k.height(), a.data(), b.data());
      rates(a.data(), b.data(), std::min(strip, block.x1 - x), out.significance.stride() ? &out.significance(x, y) : spare.data(), out.flux.stride() ? &out.flux(x, y) : nullptr,
            out.flux_error.stride() ? &out.flux_error(x, y) : nullptr);
    }
}

}  // namespace

int filter_radius(const psf::PsfModel& psf, const FilterOptions& options) {
  const auto [x, y] = psf.tables().size() == 1 ? radius_of(psf.tables().front(), options) : largest_radius(psf.reach_pix(), options);  // a blend may be wider than its parts
  return std::max(x, y);
}

void matched_filter(const FrameView& frame, const psf::PsfModel& psf, const FilterOptions& options, const Filtered& out) {
  Box box;
  for (const View<float>* plane : {&out.significance, &out.flux, &out.flux_error})
    if (plane->stride()) {
      if (!box.empty() && plane->box() != box) throw UsageError{"the planes of a matched filter must have one box"};
      box = plane->box();
    }
  if (options.response_step < 4) throw UsageError{"filter_response_step must be at least 4 pixels"};
  if (box.empty()) return;
  const int radius = filter_radius(psf, options), step = options.response_step;
  psf::PointResponse workspace;
  Kernel kernel;
  const psf::PointResponse* last = nullptr;
  for (int y = step_down(box.y0, step); y < box.y1; y += step) {
    const Box band = intersection(box, Box{box.x0, y, box.x1, y + step});
    Box around = band.grown(radius + 1);
    around.x1 += strip;  // a strip may end beyond the box
    const Weighted in{frame, around};
    for (int x = step_down(box.x0, step); x < box.x1; x += step) {
      const psf::PointResponse& here = psf.at(x + 0.5 * (step - 1), y + 0.5 * (step - 1), workspace);
      if (&here != last || &here == &workspace) kernel = kernel_of(here, options);
      last = &here;
      filter_block(in, kernel, intersection(band, Box{x, y, x + step, y + step}), out);
    }
  }
}

float point_source_probability(float significance, double prior, double scale) {
  if (std::isnan(significance)) return significance;
  const double s = std::max(0.0, static_cast<double>(significance));
  return static_cast<float>(1 / (1 + (1 - prior) / prior * std::exp(-scale * s * s / 2)));
}

}  // namespace tessera::detect
