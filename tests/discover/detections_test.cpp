#include "tessera/discover/detections.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tessera/discover/responses.h"
#include "tessera/psf/profile.h"

using namespace tessera;
using namespace tessera::discover;

namespace {

constexpr double fwhm = 1.6, sigma = 0.1;
constexpr int side = 160, planes = 20;

struct Star {
  double x, y, flux;
};

const psf::Profile& profile() {
  static const psf::Profile made{{.fwhm_pix = fwhm}};
  return made;
}
const psf::PsfModel& response() {
  static const auto made = psf::PsfModel::analytic({.fwhm_pix = fwhm});
  return made;
}

Combined combined(std::vector<FilteredPlane>& from, const DetectionOptions& options) {
  return combine_places(from, from.front().significance.box(), options, [&](const std::function<void(std::size_t)>& work) {
    for (std::size_t k = 0; k < from.size(); ++k) work(k);
  });
}

std::vector<Detection> sources_in(std::vector<FilteredPlane>& from, const DetectionOptions& options) {
  const auto all = combined(from, options);
  return find_sources(all, from, options);
}

/// Planes of noise with stars of one flux in each; half of each plane has no data, in turn.
std::vector<FilteredPlane> filtered(const std::vector<Star>& stars, unsigned seed) {
  std::mt19937 random{seed};
  std::normal_distribution<double> noise{0, sigma};
  std::vector<FilteredPlane> made;
  for (int k = 0; k < planes; ++k) {
    Image<double> light{Box{0, 0, side, side}};
    for (const auto& s : stars) profile().add_to(light.view(), s.x, s.y, s.flux);
    Image<float> image{light.box()}, variance{light.box(), static_cast<float>(sigma * sigma)};
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) image(x, y) = (x < side / 2) == (k % 2 == 0) ? NAN : static_cast<float>(3 + light(x, y) + noise(random));
    made.emplace_back(image, variance, response(), DetectionOptions{});
  }
  return made;
}

}  // namespace

TEST(Discover, FindsStarsThatNoPlaneShowsAlone) {
  std::vector<Star> stars;
  for (int j = 0; j < 5; ++j)
    for (int i = 0; i < 6; ++i) stars.push_back({13.0 + 27 * i, 15.3 + 30 * j, 0.9});  // about 3.5 sigma in one plane
  auto planes_of = filtered(stars, 5);
  const auto found = sources_in(planes_of, {});
  int right = 0;
  for (const auto& d : found)
    for (const auto& s : stars)
      if (std::hypot(d.x - s.x, d.y - s.y) < 1) {
        ++right;
        EXPECT_EQ(d.with_data, planes / 2);
        EXPECT_EQ(d.values.size(), std::size_t{planes / 2});
        EXPECT_GT(d.significance, 5);
        EXPECT_NEAR(d.x, s.x, 0.6);
        EXPECT_NEAR(d.y, s.y, 0.6);
      }
  EXPECT_GE(right, 29);
  EXPECT_LE(static_cast<int>(found.size()) - right, 0);
}

TEST(Discover, NoiseAloneIsNoSource) {
  auto noise = filtered({}, 8);
  EXPECT_TRUE(sources_in(noise, {}).empty());
  DetectionOptions low;
  low.threshold = 3;
  const auto found = sources_in(noise, low);  // P(> 3 sigma) is 0.00135, of 25600 pixels that are about five to a peak
  EXPECT_GT(found.size(), 3U);
  EXPECT_LT(found.size(), 40U);
}

TEST(Discover, AFlatSpectrumIsSeenDeeperByTheMeanAndALineByChiSquare) {
  const auto significance_of = [](const std::vector<FilteredPlane>& from, Combination how, int x, int y) {
    DetectionOptions options;
    options.combination = how;
    detect::ChiScales scales;
    return static_cast<double>(combine(from, options, scales)(x, y));
  };
  std::vector<Star> stars;
  for (int i = 0; i < 5; ++i) stars.push_back({20.0 + 28 * i, 60, 0.45});
  const auto faint = filtered(stars, 11);  // below 2 sigma in one plane
  double flat = 0, squares = 0, both = 0;
  for (const auto& s : stars) {
    const int x = static_cast<int>(s.x), y = static_cast<int>(s.y);
    flat += significance_of(faint, Combination::flat, x, y) / 5, squares += significance_of(faint, Combination::chi_square, x, y) / 5, both += significance_of(faint, Combination::both, x, y) / 5;
  }
  EXPECT_GT(flat, squares + 0.5);
  EXPECT_NEAR(both, flat, 0.2);  // log 2 / S is the price of two chances
  auto line = filtered({}, 12);  // one plane alone has a source
  for (auto& plane : line)
    if (std::isfinite(plane.significance(60, 60))) {
      plane.significance(60, 60) = 9;
      break;
    }
  EXPECT_GT(significance_of(line, Combination::chi_square, 60, 60), 6);
  EXPECT_LT(significance_of(line, Combination::flat, 60, 60), 5);
  EXPECT_NEAR(significance_of(line, Combination::both, 60, 60), significance_of(line, Combination::chi_square, 60, 60), 0.15);
}

TEST(Discover, TheMeanFluxIsWeightedAndTheBrightestChannelIsOneWhereTheSourceIsSeen) {
  Detection d;
  d.values = {{0, 2.0, 50, 25}, {1, 6.0, 30, 5}, {2, 4.0, 40, 10}, {3, 1.0, NAN, NAN}};
  sum_up(d, {});
  const double w[] = {1 / 625., 1 / 25., 1 / 100.};
  EXPECT_NEAR(d.flux, (50 * w[0] + 30 * w[1] + 40 * w[2]) / (w[0] + w[1] + w[2]), 1e-12);
  EXPECT_NEAR(d.flux_error, 1 / std::sqrt(w[0] + w[1] + w[2]), 1e-12);
  EXPECT_EQ(d.brightest, 2);  // plane 0 is brighter, but not seen
}

