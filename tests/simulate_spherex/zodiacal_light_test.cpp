// Kelsall's model against values computed independently from the same paper, seen from the Earth at (1, 0, 0) AU.
#include "tessera/simulate_spherex/zodiacal_light.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"

namespace tessera::simulate_spherex {
namespace {

constexpr Vector3 earth{1, 0, 0};

TEST(ZodiacalLight, GivesTheCheckValuesInFourBands) {
  const double wavelengths[] = {1.25, 2.2, 3.5, 4.9};
  const struct {
    Vector3 direction;
    double expected[4];
  } rows[] = {{{0, 0, 1}, {.0965, .0640, .0468, .330}},
              {{0, 1, 0}, {.361, .231, .142, .811}},
              {{0, std::sqrt(3.0), 1}, {.171, .112, .0763, .506}}};
  for (const auto& row : rows)
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(zodiacal_light(earth, row.direction, wavelengths[i]) / row.expected[i], 1, .02) << row.direction[1] << ' ' << wavelengths[i];
}

TEST(ZodiacalLight, IsContinuousAcrossTheFittedBands) {
  for (const double w : {1.25, 2.2, 3.5, 4.9}) EXPECT_NEAR(zodiacal_light(earth, {0, 0, 1}, w * (1 - 1e-7)) / zodiacal_light(earth, {0, 0, 1}, w * (1 + 1e-7)), 1, 1e-5);
}

TEST(ZodiacalLight, RefusesWhatTheModelDoesNotCover) {
  EXPECT_THROW(zodiacal_light(earth, {0, 0, 1}, 12), UsageError);
  EXPECT_THROW(zodiacal_light(earth, {0, 0, 0}, 2), UsageError);
}

}  // namespace
}  // namespace tessera::simulate_spherex
