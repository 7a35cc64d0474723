#include "tessera/background/objects.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <vector>

#include "tessera/background/significance.h"
#include "tessera/base/clones.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr int mesh_side = 32;          // pixels
constexpr double clip_sigma = 3;       // of the mesh medians
constexpr double least_seen = 0.2;     // of a mesh cell's samples, else its neighbours stand in

TESSERA_CLONES void interpolate(float from, float to, const float* __restrict fraction, float* __restrict out, int n) {
  const float step = to - from;
  for (int i = 0; i < n; ++i) out[i] = from + fraction[i] * step;
}

/// 1 where a good value differs from the sky by more than its limit in variances.
TESSERA_CLONES void mark_excess(const FrameView& frame, int y, const float* __restrict sky, float limit, std::uint8_t* __restrict out) {
  const float* __restrict value = frame.value.row(y).data();
  const float* __restrict variance = frame.variance.row(y).data();
  const std::uint8_t* __restrict good = frame.good.row(y).data();
  for (int x = 0; x < frame.box().width(); ++x) {
    const float excess = value[x] - sky[x];
    out[x] = static_cast<std::uint8_t>((excess * excess > limit * variance[x]) & (good[x] != 0));
  }
}

/// Local background: one value per cell of a mesh that divides the frame evenly, bilinear between cell centres.
class Mesh {
 public:
  explicit Mesh(const FrameView& frame) : Mesh{frame.box(), [&](int, int) { return frame; }} {}
  Mesh(Box frame, const FrameRows& rows) : box_{frame} {
    nx_ = std::max(1, (box_.width() + mesh_side / 2) / mesh_side);
    ny_ = std::max(1, (box_.height() + mesh_side / 2) / mesh_side);
    value_.resize(static_cast<std::size_t>(nx_ * ny_));
    std::vector<float> samples;
    for (int j = 0; j < ny_; ++j) {
      const FrameView band = rows(cell(0, j).y0, cell(0, j).y1);
      for (int i = 0; i < nx_; ++i) at(i, j) = cell_background(band, cell(i, j), samples);
    }
    fill_unseen();
    filter();
    for (int x = 0; x < box_.width(); ++x) {
      const auto [lower, upper, fraction] = nodes(x, box_.width(), nx_);
      if (spans_.empty() || spans_.back().lower != lower) spans_.push_back({x, lower, upper});
      fraction_.push_back(static_cast<float>(fraction));
    }
  }

  /// Background along row y.
  void row(int y, std::vector<float>& out) const {
    const auto [j0, j1, fy] = nodes(y - box_.y0, box_.height(), ny_);
    std::vector<float> node(static_cast<std::size_t>(nx_));
    for (int i = 0; i < nx_; ++i) node[i] = static_cast<float>((1 - fy) * at(i, j0) + fy * at(i, j1));
    out.resize(fraction_.size());
    for (std::size_t s = 0; s < spans_.size(); ++s) {
      const int end = s + 1 < spans_.size() ? spans_[s + 1].first : box_.width();
      interpolate(node[spans_[s].lower], node[spans_[s].upper], &fraction_[spans_[s].first], &out[spans_[s].first], end - spans_[s].first);
    }
  }

 private:
  struct Nodes {
    int lower, upper;
    double fraction;
  };
  static Nodes nodes(int pixel, int pixels, int cells) {
    if (cells == 1) return {0, 0, 0};
    const double t = (pixel + 0.5) * cells / pixels - 0.5;
    const int lower = std::clamp(static_cast<int>(std::floor(t)), 0, cells - 2);
    return {lower, lower + 1, t - lower};  // the outer half cells continue the slope
  }

  double& at(int i, int j) { return value_[static_cast<std::size_t>(j * nx_ + i)]; }
  double at(int i, int j) const { return value_[static_cast<std::size_t>(j * nx_ + i)]; }

  Box cell(int i, int j) const {
    const auto edge = [](int k, int cells, int pixels) { return static_cast<int>(static_cast<std::int64_t>(k) * pixels / cells); };
    return {box_.x0 + edge(i, nx_, box_.width()), box_.y0 + edge(j, ny_, box_.height()), box_.x0 + edge(i + 1, nx_, box_.width()),
            box_.y0 + edge(j + 1, ny_, box_.height())};
  }

