// The rounds over blocks of sources: what they settle to, and what they say when they do not.
#include "tessera/joint_fit/fit_sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "quiet.h"
#include "tessera/joint_fit/settling.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::joint_fit {
namespace {

;

constexpr double fwhm = 2;

/// Three images of side², each shifted by parts of a pixel, of sources with S/N of 10 and more at one per `beams` beams; noise of the sky and of photons.
struct Crowd {
  Crowd(const psf::PsfModel& model, int side, double beams) : psf{model} {
    std::mt19937 random{11};
    std::uniform_real_distribution<double> place{3.0, side - 4.0}, unit{0, 1};
    const int count = static_cast<int>(side * side / (beams * 1.133 * fwhm * fwhm));
    for (int i = 0; i < count; ++i) {
      Source& s = sources.emplace_back();
      do {  // what lies nearer to another is not told from it when sources are found
        s.ref_x = place(random), s.ref_y = place(random);
      } while (std::any_of(sources.begin(), sources.end() - 1, [&](const Source& o) { return std::hypot(o.ref_x - s.ref_x, o.ref_y - s.ref_y) < 0.8 * fwhm; }));
      s.flux = 20 / std::pow(unit(random) + 0.001, 0.8);  // S/N 4.5 of a flux of 20 on one image
      for (int k = 0; k < 3; ++k) s.sights.push_back({.frame = k, .x = s.ref_x + 0.3 * k, .y = s.ref_y - 0.4 * k});
    }
    for (int k = 0; k < 3; ++k) {
      FitImage& image = images.emplace_back();
      image.psf = &psf;
      image.value = Image<float>{side, side}, image.variance = Image<float>{Box{0, 0, side, side}, 1.0F}, image.photons = Image<float>{Box{0, 0, side, side}, 0.05F}, image.good = Image<std::uint8_t>{Box{0, 0, side, side}, 1};
    }
    const SourceLists lists{images.size(), sources};
    for (std::size_t k = 0; k < 3; ++k) {
      std::normal_distribution<double> normal;
      const auto light = lists.model(images[k], k);
      for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) images[k].value(x, y) = static_cast<float>(static_cast<double>(light(x, y)) + normal(random) * std::sqrt(1 + 0.05 * static_cast<double>(light(x, y))));
    }
    // Found a little off, and with no flux yet.
    for (Source& s : sources) {
      s.flux = 0;
      const double dx = 0.2 * (unit(random) - 0.5), dy = 0.2 * (unit(random) - 0.5);
      for (auto& sight : s.sights) sight.x += dx, sight.y += dy;
    }
  }
  std::vector<Source> fit(int max_group, bool positions, int max_rounds = 40) {
    std::vector<Source> out = sources;
    FitOptions options;
    options.max_group = max_group, options.max_rounds = max_rounds;
    Quiet context;
    summary = fit_sources(images, out, options, positions, fit_window(options, fwhm), 2 * fwhm, context);
    return out;
  }
  psf::PsfModel psf;
  std::vector<FitImage> images;
  std::vector<Source> sources;
  FitSummary summary;
};

/// The largest differences in flux and in position, in units of the errors, of sources that both fits settled.
std::array<double, 2> differences(const std::vector<Source>& a, const std::vector<Source>& b, std::size_t& compared) {
  std::array<double, 2> most{};
  compared = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].status != Status::fitted || b[i].status != Status::fitted) continue;
    ++compared;
    most[0] = std::max(most[0], std::abs(a[i].flux - b[i].flux) / std::sqrt(b[i].covariance[8]));
    if (b[i].covariance[0] > 0) most[1] = std::max({most[1], std::abs(a[i].u - b[i].u) / std::sqrt(b[i].covariance[0]), std::abs(a[i].v - b[i].v) / std::sqrt(b[i].covariance[4])});
  }
  return most;
}

void compare(const psf::PsfModel& psf, double beams, bool positions) {
  Crowd crowd{psf, 110, beams};
  const auto joint = crowd.fit(100000, positions);
  const auto whole = crowd.summary;
  const auto blocks = crowd.fit(6, positions);
  std::size_t compared = 0;
  const auto most = differences(blocks, joint, compared);
  std::printf("%zu sources, largest group %ld: joint %d rounds, %ld blocks %d rounds; of %zu settled ones flux within %.2g, position within %.2g sigma\n", joint.size(), whole.largest_group, whole.rounds, crowd.summary.blocks, crowd.summary.rounds, compared,
              most[0], most[1]);
  EXPECT_GT(whole.largest_group, 10);
  EXPECT_GT(crowd.summary.blocks, whole.blocks + 10);
  EXPECT_GT(compared, 0.97 * static_cast<double>(joint.size()));
  EXPECT_LT(most[0], 1e-3);
  EXPECT_LT(most[1], 1e-3);
}

}  // namespace

TEST(FitSources, BlocksSettleToTheJointFit) {
  compare(psf::PsfModel::analytic({.fwhm_pix = fwhm}), 6, true);
  compare(psf::PsfModel::analytic({.profile = psf::ProfileShape::moffat, .fwhm_pix = fwhm, .beta = 2.5}), 7, true);  // wings that reach all others
}

TEST(FitSources, ForcedBlocksSettleToTheJointSolution) { compare(psf::PsfModel::analytic({.fwhm_pix = fwhm}), 5, false); }

