#include "tessera/extraction/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/joint_fit/source_model.h"
#include "tessera/photometry/aperture.h"
#include "tessera/photometry/shape.h"

namespace tessera::extraction {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double fwhm_in_sigma = 2.3548200450309493;
constexpr double least_axis = 0.3;    // pixels: an isophote of one pixel has none
constexpr double search_widths = 6;   // axes: how far Kron's moment is taken
constexpr double margin = 2;          // pixels
constexpr int together = 64;          // sources of one piece of work

struct Shape {
  double kron_radius = nan, kron_flux = nan, kron_error = nan, half_light = nan, spread = nan, spread_error = nan;
  std::vector<double> ellipse, ellipse_error;
};

photometry::Sight sight_on(const joint_fit::FitImage& image, wcs::PixelPoint p) {
  photometry::Sight sight;
  sight.x = p.x, sight.y = p.y, sight.scale = image.value_of_unit_flux(p.x, p.y);
  return sight;
}

/// `left` with the models of the sources that were found actively: what a fit of one point leaves of a galaxy is found as such, and is the galaxy's light.
Image<float> with_active(const Image<float>& left, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources) {
  Image<float> whole = left.copy();
  psf::PointResponse workspace;
  std::vector<float> stamp;
  for (const joint_fit::Source& s : sources) {
    if (!s.active) continue;
    const auto p = image.file->wcs.sky_to_pixel(s.position(image.mjd));
    if (std::isfinite(p.x) && std::isfinite(p.y)) joint_fit::add_source(image, sight_on(image, p), s.flux, workspace, stamp, whole.view());
  }
  return whole;
}

class Shapes {
 public:
  /// `left`: the image less all models; `found_left`: less those of detections.
  Shapes(const Found& found, const Image<float>& left, const Image<float>& found_left, const joint_fit::FitImage& image, const ShapeOptions& options)
      : found_{found}, left_{left}, found_left_{found_left}, image_{image}, options_{options}, factors_{ellipse_factors(options)} {}

  Shape of(const joint_fit::Source& source) {
    Shape shape;
    shape.ellipse.assign(factors_.size(), nan), shape.ellipse_error = shape.ellipse;
    const auto place = source.position(image_.mjd);
    if (!std::isfinite(place.ra_deg) || !std::isfinite(place.dec_deg)) return shape;
    const auto p = image_.file->wcs.sky_to_pixel(place);
    const Box whole = left_.box();
    if (!(p.x >= whole.x0 - 0.5 && p.x < whole.x1 - 0.5 && p.y >= whole.y0 - 0.5 && p.y < whole.y1 - 0.5)) return shape;
    const auto& response = image_.psf->at(p.x, p.y, blended_);
    const auto axes = axes_of(source, response.fwhm_pix());
    cut(source, p, axes.a);
    const double unit = 1 / image_.value_of_unit_flux(p.x, p.y), scale = image_.file->wcs.pixel_scale_arcsec(p);
    const auto s = photometry::spread(frame_.view(), response, p.x, p.y);
    shape.spread = s.value, shape.spread_error = s.error;
    const auto k = photometry::kron(frame_.view(), p.x, p.y, axes, {options_.kron_factor, options_.kron_least, search_widths});
    if (std::isfinite(k.radius)) {
      const auto sum = photometry::sum_ellipse(frame_.view(), p.x, p.y, k.aperture);
      shape.kron_radius = k.radius;
      if (sum.area > 0) shape.kron_flux = unit * sum.flux, shape.kron_error = unit * error_of(sum, k.aperture);
      shape.half_light = scale * photometry::half_light_radius(frame_.view(), p.x, p.y, sum.flux, 2 * k.aperture.a);
    }
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      const photometry::Ellipse e{factors_[i] * axes.a, factors_[i] * axes.b, axes.angle};
      const auto sum = photometry::sum_ellipse(frame_.view(), p.x, p.y, e);
      if (sum.area > 0) shape.ellipse[i] = unit * sum.flux, shape.ellipse_error[i] = unit * error_of(sum, e);
    }
    return shape;
  }

 private:
  photometry::Ellipse axes_of(const joint_fit::Source& source, double fwhm) const {
    if (source.detection >= 0) {
      const Detection& d = found_.detections[static_cast<std::size_t>(source.detection)];
      if (d.major > 0 && std::isfinite(d.major)) return {std::max(d.major, least_axis), std::max(std::isfinite(d.minor) ? d.minor : 0.0, least_axis), d.angle_deg / 57.29577951308232};
    }
    return {fwhm / fwhm_in_sigma, fwhm / fwhm_in_sigma, 0};
  }

