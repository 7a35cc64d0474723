#include "tessera/outlier/stack_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/clones.h"
#include "tessera/core/statistics.h"

namespace tessera::outlier {

namespace {

constexpr float missing = std::numeric_limits<float>::infinity();  // sorts behind all values
constexpr float most_variance_ratio = 16.0f;  // four times the smallest uncertainty of the stack
constexpr float sigma_per_mad = 1.0f / 0.6745f;

// Batcher's odd-even merge sort for any number of rows (Knuth, TAOCP 3, 5.2.2, algorithm M).
std::vector<std::pair<std::uint16_t, std::uint16_t>> sorting_network(std::size_t n) {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> exchanges;
  std::size_t top = 1;
  while (2 * top < n) top *= 2;
  for (std::size_t p = top; n > 1 && p > 0; p /= 2) {
    std::size_t q = top, r = 0, d = p;
    while (true) {
      for (std::size_t i = 0; i + d < n; ++i)
        if ((i & p) == r) exchanges.emplace_back(static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(i + d));
      if (q == p) break;
      d = q - p;
      q /= 2;
      r = p;
    }
  }
  return exchanges;
}

}  // namespace

/// The largest sky variance a frame may have to take part in each pixel: beside deep exposures a short one says nothing, but its
/// noise would pass for the scatter of the stack.
TESSERA_CLONES void StackStatistics::limit_variance(std::span<const ResampledView> stack, std::span<const float> sky_variance, int x0, int y, int count, float min_coverage) {
  most_variance_.fill(missing);
  seen_.fill(0);
  for (std::size_t k = 0; k < stack.size(); ++k) {
    const float* __restrict covered = &stack[k].coverage(x0, y);
    const float limit = sky_variance.empty() ? missing : most_variance_ratio * sky_variance[k];
    for (int i = 0; i < count; ++i) {
      const bool take = covered[i] > 0.0f && covered[i] >= min_coverage;
      seen_[static_cast<std::size_t>(i)] += take;
      float& most = most_variance_[static_cast<std::size_t>(i)];
      most = take && limit < most ? limit : most;
    }
  }
}

TESSERA_CLONES void StackStatistics::gather(std::span<const ResampledView> stack, std::span<const float> sky_variance, int x0, int y, int count, float min_coverage) {
  const bool alike = sky_variance.empty() || *std::ranges::max_element(sky_variance) <= most_variance_ratio * *std::ranges::min_element(sky_variance);
  if (alike) most_variance_.fill(missing);  // all take part
  else limit_variance(stack, sky_variance, x0, y, count, min_coverage);
  if (rows_.size() < stack.size()) rows_.resize(stack.size());
  depth_ = 0;
  count_.fill(0);
  variance_.fill(0);
  for (std::size_t k = 0; k < stack.size(); ++k) {
    const auto& frame = stack[k];
    const float sky = sky_variance.empty() ? 0.0f : sky_variance[k];
    const float* __restrict covered = &frame.coverage(x0, y);
    const float* __restrict value = &frame.value(x0, y);
    const float* __restrict variance = &frame.variance(x0, y);
    Row& row = rows_[depth_];
    int used = 0;
    for (int i = 0; i < count; ++i) {
      const bool take = covered[i] > 0.0f && covered[i] >= min_coverage && sky <= most_variance_[static_cast<std::size_t>(i)];
      row[static_cast<std::size_t>(i)] = take ? value[i] : missing;
      variance_[static_cast<std::size_t>(i)] += take ? variance[i] : 0.0f;
      count_[static_cast<std::size_t>(i)] += take;
      used += take;
    }
    if (!used) continue;
    std::fill(row.begin() + count, row.end(), missing);
    ++depth_;
  }
  if (alike) seen_ = count_;
}

TESSERA_CLONES void StackStatistics::sort_rows() {
  if (network_depth_ != depth_) {
    network_ = sorting_network(depth_);
    network_depth_ = depth_;
  }
  for (const auto& [i, j] : network_) {
    float* __restrict a = rows_[i].data();
    float* __restrict b = rows_[j].data();
    for (int c = 0; c < columns; ++c) {
      const float low = a[c] < b[c] ? a[c] : b[c], high = a[c] < b[c] ? b[c] : a[c];
      a[c] = low;
      b[c] = high;
    }
  }
}

float StackStatistics::reference(int i, int n) const {
  if (n == 2 || n == 4) return rows_[static_cast<std::size_t>(n / 2 - 1)][static_cast<std::size_t>(i)];
  return middle(i, n);
}

float StackStatistics::middle(int i, int n) const {
  const auto column = static_cast<std::size_t>(i);
  const float low = rows_[static_cast<std::size_t>((n - 1) / 2)][column], high = rows_[static_cast<std::size_t>(n / 2)][column];
  return 0.5f * (low + high);
}

/// From sorted rows, which it changes.
void StackStatistics::measure_scatter(int count) {
  if (scatter_ == Scatter::gap) {
    for (int i = 0; i < count; ++i) {
      const auto c = static_cast<std::size_t>(i);
      float least = missing;
      for (int k = 0; k + 1 < count_[c]; ++k) least = std::min(least, rows_[static_cast<std::size_t>(k + 1)][c] - rows_[static_cast<std::size_t>(k)][c]);
      if (count_[c] > 2) result_[c].scatter = least;
    }
    return;
  }
  for (std::size_t k = 0; k < depth_; ++k)
    for (std::size_t c = 0; c < columns; ++c) rows_[k][c] = std::abs(rows_[k][c] - result_[c].reference);
  sort_rows();
  for (int i = 0; i < count; ++i)
    if (const int n = count_[static_cast<std::size_t>(i)]; n > 2) result_[static_cast<std::size_t>(i)].scatter = sigma_per_mad * middle(i, n);
}

// The same statistics by selection in one column.
void StackStatistics::select(int i, int n) {
  const auto column = static_cast<std::size_t>(i);
  values_.clear();
  for (std::size_t k = 0; k < depth_; ++k)
    if (rows_[k][column] != missing) values_.push_back(rows_[k][column]);
  const float median = static_cast<float>(statistics::median_inplace(std::span<float>{values_}));
  float scatter = missing;
  if (scatter_ == Scatter::gap) {
    std::sort(values_.begin(), values_.end());
    for (std::size_t k = 0; k + 1 < values_.size(); ++k) scatter = std::min(scatter, values_[k + 1] - values_[k]);
  } else {
    for (float& v : values_) v = std::abs(v - median);
    scatter = sigma_per_mad * static_cast<float>(statistics::median_inplace(std::span<float>{values_}));
  }
  result_[column] = {median, scatter, 0.0f, n, n};
}

void StackStatistics::compute(std::span<const ResampledView> stack, std::span<const float> sky_variance, int x0, int y, int count, double min_coverage) {
  gather(stack, sky_variance, x0, y, count, static_cast<float>(min_coverage));
  const bool deep = depth_ > deepest_network;
  if (!deep && depth_ > 1) {
    sort_rows();
    for (int i = 0; i < count; ++i) {
      const int n = count_[static_cast<std::size_t>(i)];
      result_[static_cast<std::size_t>(i)] = {n > 1 ? reference(i, n) : 0.0f, 0.0f, 0.0f, n, n};
    }
    if (depth_ > 2) measure_scatter(count);
  }
  for (int i = 0; i < count; ++i) {
    const auto c = static_cast<std::size_t>(i);
    if (deep && count_[c] > 2) select(i, count_[c]);
    else if (deep || depth_ <= 1) result_[c] = {0.0f, 0.0f, 0.0f, count_[c], count_[c]};
    if (count_[c] > 2) {
      result_[c].noise = variance_[c] / static_cast<float>(count_[c]);
      continue;
    }
    // One or two values: their order says which variance belongs to the smaller.
    bool first = true;
    for (std::size_t k = 0; k < stack.size(); ++k) {
      const auto& frame = stack[k];
      const float covered = frame.coverage(x0 + i, y), value = frame.value(x0 + i, y);
      if (!(covered > 0.0f && covered >= static_cast<float>(min_coverage) && (sky_variance.empty() || sky_variance[k] <= most_variance_[c]))) continue;
      if (first || value < result_[c].reference) result_[c] = {value, std::sqrt(frame.variance(x0 + i, y)), 0.0f, count_[c], count_[c]};
      first = false;
    }
    if (count_[c] > 0) result_[c].noise = variance_[c] / static_cast<float>(count_[c]);
  }
  for (int i = 0; i < count; ++i) result_[static_cast<std::size_t>(i)].seen = seen_[static_cast<std::size_t>(i)];
}

}  // namespace tessera::outlier
