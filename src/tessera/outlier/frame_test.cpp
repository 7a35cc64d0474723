#include "tessera/outlier/frame_test.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <numbers>
#include <unordered_map>

#include "tessera/outlier/local_fit.h"
#include "tessera/outlier/temporal_limits.h"

namespace tessera::outlier {
namespace {

// Found by simulation (docs/rejection.md): stars of 1.0 to 3 pixels, 2 to 30 exposures.
constexpr float candidate_steep = 0.3f;   // of the gradient term that candidates are given
constexpr float candidate_scatter = 0.3f; // of the stack's own variance: that of five values is often twice the truth
constexpr double range_allowed = 0.3;     // of the stack's own range between four output pixels, on a flat sky
constexpr double least_steep = 1.0;       // sigma of a frame pixel that the gradient term must come to for the sky to count as steep
constexpr double step_allowed = 0.05;     // of the gradient term, on top of the scatter around the surface
constexpr int least_depth = 5;            // exposures for a surface
constexpr double cell_side = 0.5;         // frame pixels that share a surface
constexpr double values_wanted = 18;      // for a surface; with more exposures they are taken from nearer
constexpr double least_reach = 0.8, most_reach = 1.1;  // frame pixels
constexpr double largest_leverage = 1.0;  // beyond, the surface is extrapolated
constexpr float plain_departure = 0.6f;   // of the threshold: frame pixels nearer to the median of the stack are not tested
constexpr float usual_noise = 1.25f;      // of the frame's sky variance: a pixel without sources or hits
constexpr double most_noise = 1.5;        // of the other frames' variance there: beyond, it is a hit's own
constexpr double least_gain = 0.5;        // of what a pixel has more than the other frames: what the pixels around and it have more together, where it is a hit
constexpr double gain_noise = 2;          // sigma of that sum
constexpr int block = 16;                 // output pixels over which a frame's map is taken as linear
constexpr std::size_t most_samples = 64;

/// u = u0 + a (x − x0) + b (y − y0), v likewise: a frame's map near the middle (x0, y0) of a block, and its inverse's matrix.
struct Linear {
  double x0 = 0, y0 = 0, u0 = 0, v0 = 0, a = 0, b = 0, c = 0, d = 0;
  bool good = false;
};

Linear linear_at(const wcs::PixelMap& map, double x0, double y0) {
  constexpr double h = block / 2;
  std::array<double, 5> x{x0, x0 - h, x0 + h, x0, x0}, y{y0, y0, y0, y0 - h, y0 + h}, u{}, v{};
  map.apply(x, y, u, v);
  Linear l{x0, y0, u[0], v[0], (u[2] - u[1]) / (2 * h), (u[4] - u[3]) / (2 * h), (v[2] - v[1]) / (2 * h), (v[4] - v[3]) / (2 * h), false};
  const double det = l.a * l.d - l.b * l.c;
  l.good = std::isfinite(det) && std::isfinite(u[0]) && std::abs(det) > 1e-9;
  return l;
}

class FrameTest {
 public:
  FrameTest(std::span<const ResampledView> stack, std::span<const StackFrame> frames, const TemporalLimits& limits, const TemporalOptions& options, int frame_pixel)
      : stack_{stack}, frames_{frames}, limits_{limits}, options_{options}, frame_pixel_{frame_pixel} {}

  long run(std::size_t k, View<std::uint8_t> rejected) {
    if (!ask(k, rejected)) return 0;
    long set = 0;
    std::vector<std::pair<int, int>> found;
    unknown_.clear();
    for (const auto& [x, y] : asked_) {
      const Verdict verdict = test(k, x, y, options_.threshold_high, options_.threshold_low);
      if (verdict != Verdict::inlier) (verdict == Verdict::outlier ? found : unknown_).emplace_back(x, y);
    }
    for (const auto& [x, y] : found) rejected(x, y) = 1;
    set += static_cast<long>(found.size());
    if (options_.grow > 0) set += grow(k, found, rejected);
    if (any_strong_ && !unknown_.empty()) set += project_strong(k, rejected);
    return set;
  }

 private:
  /// Lists the frame pixels under candidates, each once; marks the output pixels that resampled values alone would reject.
  bool ask(std::size_t k, View<std::uint8_t> rejected) {
    const Box box = limits_.box();
    const auto& frame = stack_[k];
    const float candidate = static_cast<float>(options_.candidate), covered = static_cast<float>(options_.min_coverage);
    flags_.resize(static_cast<std::size_t>(box.width()));
    asked_.clear();
    any_strong_ = false;
    for (int y = box.y0; y < box.y1; ++y) {
      limits_.test(frame, box.x0, y, box.width(), candidate, candidate, covered, flags_.data(), candidate_steep, candidate_scatter);
      ask_row(k, y, rejected);
    }
    for (const auto& [x, y] : asked_) rejected(x, y) = 0;
    return !asked_.empty();
  }

