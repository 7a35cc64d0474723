/// outlier/stack_statistics.h — median and scatter along a stack of images, for a few columns at a time.
#pragma once
#include <array>
#include <utility>
#include <vector>

#include "tessera/core/frame.h"

namespace tessera::outlier {

/// How the scatter of a stack is measured: by the median deviation, or by the smallest difference of two values that follow each other
/// in order (MOPEX guide 8.2.2, THRESH_OPTION 2), which is far below the noise of a deep stack.
enum class Scatter { mad, gap };

/// What the values of one output pixel say together.
struct PixelStatistics {
  float reference = 0;  ///< the median; of two or four values the lower middle one; undefined for none
  float scatter = 0;    ///< MAD/0.6745 (or the gap), for three values or more; of fewer: the uncertainty of the smaller
  float noise = 0;      ///< mean variance of the values
  int count = 0;        ///< values that took part: covered enough and not far noisier than the best
  int seen = 0;         ///< values covered enough
};

/// Works on `columns` neighbouring pixels together so that the sorting is done in vector lanes: a network of exchanges, each of
/// whole rows. Deep stacks are selected from pixel by pixel. Memory is kept between calls.
class StackStatistics {
 public:
  static constexpr int columns = 32;
  static constexpr std::size_t deepest_network = 64;

  explicit StackStatistics(Scatter scatter = Scatter::mad) : scatter_{scatter} {}

  /// Statistics of pixels (x0 + i, y), i < count ≤ columns, from the values with coverage ≥ min_coverage (and > 0).
  /// `sky_variance`: one per frame, or empty; frames of more than 16 times the least of those that cover a pixel have no say there.
  void compute(std::span<const ResampledView> stack, std::span<const float> sky_variance, int x0, int y, int count, double min_coverage);
  const PixelStatistics& operator[](int i) const { return result_[static_cast<std::size_t>(i)]; }

 private:
  using Row = std::array<float, columns>;
  void limit_variance(std::span<const ResampledView> stack, std::span<const float> sky_variance, int x0, int y, int count, float min_coverage);
  void gather(std::span<const ResampledView> stack, std::span<const float> sky_variance, int x0, int y, int count, float min_coverage);
  void sort_rows();
  void measure_scatter(int count);
  float reference(int i, int n) const;
  float middle(int i, int n) const;
  void select(int i, int n);

  Scatter scatter_;
  std::vector<Row> rows_;
  std::size_t depth_ = 0;
  std::array<int, columns> count_{}, seen_{};
  Row variance_{}, most_variance_{};
  std::array<PixelStatistics, columns> result_{};
  std::vector<float> values_;
  std::size_t network_depth_ = 0;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> network_;
};

}  // namespace tessera::outlier
