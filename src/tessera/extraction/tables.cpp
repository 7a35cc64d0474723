#include "tessera/extraction/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/files.h"
#include "tessera/catalog/column_set.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::extraction {

using catalog::ColumnSet;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// 63 bits of a hash of the position to a thousandth of an arcsecond and of the run: the same source of the same run keeps its number whatever is found beside it.
std::int64_t identifier(wcs::SkyPoint p, const std::string& run) {
  if (!std::isfinite(p.ra_deg) || !std::isfinite(p.dec_deg)) return 0;
  const auto hex = files::sha256(fmt::format("{} {} {}", std::llround(p.ra_deg * 3.6e6), std::llround(p.dec_deg * 3.6e6), run)).substr(0, 16);
  return static_cast<std::int64_t>(std::stoull(hex, nullptr, 16) >> 1U);
}

void add_fit(ColumnSet& c, const joint_fit::Source& s, const CatalogOptions& how, bool in_ujy, bool list) {
  const bool good = joint_fit::measured(s);
  const auto value = [good](double v) { return good ? v : nan; };
  const double error = good && s.covariance[8] > 0 ? std::sqrt(s.covariance[8]) : nan;
  const bool positions = good && !s.forced;
  c.number("ra_err", positions ? std::sqrt(s.covariance[0]) : nan);
  c.number("dec_err", positions ? std::sqrt(s.covariance[4]) : nan);
  c.number("ra_dec_cov", positions ? s.covariance[1] : nan);
  c.number("flux_ra_cov", positions ? s.covariance[2] : nan);
  c.number("flux_dec_cov", positions ? s.covariance[5] : nan);
  c.number("flux", value(s.flux));
  c.number("flux_err", error);
  c.number("snr", value(s.flux) / error);
  const bool magnitude = in_ujy && good && s.flux > 0;
  c.number("mag_ab", magnitude ? 23.9 - 2.5 * std::log10(s.flux) : nan);
  c.number("mag_ab_err", magnitude ? 2.5 / std::log(10.0) * error / s.flux : nan);
  if (how.vega_jy > 0) c.number("mag_vega", magnitude ? -2.5 * std::log10(1e-6 * s.flux / how.vega_jy) : nan);
  c.number("flux_limit", good && !(s.flux >= how.limit_sigma * error) ? std::max(0.0, s.flux) + how.limit_sigma * error : nan);
  c.number("background", value(s.background));
  c.number("correlation", value(s.correlation));
  c.whole("neighbour", good ? s.neighbour + 1 : 0);
  c.number("chi2_dof", good && s.group_dof > 0 ? s.group_chi2 / static_cast<double>(s.group_dof) : nan);
  const double own_dof = s.pixels - (s.forced ? 1 : 3);
  c.number("source_chi2_dof", good && own_dof > 0 ? s.chi2 / own_dof : nan);
  c.whole("dof", s.group_dof);
  c.whole("status", static_cast<std::int64_t>(s.status));
  c.whole("members", s.members);
  const bool outside = good && (s.portion < 0.5 || (list && s.status == joint_fit::Status::at_limit));  // of a list: beyond where it may move (guide 6.5.18)
  c.word("deblend", (s.passive > 0 ? std::string{s.passive > 1 ? "PA" : "A"} : std::string{s.members > 1 ? "P" : s.active ? "" : "N"} + (s.active ? "A" : "")) + (outside ? "O" : ""));
  c.whole("depth", s.frames);
  c.number("portion", value(s.portion));
  c.whole("bad_pixels", s.bad_pixels);
}

void add_place(ColumnSet& c, const joint_fit::Source& s, const wcs::SkyWcs& sky) {
  const auto p = s.position();
  c.number("ra", p.ra_deg), c.number("dec", p.dec_deg);
  const auto pixel = std::isfinite(p.ra_deg) && std::isfinite(p.dec_deg) ? sky.sky_to_pixel(p) : wcs::PixelPoint{nan, nan};
  c.number("x", pixel.x), c.number("y", pixel.y);
  double xx = nan, yy = nan, xy = nan;
  if (joint_fit::measured(s) && !s.forced && std::isfinite(pixel.x)) {
    const auto [xu, xv, yu, yv] = joint_fit::pixels_per_arcsec(sky, pixel);
    const double uu = s.covariance[0], uv = s.covariance[1], vv = s.covariance[4];
    xx = xu * xu * uu + 2 * xu * xv * uv + xv * xv * vv;
    yy = yu * yu * uu + 2 * yu * yv * uv + yv * yv * vv;
    xy = xu * yu * uu + (xu * yv + xv * yu) * uv + xv * yv * vv;
  }
  c.number("x_err", std::sqrt(xx)), c.number("y_err", std::sqrt(yy)), c.number("x_y_cov", xy);
}

}  // namespace

