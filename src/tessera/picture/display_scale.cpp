#include "tessera/picture/display_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/core/statistics.h"

namespace tessera::picture {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double stretched(double value, const DisplayScale& s) {
  return std::isinf(s.softening) ? value : std::asinh((value - s.sky) / s.softening);
}

std::string label_of(double value, int decimals) {
  std::string text;
  if (value == 0)
    text = "0";
  else if (std::abs(value) < 1e-4 || std::abs(value) >= 1e6)
    text = fmt::format("{:.{}g}", value, std::max(1, static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1 + decimals));
  else
    text = fmt::format("{:.{}f}", value, decimals);
  if (text.front() == '-') text.replace(0, 1, "−");
  return text;
}

std::vector<Tick> integer_ticks(const DisplayScale& scale, int wanted) {
  const double range = scale.high - scale.low, most = std::max(1, wanted);
  double decade = 1, step = 1;
  while (range / step > most) {  // 1 2 5 10 20 50 …
    step = step < 2 * decade ? 2 * decade : step < 5 * decade ? 5 * decade : 10 * decade;
    if (step > 5 * decade) decade *= 10;
  }
  std::vector<Tick> ticks;
  for (double v = std::ceil(scale.low / step) * step; v <= scale.high * (1 + 1e-12); v += step) ticks.push_back({v, label_of(v, 0)});
  return ticks;
}

}  // namespace

double DisplayScale::position(double v) const {
  const double a = stretched(low, *this), b = stretched(high, *this);
  return (stretched(v, *this) - a) / (b - a);
}

double DisplayScale::value(double p) const {
  const double a = stretched(low, *this), b = stretched(high, *this), t = a + p * (b - a);
  return std::isinf(softening) ? t : sky + softening * std::sinh(t);
}

DisplayScale choose_scale(std::span<const float> pixels, const PictureOptions& options) {
  std::vector<double> values;
  values.reserve(pixels.size());  // growing would take twice as much
  for (const float v : pixels)
    if (std::isfinite(v)) values.push_back(static_cast<double>(v));
  DisplayScale scale{0, 1, 0, infinity};
  if (values.empty()) return scale;
  if (options.integer_levels) {
    scale.high = std::max(1.0, *std::max_element(values.begin(), values.end()));
    return scale;
  }
  const auto clipped = statistics::clipped(values, 3.0, 10);
  const double sigma = statistics::mad_sigma(std::span<const double>{values});
  const double spread = sigma > 0 ? std::min(sigma, clipped.sigma > 0 ? clipped.sigma : sigma) : clipped.sigma;
  if (options.stretch == Stretch::asinh && spread > 0) {
    scale.sky = clipped.median;
    scale.softening = 2 * spread;
    scale.low = scale.sky - 2 * spread;
    scale.high = std::max(scale.sky + 5 * spread, statistics::quantile(values, 0.997));
  } else {
    scale.low = statistics::quantile(values, 0.001);
    scale.high = statistics::quantile(values, 0.999);
  }
  const double magnitude = std::max(std::abs(scale.low), std::abs(scale.high));
  if (!(scale.high - scale.low > 1e-6 * magnitude)) {
    const double half = magnitude > 0 ? 0.5 * magnitude : 0.5;
    scale = {clipped.median - half, clipped.median + half, clipped.median, infinity};
  }
  return scale;
}

double roundest(double low, double high, int* decimals) {
  const double middle = 0.5 * (low + high);
  if (decimals) *decimals = 0;
  if (!(high > low)) return middle;
  if (low <= 0 && high >= 0) return 0;
  const int largest = static_cast<int>(std::floor(std::log10(std::max(std::abs(low), std::abs(high)))));
  for (int exponent = largest; exponent >= largest - 15; --exponent)
    for (const double digit : {10.0, 5.0, 2.0, 1.0}) {
      if (digit == 10 && exponent != largest) continue;  // was tried as 1 of the decade above
      const double unit = std::pow(10.0, std::abs(exponent));
      const double count = exponent < 0 ? std::round(middle / digit * unit) : std::round(middle / (digit * unit));
      const double value = exponent < 0 ? count * digit / unit : count * digit * unit;
      if (value < low || value > high) continue;
      if (decimals) *decimals = std::max(0, -exponent);
      return value;
    }
  return middle;
}

std::vector<Tick> choose_ticks(const DisplayScale& scale, int wanted, bool integers) {
  if (integers) return integer_ticks(scale, wanted);
  std::vector<Tick> ticks;
  const double spacing = 1.0 / std::max(1, wanted - 1);
  for (int i = 0; i < std::max(2, wanted); ++i) {
    const double from = std::clamp(spacing * (i - 0.3), 0.0, 1.0), to = std::clamp(spacing * (i + 0.3), 0.0, 1.0);
    int decimals = 0;
    const double value = roundest(scale.value(from), scale.value(to), &decimals);
    if (ticks.empty() || value > ticks.back().value) ticks.push_back({value, label_of(value, decimals)});
  }
  return ticks;
}

}  // namespace tessera::picture
