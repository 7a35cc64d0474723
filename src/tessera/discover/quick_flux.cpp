#include "tessera/discover/quick_flux.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "tessera/background/smooth_sky.h"
#include "tessera/cube/cube_file.h"
#include "tessera/cube/plane_sums.h"
#include "tessera/discover/responses.h"
#include "tessera/fit/linear.h"
#include "tessera/spherex/calibration.h"

namespace tessera::discover {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double fit_radius_arcsec = 30, reach_arcsec = 31;   // a PSF's cells end 31″ from its middle
constexpr int least_radius = 2, position_rounds = 3;
constexpr double step = 0.2, longest_step = 0.5, farthest = 1.5;  // of a position, pixels of the cube
constexpr std::size_t most_neighbours = 12;

/// Responses to a star of 1 µJy at a place and at places a step away along x and y; NaN where the plane has no data.
struct Response {
  Image<float> here, along_x, along_y, weight;
};

struct Geometry {
  int fit = 0, window = 0;  // half sides, pixels of the cube
  explicit Geometry(double pixel_arcsec)
      : fit{std::max(least_radius, static_cast<int>(std::lround(fit_radius_arcsec / pixel_arcsec)))}, window{fit + std::max(1, static_cast<int>(std::ceil(reach_arcsec / pixel_arcsec)))} {}
};

/// What the fits of one plane need.
struct PlaneData {
  Image<float> image, variance;  // the former less its sky
};

PlaneData read_plane(const PlaneSet& set, std::size_t k, Box box, const DetectionOptions& options) {
  const cube::CubeFile file{set.cube};
  PlaneData data{file.image(set.planes[k], box), file.variance(set.planes[k], box)};
  Frame frame{box};
  for (std::size_t i = 0; i < data.image.pixels().size(); ++i) {
    const float v = data.image.pixels()[i], var = data.variance.pixels()[i];
    const bool good = std::isfinite(v) && std::isfinite(var) && var > 0;
    frame.good.pixels()[i] = good, frame.value.pixels()[i] = good ? v : 0, frame.variance.pixels()[i] = good ? var : 0;
  }
  const auto sky = background::smooth_sky(frame.view(), options.sky_cell);
  for (std::size_t i = 0; i < sky.pixels().size(); ++i) data.image.pixels()[i] -= sky.pixels()[i];
  return data;
}

class PlaneResponses {
 public:
  PlaneResponses(const PlaneSet& set, std::size_t k, const cube::CubePlan& plan, const cube::CoaddOptions& coadd, const DetectionOptions& options)
      : plan_{plan}, coadd_{coadd}, channel_{set.channels[k]}, options_{options}, geometry_{3600 * std::abs(plan.setting.grid.cdelt2_deg)} {
    coadd_.clip = 0, coadd_.wave_eff = false;
  }

  /// Of every detection that is `wanted`; the others' are empty.
  std::vector<Response> make(const std::vector<Detection>& found, const std::vector<std::uint8_t>& wanted, bool with_steps) const {
    std::vector<Sums> sums(found.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      if (wanted[i])
        for (std::size_t s = 0; s < (with_steps ? 3U : 1U); ++s) sums[i][s].emplace(window_of(found[i]), coadd_);
    for (const auto& f : plan_.frames)
      for (const auto& use : f.strips)
        if (use.channel == channel_) add(f, use, found, sums);
    std::vector<Response> made(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!sums[i][0]) continue;
      auto rows = std::move(*sums[i][0]).finish();
      made[i].here = std::move(rows.image), made[i].weight = std::move(rows.weight);
      if (with_steps) made[i].along_x = std::move(*sums[i][1]).finish().image, made[i].along_y = std::move(*sums[i][2]).finish().image;
    }
    return made;
  }

  Box fitted(const Detection& d) const { return around(d, geometry_.fit); }

 private:
  using Sums = std::array<std::optional<cube::PlaneSums>, 3>;
  Box around(const Detection& d, int half) const { return intersection(Box{d.peak_x - half, d.peak_y - half, d.peak_x + half + 1, d.peak_y + half + 1}, plan_.setting.box()); }
  Box window_of(const Detection& d) const { return around(d, geometry_.window); }

