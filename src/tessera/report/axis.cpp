#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/report/svg.h"

namespace tessera::report {
namespace {

std::string superscript(int n) {
  static constexpr const char* digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = n < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(n))) out += digits[c - '0'];
  return out;
}

std::string with_minus(std::string text) {
  if (!text.empty() && text.front() == '-') text.replace(0, 1, "−");
  return text;
}

/// The smallest of 1 2 5 10 20 … that gives at most `wanted` steps.
double tick_step(double range, int wanted, bool whole) {
  const double least = range / std::max(1, wanted);
  double step = std::pow(10.0, std::floor(std::log10(least)));
  for (const double digit : {1.0, 2.0, 5.0, 10.0})
    if (digit * step >= least * (1 - 1e-9)) {
      step *= digit;
      break;
    }
  return whole ? std::max(1.0, std::round(step)) : step;
}

/// A multiple of three that brings the labels of [−largest, largest] near 1; 0 where they are short anyway.
int label_exponent(double largest) {
  if (largest == 0 || (largest >= 1e-2 && largest < 1e5)) return 0;
  return 3 * static_cast<int>(std::floor(std::log10(largest) / 3));
}

}  // namespace

Axis make_axis(double low, double high, int wanted, bool whole) {
  Axis axis;
  if (!std::isfinite(low) || !std::isfinite(high) || high < low) low = 0, high = 1;
  const double magnitude = std::max(std::abs(low), std::abs(high));
  if (!(high - low > 1e-9 * magnitude)) {
    const double half = whole ? 1 : magnitude > 0 ? 0.1 * magnitude : 0.5;
    low -= half, high += half;
  }
  axis.low = low, axis.high = high;
  axis.exponent = label_exponent(std::max(std::abs(low), std::abs(high)));
  const double step = tick_step(high - low, wanted, whole);
  const double unit = std::pow(10.0, axis.exponent);
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step / unit) + 1e-9)));
  for (double k = std::ceil(low / step - 1e-6); k * step <= high + 1e-6 * step; ++k)
    axis.ticks.push_back({k * step, k == 0 ? "0" : with_minus(fmt::format("{:.{}f}", k * step / unit, decimals))});
  return axis;
}

std::string unit_text(int exponent, const std::string& unit) {
  if (exponent == 0) return unit;
  return "10" + superscript(exponent) + (unit.empty() ? "" : " " + unit);
}

std::string number_text(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1e-3 && size < 1e6) {
    const int before = static_cast<int>(std::floor(std::log10(size))) + 1;
    return with_minus(fmt::format("{:.{}f}", value, std::max(0, digits - before)));
  }
  const std::string text = fmt::format("{:.{}e}", value, digits - 1);
  const auto e = text.find('e');
  return with_minus(text.substr(0, e)) + "×10" + superscript(std::stoi(text.substr(e + 1)));
}

}  // namespace tessera::report
