#include "tessera/psf_coadd/coadd_response.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "tessera/base/error.h"
#include "tessera/coadd/sums.h"

namespace tessera::psf_coadd {
namespace {

constexpr int edge_points = 16;         // along a side of a frame, to find where it lies
constexpr int on_output_margin = 3;     // pixels: edges bend between these points
constexpr double samples_per_width = 7; // splines of degree 5 are exact to 1e-5 then
constexpr double all_weight = 1 - 1e-9;
constexpr int least_samples = 4, most_samples = 16, most_reach = 400;

/// Where a frame's outline lies on the output; the whole output where part of it has no place there.
Box outline_on(const Output& output, const wcs::PixelMap& to_output, Box frame) {
  std::vector<double> x, y;
  for (int i = 0; i <= edge_points; ++i) {
    const double t = static_cast<double>(i) / edge_points, w = frame.width(), h = frame.height();
    for (const auto& [a, b] : {std::pair{t, 0.0}, {t, 1.0}, {0.0, t}, {1.0, t}}) x.push_back(frame.x0 - 0.5 + a * w), y.push_back(frame.y0 - 0.5 + b * h);
  }
  std::vector<double> u(x.size()), v(x.size());
  to_output.apply(x, y, u, v);
  const bool known = std::all_of(u.begin(), u.end(), [](double a) { return std::isfinite(a); });
  if (!known) return output.box;
  const auto within = [](double a, int low, int high) { return static_cast<int>(std::clamp(a, static_cast<double>(low), static_cast<double>(high))); };
  const auto [u0, u1] = std::minmax_element(u.begin(), u.end());
  const auto [v0, v1] = std::minmax_element(v.begin(), v.end());
  const Box& all = output.box;
  const Box hull{within(std::floor(*u0) - on_output_margin, all.x0 - 1, all.x1), within(std::floor(*v0) - on_output_margin, all.y0 - 1, all.y1), within(std::ceil(*u1) + on_output_margin + 1, all.x0, all.x1 + 1),
                 within(std::ceil(*v1) + on_output_margin + 1, all.y0, all.y1 + 1)};
  return intersection(hull, all);
}

/// Frame pixels per output pixel along a side.
double scale_between(const Output& output, const CoaddedFrame& frame) {
  const Box& b = frame.on_output;
  const wcs::PixelPoint there{(b.x0 + b.x1 - 1) / 2.0, (b.y0 + b.y1 - 1) / 2.0}, here{(frame.box.x0 + frame.box.x1 - 1) / 2.0, (frame.box.y0 + frame.box.y1 - 1) / 2.0};
  return output.sky.pixel_scale_arcsec(there) / frame.sky.pixel_scale_arcsec(here);
}

double falling(double from_place) {
  const double c = std::abs(from_place) < 1 ? std::cos(from_place * std::numbers::pi / 2) : 0.0;
  return c * c;
}

/// Places of a star along one axis, n per output pixel, that are less than a pixel from `place`: in n-ths from the pixel `place` lies in.
std::vector<std::pair<int, double>> lattice(double place, int pixel, int n) {
  std::vector<std::pair<int, double>> steps;
  for (int m = -2 * n; m <= 2 * n; ++m)
    if (const double w = falling(pixel + static_cast<double>(m) / n - place); w > 0) steps.push_back({m, w});
  return steps;
}

}  // namespace

CoaddedFrame place_frame(const Output& output, const wcs::SkyWcs& sky, Box box, double weight) {
  CoaddedFrame f{sky, box, weight, {}, {}, {}, {}};
  const auto to_output = wcs::plane_to_plane(sky, output.sky);
  f.exact = wcs::plane_to_plane(output.sky, sky);
  f.on_output = outline_on(output, *to_output, box);
  if (f.on_output.empty()) return f;
  f.to_frame = wcs::approximate(f.exact, f.on_output.grown(1));
  f.to_output = wcs::approximate(to_output, box);
  return f;
}

/// A frame as it lies at one place.
struct CoaddResponse::Near {
  const CoaddedFrame* frame = nullptr;
  Box part;                             // of the output that it can touch around the place
  double area = 1;                      // of the output's pixel over that of the frame's
  psf::PointResponse blended;
  const psf::PointResponse* response = nullptr;
  Frame pixels;
  Resampled resampled;
};

CoaddResponse::CoaddResponse(Output output, std::vector<CoaddedFrame> frames, psf::PsfModel response, int samples_per_pixel)
    : output_{std::move(output)}, frames_{std::move(frames)}, response_{std::move(response)}, samples_{samples_per_pixel} {
  output_.interpolation.uncertainty = reproject::Uncertainty::variance;  // values are the same, and uncertainties not asked for
  std::erase_if(frames_, [](const CoaddedFrame& f) { return f.on_output.empty() || !(f.weight > 0); });
  if (frames_.empty()) throw UsageError{"no frame with weight lies on the mosaic, so it has no point response"};
  double finest = std::numeric_limits<double>::infinity(), coarsest = 0;
  for (const auto& f : frames_) {
    const double s = scale_between(output_, f);
    if (!(s > 0) || !std::isfinite(s)) continue;
    finest = std::min(finest, s), coarsest = std::max(coarsest, s);
  }
  if (!(coarsest > 0)) throw UsageError{"the frames' pixels have no size on the mosaic, so it has no point response"};
  // As wide as a star is on the output: the frames' own width and both pixels.
  const double own = response_.tables().front().fwhm_pix() / coarsest;
  if (samples_ <= 0) samples_ = static_cast<int>(std::ceil(samples_per_width / std::hypot(own, 1.0)));
  samples_ = std::clamp(samples_, least_samples, most_samples);
  const double far = (response_.reach_pix() + 0.5 + reproject::kernel_radius(output_.interpolation)) / finest + 1;
  reach_ = static_cast<int>(std::ceil(std::min(far, static_cast<double>(most_reach))));
}

std::int64_t CoaddResponse::bytes_per_table() const {
  const std::int64_t side = 2 * reach_ * samples_ + 1 + 8 * samples_;
  return side * side * 2 * static_cast<std::int64_t>(sizeof(float));
}

std::vector<CoaddResponse::Near> CoaddResponse::frames_near(double x, double y, Box part, Edges edges) const {
  constexpr int beyond = 1 << 20;
  std::vector<Near> near;
  for (const CoaddedFrame& f : frames_) {
    const Box touched = intersection(part, f.on_output);
    if (touched.empty()) continue;
    double u = 0, v = 0;
    f.exact->apply({&x, 1}, {&y, 1}, {&u, 1}, {&v, 1});
    if (!std::isfinite(u) || !std::isfinite(v)) continue;
    const bool within = u > f.box.x0 - 1 && u < f.box.x1 && v > f.box.y0 - 1 && v < f.box.y1;
    if (edges == Edges::none && !within) continue;
    Near n;
    n.frame = &f, n.part = edges == Edges::none ? part : touched;
    const Box needed = reproject::window_to_resample(*f.to_frame, n.part, edges == Edges::none ? f.box.grown(beyond) : f.box, output_.interpolation);
    if (needed.empty()) continue;
    n.area = output_.sky.pixel_area_sr({x, y}) / f.sky.pixel_area_sr({u, v});
    if (!std::isfinite(n.area)) continue;
    n.pixels.reshape(needed);
    std::ranges::fill(n.pixels.variance.pixels(), 1.0F);
    std::ranges::fill(n.pixels.good.pixels(), std::uint8_t{1});
    n.resampled.reshape(n.part);
    near.push_back(std::move(n));
  }
  // Where vectors do not move any more: a response may lie in the workspace beside it.
  for (Near& n : near) {
    double u = 0, v = 0;
    n.frame->exact->apply({&x, 1}, {&y, 1}, {&u, 1}, {&v, 1});
    n.response = &response_.at(u, v, n.blended);
  }
  return near;
}

/// A table while it is summed up from stars at places of the lattice. A sample's weights add up to 1 where no edge takes some away.
struct CoaddResponse::Interleaved {
  Interleaved(int half_samples) : half{half_samples}, sum{2 * half + 1, 2 * half + 1}, weight{2 * half + 1, 2 * half + 1} {}
  bool complete() const { return std::all_of(weight.pixels().begin(), weight.pixels().end(), [](double w) { return w > all_weight; }); }
  double at(std::size_t i) const { return weight.pixels()[i] > 0 ? sum.pixels()[i] / weight.pixels()[i] : 0.0; }
  int half = 0;
  Image<double> sum, weight;
};

/// The star at (x, y) on all frames, coadded.
void CoaddResponse::coadd_star(double x, double y, std::vector<Near>& near, coadd::Sums& sums) const {
  for (Near& f : near) {
    double u = 0, v = 0;
    f.frame->exact->apply({&x, 1}, {&y, 1}, {&u, 1}, {&v, 1});
    f.response->evaluate(u, v, f.pixels.box(), f.pixels.value.pixels(), {}, {});
    reproject::resample(f.pixels.view(), {*f.frame->to_frame, *f.frame->to_output}, output_.interpolation, f.resampled.view());
    for (float& value : f.resampled.value.pixels()) value *= static_cast<float>(f.area);
    sums.add(f.resampled.view(), f.frame->weight, 1, 0, 1);
  }
}

/// Returns false when nothing covers the pixel that the place lies in, which is asked when there is a `result`.
bool CoaddResponse::interleave(double x, double y, Box part, std::vector<Near>& near, Interleaved& table, ResponseAt* result) const {
  const int px = static_cast<int>(std::floor(x + 0.5)), py = static_cast<int>(std::floor(y + 0.5)), n = samples_;
  coadd::Sums sums;
  Image<float> mosaic{part}, spare{part}, coverage{part}, exposure{part};
  for (const auto& [my, wy] : lattice(y, py, n))
    for (const auto& [mx, wx] : lattice(x, px, n)) {
      sums.reset(part);
      coadd_star(px + static_cast<double>(mx) / n, py + static_cast<double>(my) / n, near, sums);
      sums.finish(output_.min_coverage, mosaic, spare, coverage, exposure);
      if (result && result->frames == 0) {
        for (const Near& f : near) result->frames += f.part.contains(px, py) && f.resampled.coverage(px, py) > 0;
        result->coverage = static_cast<double>(coverage(px, py));
        if (!(result->coverage > 0)) return false;
      }
      for (int ky = part.y0; ky < part.y1; ++ky) {
        const int jy = (ky - py) * n - my + table.half;
        if (jy < 0 || jy > 2 * table.half) continue;
        for (int kx = part.x0; kx < part.x1; ++kx) {
          const int jx = (kx - px) * n - mx + table.half;
          if (jx < 0 || jx > 2 * table.half || !std::isfinite(mosaic(kx, ky))) continue;
          table.sum(jx, jy) += wx * wy * static_cast<double>(mosaic(kx, ky));
          table.weight(jx, jy) += wx * wy;
        }
      }
    }
  return true;
}

ResponseAt CoaddResponse::at(double x, double y) const {
  const Box& whole = output_.box;
  if (!std::isfinite(x) || !std::isfinite(y) || !(x >= whole.x0 - 0.5 && x < whole.x1 - 0.5 && y >= whole.y0 - 0.5 && y < whole.y1 - 0.5)) return {};
  const int px = static_cast<int>(std::floor(x + 0.5)), py = static_cast<int>(std::floor(y + 0.5)), far = reach_ + 2;
  const Box around{px - far, py - far, px + far + 1, py + far + 1}, part = intersection(around, whole);
  auto near = frames_near(x, y, part, Edges::as_they_are);
  ResponseAt result;
  Interleaved table{reach_ * samples_};
  if (near.empty() || !interleave(x, y, part, near, table, &result)) return {};
  Image<double> samples{2 * table.half + 1, 2 * table.half + 1};
  for (std::size_t i = 0; i < samples.pixels().size(); ++i) samples.pixels()[i] = table.at(i);
  if (!table.complete()) {  // an edge nearby: beyond it the frames are thought to go on, so that the table has no cliff there
    Interleaved beyond{table.half};
    near = frames_near(x, y, around, Edges::none);
    if (!near.empty()) interleave(x, y, around, near, beyond, nullptr);
    for (std::size_t i = 0; i < samples.pixels().size(); ++i)
      if (const double w = table.weight.pixels()[i]; w < all_weight) samples.pixels()[i] = table.sum.pixels()[i] + (1 - w) * beyond.at(i);
  }
  if (!(std::accumulate(samples.pixels().begin(), samples.pixels().end(), 0.0) > 0)) return {};
  double told = 0, all_light = 0;
  for (std::size_t i = 0; i < samples.pixels().size(); ++i) all_light += samples.pixels()[i], told += std::min(1.0, table.weight.pixels()[i]) * samples.pixels()[i];
  result.told = told / all_light;
  psf::Meaning meaning;
  meaning.samples_per_pixel_x = meaning.samples_per_pixel_y = samples_;
  meaning.centre_x = meaning.centre_y = table.half;
  meaning.normalisation = psf::Normalisation::none;
  result.response = psf::PointResponse{samples.view(), meaning};
  return result;
}

}  // namespace tessera::psf_coadd
