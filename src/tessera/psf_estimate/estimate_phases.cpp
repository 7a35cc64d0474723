// What a table leaves of the stars it was made of, by where in their pixels they lie.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/core/statistics.h"
#include "tessera/psf_estimate/estimate_private.h"

namespace tessera::psf_estimate {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int fewest_cells = 3, most_cells = 10;
constexpr double stars_per_cell = 6;
constexpr std::size_t least_in_cell = 3;

struct At {
  double x = 0, y = 0, phase_x = 0, phase_y = 0, share = 0;
};

/// Light of the 3 × 3 pixels about (x, y) less that of the response, over the star's; NaN where one of them is bad.
double left_over(const StarPixels& p, const psf::PointResponse& response, double x, double y, double flux) {
  const int cx = static_cast<int>(std::lround(x)), cy = static_cast<int>(std::lround(y));
  double sum = 0;
  for (int j = cy - 1; j <= cy + 1; ++j)
    for (int i = cx - 1; i <= cx + 1; ++i) {
      if (!p.window.contains(i, j)) return nan;
      const auto at = static_cast<std::size_t>((j - p.window.y0) * p.window.width() + i - p.window.x0);
      if (!(p.variance[at] > 0)) return nan;
      sum += static_cast<double>(p.value[at]) / (p.scale * flux) - response.at(i - x, j - y);
    }
  return sum;
}

}  // namespace

PhaseResiduals Estimation::phase_residuals(const EffectiveTable& table) const {
  const bool varies = table.samples.size() > 1;
  const psf::PointResponse whole = response_of(table, table.samples.front());
  std::vector<At> all(pixels_.size(), At{0, 0, 0, 0, nan});
  context_.pool().for_each(static_cast<std::int64_t>(pixels_.size()), [&](std::int64_t index) {
    const auto k = static_cast<std::size_t>(index);
    const StarPixels& p = pixels_[k];
    double x = 0, y = 0, flux = 0;
    if (by_stamps()) {
      if (stamps_[k].status != StarStatus::used) return;
      x = stamps_[k].x, y = stamps_[k].y, flux = stamps_[k].flux;
    } else {
      const Star& star = stars_[static_cast<std::size_t>(p.star)];
      if (!star.used() || !p.used) return;
      const auto& shift = shifts_[static_cast<std::size_t>(p.image)];
      x = p.x + p.x_u * star.u + p.x_v * star.v + shift.dx + table.off_x, y = p.y + p.y_u * star.u + p.y_v * star.v + shift.dy + table.off_y, flux = star.flux;
    }
    const double share = varies ? left_over(p, response_of(table, table_at(table, p.x, p.y)), x, y, flux) : left_over(p, whole, x, y, flux);
    all[k] = {x, y, x - std::floor(x + 0.5) + 0.5, y - std::floor(y + 0.5) + 0.5, share};
  });
  std::erase_if(all, [](const At& a) { return !std::isfinite(a.share); });
  PhaseResiduals result;
  if (static_cast<double>(all.size()) < stars_per_cell * fewest_cells * fewest_cells) return result;
  // Stamps of the guide's method are over fluxes of another scale than the table's.
  if (by_stamps()) {
    std::vector<double> shares;
    for (const At& a : all) shares.push_back(a.share);
    const double middle = statistics::median(shares);
    for (At& a : all) a.share -= middle;
  }
  const int side = std::clamp(static_cast<int>(std::sqrt(static_cast<double>(all.size()) / stars_per_cell)), fewest_cells, most_cells);
  std::vector<std::vector<double>> cells(static_cast<std::size_t>(side * side));
  for (const At& a : all) {
    const int i = std::clamp(static_cast<int>(a.phase_x * side), 0, side - 1), j = std::clamp(static_cast<int>(a.phase_y * side), 0, side - 1);
    cells[static_cast<std::size_t>(j * side + i)].push_back(a.share);
    result.distance.push_back(std::hypot(a.phase_x - 0.5, a.phase_y - 0.5)), result.share.push_back(a.share);
  }
  result.median = Image<double>{side, side, nan}, result.stars = Image<double>{side, side};
  std::vector<double> medians;
  for (int j = 0; j < side; ++j)
    for (int i = 0; i < side; ++i) {
      const auto& cell = cells[static_cast<std::size_t>(j * side + i)];
      result.stars(i, j) = static_cast<double>(cell.size());
      if (cell.size() >= least_in_cell) result.median(i, j) = statistics::median(cell), medians.push_back(result.median(i, j));
    }
  result.scatter = statistics::mad_sigma(medians);
  return result;
}

}  // namespace tessera::psf_estimate
