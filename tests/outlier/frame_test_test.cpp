#include "tessera/outlier/frame_test.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "outlier/direct_temporal.h"
#include "outlier/simulated_stack.h"
#include "tessera/outlier/local_fit.h"

namespace {

using namespace tessera;
using tessera::testing::DirectTemporal;
using tessera::testing::SimulatedStack;

struct At {
  double x, y;
};
At apply(const wcs::PixelMap& map, double x, double y) {
  const double in_x[] = {x}, in_y[] = {y};
  double u[1], v[1];
  map.apply(in_x, in_y, u, v);
  return {u[0], v[0]};
}

/// The rules of outlier/frame_test.h and docs/steps/mosaic.md for one frame pixel at a time, with nothing kept between pixels, in double precision. Only the surface's
/// polynomial is fitted by the same code, which has tests of its own. `close` is set when a comparison was near enough to equality that single precision may differ.
class DirectFrameTest {
 public:
  DirectFrameTest(const SimulatedStack& s, std::span<const outlier::StackFrame> frames, const outlier::TemporalOptions& o) : s_{s}, frames_{frames}, o_{o}, plain_{s.resampled, o, 1} {}

  bool rejected(std::size_t k, int x, int y) {
    close = false;
    if (found(k, x, y)) return true;
    for (int j = y - 1; j <= y + 1; ++j)
      for (int i = x - 1; i <= x + 1; ++i)
        if ((i != x || j != y) && found(k, i, j) && verdict(k, x, y, std::min(o_.grow, o_.threshold_high), std::min(o_.grow, o_.threshold_low)) == 'o') return true;
    return asked(k, x, y) && verdict(k, x, y, o_.threshold_high, o_.threshold_low) == 'u' && under_strong(k, x, y) && adds_light(k, x, y);
  }
  bool close = false;
  long on_sky = 0, on_surface = 0, by_resampled = 0;  ///< verdicts, by what gave them

 private:
  bool above(double a, double b) {
    close = close || std::abs(a - b) < 1e-4 * (std::abs(a) + std::abs(b));
    return a > b;
  }
  bool found(std::size_t k, int x, int y) { return asked(k, x, y) && verdict(k, x, y, o_.threshold_high, o_.threshold_low) == 'o'; }
  double value(std::size_t k, int x, int y) const { return static_cast<double>(frames_[k].pixels.value(x, y) - frames_[k].offset); }
  double variance(std::size_t k, int x, int y) const { return static_cast<double>(frames_[k].pixels.variance(x, y) * frames_[k].variance_scale); }

  /// A candidate touches the pixel, and the pixel does not plainly agree with the stack.
  bool asked(std::size_t k, int x, int y) {
    const At place = apply(*frames_[k].to_output, x, y);
    const double least = 0.6 * std::min(o_.threshold_high, o_.threshold_low);
    for (int j = static_cast<int>(place.y) - 3; j <= static_cast<int>(place.y) + 3; ++j)
      for (int i = static_cast<int>(place.x) - 3; i <= static_cast<int>(place.x) + 3; ++i) {
        const At on_frame = apply(*frames_[k].to_frame, i, j);
        if (above(std::max(std::abs(on_frame.x - x), std::abs(on_frame.y - y)), 1)) continue;
        if (!above(plain_.excess(k, i, j, o_.candidate, o_.candidate, 0.3, 0.3), 1)) continue;
        const double departure = value(k, x, y) - plain_.at(i, j).reference;
        if (above(departure * departure, least * least * std::min(variance(k, x, y), static_cast<double>(frames_[k].sky_variance)))) return true;
      }
    return false;
  }

  double quiet(std::size_t k, int x, int y) {
    const double own = variance(k, x, y);
    if (!above(own, 1.25 * static_cast<double>(frames_[k].sky_variance))) return own;
    std::vector<double> around;
    for (int j = y - 1; j <= y + 1; ++j)
      for (int i = x - 1; i <= x + 1; ++i)
        if ((i != x || j != y) && frames_[k].pixels.good(i, j)) around.push_back(variance(k, i, j));
    std::sort(around.begin(), around.end());
    return around.size() > 2 ? std::min(own, around[around.size() / 2]) : own;
  }

  /// Scatter of the stack over its variances on the twenty pixels around the inner sixteen.
  double scatter_ratio(int x0, int y0) {
    double scatter = 0, expected = 0;
    for (int j = y0 - 2; j < y0 + 4; ++j)
      for (int i = x0 - 2; i < x0 + 4; ++i) {
        const auto p = plain_.at(i, j);
        if ((i > x0 - 2 && i < x0 + 3 && j > y0 - 2 && j < y0 + 3) || p.count < o_.min_images || p.scatter == 0) continue;
        const double step = plain_.allowed(i, j);
        if (above(step * step, p.mean_variance)) continue;
        scatter += p.scatter * p.scatter;
        expected += p.mean_variance;
      }
    return expected > 0 ? std::max(1.0, scatter / expected) : 1;
  }

