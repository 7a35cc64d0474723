#include "tessera/background/noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "tessera/background/objects.h"
#include "tessera/base/clones.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr int window_side = 128, windows_across = 4;  // the sample of a large frame
constexpr int source_lag = 2;                         // pixels; scale of single pixels, sets the source mask
constexpr int noise_lag = 8;
constexpr std::size_t least_pairs = 100;
constexpr double least_scale = 0.02;  // below: a sky without noise (a simulation, coarse integers), which says nothing of the uncertainties

/// Sums over block × block pixels, usable only where every pixel is good and free of sources.
struct Blocks {
  Image<float> value, variance;  // variance 0: not usable
};

/// Adds a row of pixels to a row of sums; `usable` stays 1 where the pixels are good and free of sources.
TESSERA_CLONES void add_row(const float* __restrict value, const float* __restrict variance, const std::uint8_t* __restrict good, const std::uint8_t* __restrict object,
                            float* __restrict value_sum, float* __restrict variance_sum, std::uint8_t* __restrict usable, std::size_t n) {
  for (std::size_t x = 0; x < n; ++x) value_sum[x] += value[x];
  for (std::size_t x = 0; x < n; ++x) variance_sum[x] += variance[x];
  for (std::size_t x = 0; x < n; ++x) usable[x] = static_cast<std::uint8_t>(usable[x] & good[x] & (object[x] == 0));
}

Blocks sum_blocks(const FrameView& frame, View<const std::uint8_t> objects, int block) {
  const Box box = frame.box();
  const Box starts{box.x0, box.y0, std::max(box.x0, box.x1 - block + 1), std::max(box.y0, box.y1 - block + 1)};
  Blocks sums{Image<float>{starts}, Image<float>{starts}};
  std::vector<std::uint8_t> usable;
  for (int y = starts.y0; y < starts.y1; ++y) {
    const auto value = sums.value.row(y), variance = sums.variance.row(y);
    usable.assign(value.size(), 1);
    for (int b = y; b < y + block; ++b)
      for (int a = 0; a < block; ++a)
        add_row(frame.value.row(b).data() + a, frame.variance.row(b).data() + a, frame.good.row(b).data() + a, objects.row(b).data() + a, value.data(), variance.data(),
                usable.data(), value.size());
    for (std::size_t x = 0; x < value.size(); ++x) variance[x] *= static_cast<float>(usable[x]);
  }
  return sums;
}

/// (I₁ − I₂)² / (v₁ + v₂) of `n` pairs of blocks; −1 where one is not usable.
TESSERA_CLONES void differences(const float* __restrict value1, const float* __restrict variance1, const float* __restrict value2, const float* __restrict variance2,
                                float* __restrict out, std::size_t n) {
  for (std::size_t x = 0; x < n; ++x) {
    const float difference = value1[x] - value2[x];
    const bool usable = (variance1[x] > 0) & (variance2[x] > 0);
    out[x] = usable ? difference * difference / (variance1[x] + variance2[x]) : -1.0F;
  }
}

/// (I₁ − I₂)² / (v₁ + v₂) of usable blocks `lag` apart along rows and along columns; every `step`th pixel of every `step`th row starts a pair.
void append_differences(const Blocks& sums, int lag, int step, std::vector<float>& out) {
  const Box box = sums.value.box();
  const auto width = static_cast<std::size_t>(box.width()), along = static_cast<std::size_t>(std::max(0, box.width() - lag));
  std::vector<float> row(width);
  const auto keep = [&](std::size_t n) {
    const std::size_t had = out.size();
    out.resize(had + n + 1);  // the one behind the last is where the others go
    float* to = out.data() + had;
    for (std::size_t x = 0; x < n; x += static_cast<std::size_t>(step)) {
      *to = row[x];
      to += row[x] >= 0;
    }
    out.resize(static_cast<std::size_t>(to - out.data()));
  };
  for (int y = box.y0; y < box.y1; y += step) {
    const float *value = sums.value.row(y).data(), *variance = sums.variance.row(y).data();
    differences(value, variance, value + width - along, variance + width - along, row.data(), along);
    keep(along);
    if (y + lag >= box.y1) continue;
    differences(value, variance, sums.value.row(y + lag).data(), sums.variance.row(y + lag).data(), row.data(), width);
    keep(width);
  }
}

