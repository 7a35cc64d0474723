#include "tessera/cube/band.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/tables.h"

namespace tessera::cube {
namespace {

double factor(WavelengthUnit unit) { return unit == WavelengthUnit::um ? 1 : unit == WavelengthUnit::nm ? 1e-3 : 1e-4; }

/// µm in one of a column's unit; nothing when it says none.
double factor_of(std::string unit, double otherwise, const std::string& path) {
  unit = text::lower(text::trim(unit));
  if (unit.empty()) return otherwise;
  if (unit == "um" || unit == "micron" || unit == "microns" || unit == "µm") return 1;
  if (unit == "nm") return 1e-3;
  if (unit == "angstrom" || unit == "angstroms" || unit == "a" || unit == "0.1nm") return 1e-4;
  if (unit == "m") return 1e6;
  throw DataError{fmt::format("{}: unit '{}' of the first column; expected a wavelength in um, nm, Angstrom or m", path, unit)};
}

bool numeric(const Column& c) { return !std::holds_alternative<std::vector<std::string>>(c.data); }

void read_columns(Transmission& t, const std::string& path, double otherwise) {
  const Table table = io::read_table(path);
  std::vector<const Column*> columns;
  for (const auto& c : table.columns)
    if (numeric(c)) columns.push_back(&c);
  if (columns.size() < 2) throw DataError{fmt::format("{}: {} columns of numbers; expected wavelength and transmission", path, columns.size())};
  const double scale = factor_of(columns[0]->unit, otherwise, path);
  t.wavelength_um = table.numbers(columns[0]->name);
  for (double& w : t.wavelength_um) w *= scale;
  t.value = table.numbers(columns[1]->name);
}

void read_text(Transmission& t, const std::string& path, double scale) {
  int number = 0;
  for (const auto& whole : text::split(files::read(path, 1 << 24), '\n')) {
    ++number;
    std::string line = whole.substr(0, whole.find('#'));
    std::ranges::replace(line, ',', ' ');
    std::ranges::replace(line, '\t', ' ');
    std::vector<double> values;
    for (const auto& word : text::split(text::trim(line), ' ')) {
      if (text::trim(word).empty()) continue;
      const auto v = text::to_double(text::trim(word));
      if (!v) throw DataError{fmt::format("{}:{}: '{}' is no number; expected wavelength and transmission", path, number, word)};
      values.push_back(*v);
    }
    if (values.empty()) continue;
    if (values.size() < 2) throw DataError{fmt::format("{}:{}: one number; expected wavelength and transmission", path, number)};
    t.wavelength_um.push_back(values[0] * scale), t.value.push_back(values[1]);
  }
}

void check(const Transmission& t, const std::string& path) {
  if (t.wavelength_um.size() < 2) throw DataError{fmt::format("{}: {} points; a transmission has two or more", path, t.wavelength_um.size())};
  double most = 0;
  for (std::size_t i = 0; i < t.value.size(); ++i) {
    if (!std::isfinite(t.wavelength_um[i]) || !std::isfinite(t.value[i]) || t.value[i] < 0 || t.wavelength_um[i] <= 0)
      throw DataError{fmt::format("{}: point {}: wavelength {} µm, transmission {}; expected finite numbers, the first above 0 and the second not below", path, i + 1, t.wavelength_um[i], t.value[i])};
    if (i > 0 && t.wavelength_um[i] <= t.wavelength_um[i - 1]) throw DataError{fmt::format("{}: point {}: wavelengths must ascend", path, i + 1)};
    most = std::max(most, t.value[i]);
  }
  if (most == 0) throw DataError{fmt::format("{}: the transmission is 0 everywhere", path)};
}

}  // namespace

Transmission read_transmission(const std::string& spec, WavelengthUnit unit) {
  const auto equals = spec.find('=');
  const bool named = equals != std::string::npos && !files::exists(spec);
  const std::string path = named ? spec.substr(equals + 1) : spec;
  Transmission t;
  t.name = named ? std::string{text::trim(spec.substr(0, equals))} : std::filesystem::path{path}.stem().string();
  if (io::format_of(path)) read_columns(t, path, factor(unit));
  else read_text(t, path, factor(unit));
  check(t, path);
  return t;
}

double integral(const Transmission& t, double low_um, double high_um, int power) {
  double sum = 0;
  for (std::size_t i = 1; i < t.value.size(); ++i) {
    const double l0 = t.wavelength_um[i - 1], l1 = t.wavelength_um[i], a = std::max(l0, low_um), b = std::min(l1, high_um);
    if (!(a < b)) continue;
    const double slope = (t.value[i] - t.value[i - 1]) / (l1 - l0), at_zero = t.value[i - 1] - slope * l0;  // T = at_zero + slope λ
    const double d1 = b - a, d2 = (b * b - a * a) / 2, d3 = (b * b * b - a * a * a) / 3;
    if (power == -1) sum += at_zero * std::log(b / a) + slope * d1;
    else if (power == 0) sum += at_zero * d1 + slope * d2;
    else sum += at_zero * d2 + slope * d3;
  }
  return sum;
}

double pivot_um(const Transmission& t) {
  const double low = t.wavelength_um.front(), high = t.wavelength_um.back();
  return std::sqrt(integral(t, low, high, 1) / integral(t, low, high, -1));
}

double width_um(const Transmission& t) { return integral(t, t.wavelength_um.front(), t.wavelength_um.back(), 0) / std::ranges::max(t.value); }

std::vector<std::pair<int, double>> band_weights(const Transmission& t, std::span<const spherex::Channel> channels) {
  std::vector<std::pair<int, double>> weights;
  double sum = 0;
  for (const auto& c : channels)
    if (const double w = integral(t, c.min_um, c.max_um, -1); w > 0) weights.emplace_back(c.channel, w), sum += w;
  if (weights.empty()) throw UsageError{fmt::format("band {}: no channel asked for lies in its {:.4g} to {:.4g} micrometres", t.name, t.wavelength_um.front(), t.wavelength_um.back())};
  for (auto& [channel, w] : weights) w /= sum;
  return weights;
}

double part_within(const Transmission& t, std::span<const spherex::Channel> channels) {
  std::vector<std::pair<double, double>> ranges;
  for (const auto& c : channels) ranges.emplace_back(c.min_um, c.max_um);
  std::ranges::sort(ranges);
  double covered = 0, to = 0;
  for (const auto& [low, high] : ranges) {  // bands of neighbouring detectors overlap: each wavelength counts once
    covered += integral(t, std::max(low, to), high, -1);
    to = std::max(to, high);
  }
  return covered / integral(t, t.wavelength_um.front(), t.wavelength_um.back(), -1);
}

}  // namespace tessera::cube