TEST(Discover, AResponseIsMadeRoundAndKeepsItsSum) {
  Image<float> cells{Box{0, 0, 101, 101}};
  for (int y = 40; y < 61; ++y)
    for (int x = 45; x < 56; ++x) cells(x, y) = 1;
  const auto round = round_response(cells, 10, 1);
  double sum = 0;
  for (const double v : round.pixels()) sum += v;
  EXPECT_NEAR(sum / (21 * 11), 1, 0.01);
  EXPECT_NEAR(round(50, 68), round(68, 50), 1e-12);
  EXPECT_GT(round(50, 60), 0.1);
}

TEST(Discover, ASpreadPointHasTheVarianceOfItsSquares) {
  Image<float> cells{Box{0, 0, 101, 101}};
  cells(50, 50) = 1;
  for (const int spreads : {1, 2}) {
    const auto round = round_response(cells, 10, spreads);
    double sum = 0, moment = 0;
    for (int y = 0; y < 101; ++y)
      for (int x = 0; x < 101; ++x) sum += round(x, y), moment += round(x, y) * ((x - 50) * (x - 50) + (y - 50) * (y - 50));
    // A square of side w has w²/6 in both axes together; the box of ten cells with halves at its ends has 17 for 100/6, and rings add a little.
    EXPECT_NEAR(moment / sum, spreads * 17.0, 0.6 * spreads);
  }
}

TEST(Discover, ASourceBetweenPixelsLosesAtMostAFewPerCent) {
  // Without noise, the best there is being that of the light itself: S² = Σ light²/σ².
  double farthest = 0;
  const auto worst_and_mean = [&farthest](int places) {
    DetectionOptions options;
    options.places = places, options.combination = Combination::flat;
    const Image<float> variance{Box{0, 0, 64, 64}, static_cast<float>(sigma * sigma)};
    double worst = 1, sum = 0;
    int count = 0;
    for (int j = 0; j <= 10; ++j)
      for (int i = 0; i <= 10; ++i) {
        Image<double> light{variance.box()};
        profile().add_to(light.view(), 32 + i / 10.0, 32 + j / 10.0, 30);
        Image<float> image{light.box()};
        double squares = 0;
        for (std::size_t k = 0; k < image.pixels().size(); ++k) image.pixels()[k] = static_cast<float>(light.pixels()[k]), squares += light.pixels()[k] * light.pixels()[k];
        std::vector<FilteredPlane> one;
        one.emplace_back(image, variance, response(), options);
        const auto found = sources_in(one, options);
        EXPECT_EQ(found.size(), 1U);
        const double part = found.empty() ? 0 : found.front().significance * sigma / std::sqrt(squares);
        worst = std::min(worst, part), sum += part, ++count;
        if (places > 1 && !found.empty()) farthest = std::max(farthest, std::hypot(found.front().x - 32 - i / 10.0, found.front().y - 32 - j / 10.0));
      }
    return std::pair{worst, sum / count};
  };
  const auto [worst_before, mean_before] = worst_and_mean(1);
  const auto [worst, mean] = worst_and_mean(3);
  EXPECT_LT(worst_before, 0.8);
  EXPECT_LT(mean_before, 0.95);
  EXPECT_GT(worst, 0.96);
  EXPECT_GT(mean, 0.985);
  EXPECT_LT(farthest, 0.05);
}

TEST(Discover, ManyPlacesGiveNoiseNoMorePeaks) {
  int middle = 0, places = 0;
  for (unsigned seed = 0; seed < 8; ++seed) {
    auto noise = filtered({}, 100 + seed);
    DetectionOptions low;
    low.threshold = 3;
    places += static_cast<int>(sources_in(noise, low).size());
    low.places = 1;
    middle += static_cast<int>(sources_in(noise, low).size());
  }
  EXPECT_GT(middle, 120);  // about 190, by chance ± 14
  EXPECT_LT(places, 1.25 * middle);  // 1.9 without what they are charged
  EXPECT_GT(places, 0.75 * middle);
}

TEST(Discover, ChancesOfPlacesAreThoseOfNeighboursAndLessThanAllPlaces) {
  EXPECT_NEAR(islands(0, 3), 1 - 2 * 0.00135, 1e-4);
  EXPECT_NEAR(islands(1, 3), 0, 1e-3);
  constexpr double along = 0.8, rest = 0.6, u = 1.5;
  std::mt19937_64 random{4};
  std::normal_distribution<double> normal;
  double above = 0, sum = 0;
  for (int i = 0; i < 1000000; ++i) {
    const double a = normal(random), b = along * a + rest * normal(random), c = along * a + rest * normal(random), d = along * (b + c - along * a) + rest * rest * normal(random);
    if (!(a > u)) continue;
    above += 1, sum += 1 - (b > u) - (c > u) + (b > u && c > u && d > u);
  }
  EXPECT_NEAR(islands(along, u), sum / above, 4 / std::sqrt(above));
  EXPECT_EQ(chances_of_places({&response()}, 1, 5, true), 1);
  const double two = chances_of_places({&response()}, 2, 5, false), three = chances_of_places({&response()}, 3, 5, false);
  EXPECT_GT(two, 1.5);
  EXPECT_GT(three, two);
  EXPECT_LT(three, 5);
  EXPECT_GT(chances_of_places({&response()}, 3, 5, true), three);
}