  /// 'o'utlier, 'i'nlier, or 'u'nknown.
  char verdict(std::size_t k, int x, int y, double high, double low) {
    if (!frames_[k].pixels.good(x, y)) return 'i';
    const At place = apply(*frames_[k].to_output, x, y);
    const int x0 = static_cast<int>(std::floor(place.x)), y0 = static_cast<int>(std::floor(place.y));
    double reference = 0, noise = 0, step = 0, lowest = 1e30, highest = -1e30;
    int depth = 1 << 20;
    for (int j = y0; j <= y0 + 1; ++j)
      for (int i = x0; i <= x0 + 1; ++i) {
        const auto p = plain_.at(i, j);
        EXPECT_GE(p.count, 2) << "pixels are taken from where every output pixel around is covered";
        const double w = (1 - std::abs(place.x - i)) * (1 - std::abs(place.y - j));
        reference += w * p.reference;
        noise += w * std::numbers::pi / 2 * p.mean_variance / p.count;
        step = std::max(step, plain_.allowed(i, j));
        lowest = std::min(lowest, p.reference), highest = std::max(highest, p.reference);
        depth = std::min(depth, p.count);
      }
    const double deviation = value(k, x, y) - reference, still = quiet(k, x, y);
    const auto beyond = [&](double departure, double allowed, double var) { return above(std::abs(departure), allowed + (departure > 0 ? high : low) * std::sqrt(var)); };
    if (!above(step * step, still)) {
      ++on_sky;
      return beyond(deviation, 0.3 * (highest - lowest), still * scatter_ratio(x0, y0) + noise) ? 'o' : 'i';
    }
    const char otherwise = beyond(deviation, 0, still * scatter_ratio(x0, y0) + noise) ? 'u' : 'i';
    if (depth < 5) return ++by_resampled, otherwise;
    return on_the_surface(k, x, y, place, step, otherwise, beyond);
  }

  template <class Beyond>
  char on_the_surface(std::size_t k, int x, int y, At place, double step, char otherwise, const Beyond& beyond) {
    const double u = std::round(2 * place.x) / 2, v = std::round(2 * place.y) / 2;
    const int depth = plain_.at(static_cast<int>(std::floor(u + 0.5)), static_cast<int>(std::floor(v + 0.5))).count;
    const double reach = std::clamp(std::sqrt(18 / (std::numbers::pi * depth)), 0.8, 1.1);
    std::vector<outlier::Sample> samples;
    for (std::size_t f = 0; f < frames_.size(); ++f)
      for (int j = SimulatedStack::frame_box.y0; j < SimulatedStack::frame_box.y1; ++j)
        for (int i = SimulatedStack::frame_box.x0; i < SimulatedStack::frame_box.x1; ++i) {
          if (std::abs(apply(*frames_[f].to_frame, u, v).x - i) > 3 || std::abs(apply(*frames_[f].to_frame, u, v).y - j) > 3 || !frames_[f].pixels.good(i, j)) continue;
          const At there = apply(*frames_[f].to_output, i, j);
          if (!above(std::hypot(there.x - u, there.y - v), reach)) samples.push_back({(there.x - u) / reach, (there.y - v) / reach, value(f, i, j), variance(f, i, j)});
        }
    outlier::LocalSurface surface;
    surface.fit(samples);
    const double dx = (place.x - u) / reach, dy = (place.y - v) / reach;
    if (!surface.good() || above(surface.leverage(dx, dy), 1)) return ++by_resampled, otherwise;
    ++on_surface;
    const double own = std::min(variance(k, x, y), 1.5 * surface.noise());
    const double total = std::max(own, surface.scatter()) + surface.leverage(dx, dy) * std::max(surface.scatter(), surface.noise());
    return beyond(value(k, x, y) - surface.value(dx, dy), 0.05 * step, total) ? 'o' : 'i';
  }

  bool under_strong(std::size_t k, int x, int y) {
    const At place = apply(*frames_[k].to_output, x, y);
    double covered = 0;
    geometry::OverlapTable table;
    for (int j = static_cast<int>(place.y) - 3; j <= static_cast<int>(place.y) + 3; ++j)
      for (int i = static_cast<int>(place.x) - 3; i <= static_cast<int>(place.x) + 3; ++i) {
        if (!above(plain_.excess(k, i, j, o_.threshold_high, o_.threshold_low), 1)) continue;
        geometry::Quad q{};
        const double cx[] = {i - 0.5, i + 0.5, i + 0.5, i - 0.5}, cy[] = {j - 0.5, j - 0.5, j + 0.5, j + 0.5};
        frames_[k].to_frame->apply(cx, cy, q.x, q.y);
        table.compute(q);
        if (table.box().contains(x, y)) covered += table(x, y);
      }
    return above(covered, o_.min_overlap * (1 - 1e-9));
  }

