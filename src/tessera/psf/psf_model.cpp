#include "tessera/psf/psf_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace tessera::psf {
namespace {

void require_one_geometry(const std::vector<PointResponse>& tables) {
  for (const PointResponse& t : tables)
    if (!t.same_geometry(tables.front())) throw UsageError{"tables of a varying point response that are mixed must have one sampling, size and centre"};
}

/// How far (x, y) is outside of a rectangle, squared.
double outside(const Zone& z, double x, double y) {
  const double dx = std::max({z.x0 - x, x - z.x1, 0.0}), dy = std::max({z.y0 - y, y - z.y1, 0.0});
  return dx * dx + dy * dy;
}

/// The interval of ascending nodes that x is in, and how far along it, clamped to the outer nodes.
std::pair<std::size_t, double> between(const std::vector<double>& nodes, double x) {
  if (nodes.size() < 2 || !(x > nodes.front())) return {0, 0.0};
  if (x >= nodes.back()) return {nodes.size() - 2, 1.0};
  const auto i = static_cast<std::size_t>(std::upper_bound(nodes.begin(), nodes.end(), x) - nodes.begin()) - 1;
  return {i, (x - nodes[i]) / (nodes[i + 1] - nodes[i])};
}

bool ascending(const std::vector<double>& v) {
  return !v.empty() && std::all_of(v.begin(), v.end(), [](double a) { return std::isfinite(a); }) &&
         std::adjacent_find(v.begin(), v.end(), [](double a, double b) { return !(b > a); }) == v.end();
}

}  // namespace

PsfModel PsfModel::constant(PointResponse table) {
  PsfModel m;
  m.tables_.push_back(std::move(table));
  return m;
}

PsfModel PsfModel::zones(std::vector<PointResponse> tables, std::vector<Zone> zones) {
  if (zones.empty()) throw UsageError{"a point response in zones needs at least one zone"};
  for (const Zone& z : zones)
    if (z.table < 0 || static_cast<std::size_t>(z.table) >= tables.size()) throw UsageError{fmt::format("a zone names table {} of {}", z.table + 1, tables.size())};
  PsfModel m;
  m.kind_ = Kind::zones;
  m.tables_ = std::move(tables);
  m.zones_ = std::move(zones);
  return m;
}

PsfModel PsfModel::grid(std::vector<PointResponse> tables, std::vector<double> xs, std::vector<double> ys, Between between) {
  if (!ascending(xs) || !ascending(ys)) throw UsageError{"the positions of a grid of point responses must ascend"};
  if (tables.size() != xs.size() * ys.size()) throw UsageError{fmt::format("{} point responses on a grid of {} × {} positions", tables.size(), xs.size(), ys.size())};
  if (between == Between::bilinear) require_one_geometry(tables);
  PsfModel m;
  m.kind_ = Kind::grid;
  m.tables_ = std::move(tables);
  m.xs_ = std::move(xs);
  m.ys_ = std::move(ys);
  m.between_ = between;
  return m;
}

PsfModel PsfModel::polynomial(std::vector<PointResponse> tables, const Polynomial& p) {
  if (p.degree < 0 || p.degree > 12 || static_cast<int>(tables.size()) != p.terms())
    throw UsageError{fmt::format("a polynomial of degree {} needs {} tables, not {}", p.degree, p.terms(), tables.size())};
  if (!(p.x_scale != 0) || !(p.y_scale != 0)) throw UsageError{"a polynomial of point responses has a scale of 0"};
  require_one_geometry(tables);
  PsfModel m;
  m.kind_ = Kind::polynomial;
  m.tables_ = std::move(tables);
  m.polynomial_ = p;
  return m;
}

void PsfModel::place(std::vector<PointResponse> tables, const std::vector<std::pair<double, double>>& places) {
  if (tables.size() != places.size()) throw UsageError{fmt::format("{} point responses at {} places", tables.size(), places.size())};
  kind_ = Kind::places;
  for (std::size_t k = 0; k < tables.size(); ++k) {
    if (!std::isfinite(places[k].first) || !std::isfinite(places[k].second)) throw UsageError{fmt::format("point response {} stands at no place", k + 1)};
    places_.push_back({places[k].first, places[k].second, tables_.size()});
    tables_.push_back(std::move(tables[k]));
  }
  std::stable_sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.y < b.y; });
}

PsfModel PsfModel::places(std::vector<PointResponse> tables, const std::vector<std::pair<double, double>>& places) {
  if (tables.empty()) throw UsageError{"a point response at places needs at least one"};
  PsfModel m;
  m.radius_ = std::numeric_limits<double>::infinity();
  m.place(std::move(tables), places);
  return m;
}

PsfModel PsfModel::places(PointResponse elsewhere, std::vector<PointResponse> tables, const std::vector<std::pair<double, double>>& places, double radius) {
  PsfModel m;
  m.radius_ = radius;
  m.tables_.push_back(std::move(elsewhere));
  m.place(std::move(tables), places);
  return m;
}