  /// Clipped median of every eighth pixel (a sky level needs no more); NaN when too few are good.
  static double cell_background(const FrameView& frame, Box cell, std::vector<float>& samples) {
    samples.clear();
    std::size_t looked_at = 0;
    for (int y = cell.y0; y < cell.y1; ++y) {
      const auto value = frame.value.row(y);
      const auto good = frame.good.row(y);
      const int x0 = frame.box().x0;
      for (int x = cell.x0 + (3 * y & 7); x < cell.x1; x += 8) {
        ++looked_at;
        if (good[x - x0]) samples.push_back(value[x - x0]);
      }
    }
    if (samples.empty() || static_cast<double>(samples.size()) < least_seen * static_cast<double>(looked_at)) return NAN;
    return clipped_median(samples);
  }

  /// What is kept of sorted samples is always one run of them, so they are sorted once.
  static double clipped_median(std::vector<float>& samples) {
    std::sort(samples.begin(), samples.end());
    std::span<const float> kept{samples};
    double median = statistics::sorted_median(kept);
    for (int round = 0; round < 3; ++round) {
      const double limit = clip_sigma * 1.4826 * statistics::sorted_median_deviation(kept, static_cast<float>(median));
      const auto out = [&](float v) { return std::abs(v - median) > limit; };
      const auto first = std::find_if_not(kept.begin(), kept.end(), out);
      const auto last = std::find_if_not(kept.rbegin(), std::make_reverse_iterator(first), out).base();
      const auto n = static_cast<std::size_t>(last - first);
      if (n == kept.size() || n == 0) break;
      kept = {first, last};
      median = statistics::sorted_median(kept);
    }
    return median;
  }

  /// Cells without enough good pixels take the mean of their known neighbours, ring by ring; 0 when nothing is known.
  void fill_unseen() {
    for (;;) {
      std::vector<double> next = value_;
      bool unknown = false, changed = false;
      for (int j = 0; j < ny_; ++j)
        for (int i = 0; i < nx_; ++i) {
          if (!std::isnan(at(i, j))) continue;
          unknown = true;
          double sum = 0;
          int n = 0;
          for (int b = std::max(0, j - 1); b <= std::min(ny_ - 1, j + 1); ++b)
            for (int a = std::max(0, i - 1); a <= std::min(nx_ - 1, i + 1); ++a)
              if (!std::isnan(at(a, b))) sum += at(a, b), ++n;
          if (n > 0) next[static_cast<std::size_t>(j * nx_ + i)] = sum / n, changed = true;
        }
      value_ = std::move(next);
      if (!unknown) return;
      if (!changed) {
        std::fill(value_.begin(), value_.end(), 0.0);
        return;
      }
    }
  }

  /// Median of 3 × 3 cells: a cell that a bright star fills must not hide the star. Beyond the border the mesh is continued
  /// by its slope, so that a tilted sky passes unchanged.
  void filter() {
    if (nx_ < 3 || ny_ < 3) return;
    std::vector<double> filtered(value_.size());
    std::vector<double> around;
    for (int j = 0; j < ny_; ++j)
      for (int i = 0; i < nx_; ++i) {
        around.clear();
        for (int b = j - 1; b <= j + 1; ++b)
          for (int a = i - 1; a <= i + 1; ++a) around.push_back(continued(a, b));
        filtered[static_cast<std::size_t>(j * nx_ + i)] = statistics::median_inplace(std::span<double>{around});
      }
    value_ = std::move(filtered);
  }
  double continued(int i, int j) const {
    if (i < 0 || i >= nx_) return 2 * continued(i < 0 ? 0 : nx_ - 1, j) - continued(i < 0 ? 1 : nx_ - 2, j);
    if (j < 0 || j >= ny_) return 2 * at(i, j < 0 ? 0 : ny_ - 1) - at(i, j < 0 ? 1 : ny_ - 2);
    return at(i, j);
  }

  Box box_;
  int nx_ = 0, ny_ = 0;
  std::vector<double> value_;
  struct Span {  // pixels of a row between the same two nodes
    int first, lower, upper;
  };
  std::vector<Span> spans_;
  std::vector<float> fraction_;  // of the way between them, for every pixel of a row
};

