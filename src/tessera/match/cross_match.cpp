#include "tessera/match/cross_match.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <tuple>

#include "tessera/wcs/tangent_plane.h"

namespace tessera::match {
namespace {

constexpr double radian = std::numbers::pi / 180, arcsec = radian / 3600;
constexpr double least_cell = 2e-6;  // of the unit sphere: 21 bits per axis number the cells

using Vector = std::array<double, 3>;

bool placed(const Position& p) { return std::isfinite(p.ra_deg) && std::isfinite(p.dec_deg); }

Vector direction(const Position& p) {
  const double a = p.ra_deg * radian, d = p.dec_deg * radian;
  return {std::cos(d) * std::cos(a), std::cos(d) * std::sin(a), std::sin(d)};
}

/// Unit vectors sorted into cubes of the radius' size: no seam at RA 0 and no poles.
class Cells {
 public:
  Cells(std::span<const Position> positions, double radius_arcsec) : side_{std::max(2 * std::sin(0.5 * radius_arcsec * arcsec), least_cell)} {
    for (std::size_t i = 0; i < positions.size(); ++i)
      if (placed(positions[i])) entries_.push_back({number(cell(direction(positions[i]))), static_cast<std::int64_t>(i)});
    std::sort(entries_.begin(), entries_.end());
  }

  /// Calls see(row) for every row in the 27 cells around.
  template <class See>
  void around(const Position& p, See see) const {
    const auto [x, y, z] = cell(direction(p));
    for (std::int64_t i = x - 1; i <= x + 1; ++i)
      for (std::int64_t j = y - 1; j <= y + 1; ++j) {
        // Three cells along z follow one another.
        auto at = std::lower_bound(entries_.begin(), entries_.end(), Entry{number({i, j, z - 1}), -1});
        for (const std::uint64_t last = number({i, j, z + 1}); at != entries_.end() && at->first <= last; ++at) see(at->second);
      }
  }

 private:
  using Entry = std::pair<std::uint64_t, std::int64_t>;
  std::array<std::int64_t, 3> cell(const Vector& v) const {
    std::array<std::int64_t, 3> c{};
    for (std::size_t k = 0; k < 3; ++k) c[k] = static_cast<std::int64_t>(std::floor((v[k] + 1) / side_)) + 1;
    return c;
  }
  static std::uint64_t number(const std::array<std::int64_t, 3>& c) {
    return (static_cast<std::uint64_t>(c[0]) << 42) | (static_cast<std::uint64_t>(c[1]) << 21) | static_cast<std::uint64_t>(c[2]);
  }