TEST(FitSources, LimitsOfAPositionCountAlongTheSourcesOwnAxes) {
  // An image turned by 30 degrees: of an offset by one pixel along x and along y the limit leaves 0.3 pixels along y.
  constexpr double turn = 0.5235987755982988, scale = 0.5;
  const auto psf = psf::PsfModel::analytic({.fwhm_pix = fwhm});
  std::vector<FitImage> images(1);
  FitImage& image = images.front();
  const Box box{0, 0, 25, 25};
  image.psf = &psf, image.value = Image<float>{box}, image.variance = Image<float>{box, 1.0F}, image.good = Image<std::uint8_t>{box, 1};
  const photometry::Sight sight{.frame = 0, .x = 12, .y = 12, .x_u = std::cos(turn) / scale, .x_v = std::sin(turn) / scale, .y_u = -std::sin(turn) / scale, .y_v = std::cos(turn) / scale};
  photometry::Sight star = sight;
  star.x = star.y = 13;
  psf::PointResponse workspace;
  std::vector<float> stamp;
  add_source(image, star, 500, workspace, stamp, image.value);
  const auto fitted = [&](double along_x, double along_y, double axes) {
    std::vector<Source> sources(1);
    sources[0].ref_x = sources[0].ref_y = 12, sources[0].turn = axes, sources[0].sights = {sight};
    FitOptions options;
    options.max_shift = along_x, options.max_shift_y = along_y;
    Quiet context;
    fit_sources(images, sources, options, true, 9, 2, context);
    return sources[0];
  };
  const Source held = fitted(2, 0.3, turn);
  EXPECT_EQ(held.status, Status::at_limit);
  EXPECT_NEAR(moved(sight, held.u, held.v).y, 12.3, 1e-9);
  EXPECT_NEAR(moved(sight, held.u, held.v).x, 13, 0.1);
  EXPECT_NEAR(moved(sight, fitted(0.3, 2, turn).u, fitted(0.3, 2, turn).v).x, 12.3, 1e-9);
  // Where no limit is met axes do not matter.
  const Source free = fitted(2, 2, turn), as_ever = fitted(3, 0, 0);
  EXPECT_EQ(free.status, Status::fitted);
  EXPECT_NEAR(free.u, as_ever.u, 1e-6);
  EXPECT_NEAR(free.v, as_ever.v, 1e-6);
  for (int k = 0; k < 9; ++k) EXPECT_NEAR(free.covariance[k], as_ever.covariance[k], 1e-5 * std::sqrt(as_ever.covariance[4 * (k / 3)] * as_ever.covariance[4 * (k % 3)]));
}

TEST(FitSources, WhatHasNotSettledSaysSo) {
  Crowd crowd{psf::PsfModel::analytic({.fwhm_pix = fwhm}), 60, 8};
  const auto settled = crowd.fit(25, true), stopped = crowd.fit(25, true, 3);
  EXPECT_EQ(crowd.summary.rounds, 3);
  long restless = 0;
  for (std::size_t i = 0; i < settled.size(); ++i) {
    EXPECT_EQ(settled[i].status, Status::fitted);
    restless += stopped[i].status == Status::no_convergence;
    if (stopped[i].status == Status::fitted) {
      EXPECT_LT(std::abs(stopped[i].flux - settled[i].flux), 0.02 * std::sqrt(settled[i].covariance[8]));
    }
  }
  EXPECT_GT(restless, 10);
  EXPECT_LT(restless, static_cast<long>(settled.size()));
}

TEST(FitSources, HitsThatAreFittedAsStarsComeToRest) {
  // Tracks of a few pixels, 20 to 1000 sigma in each: what single frames at the edge of a mosaic have. Full steps of their fits overshoot to and fro, and χ² in single precision cannot tell how far.
  constexpr int across = 14, apart = 24;
  const auto psf = psf::PsfModel::analytic({.fwhm_pix = 1.6});
  std::vector<FitImage> images(1);
  FitImage& image = images.front();
  const Box box{0, 0, across * apart, across * apart};
  image.psf = &psf, image.value = Image<float>{box}, image.variance = Image<float>{box, 1.0F}, image.good = Image<std::uint8_t>{box, 1};
  std::mt19937 random{3};
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> unit{0, 1};
  for (float& v : image.value.pixels()) v = static_cast<float>(normal(random));
  std::vector<Source> sources;
  for (int k = 0; k < across * across; ++k) {
    const int x = apart / 2 + apart * (k % across), y = apart / 2 + apart * (k / across);
    const double angle = 6.283 * unit(random), charge = 20 * std::pow(50, unit(random)), length = 1 + 5 * unit(random);
    for (double t = 0; t < length; t += 0.25) image.value(x + static_cast<int>(std::lround(t * std::cos(angle))), y + static_cast<int>(std::lround(t * std::sin(angle)))) += static_cast<float>(charge / 4);
    Source& s = sources.emplace_back();
    s.ref_x = x, s.ref_y = y, s.sights = {{.frame = 0, .x = static_cast<double>(x), .y = static_cast<double>(y)}};
  }
  FitOptions options;
  Quiet context;
  const auto summary = fit_sources(images, sources, options, true, 7, 3.2, context);
  EXPECT_LT(summary.rounds, options.max_rounds);
  for (const Source& s : sources) EXPECT_TRUE(s.status == Status::fitted || s.status == Status::at_limit) << static_cast<int>(s.status) << " at " << s.ref_x << ", " << s.ref_y << ", chi square " << s.chi2;
}

TEST(Settling, BringsToRestWhatOvershootsAndWhatCreeps) {
  for (const double left : {-2.4, -0.9, 0.3}) {  // of the distance to the end, after a whole step; alone the first would run away
    Settling settling{1};
    Source s;
    s.flux = 100;
    Fitted f;
    f.covariance[8] = 4;
    int round = 0;
    for (; round < 12 && std::abs(s.flux) > 1e-6; ++round) {
      f.flux = left * s.flux;
      s.flux += settling.share(round, s, f) * (f.flux - s.flux);
    }
    EXPECT_LT(round, 9) << left;
  }
}

}  // namespace tessera::joint_fit
