// Sectors of the detector, each with a table of its own: a grid of them, or the areas of a PRF map (MOPEX guide 8.7).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/io/tables.h"
#include "tessera/psf_estimate/estimate_private.h"

namespace tessera::psf_estimate {
namespace {

constexpr int few_in_sector = 20;

bool holds(const Sector& sector, double x, double y) {
  return std::any_of(sector.areas.begin(), sector.areas.end(), [&](const Box& b) { return x >= b.x0 - 0.5 && x < b.x1 - 0.5 && y >= b.y0 - 0.5 && y < b.y1 - 0.5; });
}

}  // namespace

std::vector<Sector> Estimation::grid_of_sectors() const {
  const double width = shifts_.front().width, height = shifts_.front().height;
  std::vector<Sector> sectors;
  for (int j = 0; j < own_.sectors_y; ++j)
    for (int i = 0; i < own_.sectors_x; ++i) {
      Sector& s = sectors.emplace_back();
      s.number = static_cast<std::int64_t>(sectors.size());
      s.areas.push_back({static_cast<int>(std::lround(width * i / own_.sectors_x)), static_cast<int>(std::lround(height * j / own_.sectors_y)), static_cast<int>(std::lround(width * (i + 1) / own_.sectors_x)),
                         static_cast<int>(std::lround(height * (j + 1) / own_.sectors_y))});
    }
  return sectors;
}

std::vector<Sector> Estimation::sectors_of_map() const {
  const Table map = io::read_table(own_.map);
  std::vector<std::vector<double>> columns;
  for (const char* name : {"PRFNum", "NAXIS1", "NAXIS2", "PRFPos1", "PRFPos2"}) {
    if (!map.find(name)) throw DataError{fmt::format("{}: there is no column {}; a PRF map with PRFNum, NAXIS1, NAXIS2, PRFPos1, PRFPos2 was expected", own_.map, name)};
    columns.push_back(map.numbers(name));
  }
  constexpr double farthest = 1e6;
  std::vector<Sector> sectors;
  for (std::size_t row = 0; row < map.rows(); ++row) {
    const double number = columns[0][row], x = columns[3][row], y = columns[4][row], width = columns[1][row], height = columns[2][row];
    if (!(std::abs(number) < farthest && width >= 1 && width < farthest && height >= 1 && height < farthest && std::abs(x) < farthest && std::abs(y) < farthest)) throw DataError{fmt::format("{}: row {} has no area or no PRF number", own_.map, row + 1)};
    const auto id = static_cast<std::int64_t>(number);
    auto at = std::find_if(sectors.begin(), sectors.end(), [&](const Sector& s) { return s.number == id; });
    if (at == sectors.end()) sectors.emplace_back().number = id, at = sectors.end() - 1;
    const int x0 = static_cast<int>(x) - 1, y0 = static_cast<int>(y) - 1;
    at->areas.push_back({x0, y0, x0 + static_cast<int>(width), y0 + static_cast<int>(height)});
  }
  if (sectors.empty()) throw DataError{fmt::format("{}: a PRF map without rows", own_.map)};
  std::stable_sort(sectors.begin(), sectors.end(), [](const Sector& a, const Sector& b) { return a.number < b.number; });
  return sectors;
}

void Estimation::fit_sectors(const EffectiveTable& whole) {
  const double width = shifts_.front().width, height = shifts_.front().height;
  for (const auto& s : shifts_)
    if (s.width != width || s.height != height) throw DataError{"images of different sizes have no common sectors; estimate.sectors_x, sectors_y and map need frames of one detector"};
  if (!own_.map.empty()) files_.push_back(own_.map);
  sectors_ = own_.map.empty() ? grid_of_sectors() : sectors_of_map();
  context_.stage("fitting sectors", static_cast<std::int64_t>(sectors_.size()));
  for (Sector& sector : sectors_) {
    try {
      fit_sector(whole, sector);
    } catch (const DataError& e) {
      throw DataError{fmt::format("sector {} of the detector: {}; ask for fewer sectors", sector.number, e.what())};
    }
    if (sector.stars < few_in_sector) context_.caveat("few-stars-in-sector", fmt::format("sector {} has {} {}", sector.number, sector.stars, by_stamps() ? "stamps" : "stars"));
    context_.step();
  }
}

/// Begins with the stars as the whole detector left them.
void Estimation::fit_sector(const EffectiveTable& whole, Sector& sector) {
  std::vector<StarPixels> there;
  std::vector<double> fluxes;
  for (const auto& p : pixels_) {
    if (!holds(sector, p.x, p.y)) continue;
    there.push_back(p);
    if (!listed_flux_.empty()) fluxes.push_back(listed_flux_[static_cast<std::size_t>(p.star)]);
  }
  if (by_stamps()) {
    auto mean = mean_of_stamps(there, fluxes, stamp_options(), context_.pool());
    sector.table = std::move(mean.table);
    sector.stars = static_cast<int>(std::count_if(mean.stamps.begin(), mean.stamps.end(), [](const Stamp& s) { return s.status == StarStatus::used; }));
    return;
  }
  auto how = fit_options();
  how.samples_per_pixel = whole.samples_per_pixel, how.radius_pix = whole.radius_pix, how.shift_images = false;
  std::vector<Star> stars = stars_;
  auto shifts = shifts_;
  EffectiveFit fit{there, stars, shifts, how, context_.pool()};
  sector.table = fit.run();
  sector.stars = static_cast<int>(std::count_if(stars.begin(), stars.end(), [](const Star& s) { return s.used(); }));
}

}  // namespace tessera::psf_estimate
