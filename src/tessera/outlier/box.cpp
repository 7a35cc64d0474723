#include "tessera/outlier/box.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace tessera::outlier {

void describe(param::Schema<BoxOptions>& s) {
  s.field(&BoxOptions::width, "box_width", "Box scheme: width of the box of output pixels whose values are compared; an even number counts as the next odd one.").range(1, 99).unit("output pixel").namelist("MOSAICBOXOUTLIERIN", "BOX_X");
  s.field(&BoxOptions::height, "box_height", "Box scheme: its height.").range(1, 99).unit("output pixel").namelist("MOSAICBOXOUTLIERIN", "BOX_Y");
  s.field(&BoxOptions::median_bias, "box_median_bias", "Box scheme: how far below the middle of the sorted values their median is taken.").range(-1000, 1000).namelist("MOSAICBOXOUTLIERIN", "BOX_MEDIAN_BIAS");
  s.field(&BoxOptions::threshold_high, "box_threshold_high", "Box scheme: a value this many times the box's scatter above its median is an outlier.")
      .at_least(0).unit("sigma").namelist("MOSAICRMASKIN", "BOX_TOP_THRESHOLD");
  s.field(&BoxOptions::threshold_low, "box_threshold_low", "Box scheme: a value this many times the box's scatter below its median is an outlier.")
      .at_least(0).unit("sigma").namelist("MOSAICRMASKIN", "BOX_BOTTOM_THRESHOLD");
  s.field(&BoxOptions::min_coverage, "box_min_coverage", "Box scheme: pixels of less coverage than this have no outliers.").at_least(0).unit("frames").namelist("MOSAICRMASKIN", "BOX_MIN_COVERAGE");
}

namespace {

constexpr float sigma_per_mad = 1.0f / 0.6745f;

/// Values of each column of the rows that a box around row y has, all frames together, frame after frame.
class Columns {
 public:
  void gather(const Stack& stack, Box rows, float least_coverage) {
    first_ = rows.x0;
    values_.resize(static_cast<std::size_t>(rows.width()));
    for (auto& column : values_) column.clear();
    for (const auto& frame : stack.frames)
      for (int y = rows.y0; y < rows.y1; ++y) {
        const auto value = frame.value.row(y), coverage = frame.coverage.row(y);
        for (std::size_t i = 0; i < value.size(); ++i)
          if (coverage[i] > 0 && coverage[i] >= least_coverage) values_[i].push_back(value[i]);
      }
  }
  const std::vector<float>& operator[](int x) const { return values_[static_cast<std::size_t>(x - first_)]; }

 private:
  int first_ = 0;
  std::vector<std::vector<float>> values_;
};

float biased_median(std::vector<float>& values, int bias) {
  const auto n = static_cast<std::ptrdiff_t>(values.size());
  const auto at = values.begin() + std::clamp<std::ptrdiff_t>(n / 2 - bias, 0, n - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

long flag_box(const Stack& stack, const BoxOptions& options, double least_coverage, std::span<const View<std::uint8_t>> outlier, View<std::uint8_t> undecided,
              std::span<const View<float>> deviation) {
  assert(stack.frames.size() == outlier.size());
  const Box box = stack.box();
  const Image<float> covered = total_coverage(stack);
  const auto least = static_cast<float>(least_coverage);
  const auto high = static_cast<float>(options.threshold_high), low = static_cast<float>(options.threshold_low);
  const auto takes_part = [&](const ResampledView& f, int x, int y) { return f.coverage(x, y) > 0 && f.coverage(x, y) >= least; };
  Columns columns;
  std::vector<float> values;
  for (const auto& flags : outlier)
    for (int y = box.y0; y < box.y1; ++y) std::ranges::fill(flags.row(y), std::uint8_t{0});
  for (int y = box.y0; y < box.y1; ++y) std::ranges::fill(undecided.row(y), std::uint8_t{0});
  long open = 0;
  for (int y = box.y0; y < box.y1; ++y) {
    const Box rows = intersection({box.x0, y - options.height / 2, box.x1, y + options.height / 2 + 1}, box);
    columns.gather(stack, rows, least);
    for (int x = box.x0; x < box.x1; ++x) {
      if (columns[x].empty() || covered(x, y) < static_cast<float>(options.min_coverage)) continue;
      values.clear();
      for (int i = std::max(box.x0, x - options.width / 2); i <= std::min(box.x1 - 1, x + options.width / 2); ++i)
        values.insert(values.end(), columns[i].begin(), columns[i].end());
      const float middle = biased_median(values, options.median_bias);
      for (float& v : values) v = std::abs(v - middle);
      float scatter = sigma_per_mad * biased_median(values, options.median_bias), least_variance = INFINITY;
      for (const auto& f : stack.frames)
        if (takes_part(f, x, y)) least_variance = std::min(least_variance, f.variance(x, y));
      scatter = std::max(scatter, std::sqrt(least_variance));
      bool any_near = false;
      for (const auto& f : stack.frames) any_near = any_near || (takes_part(f, x, y) && std::abs(f.value(x, y) - middle) <= scatter);
      for (std::size_t k = 0; k < stack.frames.size(); ++k) {
        const auto& f = stack.frames[k];
        if (!takes_part(f, x, y)) continue;
        const float excess = f.value(x, y) - middle;
        if (!deviation.empty()) deviation[k](x, y) = any_near ? excess / scatter : NAN;
        outlier[k](x, y) = any_near && (excess > high * scatter || excess < -low * scatter);
      }
      undecided(x, y) = !any_near;
      open += !any_near;
    }
  }
  return open;
}

}  // namespace tessera::outlier
