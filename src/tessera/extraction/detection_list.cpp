#include "tessera/extraction/detection_list.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"

namespace tessera::extraction {
namespace {

std::vector<double> numbers(const Table& table, const std::string& path, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const Column* c = catalog::find_column(table, name)) {
      if (std::holds_alternative<std::vector<std::string>>(c->data)) throw DataError{fmt::format("{}: column {} holds text, numbers were expected", path, c->name)};
      return table.numbers(c->name);
    }
  return {};
}

int odd_side(double v, const std::string& path, std::size_t row) {
  if (!(v >= 1 && v < 10000)) throw DataError{fmt::format("{}: row {}: a window of {} pixels; the sides FitX and FitY are at least 1", path, row + 1, v)};
  const int whole = static_cast<int>(std::ceil(v));
  return std::max(3, whole % 2 == 1 ? whole : whole + 1);
}

}  // namespace

std::vector<Detection> read_detections(const Table& table, const std::string& path) {
  const auto x = numbers(table, path, {"x"}), y = numbers(table, path, {"y"});
  if ((x.empty() || y.empty()) && (table.rows() > 0 || !catalog::find_column(table, "x"))) {
    std::vector<std::string> there;
    for (const auto& c : table.columns) there.push_back(c.name);
    throw DataError{fmt::format("{}: a table of detections needs columns x and y (pixels of the image that is searched); it has {}", path, text::join(there, ", "))};
  }
  const double from = table.find("srcid") ? 1 : 0;
  const auto peak = numbers(table, path, {"peak"}), brightest = numbers(table, path, {"brightest", "flux"}), area = numbers(table, path, {"area"}), blend = numbers(table, path, {"blend"}), blend_size = numbers(table, path, {"blend_size"}),
             major = numbers(table, path, {"semi_major"}), minor = numbers(table, path, {"semi_minor"}), angle = numbers(table, path, {"angle"}), fit_x = numbers(table, path, {"fit_x"}), fit_y = numbers(table, path, {"fit_y"});
  const auto value = [](const std::vector<double>& of, std::size_t i, double otherwise) { return i < of.size() && std::isfinite(of[i]) ? of[i] : otherwise; };
  std::vector<Detection> all;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) throw DataError{fmt::format("{}: row {}: x and y are no place", path, i + 1)};
    Detection d;
    d.x = d.centroid_x = x[i] - from, d.y = d.centroid_y = y[i] - from;
    d.peak = value(peak, i, 0), d.brightest = value(brightest, i, 0), d.area = static_cast<long>(value(area, i, 0));
    d.blend = static_cast<int>(value(blend, i, 0)), d.blend_size = std::max(1, static_cast<int>(value(blend_size, i, 1)));
    d.major = value(major, i, 0), d.minor = value(minor, i, 0), d.angle_deg = value(angle, i, 0);
    if (i < fit_x.size() && i < fit_y.size()) d.fit_x = odd_side(fit_x[i], path, i), d.fit_y = odd_side(fit_y[i], path, i);
    all.push_back(d);
  }
  return all;
}

}  // namespace tessera::extraction