  void add(const cube::CubeFrame& f, const cube::StripUse& use, const std::vector<Detection>& found, std::vector<Sums>& sums) const {
    std::vector<std::size_t> here;
    for (std::size_t i = 0; i < found.size(); ++i)
      if (sums[i][0] && !intersection(window_of(found[i]), use.on_grid).empty()) here.push_back(i);
    if (here.empty()) return;
    const auto pixels = cube::read_strip(f, use, use.in_frame, *plan_.maps, *plan_.calibration, coadd_);
    if (!pixels.any) return;
    std::map<std::size_t, spectrum::ZoneResponse> zones;
    const io::FitsFile file{f.frame.path()};
    for (const auto i : here) {
      const Box window = intersection(reproject::window_to_resample(*f.to_frame, intersection(use.on_grid, window_of(found[i])), f.frame.box(), plan_.setting.interpolation), use.in_frame);
      if (window.empty()) continue;
      for (std::size_t s = 0; s < 3 && sums[i][s]; ++s) {
        const auto sky = plan_.setting.sky.pixel_to_sky({found[i].x + (s == 1 ? step : 0), found[i].y + (s == 2 ? step : 0)});
        const auto place = f.frame.sky().sky_to_pixel(sky);
        sums[i][s]->add(f, use, star(f, file, pixels, window, place, zones), plan_.setting);
      }
    }
  }

  /// The strip's pixels with a star of 1 µJy and nothing else.
  cube::StripPixels star(const cube::CubeFrame& f, const io::FitsFile& file, const cube::StripPixels& strip, Box window, wcs::PixelPoint place, std::map<std::size_t, spectrum::ZoneResponse>& zones) const {
    cube::StripPixels out;
    out.frame.reshape(window);
    out.any = true;
    if (!strip.taper.empty()) out.taper = Image<float>{window};
    for (int y = window.y0; y < window.y1; ++y)
      for (int x = window.x0; x < window.x1; ++x) out.frame.value(x, y) = 0, out.frame.variance(x, y) = strip.frame.variance(x, y), out.frame.good(x, y) = strip.frame.good(x, y);
    if (!out.taper.empty())
      for (int y = window.y0; y < window.y1; ++y)
        for (int x = window.x0; x < window.x1; ++x) out.taper(x, y) = strip.taper(x, y);
    if (!std::isfinite(place.x) || !std::isfinite(place.y)) return out;
    const std::size_t zone = options_.fwhm_arcsec > 0 ? 0 : f.frame.psf().nearest(place.x + f.frame.x_offset(), place.y + f.frame.y_offset());
    auto known = zones.find(zone);
    if (known == zones.end()) known = zones.emplace(zone, zone_response(f.frame, file, zone, options_.fwhm_arcsec)).first;
    if (known->second.empty()) return out;
    const auto stamp = known->second.stamp(place.x, place.y);
    const double pixel = f.frame.sky().pixel_scale_arcsec(place), unit = 1 / (spherex::ujy_per_arcsec2 * pixel * pixel);
    for (int j = 0; j < stamp.height; ++j)
      for (int i = 0; i < stamp.width; ++i)
        if (const int x = stamp.x0 + i, y = stamp.y0 + j; window.contains(x, y) && out.frame.good(x, y))
          out.frame.value(x, y) = static_cast<float>(unit * static_cast<double>(stamp.values[static_cast<std::size_t>(j) * static_cast<std::size_t>(stamp.width) + static_cast<std::size_t>(i)]));
    return out;
  }

  const cube::CubePlan& plan_;
  cube::CoaddOptions coadd_;
  int channel_;
  const DetectionOptions& options_;
  Geometry geometry_;
};

double value_at(const Image<float>& image, int x, int y) {
  if (!image.box().contains(x, y)) return 0;
  const double v = static_cast<double>(image(x, y));
  return std::isfinite(v) ? v : 0;
}

/// Fluxes in one plane from responses at the places as they are.
class PlaneFit {
 public:
  PlaneFit(const PlaneData& data, const std::vector<Response>& responses, const std::vector<std::vector<std::size_t>>& neighbours) : data_{data}, responses_{responses}, neighbours_{neighbours} {}

  struct Result {
    double flux = nan, variance = nan;
  };
  /// Columns: the source, its neighbours, a level.
  Result fit(std::size_t source, Box box) {
    columns_.assign(1, source);
    for (const auto n : neighbours_[source])
      if (!responses_[n].here.empty()) columns_.push_back(n);
    while (true) {
      const auto result = solve(box);
      if (std::isfinite(result.flux) || columns_.size() == 1) return result;
      columns_.resize(1);  // neighbours that the pixels do not tell apart
    }
  }
  /// Σ w ∇m ∇mᵀ (xx, xy, yy) and Σ w (d − m) ∇m of the last fit.
  std::array<double, 5> pull(Box box) const {
    std::array<double, 5> sums{};
    const auto& r = responses_[columns_.front()];
    each(box, [&](int x, int y, double w, double residual, const std::vector<double>&) {
      const double f = solution_[0], here = value_at(r.here, x, y), gx = f * (value_at(r.along_x, x, y) - here) / step, gy = f * (value_at(r.along_y, x, y) - here) / step;
      sums[0] += w * gx * gx, sums[1] += w * gx * gy, sums[2] += w * gy * gy, sums[3] += w * residual * gx, sums[4] += w * residual * gy;
    });
    return sums;
  }