Table detection_table(const Found& found, const wcs::SkyWcs& sky, const std::string& unit) {
  ColumnSet c;
  std::vector<double> x, y;
  for (const auto& d : found.detections) x.push_back(d.centroid_x), y.push_back(d.centroid_y);
  std::vector<double> ra(x.size()), dec(x.size());
  sky.pixel_to_sky(x, y, ra, dec);
  // An empty table has its columns too.
  for (const char* name : {"ra", "dec", "x", "y", "peak", "brightest", "semi_major", "semi_minor", "angle"}) c.number(name, 0);
  for (const char* name : {"detection", "area", "blend", "blend_size"}) c.whole(name, 0);
  const bool windows = std::any_of(found.detections.begin(), found.detections.end(), [](const Detection& d) { return d.fit_x > 0; });
  if (windows) c.whole("fit_x", 0), c.whole("fit_y", 0);
  std::int64_t number = 0;
  for (const auto& d : found.detections) {
    c.whole("detection", ++number), c.whole("area", d.area), c.whole("blend", d.blend), c.whole("blend_size", d.blend_size);
    if (windows) c.whole("fit_x", d.fit_x), c.whole("fit_y", d.fit_y);
    const auto i = static_cast<std::size_t>(number - 1);
    c.number("ra", ra[i]), c.number("dec", dec[i]), c.number("x", d.centroid_x), c.number("y", d.centroid_y), c.number("peak", d.peak), c.number("brightest", d.brightest);
    c.number("semi_major", d.major), c.number("semi_minor", d.minor), c.number("angle", d.angle_deg);
  }
  c.drop_first_row();
  Table table = c.finish("");
  for (Column& column : table.columns)
    if (column.name == "brightest") column.unit = unit;
  table.name = "detections";
  return table;
}

Table catalog_table(const CatalogParts& parts) {
  ColumnSet c;
  const bool in_ujy = parts.flux_unit == "uJy";
  const std::size_t radii = parts.radii;
  const auto row = [&](const joint_fit::Source& s, std::int64_t number, const ApertureFluxes* apertures) {
    c.whole("id", identifier(s.position(), parts.run)), c.whole("number", number), c.whole("detection", s.detection + 1);
    add_place(c, s, *parts.wcs);
    if (parts.list) c.word("list_id", s.list_id);
    add_fit(c, s, *parts.how, in_ujy, parts.list);
    if (s.detection >= 0 || !parts.list) {
      const Detection d = s.detection >= 0 ? parts.detections[static_cast<std::size_t>(s.detection)] : Detection{};
      c.number("peak", d.peak), c.whole("area", d.area), c.whole("blend", d.blend), c.whole("blend_size", d.blend_size);
      c.number("semi_major", d.major), c.number("semi_minor", d.minor), c.number("angle", d.angle_deg);
    }
    for (std::size_t r = 0; r < radii; ++r) {
      const auto name = [r](const char* tail) { return fmt::format("aperture_{}{}", r + 1, tail); };
      c.number(name(""), apertures->flux[r]), c.number(name("_err"), apertures->error[r]), c.number(name("_bad"), apertures->bad[r]);
      if (!apertures->correction.empty()) c.number(name("_correction"), apertures->correction[r]);
    }
    if (radii > 0) c.number("sky", apertures->sky);
  };
  if (parts.sources.empty()) {
    ApertureFluxes none;
    none.flux = none.error = none.bad = std::vector<double>(radii);
    row(joint_fit::Source{}, 0, &none);
  } else {
    for (std::size_t i = 0; i < parts.sources.size(); ++i) row(parts.sources[i], static_cast<std::int64_t>(i) + 1, radii > 0 ? &parts.apertures[i] : nullptr);
  }
  if (parts.sources.empty()) c.drop_first_row();
  if (parts.more) c.append(*parts.more);
  Table table = c.finish(parts.flux_unit);
  table.name = "catalog";
  return table;
}

Table covariance_table(std::span<const joint_fit::Source> sources) {
  std::vector<std::int64_t> number, other;
  std::vector<double> covariance, correlation;
  for (std::size_t i = 0; i < sources.size(); ++i)
    for (const auto& [j, c] : sources[i].correlations) {
      const auto k = static_cast<std::size_t>(j);
      if (k <= i || !joint_fit::measured(sources[i]) || !joint_fit::measured(sources[k])) continue;
      number.push_back(static_cast<std::int64_t>(i) + 1), other.push_back(j + 1);
      correlation.push_back(c), covariance.push_back(c * std::sqrt(sources[i].covariance[8] * sources[k].covariance[8]));
    }
  Table table;
  catalog::add(table, "number", std::move(number));
  catalog::add(table, "other", std::move(other));
  catalog::add(table, "flux_cov", std::move(covariance));
  catalog::add(table, "correlation", std::move(correlation));
  table.name = "covariance";
  return table;
}

std::string regions_of(const Table& catalog, double radius_arcsec) {
  const auto* ra = catalog::find_column(catalog, "ra");
  const auto* dec = catalog::find_column(catalog, "dec");
  const auto* number = catalog::find_column(catalog, "number");
  const auto* status = catalog::find_column(catalog, "status");
  std::string text = "# Region file format: DS9\nglobal color=green width=1\nicrs\n";
  if (!ra || !dec || !number || !status) return text;
  const auto x = catalog.numbers(ra->name), y = catalog.numbers(dec->name), n = catalog.numbers(number->name), s = catalog.numbers(status->name);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::isfinite(x[i]) && std::isfinite(y[i]))
      text += fmt::format("circle({:.7f},{:.7f},{:.3f}\") # text={{{:.0f}}}{}\n", x[i], y[i], radius_arcsec, n[i], s[i] == 1 ? "" : " color=red");
  return text;
}

}  // namespace tessera::extraction
