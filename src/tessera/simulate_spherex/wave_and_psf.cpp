#include "tessera/simulate_spherex/wave_and_psf.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/io/array_columns.h"

namespace tessera::simulate_spherex {

void add_wave_table(io::FitsWriter& writer, const Detector& detector) {
  const auto xs = detector.wave_points(true), ys = detector.wave_points(false);
  std::vector<float> values;
  for (const auto y : ys)
    for (const auto x : xs) {
      const auto w = detector.wavelength(x - 1, y - 1);
      values.push_back(static_cast<float>(w.centre_um)), values.push_back(static_cast<float>(w.width_um));
    }
  const auto nx = static_cast<std::int64_t>(xs.size()), ny = static_cast<std::int64_t>(ys.size());
  Table t;
  t.name = "WCS-WAVE";
  io::add_array(t, {"X", {nx}}, std::span<const std::int32_t>{xs});
  io::add_array(t, {"Y", {ny}}, std::span<const std::int32_t>{ys});
  io::add_array(t, {"VALUES", {2, nx, ny}}, std::span<const float>{values});
  writer.add_table(t);
}

void add_psf_cube(io::FitsWriter& writer, const std::string& name, const ZonePsfs& psfs, bool exchanged) {
  Header h;
  h.set("BUNIT", std::string{""}, "Unit of PSF (dimensionless)");
  h.set("OVERSAMP", std::int64_t{psf_oversample}, "PSF samples per detector pixel");
  for (const auto& z : psfs.layout().zones) {
    const int i = z.plane + 1;
    h.set(fmt::format("XCTR_{}", i), exchanged ? z.y : z.x, "[pixel] Center of zone in x");
    h.set(fmt::format("YCTR_{}", i), exchanged ? z.x : z.y, "[pixel] Center of zone in y");
    h.set(fmt::format("XWID_{}", i), exchanged ? z.height : z.width, "[pixel] Width of zone in x");
    h.set(fmt::format("YWID_{}", i), exchanged ? z.width : z.height, "[pixel] Width of zone in y");
  }
  writer.add_cube(name, h, psf_cells, psf_cells, static_cast<int>(psfs.layout().zones.size()),
                  [&](int z, int y, std::span<float> row) { std::ranges::copy(psfs.zone(static_cast<std::size_t>(z)).cells().row(y), row.begin()); });
}

void add_epsf_table(io::FitsWriter& writer, const ZonePsfs& psfs) {
  constexpr int side = 33, per_pixel = 5;
  std::vector<float> samples;
  std::vector<float> x, y, width, height, effective;
  std::vector<std::int32_t> stars;
  for (const auto& z : psfs.layout().zones) {
    double square = 0;
    for (int j = 0; j < side; ++j)
      for (int i = 0; i < side; ++i) {
        const double u = (i - side / 2) / static_cast<double>(per_pixel), v = (j - side / 2) / static_cast<double>(per_pixel);
        const double fraction = psfs.zone(static_cast<std::size_t>(z.plane)).fraction(u - .5, u + .5, v - .5, v + .5);
        samples.push_back(static_cast<float>(fraction / (per_pixel * per_pixel)));
        square += fraction * fraction / (per_pixel * per_pixel);
      }
    x.push_back(static_cast<float>(z.x)), y.push_back(static_cast<float>(z.y)), width.push_back(static_cast<float>(z.width)), height.push_back(static_cast<float>(z.height));
    stars.push_back(1000);
    effective.push_back(static_cast<float>(1 / square));
  }
  Table t;
  t.name = "EPSF";
  io::add_array(t, {"EPSF", {side, side}}, std::span<const float>{samples});
  t.add("XCENTER", std::move(x), "pixel"), t.add("YCENTER", std::move(y), "pixel"), t.add("XWIDTH", std::move(width), "pixel"), t.add("YWIDTH", std::move(height), "pixel");
  t.add("NSTAR", std::move(stars)), t.add("NEFF_MEAN", std::move(effective), "pixel");
  writer.add_table(t);
}

}  // namespace tessera::simulate_spherex