 private:
  std::vector<double> row(int x, int y) const {
    std::vector<double> r;
    for (const auto c : columns_) r.push_back(value_at(responses_[c].here, x, y));
    r.push_back(1);
    return r;
  }
  bool used(int x, int y, double& weight) const {
    weight = value_at(responses_[columns_.front()].weight, x, y);
    return weight > 0 && std::isfinite(data_.image(x, y)) && std::isfinite(data_.variance(x, y));
  }
  template <class Visit>
  void each(Box box, Visit visit) const {
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        double w = 0;
        if (!used(x, y, w)) continue;
        const auto r = row(x, y);
        double model = 0;
        for (std::size_t k = 0; k < r.size() && k < solution_.size(); ++k) model += solution_[k] * r[k];
        visit(x, y, w, static_cast<double>(data_.image(x, y)) - model, r);
      }
  }

  Result solve(Box box) {
    solution_.clear();
    scale_ = 0;
    each(box, [&](int, int, double, double, const std::vector<double>& r) { scale_ = std::max(scale_, std::abs(r[0])); });
    if (!(scale_ > 0)) return {};
    fit::NormalEquations equations{columns_.size() + 1};
    each(box, [&](int, int, double w, double value, const std::vector<double>& r) { equations.add(scaled(r), value, w); });
    const auto solved = fit::solve(equations);
    if (!solved.solved) return {};
    double variance = 0;
    const std::size_t n = columns_.size() + 1;
    each(box, [&](int x, int y, double w, double, const std::vector<double>& r) {
      const auto row = scaled(r);
      double g = 0;
      for (std::size_t k = 0; k < n; ++k) g += solved.covariance[k] * row[k];
      variance += w * w * g * g * static_cast<double>(data_.variance(x, y));
    });
    solution_ = solved.parameters;
    for (std::size_t k = 0; k + 1 < n; ++k) solution_[k] /= scale_;
    return {solution_[0], variance / (scale_ * scale_)};
  }
  /// Of numbers near 1, as the level's.
  std::vector<double> scaled(std::vector<double> r) const {
    for (std::size_t k = 0; k + 1 < r.size(); ++k) r[k] /= scale_;
    return r;
  }

  const PlaneData& data_;
  const std::vector<Response>& responses_;
  const std::vector<std::vector<std::size_t>>& neighbours_;
  std::vector<std::size_t> columns_;
  std::vector<double> solution_;
  double scale_ = 0;
};

/// The nearest detections whose light reaches into the pixels that a source is fitted in.
std::vector<std::vector<std::size_t>> neighbours_of(const std::vector<Detection>& found, const Geometry& g) {
  std::vector<std::vector<std::size_t>> all(found.size());
  const double reach = g.window;
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto& mine = all[i];
    for (std::size_t j = 0; j < found.size(); ++j)
      if (j != i && std::max(std::abs(found[i].x - found[j].x), std::abs(found[i].y - found[j].y)) <= reach) mine.push_back(j);
    const auto distance = [&](std::size_t j) { return std::hypot(found[i].x - found[j].x, found[i].y - found[j].y); };
    std::ranges::stable_sort(mine, {}, distance);
    if (mine.size() > most_neighbours) mine.resize(most_neighbours);
  }
  return all;
}

const PlaneValue* value_of(const Detection& d, std::size_t plane) {
  const auto at = std::ranges::lower_bound(d.values, static_cast<int>(plane), {}, &PlaneValue::plane);
  return at != d.values.end() && at->plane == static_cast<int>(plane) ? &*at : nullptr;
}

class Measuring {
 public:
  Measuring(std::vector<Detection>& found, const PlaneSet& set, const cube::CubePlan& plan, const std::vector<FilteredPlane>& filtered, const cube::CoaddOptions& coadd, const DetectionOptions& options, run::Context& context)
      : found_{found}, set_{set}, plan_{plan}, filtered_{filtered}, coadd_{coadd}, options_{options}, context_{context}, geometry_{3600 * std::abs(plan.setting.grid.cdelt2_deg)} {}

