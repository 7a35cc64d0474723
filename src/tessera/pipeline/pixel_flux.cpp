#include "tessera/pipeline/pixel_flux.h"

#include <cmath>

#include "tessera/instrument/units.h"

namespace tessera::pipeline {
namespace {

constexpr int spacing = 16;

}  // namespace

std::optional<FluxUnit> flux_unit(const std::string& unit) {
  if (unit == "MJy/sr") return FluxUnit{"Jy/pixel", 1e6};
  const std::string ending = "/arcsec2";
  if (!unit.ends_with(ending) || unit == ending) return {};
  return FluxUnit{unit.substr(0, unit.size() - ending.size()), 1 / instrument::arcsec2_in_sr};
}

PixelAreas::PixelAreas(const wcs::Grid& grid) : wcs_{grid.wcs()}, width_{grid.width} {}

double PixelAreas::node(int column, int y) const { return wcs_.pixel_area_sr({static_cast<double>(column * spacing), static_cast<double>(y)}); }

void PixelAreas::multiply(int y, double factor, std::span<float> row, int x0) {
  const int low = y / spacing * spacing, nodes = width_ / spacing + 2;
  if (rows_at_ != low) {
    low_.clear();
    high_.clear();
    for (int k = 0; k < nodes; ++k) {
      low_.push_back(node(k, low));
      high_.push_back(node(k, low + spacing));
    }
    rows_at_ = low;
  }
  const double ty = static_cast<double>(y - low) / spacing;
  for (int x = x0; x < x0 + static_cast<int>(row.size()); ++x) {
    const auto k = static_cast<std::size_t>(x / spacing);
    const double tx = static_cast<double>(x % spacing) / spacing;
    double area = (1 - ty) * ((1 - tx) * low_[k] + tx * low_[k + 1]) + ty * ((1 - tx) * high_[k] + tx * high_[k + 1]);
    if (!std::isfinite(area)) area = wcs_.pixel_area_sr({static_cast<double>(x), static_cast<double>(y)});
    float& value = row[static_cast<std::size_t>(x - x0)];
    value = static_cast<float>(static_cast<double>(value) * (area * factor));
  }
}

}  // namespace tessera::pipeline