  void ask_row(std::size_t k, int y, View<std::uint8_t> seen) {
    const StackFrame& f = frames_[k];
    const float least = plain_departure * static_cast<float>(std::min(options_.threshold_high, options_.threshold_low));
    const float high = static_cast<float>(options_.threshold_high), low = static_cast<float>(options_.threshold_low), covered = static_cast<float>(options_.min_coverage);
    const int x0 = limits_.box().x0;
    const auto next = [&](std::size_t from) { return static_cast<const std::uint8_t*>(std::memchr(flags_.data() + from, 1, flags_.size() - from)); };
    const double reach = 0.5 + 0.5 / frame_pixel_;
    for (const std::uint8_t* flag = next(0); flag; flag = next(static_cast<std::size_t>(flag - flags_.data()) + 1)) {
      const int i = static_cast<int>(flag - flags_.data());
      std::uint8_t strong = 0;
      limits_.test(stack_[k], x0 + i, y, 1, high, low, covered, &strong);
      if (strong) {
        if (!any_strong_) strong_plane_.reset(limits_.box());
        any_strong_ = true;
        strong_plane_(x0 + i, y) = 1;
      }
      double u = 0, v = 0;
      frames_[k].to_frame->apply_row(x0 + i, y, {&u, 1}, {&v, 1});
      if (!(std::abs(u) < 1e8 && std::abs(v) < 1e8)) continue;
      const Box under = intersection({static_cast<int>(std::ceil(u - reach)), static_cast<int>(std::ceil(v - reach)), static_cast<int>(std::floor(u + reach)) + 1,
                                      static_cast<int>(std::floor(v + reach)) + 1}, seen.box());
      for (int q = under.y0; q < under.y1; ++q)
        for (int p = under.x0; p < under.x1; ++p) {
          if (seen(p, q)) continue;
          // Most of a candidate's frame pixels are plainly no outliers.
          const float departure = f.pixels.value(p, q) - f.offset - limits_.reference(x0 + i, y);
          if (departure * departure <= least * least * std::min(f.pixels.variance(p, q) * f.variance_scale, f.sky_variance)) continue;
          seen(p, q) = 1;
          asked_.emplace_back(p, q);
        }
    }
  }

  /// Where a frame pixel cannot be tested on its own (steep and shallow, or hits of other frames around) the resampled values decide.
  long project_strong(std::size_t k, View<std::uint8_t> rejected) {
    Box near;
    for (const auto& [x, y] : unknown_) near = hull(near, Box{x, y, x + 1, y + 1});
    Image<std::uint8_t> under{near};
    if (project_to_frame(strong_plane_, *frames_[k].to_frame, options_, under) == 0) return 0;
    long set = 0;
    for (const auto& [x, y] : unknown_) {
      if (!under(x, y) || rejected(x, y) || !adds_light(k, x, y)) continue;
      rejected(x, y) = 1;
      ++set;
    }
    return set;
  }

  struct Gain {
    double value = 0, variance = 0;
  };
  /// Dithers move a star's light from pixel to pixel, hits add to it: whether the pixels around have more light in this frame than in the others, or only this one.
  bool adds_light(std::size_t k, int x, int y) {
    double u = 0, v = 0;
    frames_[k].to_output->apply_row(x, y, {&u, 1}, {&v, 1});
    const int cx = static_cast<int>(std::floor(u + 0.5)), cy = static_cast<int>(std::floor(v + 0.5));
    const Box around = intersection(Box{cx, cy, cx + 1, cy + 1}.grown(frame_pixel_), limits_.box());
    gains_.clear();
    double sum = 0, variance = 0, most = 0;
    for (int j = around.y0; j < around.y1; ++j)
      for (int i = around.x0; i < around.x1; ++i) most = std::max(most, gains_.emplace_back(gain_at(k, i, j)).value);
    for (const auto& gain : gains_) {
      sum += std::max(gain.value, -most);  // a hit of the other frame beside this one is no light that moved
      variance += gain.variance;
    }
    return sum > least_gain * most - gain_noise * std::sqrt(variance);
  }

