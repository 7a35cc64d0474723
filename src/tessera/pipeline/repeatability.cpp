#include "tessera/pipeline/repeatability.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "tessera/core/statistics.h"
#include "tessera/pipeline/mosaic_stars.h"
#include "tessera/pipeline/report_figures.h"

namespace tessera::pipeline {
namespace {

constexpr double fwhm_per_sigma = 2.3548200450309493, median_over_mean_sigma = 1.2533141373155;
constexpr double least_frame_signal_to_noise = 10;   // of the peak pixel, expected from the mosaic
constexpr double search_radius = 3;                  // frame pixels in which the star's place is looked for
constexpr double lost_flux = 0.5;                    // of the common flux: less is not the star
constexpr double caveat_sigmas = 5, caveat_pixels = 0.1, caveat_pixels_of_few = 0.25, caveat_flux = 0.03;
constexpr std::size_t frames_for_jitter = 5;
constexpr double sigma_over_deviation = 1.482602218505602;

/// Lengths of the measurement, in output pixels.
struct Sizes {
  double window_sigma, aperture, ring_inner, ring_outer;
};

Sizes sizes_for(const std::vector<MosaicStar>& stars, double frame_pixel) {
  std::vector<float> widths;
  for (const auto& s : stars) widths.push_back(s.fwhm);
  const double fwhm = statistics::median_inplace(std::span<float>{widths});
  const double aperture = std::max(1.5 * fwhm, 2.5 * frame_pixel);
  return {std::max(fwhm / fwhm_per_sigma, 1.2 * frame_pixel), aperture, aperture + 1.5 * frame_pixel, aperture + 4.5 * frame_pixel};
}

/// One star on one frame.
struct Measured {
  std::size_t star = 0;
  bool found = false;
  double x = 0, y = 0;   ///< in the output plane
  double flux = 0;       ///< surface brightness times output pixels
};

struct Point {
  double x = 0, y = 0;
};

Point mapped(const wcs::PixelMap& map, Point p) {
  Point q;
  map.apply({&p.x, 1}, {&p.y, 1}, {&q.x, 1}, {&q.y, 1});
  return q;
}

/// Area of a frame pixel in output pixels; NaN off the map.
double pixel_area(const wcs::PixelMap& frame_to_output, Point at) {
  const std::array<double, 4> x{at.x - 0.5, at.x + 0.5, at.x, at.x}, y{at.y, at.y, at.y - 0.5, at.y + 0.5};
  std::array<double, 4> u{}, v{};
  frame_to_output.apply(x, y, u, v);
  return std::abs((u[1] - u[0]) * (v[3] - v[2]) - (u[3] - u[2]) * (v[1] - v[0]));
}

double ring_median(const Frame& frame, Point at, double inner, double outer) {
  std::vector<float> values;
  const int cx = static_cast<int>(std::lround(at.x)), cy = static_cast<int>(std::lround(at.y));
  const Box box = intersection(frame.box(), Box{cx, cy, cx + 1, cy + 1}.grown(static_cast<int>(outer) + 1));
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const double r2 = (x - at.x) * (x - at.x) + (y - at.y) * (y - at.y);
      if (r2 >= inner * inner && r2 <= outer * outer && frame.good(x, y)) values.push_back(frame.value(x, y));
    }
  return statistics::median_inplace(std::span<float>{values});
}

/// The middle of the 3 × 3 pixels with the largest sum: a start that a wrong pointing of some pixels does not mislead.
Point brightest(const Frame& frame, Point at) {
  Point best = at;
  double most = -INFINITY;
  const int r = static_cast<int>(search_radius), cx = static_cast<int>(std::lround(at.x)), cy = static_cast<int>(std::lround(at.y));
  for (int y = cy - r; y <= cy + r; ++y)
    for (int x = cx - r; x <= cx + r; ++x) {
      double sum = 0;
      for (int v = y - 1; v <= y + 1; ++v)
        for (int u = x - 1; u <= x + 1; ++u) sum += static_cast<double>(frame.value(u, v));
      if (sum > most) most = sum, best = {static_cast<double>(x), static_cast<double>(y)};
    }
  return best;
}

/// Gaussian-weighted centroid, iterated; nothing where it wanders off.
std::optional<Point> centroid(const Frame& frame, Point at, double sky, double sigma) {
  const int r = static_cast<int>(std::ceil(3 * sigma));
  const Point start = at;
  std::vector<double> wx(static_cast<std::size_t>(2 * r + 1)), wy(wx.size());
  for (int round = 0; round < 20; ++round) {
    const int cx = static_cast<int>(std::lround(at.x)), cy = static_cast<int>(std::lround(at.y));
    for (int k = -r; k <= r; ++k) {
      const double dx = cx + k - at.x, dy = cy + k - at.y;
      wx[static_cast<std::size_t>(k + r)] = std::exp(-0.5 * dx * dx / (sigma * sigma));
      wy[static_cast<std::size_t>(k + r)] = std::exp(-0.5 * dy * dy / (sigma * sigma));
    }
    double sum = 0, sx = 0, sy = 0;
    for (int j = -r; j <= r; ++j)
      for (int i = -r; i <= r; ++i) {
        const double light = (static_cast<double>(frame.value(cx + i, cy + j)) - sky) * wx[static_cast<std::size_t>(i + r)] * wy[static_cast<std::size_t>(j + r)];
        sum += light, sx += light * (cx + i - at.x), sy += light * (cy + j - at.y);
      }
    if (!(sum > 0)) return {};
    const Point step{2 * sx / sum, 2 * sy / sum};
    at = {at.x + step.x, at.y + step.y};
    if (!(std::hypot(at.x - start.x, at.y - start.y) < 2)) return {};
    if (std::hypot(step.x, step.y) < 1e-3) return at;
  }
  return at;
}

/// Pixels at the rim count by how far they reach in.
double aperture_sum(const Frame& frame, Point at, double sky, double radius) {
  double sum = 0;
  const int r = static_cast<int>(std::ceil(radius + 1)), cx = static_cast<int>(std::lround(at.x)), cy = static_cast<int>(std::lround(at.y));
  for (int y = cy - r; y <= cy + r; ++y)
    for (int x = cx - r; x <= cx + r; ++x)
      sum += std::clamp(radius + 0.5 - std::sqrt((x - at.x) * (x - at.x) + (y - at.y) * (y - at.y)), 0.0, 1.0) * (static_cast<double>(frame.value(x, y)) - sky);
  return sum;
}

bool all_good(const Frame& frame, Point at, double radius) {
  const int r = static_cast<int>(std::ceil(radius)), cx = static_cast<int>(std::lround(at.x)), cy = static_cast<int>(std::lround(at.y));
  for (int y = cy - r; y <= cy + r; ++y)
    for (int x = cx - r; x <= cx + r; ++x)
      if (!frame.good(x, y)) return false;
  return true;
}

/// Nothing when the star is off the frame or touches bad pixels.
std::optional<Measured> measure(const FrameState& state, const instrument::FrameFile& file, std::size_t frame, const MosaicStar& star, const Sizes& sizes, FrameCache& cache, Frame& window) {
  const Point place = mapped(*state.output_to_frame, {static_cast<double>(star.x), static_cast<double>(star.y)});
  const double area = std::isfinite(place.x + place.y) ? pixel_area(*state.frame_to_output, place) : NAN;
  if (!(area > 0)) return {};
  const double scale = 1 / std::sqrt(area);  // output pixels → frame pixels
  const double reach = std::max(sizes.ring_outer, 3 * sizes.window_sigma) * scale + search_radius + 6;
  if (!(reach < 200) || place.x < reach || place.y < reach || place.x > file.width - 1 - reach || place.y > file.height - 1 - reach) return {};
  const int cx = static_cast<int>(std::lround(place.x)), cy = static_cast<int>(std::lround(place.y));
  cache.window(frame, Box{cx, cy, cx + 1, cy + 1}.grown(static_cast<int>(reach)), window);
  if (!all_good(window, place, std::max(search_radius + 1, sizes.aperture * scale + 1))) return {};
  Measured m;
  const double sky = ring_median(window, place, sizes.ring_inner * scale, sizes.ring_outer * scale);
  if (!std::isfinite(sky)) return {};
  const auto at = centroid(window, brightest(window, place), sky, sizes.window_sigma * scale);
  if (!at || !(std::hypot(at->x - place.x, at->y - place.y) < search_radius + 1)) return m;
  if (!all_good(window, *at, sizes.aperture * scale + 1)) return {};
  const Point out = mapped(*state.frame_to_output, *at);
  m.x = out.x, m.y = out.y, m.flux = aperture_sum(window, *at, sky, sizes.aperture * scale) * area;
  m.found = std::isfinite(m.x + m.y + m.flux);
  return m;
}

std::vector<Measured> measure_frame(const Plan& plan, const FramePass& pass, std::size_t f, const std::vector<MosaicStar>& stars, const Sizes& sizes, FrameCache& cache) {
  std::vector<Measured> all;
  const auto& state = pass.frames[f];
  if (!state.usable) return all;
  Frame window;
  const Box box = plan.on_grid[f];
  for (auto s = std::ranges::lower_bound(stars, box.y0, {}, &MosaicStar::y); s != stars.end() && s->y < box.y1; ++s) {
    if (s->x < box.x0 || s->x >= box.x1 || !(static_cast<double>(s->peak) > least_frame_signal_to_noise * std::sqrt(state.sky_variance))) continue;
    if (auto m = measure(state, plan.frames[f], f, *s, sizes, cache, window)) {
      m->star = static_cast<std::size_t>(s - stars.begin());
      all.push_back(*m);
    }
  }
  return all;
}

/// Medians over frames; flux NaN for stars that fewer than two frames show.
struct Common {
  Point place;
  double flux = NAN;
  std::array<double, 4> jacobian{};   ///< degrees east and north per output pixel
};

std::vector<Common> common_values(const std::vector<std::vector<Measured>>& measured, std::size_t stars, const wcs::SkyWcs& sky) {
  std::vector<std::vector<const Measured*>> of(stars);
  for (const auto& frame : measured)
    for (const auto& m : frame)
      if (m.found) of[m.star].push_back(&m);
  std::vector<Common> all(stars);
  std::vector<double> x, y, flux;
  for (std::size_t s = 0; s < stars; ++s) {
    if (of[s].size() < 2) continue;
    x.clear(), y.clear(), flux.clear();
    for (const auto* m : of[s]) x.push_back(m->x), y.push_back(m->y), flux.push_back(m->flux);
    all[s] = {{statistics::median_inplace(std::span<double>{x}), statistics::median_inplace(std::span<double>{y})}, statistics::median_inplace(std::span<double>{flux}), {}};
    if (!(all[s].flux > 0)) all[s].flux = NAN;
    all[s].jacobian = sky.jacobian({all[s].place.x, all[s].place.y});
  }
  return all;
}

FrameStars statistics_of(const std::vector<Measured>& measured, const std::vector<Common>& common) {
  FrameStars s;
  std::vector<double> east, north, ratio;
  for (const auto& m : measured) {
    const auto& c = common[m.star];
    if (!std::isfinite(c.flux)) continue;
    ++s.covered;
    if (!m.found || !(m.flux > lost_flux * c.flux)) continue;
    const auto& j = c.jacobian;
    const double dx = m.x - c.place.x, dy = m.y - c.place.y;
    east.push_back(3600 * (j[0] * dx + j[1] * dy));
    north.push_back(3600 * (j[2] * dx + j[3] * dy));
    ratio.push_back(m.flux / c.flux);
  }
  s.count = static_cast<int>(ratio.size());
  if (s.count == 0) return s;
  s.east = statistics::median(east), s.north = statistics::median(north), s.flux_ratio = statistics::median(ratio);
  if (s.count < 2) return s;  // one star has no scatter
  s.position_scatter = std::sqrt(0.5 * (std::pow(statistics::mad_sigma(east), 2) + std::pow(statistics::mad_sigma(north), 2)));
  s.flux_scatter = statistics::mad_sigma(ratio);
  return s;
}

/// Standard errors of the medians. The scatter of few stars may be small by chance: it counts as that of the other frames at least.
void add_errors(std::vector<FrameStars>& frames) {
  std::vector<double> position, flux;
  for (const auto& s : frames)
    if (s.shown()) position.push_back(s.position_scatter), flux.push_back(s.flux_scatter);
  const double usual_position = statistics::median(position), usual_flux = statistics::median(flux);
  for (auto& s : frames) {
    if (s.count == 0) continue;
    const double of_median = median_over_mean_sigma / std::sqrt(s.count);
    s.position_sigma = of_median * std::fmax(s.position_scatter, usual_position);
    s.flux_sigma = of_median * std::fmax(s.flux_scatter, usual_flux);
  }
}

/// How far frames are apart from each other, errors of measurement included: what a telescope's pointing is good for. 0 where frames are too few to tell.
struct Jitter {
  double position = 0, flux = 0;
};

Jitter jitter_of(const std::vector<FrameStars>& frames) {
  std::vector<double> position, flux;
  for (const auto& s : frames)
    if (s.shown()) position.insert(position.end(), {std::abs(s.east), std::abs(s.north)}), flux.push_back(std::abs(s.flux_ratio - 1));
  if (flux.size() < frames_for_jitter) return {};
  return {sigma_over_deviation * statistics::median(position), sigma_over_deviation * statistics::median(flux)};
}

void judge(std::vector<FrameStars>& frames) {
  const Jitter jitter = jitter_of(frames);
  const double least_pixels = jitter.position > 0 ? caveat_pixels : caveat_pixels_of_few;
  for (auto& s : frames) {
    if (2 * s.count < s.covered && s.covered >= FrameStars::fewest) s.misplaced = true;
    if (!s.shown()) continue;
    const double off = std::hypot(s.east, s.north), flux_off = std::abs(s.flux_ratio - 1);
    s.misplaced = s.misplaced || (off > caveat_sigmas * std::max(s.position_sigma, jitter.position) && off > least_pixels * s.pixel);
    s.off_flux = flux_off > caveat_sigmas * std::max(s.flux_sigma, jitter.flux) && flux_off > caveat_flux;
  }
}

void tell(const Plan& plan, const std::vector<FrameStars>& frames, run::Context& context) {
  for (std::size_t f = 0; f < frames.size(); ++f) {
    const auto& s = frames[f];
    const auto name = frame_name(plan.frames[f]);
    if (s.misplaced && 2 * s.count < s.covered)
      context.caveat("frame-position", fmt::format("{}: {} of {} stars are where they should be (wrong pointing?)", name, s.count, s.covered), 1);
    else if (s.misplaced)
      context.caveat("frame-position", fmt::format("{}: its {} stars lie {:.3f}\" east and {:.3f}\" north of where the other frames have them, {:.2f} of its pixels (wrong pointing?)", name, s.count, s.east, s.north, std::hypot(s.east, s.north) / s.pixel), 1);
    if (s.off_flux) context.caveat("frame-flux", fmt::format("{}: its {} stars are {:.3f} ± {:.3f} times as bright as in the other frames", name, s.count, s.flux_ratio, s.flux_sigma), 1);
  }
}

}  // namespace

