#include "tessera/reproject/noise_block.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::reproject {

namespace {

constexpr double slack = 1.02;      // of the size of an output pixel in the frame, which distortion changes over a block

/// Largest extent of an output pixel along an axis of the frame, near (x, y).
double span_in_frame(const wcs::PixelMap& to_frame, double x, double y) {
  const double xs[4] = {x - 0.5, x + 0.5, x, x}, ys[4] = {y, y, y - 0.5, y + 0.5};
  double u[4], v[4];
  to_frame.apply(xs, ys, u, v);
  return std::max(std::abs(u[1] - u[0]) + std::abs(u[3] - u[2]), std::abs(v[1] - v[0]) + std::abs(v[3] - v[2]));
}

}  // namespace

int noise_patch(const InterpolationOptions& options, double span) { return static_cast<int>(std::ceil(2 * support_radius(options, slack * span))); }

int noise_reach(const InterpolationOptions& options, double side) {
  const double turned = std::numbers::sqrt2;
  const double apart = 2 * support_radius(options, turned / side) * turned * side;
  return std::clamp(static_cast<int>(std::ceil(apart)) - 1, 1, largest_noise_reach);
}

NoiseBlock::NoiseBlock(Box block, int reach, const InterpolationOptions& options)
    : block_{block}, reach_{reach}, lags_{(reach + 1) * (2 * reach + 1)}, options_{options} {
  const auto n = static_cast<std::size_t>(block.area());
  covariance_.assign(n * static_cast<std::size_t>(lags_), 0);
  for (auto* v : {&mean_weight_, &coverage_, &omega_}) v->assign(n, 0);
  patch_x_.resize(n);
  patch_y_.resize(n);
  part_.reshape(block);
}

void NoiseBlock::read_weights(const FrameView& frame, const FrameMaps& maps) {
  const auto n = static_cast<std::size_t>(block_.area()), width = static_cast<std::size_t>(block_.width());
  std::vector<double> u(n), v(n);
  for (int y = block_.y0; y < block_.y1; ++y) {
    const std::size_t at = pixel(block_.x0, y);
    maps.to_frame.apply_row(block_.x0, y, {u.data() + at, width}, {v.data() + at, width});
  }
  for (std::size_t p = 0; p < n; ++p) {
    const bool placed = std::isfinite(u[p]) && std::isfinite(v[p]) && std::abs(u[p]) < 1e8 && std::abs(v[p]) < 1e8;
    patch_x_[p] = placed ? static_cast<int>(std::ceil(u[p] - 0.5 * side_)) : 0;
    patch_y_[p] = placed ? static_cast<int>(std::ceil(v[p] - 0.5 * side_)) : 0;
  }
  const auto cells = static_cast<std::size_t>(side_ * side_);
  weight_.assign(n * cells, 0);
  probe_.reset(frame.box());
  const FrameView probe{probe_, frame.variance, frame.good};
  const auto steps = [this](int x) { return ((x % side_) + side_) % side_; };
  for (int b = 0; b < side_; ++b)
    for (int a = 0; a < side_; ++a) {
      std::ranges::fill(probe_.pixels(), 0.0F);
      for (int y = frame.box().y0 + steps(b - frame.box().y0); y < frame.box().y1; y += side_)
        for (int x = frame.box().x0 + steps(a - frame.box().x0); x < frame.box().x1; x += side_) probe_(x, y) = frame.good(x, y) ? 1.0F : 0.0F;
      resample(probe, maps, options_, part_.view());
      for (int y = block_.y0; y < block_.y1; ++y)
        for (int x = block_.x0; x < block_.x1; ++x) {
          const std::size_t p = pixel(x, y);
          weight_[p * cells + static_cast<std::size_t>(steps(b - patch_y_[p]) * side_ + steps(a - patch_x_[p]))] = static_cast<double>(part_.value(x, y));
        }
    }
}