  /// A resampled value less the lower middle one of the other frames; 0 where there is none.
  Gain gain_at(std::size_t k, int i, int j) const {
    const auto usable = [&](const ResampledView& f) { return f.coverage(i, j) > 0 && static_cast<double>(f.coverage(i, j)) >= options_.min_coverage; };
    if (!usable(stack_[k])) return {};
    std::vector<std::pair<float, float>> others;  // value, variance
    for (std::size_t f = 0; f < stack_.size(); ++f)
      if (f != k && usable(stack_[f])) others.emplace_back(stack_[f].value(i, j), stack_[f].variance(i, j));
    if (others.empty()) return {};
    std::sort(others.begin(), others.end());
    const auto& [value, variance] = others[(others.size() - 1) / 2];
    return {static_cast<double>(stack_[k].value(i, j) - value), static_cast<double>(stack_[k].variance(i, j) + variance)};
  }

  long grow(std::size_t k, const std::vector<std::pair<int, int>>& found, View<std::uint8_t> rejected) {
    long set = 0;
    const double high = std::min(options_.grow, options_.threshold_high), low = std::min(options_.grow, options_.threshold_low);
    for (const auto& [x, y] : found) {
      const Box around = intersection(Box{x - 1, y - 1, x + 2, y + 2}, rejected.box());
      for (int j = around.y0; j < around.y1; ++j)
        for (int i = around.x0; i < around.x1; ++i)
          if (!rejected(i, j) && test(k, i, j, high, low) == Verdict::outlier) {
            rejected(i, j) = 1;
            ++set;
          }
    }
    return set;
  }

  enum class Verdict { outlier, inlier, unknown };
  Verdict test(std::size_t k, int x, int y, double high, double low) {
    const StackFrame& f = frames_[k];
    if (!f.pixels.good(x, y)) return Verdict::inlier;
    double u = 0, v = 0;
    f.to_output->apply_row(x, y, {&u, 1}, {&v, 1});
    const Around around = look(u, v);
    if (!around.good) return Verdict::inlier;
    const double value = static_cast<double>(f.pixels.value(x, y) - f.offset), deviation = value - around.reference;
    const auto beyond = [&](double departure, double allowed, double variance) {
      const double excess = std::abs(departure) - allowed, threshold = departure > 0 ? high : low;
      return excess > 0 && excess * excess > threshold * threshold * variance;
    };
    const double quiet = quiet_variance(f, x, y);
    const auto beyond_sky = [&](double allowed) {
      return beyond(deviation, allowed, quiet + around.noise) && beyond(deviation, allowed, quiet * scatter_ratio(u, v) + around.noise);
    };
    if (around.step * around.step < least_steep * least_steep * quiet) return beyond_sky(range_allowed * around.range) ? Verdict::outlier : Verdict::inlier;
    const Verdict otherwise = beyond_sky(0) ? Verdict::unknown : Verdict::inlier;
    if (around.depth < least_depth) return otherwise;
    const Cell& cell = cell_near(u, v);
    if (!cell.surface.good()) return otherwise;
    const double dx = (u - cell.u) * cell.scale, dy = (v - cell.v) * cell.scale, leverage = cell.surface.leverage(dx, dy);
    if (leverage > largest_leverage) return otherwise;
    const double own = std::min(static_cast<double>(f.pixels.variance(x, y) * f.variance_scale), most_noise * cell.surface.noise());
    const double noise = std::max(own, cell.surface.scatter()) + leverage * std::max(cell.surface.scatter(), cell.surface.noise());
    return beyond(value - cell.surface.value(dx, dy), step_allowed * around.step, noise) ? Verdict::outlier : Verdict::inlier;
  }

  struct Around {
    bool good = false;
    int depth = 0;
    double reference = 0, noise = 0, range = 0, step = 0;
  };
  /// The stack at a place between output pixels.
  Around look(double u, double v) const {
    Around a;
    const Box box = limits_.box();
    if (!(u > box.x0 - 1 && u < box.x1 && v > box.y0 - 1 && v < box.y1)) return a;
    const int x0 = static_cast<int>(std::floor(u)), y0 = static_cast<int>(std::floor(v));
    double weight = 0, lowest = INFINITY, highest = -INFINITY;
    a.depth = 1 << 20;
    for (int y = y0; y < y0 + 2; ++y)
      for (int x = x0; x < x0 + 2; ++x) {
        const double w = (1 - std::abs(u - x)) * (1 - std::abs(v - y));
        if (!box.contains(x, y) || !limits_.comparable(x, y)) continue;
        const double r = static_cast<double>(limits_.reference(x, y));
        weight += w;
        a.reference += w * r;
        a.noise += w * static_cast<double>(limits_.noise_of_reference(x, y));
        a.depth = std::min(a.depth, limits_.depth(x, y));
        a.step = std::max(a.step, static_cast<double>(limits_.allowed(x, y)));
        lowest = std::min(lowest, r);
        highest = std::max(highest, r);
      }
    if (weight < 0.25) return a;
    a.good = true;
    a.reference /= weight;
    a.noise /= weight;
    a.range = highest - lowest;
    return a;
  }

