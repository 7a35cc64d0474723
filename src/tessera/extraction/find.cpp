#include "tessera/extraction/find.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tessera/background/frame_sky.h"
#include "tessera/background/smooth_sky.h"
#include "tessera/core/statistics.h"
#include "tessera/extraction/threshold_image.h"
#include "tessera/joint_fit/fit_image.h"

namespace tessera::extraction {
namespace {

constexpr int rows_together = 64;
constexpr float masked_beyond = 3.5F;  // sigma of the filtered image, above or below: masking high noise alone would leave a sky that is too low
constexpr int masked_around = 3;       // pixels
constexpr double cell_widths = 16;     // full widths of the response
constexpr int least_cell = 24, most_cell = 96;

/// A cell has room for the sky between sources, and a nebula a few times as wide is followed.
int cell_side(double fwhm) { return std::clamp(static_cast<int>(std::lround(cell_widths * fwhm)), least_cell, most_cell); }

Image<float> sky_of(const Frame& frame, const DetectionOptions& options, double fwhm) {
  if (options.background == SkyChoice::none) return Image<float>{frame.box()};
  if (options.background == SkyChoice::mesh) return background::smooth_sky(frame.view(), options.cell > 0 ? options.cell : cell_side(fwhm));
  background::FrameSkyOptions how;
  how.method = options.background == SkyChoice::median ? background::SkyMethod::median : background::SkyMethod::panels;
  how.window_x = options.window_x, how.window_y = options.window_y, how.dropped = options.dropped, how.panel_filter = options.panel_filter;
  background::check(how);
  return background::frame_sky(frame.view(), how);
}

void subtract(const Frame& from, const Image<float>& sky, Frame& to) {
  for (std::size_t i = 0; i < to.value.pixels().size(); ++i) {
    const bool good = from.good.pixels()[i] && std::isfinite(sky.pixels()[i]);
    to.good.pixels()[i] = good;
    to.value.pixels()[i] = good ? from.value.pixels()[i] - sky.pixels()[i] : 0.0F;
    to.variance.pixels()[i] = good ? from.variance.pixels()[i] : 0.0F;
  }
}

/// Pixels beyond a level on either side and those around them.
Image<std::uint8_t> grown_mask(View<const float> image, float level, int around) {
  const Box box = image.box();
  Image<std::uint8_t> mask{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (!(std::abs(image(x, y)) > level)) continue;
      const Box near = intersection(box, {x - around, y - around, x + around + 1, y + around + 1});
      for (int j = near.y0; j < near.y1; ++j)
        for (int i = near.x0; i < near.x1; ++i) mask(i, j) = 1;
    }
  return mask;
}

/// The frame without pixels of sources.
Frame quiet_sky(const Frame& frame, const Image<std::uint8_t>& sources) {
  Frame sky{frame.box()};
  for (std::size_t i = 0; i < sky.good.pixels().size(); ++i)
    if (frame.good.pixels()[i] && !sources.pixels()[i]) sky.good.pixels()[i] = 1, sky.value.pixels()[i] = frame.value.pixels()[i], sky.variance.pixels()[i] = frame.variance.pixels()[i];
  return sky;
}

/// The matched filter over the whole frame, by bands of rows.
Image<float> significance_of(const Frame& frame, const psf::PsfModel& psf, const detect::FilterOptions& options, run::Context& context) {
  Image<float> significance{frame.box()};
  const Box box = frame.box();
  const auto bands = (box.height() + rows_together - 1) / rows_together;
  context.stage("matched filter", bands);
  context.pool().for_each(bands, [&](std::int64_t k) {
    const int y = box.y0 + static_cast<int>(k) * rows_together;
    detect::matched_filter(frame.view(), psf, options, {significance.view().window({box.x0, y, box.x1, std::min(box.y1, y + rows_together)}), {}, {}});
    context.step();
  });
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (!frame.good(x, y)) significance(x, y) = std::numeric_limits<float>::quiet_NaN();
  return significance;
}

std::vector<detect::Segment> segments_of(View<const float> image, const ExtractOptions& options) {
  const auto& o = options.detection;
  detect::SegmentOptions how = options.segments;
  if (o.separation == Separation::watershed || o.separation == Separation::none) {
    how.deblend = how.deblend && o.separation == Separation::watershed;
    if (o.image == DetectionImage::probability && o.unit == ThresholdUnit::own) how.prominence = 0;
    return detect::find_segments(image, how);
  }
  outlier::DetectionOptions cut;
  cut.threshold = how.threshold, cut.min_area = how.min_area, cut.max_area = o.max_area, cut.min_peak_fraction = o.min_peak_fraction;
  cut.peaks_radius = o.peaks_radius, cut.max_level = o.max_level, cut.extended_area = o.extended_area, cut.touch = how.touch;
  cut.splitting = o.separation == Separation::simple ? outlier::Splitting::simple : o.separation == Separation::combo ? outlier::Splitting::combo : outlier::Splitting::peak;
  return detect::segments_of(image, outlier::detect(image, cut), how.threshold, how.touch);
}

/// Vertex of the parabola through three values, −½ … ½.
double vertex(float before, float at, float after) {
  const double curve = static_cast<double>(before) - 2 * static_cast<double>(at) + static_cast<double>(after);
  return curve < 0 ? std::clamp(0.5 * (static_cast<double>(before) - static_cast<double>(after)) / curve, -0.5, 0.5) : 0;
}

std::vector<Detection> detections_of(const std::vector<detect::Segment>& segments, View<const float> image, View<const float> light) {
  const Box inner = image.box().grown(-1);
  std::map<int, int> blends;  // parent → number, of those that have several
  std::vector<Detection> all;
  for (const auto& s : segments) {
    Detection d;
    d.x = s.peak_x, d.y = s.peak_y;
    if (inner.contains(s.peak_x, s.peak_y)) {
      d.x += vertex(image(s.peak_x - 1, s.peak_y), s.peak, image(s.peak_x + 1, s.peak_y));
      d.y += vertex(image(s.peak_x, s.peak_y - 1), s.peak, image(s.peak_x, s.peak_y + 1));
    }
    const auto m = detect::moments(s, light);
    d.centroid_x = m.x, d.centroid_y = m.y, d.flux = m.flux, d.major = m.major, d.minor = m.minor, d.angle_deg = m.angle * 57.29577951308232;
    d.brightest = -std::numeric_limits<double>::infinity();
    for (const auto& run : s.runs)
      for (int x = run.x; x < run.x + run.length; ++x) d.brightest = std::max(d.brightest, static_cast<double>(light(x, run.y)));
    d.peak = static_cast<double>(s.peak), d.area = static_cast<long>(s.area), d.blend_size = s.siblings;
    if (s.siblings > 1) d.blend = blends.try_emplace(s.parent, static_cast<int>(blends.size()) + 1).first->second;
    all.push_back(d);
  }
  return all;
}

}  // namespace

Found find_sources(Frame frame, const Image<float>& coverage, const psf::PsfModel& psf, const ExtractOptions& options, bool find, run::Context& context) {
  Found found;
  found.frame = Frame{frame.box()};
  const double fwhm = psf.tables().front().fwhm_pix();
  found.background = sky_of(frame, options.detection, fwhm);
  subtract(frame, found.background, found.frame);
  found.sources = Image<std::uint8_t>{frame.box()};
  // The noise of the sky around, so that a source's photons do not hide it.
  Image<float> photons;
  const auto sky_noise = [&] {
    Frame quiet{frame.box()};
    quiet.value = found.frame.value.copy();
    quiet.good = found.frame.good.copy();
    joint_fit::smooth_noise(found.frame.view(), coverage, found.sources, quiet.variance, photons);
    return quiet;
  };
  {
    Image<float> first = significance_of(sky_noise(), psf, options.filter, context);
    Image<float> noise = normalise(first, noise_windows(options.detection));
    if (!find) found.noise = std::move(noise);
    found.sources = grown_mask(first, masked_beyond, masked_around);
  }
  if (options.detection.background != SkyChoice::none) {
    photons = {};
    Image<float> again = sky_of(quiet_sky(frame, found.sources), options.detection, fwhm);
    for (std::size_t i = 0; i < again.pixels().size(); ++i)
      if (std::isfinite(again.pixels()[i])) found.background.pixels()[i] = again.pixels()[i];
    subtract(frame, found.background, found.frame);
  }
  frame = Frame{};
  if (!find) return found;
  Frame quiet = sky_noise();
  if (options.injection.number == 0) photons = {};
  Image<float> significance = significance_of(quiet, psf, options.filter, context);
  found.noise = normalise(significance, noise_windows(options.detection));
  const double noise = statistics::median(found.noise.pixels());
  found.median_noise = std::isfinite(noise) ? noise : 1;
  detect_on(found, threshold_image(quiet, std::move(significance), coverage, psf, options, context), options);
  found.variance = std::move(quiet.variance);
  found.photons = std::move(photons);
  return found;
}

void detect_on(Found& found, Image<float> significance, const ExtractOptions& options) {
  found.filtered = std::move(significance);
  found.segments = segments_of(found.filtered, options);
  found.detections = detections_of(found.segments, found.filtered, found.frame.value);
}

std::vector<Detection> find_more(const Found& found, Image<float> residual, std::span<const Taken> taken, double around, Image<float> model_error, const Image<float>& scatter,
                                 const psf::PsfModel& psf, const ExtractOptions& options, run::Context& context) {
  Frame left;
  left.value = std::move(residual), left.variance = std::move(model_error), left.good = found.frame.good.copy();
  for (std::size_t i = 0; i < left.good.pixels().size(); ++i) {
    float &value = left.value.pixels()[i], &variance = left.variance.pixels()[i];
    const float error = variance * (found.frame.value.pixels()[i] - value);
    variance = left.good.pixels()[i] ? found.variance.pixels()[i] + error * error + (scatter.empty() ? 0.0F : std::max(0.0F, scatter.pixels()[i])) : 0.0F;
    if (!left.good.pixels()[i]) value = 0;
  }
  Image<float> significance = significance_of(left, psf, options.filter, context);
  for (std::size_t i = 0; i < significance.pixels().size(); ++i)
    if (const float n = found.noise.pixels()[i]; n > 0) significance.pixels()[i] /= n;
  detect::SegmentOptions how = options.segments;
  how.deblend = true;
  // Fitted sources by cells as wide as they reach, so that neighbours are in nine of them.
  double cell = std::max(around, 1e-3);
  for (const Taken& t : taken) cell = std::max(cell, t.apart);
  const auto index = [cell](double v) { return static_cast<long>(std::floor(v / cell)); };
  std::map<std::pair<long, long>, std::vector<const Taken*>> cells;
  for (const Taken& t : taken)
    if (t.place.usable) cells[{index(t.place.x), index(t.place.y)}].push_back(&t);
  std::vector<Detection> more;
  std::map<const Taken*, std::size_t> strongest;  // place in `more`
  for (const Detection& d : detections_of(detect::find_segments(significance, how), significance, left.value)) {
    bool own = false;
    const Taken* nearest = nullptr;
    double distance = around;
    for (long y = index(d.y) - 1; y <= index(d.y) + 1; ++y)
      for (long x = index(d.x) - 1; x <= index(d.x) + 1; ++x)
        if (const auto of_cell = cells.find({x, y}); of_cell != cells.end())
          for (const Taken* t : of_cell->second) {
            const double away = std::hypot(t->place.x - d.x, t->place.y - d.y);
            own = own || away < t->apart;
            if (away < distance) distance = away, nearest = t;
          }
    if (own) continue;
    if (nearest) {
      const auto [at, first] = strongest.try_emplace(nearest, more.size());
      if (!first) {
        if (d.peak > more[at->second].peak) more[at->second] = d;
        continue;
      }
    }
    more.push_back(d);
  }
  return more;
}

double concentration_ratio(const Found& found, const psf::PsfModel& psf) {
  constexpr double bright = 30;
  constexpr int half = 4;
  std::vector<double> ratios;
  psf::PointResponse workspace;
  const auto share = [](auto&& value) {
    double inner = 0, all = 0;
    for (int y = -half; y <= half; ++y)
      for (int x = -half; x <= half; ++x) {
        all += value(x, y);
        if (x == 0 && y == 0) inner += value(x, y);
      }
    return all > 0 ? inner / all : std::numeric_limits<double>::quiet_NaN();
  };
  for (std::size_t i = 0; i < found.detections.size(); ++i) {
    const Detection& d = found.detections[i];
    const int cx = static_cast<int>(std::lround(d.x)), cy = static_cast<int>(std::lround(d.y));
    const Box box{cx - half, cy - half, cx + half + 1, cy + half + 1};
    if (d.peak < bright || d.blend_size > 1 || !found.frame.box().contains(box)) continue;
    bool usable = true;
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) usable = usable && found.frame.good(x, y);
    for (const Detection& other : found.detections) usable = usable && (&other == &d || std::hypot(other.x - d.x, other.y - d.y) > 2.5 * half || other.peak < 0.05 * d.peak);
    if (!usable) continue;
    const auto& response = psf.at(d.x, d.y, workspace);
    const double seen = share([&](int x, int y) { return static_cast<double>(found.frame.value(cx + x, cy + y)); });
    const double expected = share([&](int x, int y) { return response.at(cx + x - d.x, cy + y - d.y); });
    if (std::isfinite(seen / expected)) ratios.push_back(seen / expected);
    if (ratios.size() >= 200) break;
  }
  return ratios.size() < 5 ? std::numeric_limits<double>::quiet_NaN() : statistics::median(ratios);
}

}  // namespace tessera::extraction
