#include "tessera/background/panels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr double clip = 3, crowded = 0.3;

struct Place {
  int lower = 0, upper = 0;
  double fraction = 0;
};
Place between_centres(int pixel, int pixels, int panels) {
  const double t = std::clamp((pixel + 0.5) * panels / pixels - 0.5, 0.0, panels - 1.0);
  const int lower = std::min(static_cast<int>(t), std::max(0, panels - 2));
  return {lower, std::min(lower + 1, panels - 1), t - lower};
}

}  // namespace

Panels::Panels(int image_width, int image_height, int width, int height)
    : width_{image_width},
      height_{image_height},
      nx_{std::max(1, (image_width + width / 2) / width)},
      ny_{std::max(1, (image_height + height / 2) / height)},
      value_(static_cast<std::size_t>(nx_) * static_cast<std::size_t>(ny_), NAN),
      pixels_(static_cast<std::size_t>(nx_)) {}

int Panels::edge(int k, int panels, int pixels) const { return static_cast<int>(static_cast<std::int64_t>(k) * pixels / panels); }

double Panels::mode(std::vector<float>& values) {
  for (;;) {
    if (values.empty()) return NAN;
    const double median = statistics::median_inplace(std::span<float>{values});
    double mean = 0, square = 0;
    for (const float v : values) mean += static_cast<double>(v);
    mean /= static_cast<double>(values.size());
    for (const float v : values) square += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
    const double sigma = std::sqrt(square / static_cast<double>(values.size()));
    const auto far = [&](float v) { return std::abs(static_cast<double>(v) - median) > clip * sigma; };
    const auto kept = std::remove_if(values.begin(), values.end(), far);
    if (kept == values.end() || sigma == 0) return std::abs(mean - median) < crowded * sigma ? 2.5 * median - 1.5 * mean : median;
    values.erase(kept, values.end());
  }
}

void Panels::add_row(int y, std::span<const float> row) {
  for (int i = 0; i < nx_; ++i)
    for (int x = edge(i, nx_, width_); x < edge(i + 1, nx_, width_); ++x)
      if (const float v = row[static_cast<std::size_t>(x)]; std::isfinite(v)) pixels_[static_cast<std::size_t>(i)].push_back(v);
  int j = static_cast<int>((static_cast<std::int64_t>(y) * ny_) / height_);
  while (edge(j + 1, ny_, height_) <= y) ++j;
  if (y + 1 != edge(j + 1, ny_, height_)) return;
  for (int i = 0; i < nx_; ++i) {
    at(i, j) = mode(pixels_[static_cast<std::size_t>(i)]);
    pixels_[static_cast<std::size_t>(i)].clear();
  }
}

void Panels::fill_holes() {
  for (bool changed = true; changed;) {
    changed = false;
    auto next = value_;
    for (int j = 0; j < ny_; ++j)
      for (int i = 0; i < nx_; ++i) {
        if (!std::isnan(at(i, j))) continue;
        double sum = 0;
        int n = 0;
        for (int b = std::max(0, j - 1); b <= std::min(ny_ - 1, j + 1); ++b)
          for (int a = std::max(0, i - 1); a <= std::min(nx_ - 1, i + 1); ++a)
            if (!std::isnan(at(a, b))) sum += at(a, b), ++n;
        if (n > 0) next[static_cast<std::size_t>(j) * static_cast<std::size_t>(nx_) + static_cast<std::size_t>(i)] = sum / n, changed = true;
      }
    value_ = std::move(next);
  }
}

void Panels::finish(int filter) {
  fill_holes();
  const int side = std::min({filter, nx_, ny_});
  if (side < 2) return;
  std::vector<double> filtered(value_.size()), around;
  for (int j = 0; j < ny_; ++j)
    for (int i = 0; i < nx_; ++i) {
      around.clear();
      for (int b = std::max(0, j - side / 2); b <= std::min(ny_ - 1, j + (side - 1) / 2); ++b)
        for (int a = std::max(0, i - side / 2); a <= std::min(nx_ - 1, i + (side - 1) / 2); ++a) around.push_back(at(a, b));
      filtered[static_cast<std::size_t>(j) * static_cast<std::size_t>(nx_) + static_cast<std::size_t>(i)] = statistics::median_inplace(std::span<double>{around});
    }
  value_ = std::move(filtered);
}

void Panels::sky(int y, std::span<float> row) const {
  const auto [j0, j1, fy] = between_centres(y, height_, ny_);
  for (int x = 0; x < width_; ++x) {
    const auto [i0, i1, fx] = between_centres(x, width_, nx_);
    const double lower = at(i0, j0) + fx * (at(i1, j0) - at(i0, j0)), upper = at(i0, j1) + fx * (at(i1, j1) - at(i0, j1));
    row[static_cast<std::size_t>(x)] = static_cast<float>(lower + fy * (upper - lower));
  }
}

}  // namespace tessera::background
