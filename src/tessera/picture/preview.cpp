#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/picture/picture.h"

namespace tessera::picture {

PreviewBuilder::PreviewBuilder(int width, int height, int max_side) : max_side_{std::max(1, max_side)} {
  if (width < 1 || height < 1) throw UsageError{"a picture needs an image of at least one pixel"};
  const int longer = std::max(width, height);
  preview_.factor = longer / max_side_ + (longer % max_side_ != 0);
  preview_.full_width = width;
  preview_.full_height = height;
  const auto cells = [&](int n) { return n / preview_.factor + (n % preview_.factor != 0); };
  preview_.pixels = Image<float>{Box{0, 0, cells(width), cells(height)}, std::numeric_limits<float>::quiet_NaN()};
  sum_.assign(static_cast<std::size_t>(cells(width)), 0.0);
  count_.assign(sum_.size(), 0);
}

void PreviewBuilder::add_row(int y, std::span<const float> row) {
  const int factor = preview_.factor;
  if (y < 0 || y >= preview_.full_height || static_cast<int>(row.size()) != preview_.full_width) throw UsageError{"a picture's row lies outside its image"};
  for (std::size_t x = 0; x < row.size(); ++x) {
    if (!std::isfinite(row[x])) continue;
    const std::size_t cell = x / static_cast<std::size_t>(factor);
    sum_[cell] += static_cast<double>(row[x]);
    ++count_[cell];
  }
  end_row(y);
}

void PreviewBuilder::add_constant(int y, float value) {
  if (std::isfinite(value))
    for (std::size_t cell = 0; cell < sum_.size(); ++cell) {
      const int n = std::min(preview_.factor, preview_.full_width - static_cast<int>(cell) * preview_.factor);
      sum_[cell] += n * static_cast<double>(value);
      count_[cell] += n;
    }
  end_row(y);
}

void PreviewBuilder::end_row(int y) {
  const int factor = preview_.factor;
  if ((y + 1) % factor != 0 && y + 1 != preview_.full_height) return;
  const auto out = preview_.pixels.row(y / factor);
  for (std::size_t cell = 0; cell < sum_.size(); ++cell)
    if (count_[cell] > 0) out[cell] = static_cast<float>(sum_[cell] / count_[cell]);
  std::fill(sum_.begin(), sum_.end(), 0.0);
  std::fill(count_.begin(), count_.end(), 0);
}

Preview PreviewBuilder::finish() { return std::move(preview_); }

}  // namespace tessera::picture
