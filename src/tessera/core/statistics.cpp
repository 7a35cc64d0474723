#include "tessera/core/statistics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace tessera::statistics {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Moves the NaN values behind the others: nth_element needs an order, and NaN has none.
template <class T>
std::span<T> without_nan(std::span<T> values) {
  const auto end = std::partition(values.begin(), values.end(), [](T v) { return !std::isnan(v); });
  return values.first(static_cast<std::size_t>(end - values.begin()));
}

/// Orders as the float does (no NaN; -0 just below 0).
std::uint32_t rank_key(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  return bits ^ ((bits >> 31) ? 0xffffffffu : 0x80000000u);
}

/// Counts of floats by the leading bits of their keys: where an order statistic of many lies, and what little need be searched for it.
class LeadingBits {
 public:
  explicit LeadingBits(std::span<const float> values) : values_{values} {
    for (const float v : values) ++count_[rank_key(v) >> shift];
  }
  /// The value with `rank` smaller ones (equal ones in any order) before it.
  float at(std::size_t rank) {
    std::size_t bin = 0;
    for (; rank >= count_[bin]; ++bin) rank -= count_[bin];
    if (bin != bin_ || inside_.empty()) gather(bin);
    const auto place = inside_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(inside_.begin(), place, inside_.end());
    return *place;
  }

 private:
  static constexpr int shift = 21;  // 2048 bins: sign, exponent, two bits of the fraction
  void gather(std::size_t bin) {
    bin_ = bin;
    inside_.resize(count_[bin] + 1);  // the one behind the last is where the others go
    std::size_t n = 0;
    for (const float v : values_) {
      inside_[n] = v;
      n += (rank_key(v) >> shift) == bin;
    }
    inside_.resize(count_[bin]);
  }
  std::span<const float> values_;
  std::array<std::uint32_t, 1u << (32 - shift)> count_{};
  std::size_t bin_ = 0;
  std::vector<float> inside_;
};

constexpr std::size_t many = 4096;  // from here on counting is the faster way

double median_of_many(std::span<const float> values) {
  LeadingBits bits{values};
  const std::size_t half = values.size() / 2;
  const double upper = bits.at(half);
  if (values.size() % 2 == 1) return upper;
  const double lower = bits.at(half - 1);
  return lower == upper ? upper : 0.5 * lower + 0.5 * upper;
}

template <class T>
double median_of(std::span<T> all) {
  const auto values = without_nan(all);
  if (values.empty()) return nan;
  if constexpr (std::is_same_v<T, float>)
    if (values.size() >= many && values.size() <= std::numeric_limits<std::uint32_t>::max()) return median_of_many(values);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  const double upper = *middle;
  if (values.size() % 2 == 1) return upper;
  const double lower = *std::max_element(values.begin(), middle);
  if (lower == upper) return upper;  // also keeps two equal infinities
  return 0.5 * lower + 0.5 * upper;  // no overflow
}

template <class T>
double mad_sigma_of(std::span<const T> values) {
  std::vector<T> copy(values.begin(), values.end());
  const double centre = median_of(std::span<T>{copy});
  if (!std::isfinite(centre)) return nan;
  std::vector<double> deviations;
  deviations.reserve(values.size());
  for (const T v : values) {
    if (!std::isnan(v)) deviations.push_back(std::abs(static_cast<double>(v) - centre));
  }
  return 1.4826022185056018 * median_of(std::span<double>{deviations});
}

template <class T>
double middle_of(std::span<const T> sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : 0.5 * sorted[half - 1] + 0.5 * sorted[half];
}

Clipped moments(std::span<const double> sorted) {
  Clipped result;
  result.used = static_cast<std::int64_t>(sorted.size());
  result.median = sorted_median(sorted);
  // Sums of differences from the median: no cancellation when the scatter is small beside the level.
  double sum = 0, squares = 0;
  for (const double v : sorted) sum += v - result.median;
  const double n = static_cast<double>(sorted.size());
  const double shift = sum / n;
  for (const double v : sorted) squares += (v - result.median - shift) * (v - result.median - shift);
  result.mean = result.median + shift;
  result.sigma = sorted.size() > 1 ? std::sqrt(squares / (n - 1)) : 0.0;
  return result;
}

}  // namespace

double sorted_median(std::span<const float> sorted) { return middle_of(sorted); }
double sorted_median(std::span<const double> sorted) { return middle_of(sorted); }

double sorted_median_deviation(std::span<const float> sorted, float centre) {
  // Deviations fall towards the centre from both ends: the larger end is taken off until the middle is reached.
  std::size_t first = 0, last = sorted.size();
  const auto take_largest = [&] {
    const float left = std::abs(sorted[first] - centre), right = std::abs(sorted[last - 1] - centre);
    if (left > right) return ++first, left;
    return --last, right;
  };
  const std::size_t beyond = (sorted.size() - 1) / 2;
  for (std::size_t k = 0; k < beyond; ++k) take_largest();
  const double upper = take_largest();
  return sorted.size() % 2 == 1 ? upper : 0.5 * static_cast<double>(take_largest()) + 0.5 * upper;
}

double median_inplace(std::span<float> values) { return median_of(values); }
double median_inplace(std::span<double> values) { return median_of(values); }

double median(std::span<const float> values) {
  std::vector<float> copy(values.begin(), values.end());
  return median_of(std::span<float>{copy});
}

double median(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  return median_of(std::span<double>{copy});
}

double mad_sigma(std::span<const double> values) { return mad_sigma_of(values); }
double mad_sigma(std::span<const float> values) { return mad_sigma_of(values); }

double quantile(std::span<const double> values, double q) {
  std::vector<double> copy(values.begin(), values.end());
  const auto kept = without_nan(std::span<double>{copy});
  if (kept.empty() || std::isnan(q)) return nan;
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(kept.size() - 1);
  const auto index = static_cast<std::size_t>(position);
  const auto at = kept.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(kept.begin(), at, kept.end());
  const double fraction = position - static_cast<double>(index);
  const double lower = *at;
  if (fraction == 0 || index + 1 == kept.size()) return lower;
  const double upper = *std::min_element(at + 1, kept.end());
  return lower == upper ? lower : lower * (1 - fraction) + upper * fraction;
}

Clipped clipped(std::span<const double> values, double kappa, int rounds) {
  std::vector<double> sorted;
  sorted.reserve(values.size());
  std::copy_if(values.begin(), values.end(), std::back_inserter(sorted), [](double v) { return std::isfinite(v); });
  if (sorted.empty()) return {nan, nan, nan, 0};
  // Sorting fixes the order of the sums, and what is kept is always one run of the sorted values.
  std::sort(sorted.begin(), sorted.end());
  std::span<const double> kept{sorted};
  Clipped result = moments(kept);
  for (int round = 0; round < rounds; ++round) {
    const double reach = kappa * result.sigma;
    const auto first = std::find_if(kept.begin(), kept.end(), [&](double v) { return result.median - v <= reach; });
    const auto last = std::find_if(first, kept.end(), [&](double v) { return v - result.median > reach; });
    const auto count = static_cast<std::size_t>(last - first);
    if (count == kept.size() || count == 0) break;
    kept = kept.subspan(static_cast<std::size_t>(first - kept.begin()), count);
    result = moments(kept);
  }
  return result;
}

}  // namespace tessera::statistics