  double side_;
  std::vector<Entry> entries_;
};

/// Δᵀ C⁻¹ Δ and det C.
std::pair<double, double> distance(const std::array<double, 2>& d, double cxx, double cyy, double cxy) {
  const double det = cxx * cyy - cxy * cxy;
  return {(cyy * d[0] * d[0] - 2 * cxy * d[0] * d[1] + cxx * d[1] * d[1]) / det, det};
}

bool agree(const Position& a, const Position& b, const Limits& limits, Pair& pair) {
  if (!placed(a) || !placed(b)) return false;
  const auto d = offset_arcsec(a, b);
  pair.separation = std::hypot(d[0], d[1]);
  if (!(pair.separation <= limits.radius_arcsec)) return false;
  const auto [d2, det] = distance(d, a.ra_variance + b.ra_variance, a.dec_variance + b.dec_variance, a.covariance + b.covariance);
  pair.d2 = d2;
  pair.rank = d2 + std::log(det);
  return limits.sigmas <= 0 || d2 <= limits.sigmas * limits.sigmas;
}

/// Groups of rows that grow together.
class Groups {
 public:
  Groups(std::span<const std::vector<Position>> catalogues, const Limits& limits) : catalogues_{catalogues}, limits_{limits} {
    for (std::size_t k = 0; k < catalogues.size(); ++k) {
      first_.push_back(static_cast<std::int64_t>(parent_.size()));
      for (std::size_t i = 0; i < catalogues[k].size(); ++i) {
        parent_.push_back(static_cast<std::int64_t>(parent_.size()));
        members_.push_back({{k, static_cast<std::int64_t>(i)}});
      }
    }
  }
  std::int64_t of(std::size_t catalogue, std::int64_t row) {
    std::int64_t at = first_[catalogue] + row;
    while (parent_[static_cast<std::size_t>(at)] != at) at = parent_[static_cast<std::size_t>(at)] = parent_[static_cast<std::size_t>(parent_[static_cast<std::size_t>(at)])];
    return at;
  }
  void join(std::int64_t a, std::int64_t b) {
    if (a == b) return;
    auto &mine = members_[static_cast<std::size_t>(a)], &theirs = members_[static_cast<std::size_t>(b)];
    Pair pair;
    for (const auto& [k, i] : mine)
      for (const auto& [l, j] : theirs)
        if (k == l || !agree(catalogues_[k][static_cast<std::size_t>(i)], catalogues_[l][static_cast<std::size_t>(j)], limits_, pair)) return;
    mine.insert(mine.end(), theirs.begin(), theirs.end());
    theirs.clear();
    parent_[static_cast<std::size_t>(b)] = a;
  }
  const auto& members() const { return members_; }

 private:
  std::span<const std::vector<Position>> catalogues_;
  const Limits& limits_;
  std::vector<std::int64_t> first_, parent_;
  std::vector<std::vector<std::pair<std::size_t, std::int64_t>>> members_;
};

}  // namespace

std::array<double, 2> offset_arcsec(const Position& a, const Position& b) {
  const auto plane = wcs::to_tangent_plane({b.ra_deg, b.dec_deg}, {a.ra_deg, a.dec_deg});
  return {3600 * plane[0], 3600 * plane[1]};
}

std::vector<Pair> agreeing_pairs(std::span<const Position> first, std::span<const Position> second, const Limits& limits) {
  const Cells cells{second, limits.radius_arcsec};
  std::vector<Pair> pairs;
  std::vector<std::int64_t> near;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!placed(first[i])) continue;
    near.clear();
    cells.around(first[i], [&](std::int64_t row) { near.push_back(row); });
    std::sort(near.begin(), near.end());
    for (const auto row : near) {
      Pair pair{static_cast<std::int64_t>(i), row};
      if (agree(first[i], second[static_cast<std::size_t>(row)], limits, pair)) pairs.push_back(pair);
    }
  }
  return pairs;
}

std::vector<Group> cross_match(std::span<const std::vector<Position>> catalogues, const Limits& limits) {
  struct Edge {
    double rank;
    std::size_t k, l;
    std::int64_t a, b;
  };
  std::vector<Edge> edges;
  for (std::size_t k = 0; k < catalogues.size(); ++k)
    for (std::size_t l = k + 1; l < catalogues.size(); ++l)
      for (const auto& p : agreeing_pairs(catalogues[k], catalogues[l], limits)) edges.push_back({p.rank, k, l, p.a, p.b});
  std::sort(edges.begin(), edges.end(), [](const Edge& x, const Edge& y) { return std::tie(x.rank, x.k, x.l, x.a, x.b) < std::tie(y.rank, y.k, y.l, y.a, y.b); });
  Groups groups{catalogues, limits};
  for (const auto& e : edges) groups.join(groups.of(e.k, e.a), groups.of(e.l, e.b));

  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> refused(groups.members().size());  // (catalogue, row) that agree with a member and are not one
  for (const auto& e : edges) {
    const auto a = groups.of(e.k, e.a), b = groups.of(e.l, e.b);
    if (a == b) continue;
    refused[static_cast<std::size_t>(a)].emplace_back(e.l, e.b);
    refused[static_cast<std::size_t>(b)].emplace_back(e.k, e.a);
  }
  std::vector<Group> result;
  for (std::size_t g = 0; g < groups.members().size(); ++g) {
    if (groups.members()[g].empty()) continue;
    Group group{std::vector<std::int64_t>(catalogues.size(), -1), 0};
    for (const auto& [k, i] : groups.members()[g]) group.rows[k] = i;
    auto& out = refused[g];
    std::sort(out.begin(), out.end());
    group.others = static_cast<int>(std::unique(out.begin(), out.end()) - out.begin());
    result.push_back(std::move(group));
  }
  const auto first_of = [](const Group& g) {
    std::size_t k = 0;
    while (g.rows[k] < 0) ++k;
    return std::pair{k, g.rows[k]};
  };
  std::sort(result.begin(), result.end(), [&](const Group& a, const Group& b) { return first_of(a) < first_of(b); });
  return result;
}

