// bench/extraction.cpp — CPU time of what extraction is made of, one thread: detection, apertures, free and forced fits. Prints a table.
// bench_extraction [detection] [apertures] [fits] [forced]: these parts alone.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "cpu_time.h"
#include "tessera/detect/matched_filter.h"
#include "tessera/detect/segments.h"
#include "tessera/photometry/aperture.h"
#include "tessera/photometry/psf_fit.h"

using namespace tessera;

namespace {

void line(const char* what, double rate, const char* unit, double target) { fmt::print("{:<58} {:>9.2f} {:<12} target {:>7.2f}\n", what, rate, unit, target); }

Frame field(int size, int stars, const psf::Profile& profile, std::uint32_t seed, std::vector<std::pair<double, double>>* places = nullptr) {
  Frame f{Box{0, 0, size, size}};
  std::mt19937 random{seed};
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<> place{5.0, size - 6.0}, flux{1, 3};
  Image<double> sky{f.box()};
  for (int k = 0; k < stars; ++k) {
    const double x = place(random), y = place(random);
    if (places) places->emplace_back(x, y);
    profile.add_to(sky, x, y, std::pow(10, flux(random)));
  }
  for (std::size_t i = 0; i < sky.pixels().size(); ++i) {
    f.value.pixels()[i] = static_cast<float>(sky.pixels()[i]) + normal(random);
    f.variance.pixels()[i] = 1;
    f.good.pixels()[i] = 1;
  }
  return f;
}

const psf::ProfileOptions wide{.fwhm_pix = 2.5}, narrow{.fwhm_pix = 1.4};

void detection() {
  const auto psf_wide = psf::PsfModel::analytic(wide);
  const int size = 2048, stars = 8000;
  const Frame f = field(size, stars, psf::Profile{wide}, 1);
  Image<float> significance{f.box()};
  std::size_t found = 0;
  const double filter = median_of([&] { detect::matched_filter(f.view(), psf_wide, {}, {.significance = significance}); });
  const double segment = median_of([&] { found = detect::find_segments(significance, {.threshold = 5}).size(); });
  const double mpix = 1e-6 * size * size;
  line(fmt::format("matched filter, {}x{} kernel", 2 * detect::filter_radius(psf_wide, {}) + 1, 2 * detect::filter_radius(psf_wide, {}) + 1).c_str(), mpix / filter, "Mpix/s", 0);
  line(fmt::format("segments and deblending, {} sources", found).c_str(), mpix / segment, "Mpix/s", 0);
  line("detection with deblending", mpix / (filter + segment), "Mpix/s", 40);
}

void apertures() {
  std::vector<std::pair<double, double>> places;
  const Frame f = field(2048, 20000, psf::Profile{wide}, 2, &places);
  // In the order of rows, as a catalogue comes: at random the planes' cache misses are most of the time.
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return std::floor(a.second / 4) != std::floor(b.second / 4) ? a.second < b.second : a.first < b.first; });
  for (const double r : {3.0, 5.0}) {
    double sum = 0;
    const double t = median_of([&] { for (const auto& [x, y] : places) sum += photometry::sum_circle(f.view(), x, y, r).flux; });
    line(fmt::format("aperture, exact circle of radius {}", r).c_str(), 1e-6 * static_cast<double>(places.size()) / t, "M sources/s", 0.6);
  }
}

void fits() {
  const auto psf_narrow = psf::PsfModel::analytic(narrow);
  std::vector<Frame> pictures;
  std::vector<photometry::FitFrame> frames;
  std::mt19937 random{3};
  std::uniform_real_distribution<> place{-0.5, 0.5};
  const int grid = 40, step = 16, per_frame = grid * grid;
  std::vector<photometry::FitSource> sources(static_cast<std::size_t>(per_frame));
  for (int k = 0; k < 5; ++k) {
    Frame f = field(grid * step, 0, psf::Profile{narrow}, 4 + static_cast<std::uint32_t>(k));
    Image<double> sky{f.box()};
    const double dx = place(random), dy = place(random);
    for (int j = 0; j < grid; ++j)
      for (int i = 0; i < grid; ++i) {
        std::mt19937 own{static_cast<std::uint32_t>(j * grid + i)};
        const double u = place(own), v = place(own), x = 8 + step * i + dx, y = 8 + step * j + dy;
        psf::Profile{narrow}.add_to(sky, x + u, y + v, 100);
        sources[static_cast<std::size_t>(j * grid + i)].sights.push_back({.frame = k, .x = x, .y = y});
      }
    for (std::size_t i = 0; i < sky.pixels().size(); ++i) f.value.pixels()[i] += static_cast<float>(sky.pixels()[i]);
    pictures.push_back(std::move(f));
  }
  for (const Frame& f : pictures) frames.push_back({f.view(), &psf_narrow});
  for (const int window : {5, 7, 9}) {
    photometry::PsfFit fit{frames, {.window = window}};
    std::vector<photometry::FittedSource> out;
    long iterations = 0;
    const double t = median_of([&] {
      iterations = 0;
      for (const auto& s : sources) iterations += fit.fit({&s, 1}, out).iterations;
    });
    line(fmt::format("PRF fit, 5 frames, {}x{}, {:.1f} iterations", window, window, static_cast<double>(iterations) / per_frame).c_str(), 1e-3 * per_frame / t, "k sources/s", 20);
  }
}

void forced() {
  const auto psf_narrow = psf::PsfModel::analytic(narrow);
  for (const int members : {1, 5, 10, 30}) {
    const Frame f = field(15, 0, psf::Profile{narrow}, 9);
    const photometry::FitFrame frames[] = {{f.view(), &psf_narrow}};
    photometry::PsfFit fit{frames, {.window = 15, .positions = false}};
    std::mt19937 random{5};
    std::uniform_real_distribution<> place{1, 13};
    std::vector<photometry::FitSource> sources;
    for (int k = 0; k < members; ++k) sources.push_back({{{.frame = 0, .x = place(random), .y = place(random)}}});
    std::vector<photometry::FittedSource> out;
    const int repeats = 20000 / (members + 4);
    const double t = median_of([&] { for (int k = 0; k < repeats; ++k) fit.fit(sources, out); });
    line(fmt::format("forced fit, 15x15 cut-out, {} sources", members).c_str(), 1e-3 * repeats / t, "k cut-outs/s", members == 10 ? 150 : 0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> asked{argv + 1, static_cast<std::size_t>(argc - 1)};
  const auto wanted = [&](std::string_view part) { return asked.empty() || std::ranges::any_of(asked, [&](const char* a) { return part == a; }); };
  if (wanted("detection")) detection();
  if (wanted("apertures")) apertures();
  if (wanted("fits")) fits();
  if (wanted("forced")) forced();
}
