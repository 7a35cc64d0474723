#include "tessera/cube/band.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"

namespace tessera::cube {
namespace {

using testing::HasSubstr;

const Transmission triangle{"t", {1.2, 1.3, 1.5}, {0, .8, 0}};

double value(const Transmission& t, double l) {
  for (std::size_t i = 1; i < t.value.size(); ++i)
    if (l >= t.wavelength_um[i - 1] && l <= t.wavelength_um[i]) return t.value[i - 1] + (t.value[i] - t.value[i - 1]) * (l - t.wavelength_um[i - 1]) / (t.wavelength_um[i] - t.wavelength_um[i - 1]);
  return 0;
}

TEST(Bands, IntegralsAreThoseOfManySmallSteps) {
  for (const int power : {-1, 0, 1})
    for (const auto& [low, high] : {std::pair{1.0, 2.0}, {1.25, 1.31}, {1.31, 1.49}, {1.6, 1.7}}) {
      double sum = 0;
      constexpr int steps = 20000;
      for (int i = 0; i < steps; ++i) {
        const double l = low + (i + .5) * (high - low) / steps;
        sum += value(triangle, l) * std::pow(l, power) * (high - low) / steps;
      }
      EXPECT_NEAR(integral(triangle, low, high, power), sum, 1e-8) << power << ' ' << low;
    }
  const Transmission box{"b", {1, 1.0000001, 3, 3.0000001}, {0, .5, .5, 0}};
  EXPECT_NEAR(pivot_um(box), std::sqrt(4 / std::log(3)), 1e-6);  // ∫λ = 4, ∫1/λ = ln 3
  EXPECT_NEAR(width_um(box), 2, 1e-6);
}

TEST(Bands, WeightsCountPhotonsInTheStrips) {
  const auto all = spherex::ChannelTable::builtin().channels();
  const auto weights = band_weights(triangle, all);
  double sum = 0, most = 0;
  int best = 0;
  for (const auto& [channel, w] : weights) {
    sum += w;
    if (w > most) most = w, best = channel;
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(spherex::ChannelTable::builtin().channel(best).min_um, 1.2985);  // holds the peak at 1.3
  EXPECT_EQ(weights.front().first, 21);
  EXPECT_EQ(weights.back().first, 31);
  EXPECT_NEAR(part_within(triangle, all), 1, 1e-12);
  EXPECT_NEAR(part_within({"x", {4, 6}, {1, 1}}, all), std::log(4.9999 / 4) / std::log(6.0 / 4), 1e-9);
  EXPECT_THROW(band_weights({"x", {6, 7}, {1, 1}}, all), UsageError);
}

TEST(Bands, AreReadFromTextWithRemarksAndRefusedWhenTheyAreNone) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& content) {
    std::ofstream{folder.path() / name} << content;
    return (folder.path() / name).string();
  };
  const auto j = read_transmission("J=" + write("j.dat", "# Angstrom\n12000 0\n13000, 0.8 # peak\n\n15000\t0\n"), WavelengthUnit::angstrom);
  EXPECT_EQ(j.name, "J");
  EXPECT_NEAR(j.wavelength_um[1], 1.3, 1e-12);
  EXPECT_EQ(j.value[1], .8);
  const auto e = read_transmission(write("k.ecsv", "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: w, unit: nm, datatype: float64}\n# - {name: t, datatype: float64}\nw t\n2000 0.5\n2200 0.5\n"), WavelengthUnit::um);
  EXPECT_EQ(e.name, "k");
  EXPECT_NEAR(e.wavelength_um[1], 2.2, 1e-12);
  const auto refusal = [&](const std::string& content) -> std::string {
    try {
      read_transmission(write("bad.dat", content), WavelengthUnit::um);
    } catch (const DataError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(refusal("1 1\n"), HasSubstr("1 points"));
  EXPECT_THAT(refusal("2 1\n1 1\n"), HasSubstr("must ascend"));
  EXPECT_THAT(refusal("1 1\n2 -1\n"), HasSubstr("point 2"));
  EXPECT_THAT(refusal("1 0\n2 0\n"), HasSubstr("0 everywhere"));
  EXPECT_THAT(refusal("1 x\n"), HasSubstr("bad.dat:1: 'x'"));
  EXPECT_THAT(refusal("1\n"), HasSubstr("one number"));
}

}  // namespace
}  // namespace tessera::cube