/// Every pixel that touches a marked one, corners too, becomes marked.
void grow_by_one(Image<std::uint8_t>& mask) {
  const Box box = mask.box();
  const auto width = static_cast<std::size_t>(box.width());
  std::vector<std::uint8_t> below(width), here(width), above(width);  // rows grown sideways
  const auto widen = [&](int y, std::vector<std::uint8_t>& out) {
    if (y >= box.y1) return std::fill(out.begin(), out.end(), std::uint8_t{0});
    const auto in = mask.row(y);
    for (std::size_t x = 1; x + 1 < width; ++x) out[x] = in[x - 1] | in[x] | in[x + 1];
    out[0] = in[0] | in[width > 1 ? 1 : 0];
    out[width - 1] = in[width - 1] | in[width > 1 ? width - 2 : 0];
  };
  widen(box.y0, here);
  for (int y = box.y0; y < box.y1; ++y) {
    widen(y + 1, above);
    const auto out = mask.row(y);
    for (std::size_t x = 0; x < width; ++x) out[x] = below[x] | here[x] | above[x];
    below.swap(here);
    here.swap(above);
  }
}

/// Pixels of the view's rows that differ from the mesh, not grown.
void mark(const FrameView& rows, const Mesh& mesh, float limit, Image<std::uint8_t>& mask) {
  std::vector<float> background;
  for (int y = rows.box().y0; y < rows.box().y1; ++y) {
    mesh.row(y, background);
    mark_excess(rows, y, background.data(), limit, mask.row(y).data());
  }
}

float limit_of(double noise_scale, const BackgroundOptions& options) {
  const double scale = std::isfinite(noise_scale) && noise_scale > 0 ? noise_scale : 1.0;
  return static_cast<float>(options.object_threshold * options.object_threshold * scale * scale);
}

}  // namespace

Image<std::uint8_t> mask_objects(const FrameView& frame, double noise_scale, const BackgroundOptions& options) {
  auto mask = Image<std::uint8_t>::unfilled(frame.box());
  if (frame.box().empty()) return mask;
  mark(frame, Mesh{frame}, limit_of(noise_scale, options), mask);
  grow_by_one(mask);
  return mask;
}

struct ObjectFinder::Impl {
  Box frame;
  float limit;
  Mesh mesh;
};

ObjectFinder::ObjectFinder(Box frame, double noise_scale, const BackgroundOptions& options, const FrameRows& rows)
    : impl_{new Impl{frame, limit_of(noise_scale, options), Mesh{frame, rows}}} {}
ObjectFinder::~ObjectFinder() = default;

Image<std::uint8_t> ObjectFinder::mask(int y0, int y1, const FrameRows& rows) const {
  const int low = std::max(impl_->frame.y0, y0 - 1), high = std::min(impl_->frame.y1, y1 + 1);
  const FrameView around = rows(low, high);
  auto marked = Image<std::uint8_t>::unfilled(around.box());
  mark(around, impl_->mesh, impl_->limit, marked);
  grow_by_one(marked);
  Image<std::uint8_t> mask{Box{around.box().x0, y0, around.box().x1, y1}};
  for (int y = y0; y < y1; ++y) std::ranges::copy(std::as_const(marked).row(y), mask.row(y).begin());
  return mask;
}

Image<float> significance(const FrameView& frame, double noise_scale) {
  const Box box = frame.box();
  Image<float> result{box};
  if (box.empty()) return result;
  const auto scale = static_cast<float>(std::isfinite(noise_scale) && noise_scale > 0 ? noise_scale : 1.0);
  const Mesh mesh{frame};
  std::vector<float> background;
  for (int y = box.y0; y < box.y1; ++y) {
    mesh.row(y, background);
    const auto value = frame.value.row(y), variance = frame.variance.row(y);
    const auto good = frame.good.row(y);
    const auto out = result.row(y);
    for (std::size_t x = 0; x < out.size(); ++x)
      if (good[x]) out[x] = (value[x] - background[x]) / (scale * std::sqrt(variance[x]));
  }
  return result;
}

}  // namespace tessera::background