  /// How much more than their variances the values around scatter, on a ring that a hit here leaves alone; 1 where the stack is too shallow to tell.
  double scatter_ratio(double u, double v) const {
    const int x0 = static_cast<int>(std::floor(u)), y0 = static_cast<int>(std::floor(v));
    double scatter = 0, expected = 0;
    const Box near = intersection({x0 - 2, y0 - 2, x0 + 4, y0 + 4}, limits_.box()), inner{x0 - 1, y0 - 1, x0 + 3, y0 + 3};
    for (int y = near.y0; y < near.y1; ++y)
      for (int x = near.x0; x < near.x1; ++x)
        if (const double s = static_cast<double>(limits_.scatter(x, y)), e = static_cast<double>(limits_.mean_variance(x, y)); s > 0 && !inner.contains(x, y)) {
          if (const double step = static_cast<double>(limits_.allowed(x, y)); step * step > least_steep * least_steep * e) continue;  // dithers on a star
          scatter += s;
          expected += e;
        }
    return expected > 0 ? std::max(1.0, scatter / expected) : 1.0;
  }

  /// The pixel's variance; of one noisier than the sky, that of its neighbours if it is less.
  static double quiet_variance(const StackFrame& f, int x, int y) {
    if (f.pixels.variance(x, y) * f.variance_scale <= usual_noise * f.sky_variance) return static_cast<double>(f.pixels.variance(x, y) * f.variance_scale);
    std::array<float, 8> around{};
    std::size_t n = 0;
    const Box near = intersection({x - 1, y - 1, x + 2, y + 2}, f.pixels.box());
    for (int j = near.y0; j < near.y1; ++j)
      for (int i = near.x0; i < near.x1; ++i)
        if ((i != x || j != y) && f.pixels.good(i, j)) around[n++] = f.pixels.variance(i, j);
    float variance = f.pixels.variance(x, y);
    if (n > 2) {
      std::nth_element(around.begin(), around.begin() + static_cast<std::ptrdiff_t>(n / 2), around.begin() + static_cast<std::ptrdiff_t>(n));
      variance = std::min(variance, around[n / 2]);
    }
    return static_cast<double>(variance * f.variance_scale);
  }

  const std::vector<Linear>& maps_near(double u, double v) {
    const int bx = static_cast<int>(std::floor(u / block)), by = static_cast<int>(std::floor(v / block));
    auto& maps = maps_[(static_cast<std::int64_t>(by) << 32) + bx];
    if (maps.empty())
      for (const auto& f : frames_) maps.push_back(f.pixels.box().empty() ? Linear{} : linear_at(*f.to_frame, (bx + 0.5) * block, (by + 0.5) * block));
    return maps;
  }

  /// The sky around a place of the output as all frames sample it.
  struct Cell {
    double u = 0, v = 0, scale = 1;  ///< its middle; 1/reach
    LocalSurface surface;
  };
  const Cell& cell_near(double u, double v) {
    const double side = cell_side * frame_pixel_;
    const int i = static_cast<int>(std::lround(u / side)), j = static_cast<int>(std::lround(v / side));
    const auto [at, fresh] = cells_.try_emplace((static_cast<std::int64_t>(j) << 32) + i);
    Cell& cell = at->second;
    if (!fresh) return cell;
    cell.u = i * side;
    cell.v = j * side;
    // Of the cell, not of the pixel that asked first, or else results would depend on tiles.
    const int x = static_cast<int>(std::floor(cell.u + 0.5)), y = static_cast<int>(std::floor(cell.v + 0.5));
    const int depth = limits_.box().contains(x, y) ? std::max(1, limits_.depth(x, y)) : 1;
    cell.scale = 1 / (frame_pixel_ * std::clamp(std::sqrt(values_wanted / (std::numbers::pi * depth)), least_reach, most_reach));
    samples_.clear();
    const auto& maps = maps_near(cell.u, cell.v);
    for (std::size_t k = 0; k < frames_.size() && samples_.size() < most_samples; ++k)
      if (maps[k].good) add_samples(frames_[k], maps[k], cell);
    cell.surface.fit(samples_);
    return cell;
  }