  void run() {
    context_.stage("quick-look fluxes", static_cast<std::int64_t>(set_.planes.size()) * (position_rounds + 1));
    start_ = found_positions();
    for (int round = 0; round < position_rounds; ++round) improve_places();
    neighbours_ = neighbours_of(found_, geometry_);
    std::vector<std::vector<PlaneFit::Result>> results(set_.planes.size());
    every_plane([&](std::size_t k) { results[k] = fluxes(k); });
    for (std::size_t i = 0; i < found_.size(); ++i) {
      for (auto& v : found_[i].values) {
        const auto& r = results[static_cast<std::size_t>(v.plane)][i];
        v.flux = r.flux;
        v.flux_error = std::sqrt(r.variance) * static_cast<double>(filtered_[static_cast<std::size_t>(v.plane)].noise(found_[i].peak_x, found_[i].peak_y));
      }
      sum_up(found_[i], options_);
    }
  }

 private:
  template <class Work>
  void every_plane(Work work) {
    context_.pool().for_each(static_cast<std::int64_t>(set_.planes.size()), [&](std::int64_t i) {
      work(static_cast<std::size_t>(i));
      context_.step();
    });
  }
  std::vector<wcs::PixelPoint> found_positions() const {
    std::vector<wcs::PixelPoint> places;
    for (const auto& d : found_) places.push_back({d.x, d.y});
    return places;
  }

  std::vector<PlaneFit::Result> fluxes(std::size_t k) const {
    std::vector<PlaneFit::Result> results(found_.size());
    std::vector<std::uint8_t> wanted(found_.size());
    for (std::size_t i = 0; i < found_.size(); ++i) wanted[i] = value_of(found_[i], k) != nullptr;
    const PlaneResponses maker{set_, k, plan_, coadd_, options_};
    const auto data = read_plane(set_, k, plan_.setting.box(), options_);
    const auto responses = maker.make(found_, wanted, false);
    PlaneFit fit{data, responses, neighbours_};
    for (std::size_t i = 0; i < found_.size(); ++i)
      if (wanted[i]) results[i] = fit.fit(i, maker.fitted(found_[i]));
    return results;
  }

  std::vector<std::array<double, 5>> pulls(std::size_t k) const {
    std::vector<std::array<double, 5>> sums(found_.size());
    std::vector<std::uint8_t> wanted(found_.size());
    for (std::size_t i = 0; i < found_.size(); ++i) {
      const auto* v = value_of(found_[i], k);
      wanted[i] = v != nullptr && v->significance >= options_.channel_sigma;
    }
    if (std::ranges::none_of(wanted, [](auto w) { return w; })) return sums;
    const PlaneResponses maker{set_, k, plan_, coadd_, options_};
    const auto data = read_plane(set_, k, plan_.setting.box(), options_);
    const auto responses = maker.make(found_, wanted, true);
    PlaneFit fit{data, responses, neighbours_};
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (!wanted[i]) continue;
      const Box box = maker.fitted(found_[i]);
      if (std::isfinite(fit.fit(i, box).flux)) sums[i] = fit.pull(box);
    }
    return sums;
  }

  void improve_places() {
    neighbours_ = neighbours_of(found_, geometry_);
    std::vector<std::vector<std::array<double, 5>>> all(set_.planes.size());
    every_plane([&](std::size_t k) { all[k] = pulls(k); });
    for (std::size_t i = 0; i < found_.size(); ++i) {
      std::array<double, 5> s{};
      for (const auto& plane : all)
        for (std::size_t c = 0; c < s.size(); ++c) s[c] += plane[i][c];
      const double det = s[0] * s[2] - s[1] * s[1];
      if (!(det > 1e-6 * s[0] * s[2])) continue;
      const double dx = (s[2] * s[3] - s[1] * s[4]) / det, dy = (s[0] * s[4] - s[1] * s[3]) / det;
      if (!std::isfinite(dx) || !std::isfinite(dy)) continue;
      const double x = found_[i].x + std::clamp(dx, -longest_step, longest_step), y = found_[i].y + std::clamp(dy, -longest_step, longest_step);
      if (std::hypot(x - start_[i].x, y - start_[i].y) <= farthest) found_[i].x = x, found_[i].y = y;
    }
  }

  std::vector<Detection>& found_;
  const PlaneSet& set_;
  const cube::CubePlan& plan_;
  const std::vector<FilteredPlane>& filtered_;
  const cube::CoaddOptions& coadd_;
  const DetectionOptions& options_;
  run::Context& context_;
  Geometry geometry_;
  std::vector<wcs::PixelPoint> start_;
  std::vector<std::vector<std::size_t>> neighbours_;
};

}  // namespace

void measure_quickly(std::vector<Detection>& found, const PlaneSet& set, const cube::CubePlan& plan, const std::vector<FilteredPlane>& filtered, const cube::CoaddOptions& coadd, const DetectionOptions& options,
                     run::Context& context) {
  Measuring{found, set, plan, filtered, coadd, options, context}.run();
}

}  // namespace tessera::discover