const PointResponse& PsfModel::nearest_place(double x, double y) const {
  double best = radius_ * radius_;
  std::size_t table = 0;
  bool found = false;
  const auto look = [&](const Place& p) {
    const double dx = p.x - x, dy = p.y - y, d = dx * dx + dy * dy;
    if (d < best || (d == best && (!found || p.table < table))) best = d, table = p.table, found = true;
    return dy * dy <= best;  // further along y there may be a nearer one
  };
  const auto middle = std::lower_bound(places_.begin(), places_.end(), y, [](const Place& p, double at) { return p.y < at; });
  for (auto up = middle; up != places_.end() && look(*up);) ++up;
  for (auto down = middle; down != places_.begin() && look(*--down);) {
  }
  return tables_[found ? table : 0];
}

PsfModel PsfModel::analytic(const ProfileOptions& options, double reach_pix) {
  const Profile profile{options};
  double reach = reach_pix;
  if (!(reach > 0)) {
    reach = options.profile == ProfileShape::gaussian ? 2.1 * options.fwhm_pix / std::sqrt(options.axis_ratio) + 1
                                                     : std::sqrt(std::pow(1e-5, -1 / (options.beta - 1)) - 1) * options.fwhm_pix / (2 * std::sqrt(std::pow(2, 1 / options.beta) - 1));
    reach = std::clamp(reach, 3.0, 40.0);
  }
  // The profile convolved with the pixel has a variance of fwhm²/5.5 + 1/12; 12 samples per its width keep the spline below 2e-6 of the peak, also for the sharper core of a Moffat.
  const double width = std::sqrt(std::pow(profile.narrow_fwhm_pix(), 2) + 8 * std::numbers::ln2 / 12);
  const int n = std::clamp(static_cast<int>(std::ceil(12 / width)), 3, 12);
  const int half = static_cast<int>(std::ceil(reach * n));
  Image<double> samples{Box{0, 0, 2 * half + 1, 2 * half + 1}};
  for (int y = 0; y <= 2 * half; ++y)
    for (int x = 0; x <= 2 * half; ++x) samples(x, y) = profile.pixel_fraction(static_cast<double>(x - half) / n, static_cast<double>(y - half) / n);
  const Meaning meaning{.samples_per_pixel_x = static_cast<double>(n), .samples_per_pixel_y = static_cast<double>(n), .centre_x = static_cast<double>(half), .centre_y = static_cast<double>(half),
                        .response = Response::pixel, .normalisation = Normalisation::none};
  PsfModel m = constant(PointResponse{samples, meaning});
  m.describe(fmt::format("{} of FWHM {} pixels", options.profile == ProfileShape::gaussian ? "Gaussian" : fmt::format("Moffat (beta {})", options.beta), options.fwhm_pix));
  return m;
}

double PsfModel::reach_pix() const {
  double reach = 0;
  for (const PointResponse& t : tables_) reach = std::max(reach, t.reach_pix());
  return reach;
}

const PointResponse& PsfModel::at(double x, double y, PointResponse& workspace) const {
  switch (kind_) {
    case Kind::constant: return tables_.front();
    case Kind::zones: {
      const Zone* best = &zones_.front();
      double nearest = outside(*best, x, y);
      for (const Zone& z : zones_) {
        if (!(nearest > 0)) break;
        if (const double d = outside(z, x, y); d < nearest) nearest = d, best = &z;
      }
      return tables_[static_cast<std::size_t>(best->table)];
    }
    case Kind::grid: return between_nodes(x, y, workspace);
    case Kind::places: return nearest_place(x, y);
    default: return of_polynomial(x, y, workspace);
  }
}

const PointResponse& PsfModel::between_nodes(double x, double y, PointResponse& workspace) const {
  const auto [ix, fx] = between(xs_, x);
  const auto [iy, fy] = between(ys_, y);
  const std::size_t columns = xs_.size();
  if (between_ == Between::nearest) return tables_[(iy + (fy > 0.5 ? 1 : 0)) * columns + ix + (fx > 0.5 ? 1 : 0)];
  std::array<const PointResponse*, 4> parts{};
  std::array<double, 4> weights{};
  std::size_t count = 0;
  for (std::size_t j = 0; j < 2; ++j)
    for (std::size_t i = 0; i < 2; ++i) {
      const double w = (i ? fx : 1 - fx) * (j ? fy : 1 - fy);
      if (!(w > 0)) continue;
      parts[count] = &tables_[(iy + j) * columns + ix + i];
      weights[count++] = w;
    }
  if (count == 1) return *parts[0];
  PointResponse::blend({parts.data(), count}, {weights.data(), count}, workspace);
  return workspace;
}

const PointResponse& PsfModel::of_polynomial(double x, double y, PointResponse& workspace) const {
  if (tables_.size() == 1) return tables_.front();
  const double u = (x - polynomial_.x_zero) / polynomial_.x_scale, v = (y - polynomial_.y_zero) / polynomial_.y_scale;
  std::array<const PointResponse*, 91> parts{};  // terms of degree 12
  std::array<double, 91> weights{};
  std::size_t count = 0;
  double along_v = 1;
  for (int j = 0; j <= polynomial_.degree; ++j, along_v *= v) {
    double term = along_v;
    for (int i = 0; i + j <= polynomial_.degree; ++i, term *= u) {
      parts[count] = &tables_[count];
      weights[count++] = term;
    }
  }
  PointResponse::blend({parts.data(), count}, {weights.data(), count}, workspace);
  return workspace;
}

}  // namespace tessera::psf