  void add_samples(const StackFrame& f, const Linear& map, const Cell& cell) {
    const double p = map.u0 + map.a * (cell.u - map.x0) + map.b * (cell.v - map.y0), q = map.v0 + map.c * (cell.u - map.x0) + map.d * (cell.v - map.y0);
    const Box box = f.pixels.box();
    const double det = map.a * map.d - map.b * map.c, wide = 1.1 / cell.scale * std::sqrt(std::abs(det));
    if (!(p + wide > box.x0 && p - wide < box.x1 && q + wide > box.y0 && q - wide < box.y1)) return;
    const Box near = intersection({static_cast<int>(std::ceil(p - wide)), static_cast<int>(std::ceil(q - wide)), static_cast<int>(std::floor(p + wide)) + 1,
                                   static_cast<int>(std::floor(q + wide)) + 1}, box);
    for (int j = near.y0; j < near.y1; ++j)
      for (int i = near.x0; i < near.x1; ++i) {
        if (!f.pixels.good(i, j)) continue;
        const double dp = i - p, dq = j - q;
        const double x = cell.scale * (map.d * dp - map.b * dq) / det, y = cell.scale * (map.a * dq - map.c * dp) / det;
        if (x * x + y * y > 1 || samples_.size() >= most_samples) continue;
        samples_.push_back({x, y, static_cast<double>(f.pixels.value(i, j) - f.offset), static_cast<double>(f.pixels.variance(i, j) * f.variance_scale)});
      }
  }

  std::span<const ResampledView> stack_;
  std::span<const StackFrame> frames_;
  const TemporalLimits& limits_;
  const TemporalOptions& options_;
  int frame_pixel_;
  std::vector<std::uint8_t> flags_;
  std::vector<std::pair<int, int>> asked_, unknown_;
  Image<std::uint8_t> strong_plane_;
  bool any_strong_ = false;
  std::vector<Sample> samples_;
  std::vector<Gain> gains_;
  std::unordered_map<std::int64_t, std::vector<Linear>> maps_;
  std::unordered_map<std::int64_t, Cell> cells_;
};

std::vector<float> sky_variances(std::span<const StackFrame> frames) {
  std::vector<float> variances;
  for (const auto& f : frames) variances.push_back(f.sky_variance);
  return variances;
}

}  // namespace

double rejection_reach(double largest, int frame_pixel) {
  // A candidate touches the pixel or a neighbour it grew from (a diagonal step), and looks one frame pixel on for the gradient.
  const double touching = 0.75 * (1 + largest), neighbour = std::numbers::sqrt2 * largest;
  const double candidates = touching + neighbour + frame_pixel, scatter = neighbour + 3;
  const double plain = touching + temporal_halo(frame_pixel);
  return std::max({candidates, scatter, plain});
}

long reject_in_frames(std::span<const ResampledView> stack, std::span<const StackFrame> frames, const TemporalOptions& options, int frame_pixel,
                      std::span<const View<std::uint8_t>> rejected) {
  assert(stack.size() == frames.size() && stack.size() == rejected.size());
  if (stack.empty() || stack.front().box().empty()) return 0;
  const TemporalLimits limits{stack, sky_variances(frames), stack.front().box(), options, std::max(1, frame_pixel)};
  FrameTest test{stack, frames, limits, options, std::max(1, frame_pixel)};
  long set = 0;
  for (std::size_t k = 0; k < frames.size(); ++k)
    if (!frames[k].pixels.box().empty()) set += test.run(k, rejected[k]);
  return set;
}

long reject_outliers(std::span<const ResampledView> stack, std::span<const StackFrame> frames, const TemporalOptions& options, int frame_pixel,
                     std::span<const View<std::uint8_t>> rejected) {
  if (options.candidate > 0) return reject_in_frames(stack, frames, options, frame_pixel, rejected);
  std::vector<Image<std::uint8_t>> outliers(stack.size());
  std::vector<View<std::uint8_t>> flags;
  for (std::size_t k = 0; k < stack.size(); ++k) {
    outliers[k].reset(stack[k].box());
    flags.push_back(outliers[k].view());
  }
  flag_temporal(stack, options, flags, sky_variances(frames), frame_pixel);
  long set = 0;
  for (std::size_t k = 0; k < stack.size(); ++k)
    if (!frames[k].pixels.box().empty()) set += project_to_frame(flags[k], *frames[k].to_frame, options, rejected[k]);
  return set;
}

}  // namespace tessera::outlier