  /// The source alone, as far as any of its apertures reaches.
  void cut(const joint_fit::Source& source, wcs::PixelPoint p, double axis) {
    double reach = std::max(search_widths, 2 * std::max(options_.kron_least, options_.kron_factor * search_widths));
    for (const double f : factors_) reach = std::max(reach, f);
    const int half = static_cast<int>(std::ceil(std::min(reach * axis + margin, 2000.0)));
    const int cx = static_cast<int>(std::lround(p.x)), cy = static_cast<int>(std::lround(p.y));
    const Box box = intersection(left_.box(), {cx - half, cy - half, cx + half + 1, cy + half + 1});
    frame_.reshape(box);
    for (int y = box.y0; y < box.y1; ++y) {
      const Image<float>& from = source.active ? left_ : found_left_;
      std::copy_n(from.row(y).data() + (box.x0 - from.box().x0), box.width(), &frame_.value(box.x0, y));
      std::copy_n(&found_.frame.variance(box.x0, y), box.width(), &frame_.variance(box.x0, y));
      std::copy_n(&found_.frame.good(box.x0, y), box.width(), &frame_.good(box.x0, y));
    }
    joint_fit::add_source(image_, sight_on(image_, p), source.flux, blended_, stamp_, frame_.value.view());
  }

  double error_of(const photometry::ApertureSum& sum, const photometry::Ellipse& e) {
    if (!image_.correlation) return std::sqrt(sum.variance);
    // Of the circle of as much area, to a quarter of a pixel; large ones have all of the correlation in them.
    const long quarters = std::clamp(std::lround(4 * std::sqrt(e.a * e.b)), 1L, 80L);
    const auto [at, fresh] = correlation_factors_.try_emplace(quarters, 1.0);
    if (fresh) at->second = photometry::correlation_factor(*image_.correlation, static_cast<double>(quarters) / 4);
    return std::sqrt(sum.variance * at->second);
  }

  const Found& found_;
  const Image<float>&left_, &found_left_;
  const joint_fit::FitImage& image_;
  const ShapeOptions& options_;
  std::vector<double> factors_;
  psf::PointResponse blended_;
  std::vector<float> stamp_;
  Frame frame_;
  std::map<long, double> correlation_factors_;
};

}  // namespace

std::vector<double> ellipse_factors(const ShapeOptions& options) {
  std::vector<double> factors;
  for (const auto& word : options.ellipses) {
    if (text::trim(word).empty()) continue;
    const auto f = text::to_double(std::string{text::trim(word)});
    if (!f || !(*f > 0) || *f > 1000) throw UsageError{fmt::format("shape.ellipses: '{}' is no factor on the axes of a source", word)};
    factors.push_back(*f);
  }
  return factors;
}

catalog::ColumnSet measure_shapes(const Found& found, const Image<float>& left, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources, const ShapeOptions& options, run::Context& context) {
  const auto factors = ellipse_factors(options);
  std::vector<Shape> shapes(sources.size());
  const auto pieces = (static_cast<std::int64_t>(sources.size()) + together - 1) / together;
  context.stage("shapes", pieces);
  const Image<float> found_left = with_active(left, image, sources);
  context.pool().for_each(pieces, [&](std::int64_t k) {
    Shapes measure{found, left, found_left, image, options};
    for (std::size_t i = static_cast<std::size_t>(k * together); i < std::min(sources.size(), static_cast<std::size_t>((k + 1) * together)); ++i) shapes[i] = measure.of(sources[i]);
    context.step();
  });
  catalog::ColumnSet columns;
  const auto put = [&](const std::string& name, auto value) {
    std::vector<double> v;
    for (const Shape& s : shapes) v.push_back(value(s));
    columns.numbers(name, std::move(v));
  };
  put("kron_radius", [](const Shape& s) { return s.kron_radius; });
  put("kron_flux", [](const Shape& s) { return s.kron_flux; });
  put("kron_flux_err", [](const Shape& s) { return s.kron_error; });
  put("half_light_radius", [](const Shape& s) { return s.half_light; });
  put("spread", [](const Shape& s) { return s.spread; });
  put("spread_err", [](const Shape& s) { return s.spread_error; });
  for (std::size_t i = 0; i < factors.size(); ++i) {
    put(fmt::format("ellipse_{}", i + 1), [i](const Shape& s) { return s.ellipse[i]; });
    put(fmt::format("ellipse_{}_err", i + 1), [i](const Shape& s) { return s.ellipse_error[i]; });
  }
  return columns;
}

}  // namespace tessera::extraction