  bool adds_light(std::size_t k, int x, int y) {
    const At place = apply(*frames_[k].to_output, x, y);
    const int cx = static_cast<int>(std::floor(place.x + 0.5)), cy = static_cast<int>(std::floor(place.y + 0.5));
    std::vector<double> gains;
    double variance = 0;
    for (int j = cy - 1; j <= cy + 1; ++j)
      for (int i = cx - 1; i <= cx + 1; ++i) {
        std::vector<std::pair<double, double>> others;
        for (std::size_t f = 0; f < frames_.size(); ++f)
          if (f != k && plain_.takes_part(f, i, j)) others.emplace_back(s_.resampled[f].value(i, j), s_.resampled[f].variance(i, j));
        std::sort(others.begin(), others.end());
        if (!plain_.takes_part(k, i, j) || others.empty()) {
          gains.push_back(0);
          continue;
        }
        const auto [lower, its] = others[(others.size() - 1) / 2];
        gains.push_back(static_cast<double>(s_.resampled[k].value(i, j)) - lower);
        variance += static_cast<double>(s_.resampled[k].variance(i, j)) + its;
      }
    const double most = std::max(0.0, *std::max_element(gains.begin(), gains.end()));
    double sum = 0;
    for (const double g : gains) sum += std::max(g, -most);
    return above(sum, 0.5 * most - 2 * std::sqrt(variance));
  }

  const SimulatedStack& s_;
  std::span<const outlier::StackFrame> frames_;
  const outlier::TemporalOptions& o_;
  DirectTemporal plain_;
};

/// Frames whose levels and variances still need their offset and scale, with a few bad pixels.
std::vector<outlier::StackFrame> uncalibrated(SimulatedStack& s, unsigned seed) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<float> u{0, 1};
  std::vector<outlier::StackFrame> frames;
  for (auto& e : s.exposures) {
    const float offset = 4 * u(random) - 2, scale = 0.5f + u(random);
    for (int y = e.frame.value.box().y0; y < e.frame.value.box().y1; ++y)
      for (int x = e.frame.value.box().x0; x < e.frame.value.box().x1; ++x) {
        e.frame.value(x, y) += offset;
        e.frame.variance(x, y) /= scale;
        if (u(random) < 0.01f) e.frame.good(x, y) = 0;
      }
    frames.push_back({e.frame.view(), e.to_frame.get(), e.to_output.get(), offset, scale, e.sky_variance});
  }
  return frames;
}

TEST(FrameTest, AgreesWithTheRulesAppliedToOnePixelAtATime) {
  outlier::TemporalOptions options;  // low thresholds, so that noise alone comes near them everywhere
  options.threshold_high = 2;
  options.threshold_low = 2.2;
  options.candidate = 1;
  options.grow = 1.5;
  std::array<long, 3> verdicts{};
  for (const auto& [depth, fwhm] : {std::pair{2, 0.8}, {4, 1.0}, {6, 1.4}}) {
    SimulatedStack s{depth, 100, 900u + static_cast<unsigned>(depth), 1.0, fwhm};
    const auto frames = uncalibrated(s, static_cast<unsigned>(depth));
    std::vector<Image<std::uint8_t>> rejected;
    std::vector<View<std::uint8_t>> views;
    for (int k = 0; k < depth; ++k) rejected.emplace_back(SimulatedStack::frame_box);
    for (auto& r : rejected) views.push_back(r.view());
    outlier::reject_in_frames(s.views(), frames, options, 1, views);
    DirectFrameTest direct{s, frames, options};
    long set = 0, close = 0, compared = 0;
    for (std::size_t k = 0; k < frames.size(); ++k)
      for (int y = 28; y < 60; ++y)
        for (int x = 28; x < 60; ++x) {
          const bool expected = direct.rejected(k, x, y);
          ++compared;
          if (direct.close) {
            ++close;
            continue;
          }
          ASSERT_EQ(rejected[k](x, y) != 0, expected) << "depth " << depth << " frame " << k << " (" << x << ", " << y << ")";
          set += expected;
        }
    EXPECT_GT(set, 10 * depth) << depth;
    EXPECT_LT(close, compared / 20) << depth;
    verdicts[0] += direct.on_sky, verdicts[1] += direct.on_surface, verdicts[2] += direct.by_resampled;
  }
  for (const long v : verdicts) EXPECT_GT(v, 100) << "each rule has been used";
}

}  // namespace