/// Standard deviation of a normal distribution around 0 from the median of its squares.
double robust_width(std::vector<float>& squares) {
  if (squares.size() < least_pairs) return std::numeric_limits<double>::quiet_NaN();
  return 1.4826022185056018 * std::sqrt(statistics::median_inplace(std::span<float>{squares}));
}

double width_of_differences(const std::vector<FrameView>& windows, const std::vector<Image<std::uint8_t>>& objects, int block, int lag, int step) {
  std::vector<float> squares;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const int fitting = std::clamp(std::min(windows[i].box().width(), windows[i].box().height()) / 4, block, std::max(block, lag));
    append_differences(sum_blocks(windows[i], objects[i], block), fitting, step, squares);
  }
  return robust_width(squares);
}

/// σ of a normal distribution cut off at ±t σ, in σ: what a mask at t leaves of the noise.
double sigma_after_cut(double t) {
  const double density = std::exp(-0.5 * t * t) / std::sqrt(2 * std::numbers::pi);
  return std::sqrt(1 - 2 * t * density / std::erf(t / std::numbers::sqrt2));
}

/// Windows of a frame and the masks of their sources at the noise found in them.
struct SourceFree {
  std::vector<FrameView> windows;
  std::vector<Image<std::uint8_t>> objects;
  double cut = 1;  ///< sigma_after_cut of the masks
};

SourceFree find_source_free(std::vector<FrameView> windows) {
  const BackgroundOptions options{};  // 3 σ whatever the user asks of the overlap masks: noise is a property of the frame
  SourceFree found;
  found.windows = std::move(windows);
  found.cut = sigma_after_cut(options.object_threshold);
  for (const auto& w : found.windows) found.objects.emplace_back(w.box());
  double scale = width_of_differences(found.windows, found.objects, 1, source_lag, 2);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < found.windows.size(); ++i) found.objects[i] = mask_objects(found.windows[i], scale, options);
    if (round == 0) scale = width_of_differences(found.windows, found.objects, 1, source_lag, 2) / found.cut;
  }
  return found;
}

}  // namespace

/// The frame itself, or a lattice of windows that holds a quarter megapixel of it.
std::vector<Box> noise_windows(Box frame) {
  if (frame.area() <= std::int64_t{window_side} * window_side * windows_across * windows_across) return {frame};
  const auto starts = [](int from, int length) {
    const int side = std::min(window_side, length), n = side < window_side ? 1 : std::min(windows_across, length / window_side);
    std::vector<int> first;
    for (int k = 0; k < n; ++k) first.push_back(from + static_cast<int>((static_cast<std::int64_t>(length - side) * (2 * k + 1)) / (2 * n)));
    return first;
  };
  std::vector<Box> windows;
  for (const int y : starts(frame.y0, frame.height()))
    for (const int x : starts(frame.x0, frame.width())) windows.push_back(intersection({x, y, x + window_side, y + window_side}, frame));
  return windows;
}

FrameNoise measure_noise(const FrameView& frame) {
  std::vector<FrameView> windows;
  for (const Box& part : noise_windows(frame.box())) windows.push_back({frame.value.window(part), frame.variance.window(part), frame.good.window(part)});
  return measure_noise(std::move(windows));
}

FrameNoise measure_noise(std::vector<FrameView> windows) {
  const auto free = find_source_free(std::move(windows));
  FrameNoise noise;
  noise.scale = width_of_differences(free.windows, free.objects, 2, noise_lag, 1) / free.cut;
  if (noise.scale < least_scale) noise.scale = std::numeric_limits<double>::quiet_NaN();
  std::vector<float> variance;
  for (std::size_t i = 0; i < free.windows.size(); ++i) {
    const Box box = free.windows[i].box();
    const auto width = static_cast<std::size_t>(box.width());
    for (int y = box.y0; y < box.y1; ++y) {
      const auto row = free.windows[i].variance.row(y);
      const auto good = free.windows[i].good.row(y), object = std::as_const(free.objects[i]).row(y);
      std::size_t n = variance.size();
      variance.resize(n + width + 1);
      for (std::size_t x = 0; x < width; ++x) {
        variance[n] = row[x];
        n += static_cast<std::size_t>(good[x] & (object[x] == 0));
      }
      variance.resize(n);
    }
  }
  noise.sky_variance = statistics::median_inplace(std::span<float>{variance});
  return noise;
}

}  // namespace tessera::background