Repeatability measure_repeatability(const Plan& plan, const FramePass& pass, const TileStore& store, FrameCache& cache, run::Context& context) {
  Repeatability r;
  if (!plan.star_check || !plan.moving.empty()) return r;
  context.stage("star repeatability", static_cast<std::int64_t>(plan.frames.size()));
  const auto stars = find_mosaic_stars(plan, store);
  r.stars = static_cast<int>(stars.size());
  r.frames.resize(plan.frames.size());
  if (stars.empty()) return r;
  const auto sky = plan.grid.wcs();
  const double output_pixel = sky.pixel_scale_arcsec({(plan.grid.width - 1) / 2.0, (plan.grid.height - 1) / 2.0});
  const Sizes sizes = sizes_for(stars, std::max(plan.input_over_output_pixel, 1e-3));
  r.aperture_arcsec = sizes.aperture * output_pixel;
  std::vector<std::vector<Measured>> measured(plan.frames.size());
  context.pool().for_each(static_cast<std::int64_t>(plan.frames.size()), [&](std::int64_t i) {
    const auto f = static_cast<std::size_t>(i);
    measured[f] = measure_frame(plan, pass, f, stars, sizes, cache);
    context.step();
  });
  const auto common = common_values(measured, stars.size(), sky);
  context.pool().for_each(static_cast<std::int64_t>(plan.frames.size()), [&](std::int64_t i) {
    const auto f = static_cast<std::size_t>(i);
    r.frames[f] = statistics_of(measured[f], common);
    r.frames[f].pixel = plan.frames[f].wcs.pixel_scale_arcsec({(plan.frames[f].width - 1) / 2.0, (plan.frames[f].height - 1) / 2.0});
  });
  add_errors(r.frames);
  judge(r.frames);
  tell(plan, r.frames, context);
  return r;
}

}  // namespace tessera::pipeline