double matches_by_chance(std::span<const Position> first, std::span<const Position> second, const Limits& limits) {
  constexpr int ways = 8;
  constexpr double radii = 12;  // far beyond what belongs together, within what has the same density
  double sum = 0;
  std::vector<Position> shifted(second.begin(), second.end());
  for (int way = 0; way < ways; ++way) {
    const double angle = 2 * std::numbers::pi * way / ways, by = radii * limits.radius_arcsec / 3600;
    for (std::size_t i = 0; i < second.size(); ++i) {
      const double dec = second[i].dec_deg + by * std::sin(angle);
      shifted[i].dec_deg = std::abs(dec) <= 90 ? dec : second[i].dec_deg;
      shifted[i].ra_deg = second[i].ra_deg + by * std::cos(angle) / std::max(1e-6, std::cos(second[i].dec_deg * radian));
    }
    std::int64_t last = -1;
    for (const auto& pair : agreeing_pairs(first, shifted, limits)) {
      sum += pair.a != last;
      last = pair.a;
    }
  }
  return sum / ways;
}

MeanPosition mean_position(std::span<const Position> positions) {
  MeanPosition mean;
  if (positions.empty()) {
    mean.position.ra_deg = mean.position.dec_deg = NAN;
    return mean;
  }
  if (positions.size() == 1) {
    mean.position = positions.front();
    return mean;
  }
  // Inverse covariances W_i: (Σ W_i) x = Σ W_i Δ_i, on the plane that touches the sky at the first position.
  double wxx = 0, wyy = 0, wxy = 0, bx = 0, by = 0, squares = 0;
  for (const Position& p : positions) {
    const auto d = offset_arcsec(positions.front(), p);
    const double det = p.ra_variance * p.dec_variance - p.covariance * p.covariance;
    const double ixx = p.dec_variance / det, iyy = p.ra_variance / det, ixy = -p.covariance / det;
    wxx += ixx, wyy += iyy, wxy += ixy;
    bx += ixx * d[0] + ixy * d[1];
    by += ixy * d[0] + iyy * d[1];
    squares += ixx * d[0] * d[0] + 2 * ixy * d[0] * d[1] + iyy * d[1] * d[1];
  }
  const double det = wxx * wyy - wxy * wxy;
  mean.position.ra_variance = wyy / det, mean.position.dec_variance = wxx / det, mean.position.covariance = -wxy / det;
  const double x = mean.position.ra_variance * bx + mean.position.covariance * by, y = mean.position.covariance * bx + mean.position.dec_variance * by;
  mean.chi2 = std::max(0.0, squares - x * bx - y * by);
  mean.dof = 2 * (static_cast<int>(positions.size()) - 1);
  const auto sky = wcs::from_tangent_plane({x / 3600, y / 3600}, {positions.front().ra_deg, positions.front().dec_deg});
  mean.position.ra_deg = sky.ra_deg, mean.position.dec_deg = sky.dec_deg;
  return mean;
}

}  // namespace tessera::match
