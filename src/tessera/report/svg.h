/// report/svg.h — plots as inline SVG, in the page's colours; legible from a phone's width to a desk's.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/report/html.h"

namespace tessera::report {

struct AxisTick {
  double value = 0;
  std::string label;
};
/// An axis with room around the data. Labels stand for value / 10^exponent, where that is shorter.
struct Axis {
  double low = 0, high = 1;
  int exponent = 0;
  std::vector<AxisTick> ticks;  ///< multiples of 1, 2 or 5 · 10ⁿ
};
/// `whole`: ticks at whole numbers only. Data that are empty or not finite give 0 … 1; a single value gets a range around it.
Axis make_axis(double low, double high, int wanted, bool whole = false);
/// "10⁻⁵ MJy/sr", "MJy/sr", "10³", "".
std::string unit_text(int exponent, const std::string& unit);
/// Three digits and at most one power of ten: "0.0123", "4.5×10⁻⁷", "123000"; "–" for what is not finite.
std::string number_text(double value, int digits = 3);

/// One mark per entry. `low` and `high` (ends of a bar through the mark), `marked` (drawn in the warning colour) and `names`
/// (shown by the pointer) have the length of `y` or none.
struct Points {
  std::vector<double> x{}, y{}, low{}, high{};
  std::vector<std::uint8_t> marked{};
  std::vector<std::string> names{};
  std::vector<std::string> links{};              ///< where a click leads, "" for nowhere; of the length of y or empty
  std::vector<double> line_x{}, line_y{};        ///< a line behind the marks, broken where y is not finite
};
/// More than `most` points are too many to tell apart: at most 200 runs of equal length take their place, each the median with a bar from
/// the lowest to the highest end, marked when one of them was. `per_point` tells how many make one.
Points thinned(Points points, std::size_t most, std::size_t& per_point);

struct PlotOptions {
  std::string x_label{}, y_label{}, unit{};  ///< unit of y
  bool from_zero = false;              ///< the y axis begins at 0
  double reference = NAN;              ///< a dashed line at this y
  bool unmarked_range = false;         ///< the y axis holds the marks that are not marked; others beyond it are drawn at its ends
  std::string description{};           ///< for those who hear the page
};
Markup point_plot(const Points& points, const PlotOptions& options);

/// Bars from 0 up: bar i covers [edges[i], edges[i + 1]).
Markup bar_plot(const std::vector<double>& edges, const std::vector<double>& heights, const PlotOptions& options);

}  // namespace tessera::report