void NoiseBlock::add_covariances(const FrameView& frame, double variance_scale) {
  const auto cells = static_cast<std::size_t>(side_ * side_);
  // ω α σ of every weight: a covariance is then a sum of products over the frame pixels two patches share.
  for (std::size_t p = 0; p < omega_.size(); ++p)
    for (int r = 0; r < side_; ++r)
      for (int c = 0; c < side_; ++c) {
        double& w = weight_[p * cells + static_cast<std::size_t>(r * side_ + c)];
        const int x = patch_x_[p] + c, y = patch_y_[p] + r;
        w = w != 0 && frame.box().contains(x, y) ? w * omega_[p] * std::sqrt(static_cast<double>(frame.variance(x, y)) * variance_scale) : 0.0;
      }
  for (int y = block_.y0; y < block_.y1; ++y)
    for (int x = block_.x0; x < block_.x1; ++x) {
      const std::size_t p = pixel(x, y);
      if (!(omega_[p] > 0)) continue;
      for (int dy = 0; dy <= reach_ && y + dy < block_.y1; ++dy)
        for (int dx = std::max(-reach_, block_.x0 - x); dx <= reach_ && x + dx < block_.x1; ++dx) {
          const std::size_t q = pixel(x + dx, y + dy);
          if (!(omega_[q] > 0)) continue;
          const int ox = patch_x_[q] - patch_x_[p], oy = patch_y_[q] - patch_y_[p];  // of q's patch in p's
          double sum = 0;
          for (int r = std::max(0, oy); r < std::min(side_, side_ + oy); ++r) {
            const double* a = &weight_[p * cells + static_cast<std::size_t>(r * side_)];
            const double* b = &weight_[q * cells + static_cast<std::size_t>((r - oy) * side_)];
            for (int c = std::max(0, ox); c < std::min(side_, side_ + ox); ++c) sum += a[c] * b[c - ox];
          }
          covariance_[p * static_cast<std::size_t>(lags_) + static_cast<std::size_t>(dy * (2 * reach_ + 1) + dx + reach_)] += sum;
        }
    }
}

void NoiseBlock::add(const FrameView& frame, const FrameMaps& maps, const FrameInMean& in_mean) {
  if (frame.box().empty() || block_.empty()) return;
  const double span = span_in_frame(maps.to_frame, 0.5 * (block_.x0 + block_.x1 - 1), 0.5 * (block_.y0 + block_.y1 - 1));
  side_ = std::isfinite(span) ? noise_patch(options_, span) : largest_noise_patch + 1;
  if (side_ > largest_noise_patch) {
    given_up_ = true;
    return;
  }
  resample(frame, maps, options_, part_.view());
  bool any = false;
  for (int y = block_.y0; y < block_.y1; ++y)
    for (int x = block_.x0; x < block_.x1; ++x) {
      const std::size_t p = pixel(x, y);
      const double coverage = static_cast<double>(part_.coverage(x, y)), variance = in_mean.variance_scale * static_cast<double>(part_.variance(x, y));
      omega_[p] = !(coverage > 0) ? 0.0 : !in_mean.by_variance ? in_mean.weight * coverage : variance > 0 ? coverage / variance : 0.0;
      mean_weight_[p] += omega_[p];
      coverage_[p] += coverage;
      any = any || omega_[p] > 0;
    }
  if (!any) return;
  read_weights(frame, maps);
  add_covariances(frame, in_mean.variance_scale);
}

NoiseSums NoiseBlock::finish() const {
  NoiseSums sums{reach_, 0, 0, 0, std::vector<double>(static_cast<std::size_t>(lags_), 0), std::vector<double>(static_cast<std::size_t>(lags_), 0)};
  if (given_up_) return sums;
  const auto lags = static_cast<std::size_t>(lags_);
  const std::size_t zero = sums.index(0, 0);
  for (int y = block_.y0; y < block_.y1; ++y)
    for (int x = block_.x0; x < block_.x1; ++x) {
      const std::size_t p = pixel(x, y);
      const double u2 = covariance_[p * lags + zero];
      if (!(mean_weight_[p] > 0) || !(u2 > 0)) continue;
      ++sums.covered;
      sums.coverage += coverage_[p];
      sums.variance += u2 / (mean_weight_[p] * mean_weight_[p]);
      for (int dy = 0; dy <= reach_ && y + dy < block_.y1; ++dy)
        for (int dx = std::max(-reach_, block_.x0 - x); dx <= reach_ && x + dx < block_.x1; ++dx) {
          const std::size_t q = pixel(x + dx, y + dy);
          const double v2 = covariance_[q * lags + zero], inverse = 1 / (mean_weight_[p] * mean_weight_[q]);
          if (!(mean_weight_[q] > 0) || !(v2 > 0)) continue;
          sums.covariance[sums.index(dx, dy)] += covariance_[p * lags + sums.index(dx, dy)] * inverse;
          sums.sigmas[sums.index(dx, dy)] += std::sqrt(u2 * v2) * inverse;
        }
    }
  return sums;
}

}  // namespace tessera::reproject
