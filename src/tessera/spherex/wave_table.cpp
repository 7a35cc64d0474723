#include "tessera/spherex/wave_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"

namespace tessera::spherex {
namespace {

/// The elements of an array column in its first row.
std::vector<double> elements(const Table& table, const std::string& name, const std::string& where) {
  std::vector<double> values;
  for (int i = 1; table.find(fmt::format("{}_{}", name, i)); ++i) values.push_back(table.numbers(fmt::format("{}_{}", name, i)).front());
  if (values.empty()) throw DataError{fmt::format("{}: no array column {}; expected X, Y and VALUES", where, name)};
  return values;
}

std::vector<double> positions(const Table& table, const std::string& name, const std::string& where) {
  auto at = elements(table, name, where);
  if (at.size() < 2 || !std::ranges::is_sorted(at, std::less_equal<>{})) throw DataError{fmt::format("{}: the {} points of {} are not ascending", where, at.size(), name)};
  for (double& v : at) v -= 1;
  return at;
}

/// Interval and fraction; outside of all the outer interval goes on.
std::pair<std::size_t, double> interval(const std::vector<double>& points, double at) {
  const auto above = std::upper_bound(points.begin() + 1, points.end() - 1, at);
  const auto i = static_cast<std::size_t>(above - points.begin()) - 1;
  return {i, (at - points[i]) / (points[i + 1] - points[i])};
}

}  // namespace

WaveTable WaveTable::from_table(const Table& table, const std::string& where) {
  if (table.rows() != 1) throw DataError{fmt::format("{}: {} rows; expected one", where, table.rows())};
  WaveTable wave;
  wave.xs_ = positions(table, "X", where);
  wave.ys_ = positions(table, "Y", where);
  const auto values = elements(table, "VALUES", where);
  if (values.size() != 2 * wave.xs_.size() * wave.ys_.size())
    throw DataError{fmt::format("{}: {} VALUES; expected 2 × {} × {}", where, values.size(), wave.xs_.size(), wave.ys_.size())};
  for (std::size_t i = 0; i < values.size(); i += 2) {
    if (!(values[i] > 0.1 && values[i] < 100 && values[i + 1] > 0 && values[i + 1] < values[i]))
      throw DataError{fmt::format("{}: wavelength {} and bandwidth {}; expected µm", where, values[i], values[i + 1])};
    wave.values_.push_back({values[i], values[i + 1]});
  }
  return wave;
}

Wavelength WaveTable::at(double x_full, double y_full) const {
  const auto [ix, u] = interval(xs_, x_full);
  const auto [iy, v] = interval(ys_, y_full);
  const auto* low = &values_[iy * xs_.size() + ix];
  const auto* high = low + xs_.size();
  const auto mix = [&](double Wavelength::* of) {
    return (1 - v) * ((1 - u) * low[0].*of + u * low[1].*of) + v * ((1 - u) * high[0].*of + u * high[1].*of);
  };
  return {mix(&Wavelength::centre_um), mix(&Wavelength::width_um)};
}

}  // namespace tessera::spherex
