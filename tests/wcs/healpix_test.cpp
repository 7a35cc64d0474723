#include "tessera/wcs/healpix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

using namespace tessera::wcs;

TEST(Healpix, EveryCellHoldsItsOwnMiddle) {
  for (int order = 0; order <= 5; ++order)
    for (std::int64_t cell = 0; cell < 12LL << (2 * order); ++cell) ASSERT_EQ(healpix_cell(healpix_center(cell, order), order), cell) << "order " << order;
  std::mt19937_64 random{4};
  for (int k = 0; k < 20000; ++k) {
    const int order = 6 + static_cast<int>(random() % 24);
    const auto cell = static_cast<std::int64_t>(random() % (12ULL << (2 * order)));
    ASSERT_EQ(healpix_cell(healpix_center(cell, order), order), cell) << "order " << order;
  }
}

TEST(Healpix, CellsNestAndHaveOneArea) {
  std::mt19937_64 random{5};
  std::uniform_real_distribution<double> z{-1, 1}, ra{0, 360};
  std::vector<int> count(768, 0);
  for (int k = 0; k < 768 * 400; ++k) {
    const SkyPoint p{ra(random), std::asin(z(random)) * 180 / M_PI};
    const auto fine = healpix_cell(p, 29);
    for (const int order : {0, 3, 12, 20}) ASSERT_EQ(fine >> (2 * (29 - order)), healpix_cell(p, order));
    ++count[static_cast<std::size_t>(healpix_cell(p, 3))];
  }
  double chi2 = 0;
  for (const int n : count) chi2 += (n - 400.0) * (n - 400.0) / 400;
  EXPECT_NEAR(chi2, 767, 5 * std::sqrt(2 * 767.0));
}

TEST(Healpix, PolesAndSeamsHaveCells) {
  EXPECT_EQ(healpix_cell({0, 90}, 0), 0);
  EXPECT_EQ(healpix_cell({359.999999999, -90}, 0), 11);
  EXPECT_EQ(healpix_cell({360, 0}, 5), healpix_cell({0, 0}, 5));
  EXPECT_EQ(healpix_cell({-0.001, 0}, 5), healpix_cell({359.999, 0}, 5));
}

TEST(Moc, JoinsFourCellsAndKeepsTheArea) {
  std::vector<std::int64_t> cells;
  for (std::int64_t c = 64; c < 128; ++c) cells.push_back(c), cells.push_back(c);  // the fifth cell of order 1, all of it
  cells.push_back(131);
  const Moc moc{4, cells};
  EXPECT_EQ(moc.cells(4), std::vector<std::int64_t>{131});
  EXPECT_EQ(moc.cells(1), std::vector<std::int64_t>{1});
  EXPECT_NEAR(moc.area_sr(), 65 * 4 * M_PI / (12 * 256), 1e-15);
  EXPECT_EQ(moc.uniq(), (std::vector<std::int64_t>{17, 1024 + 131}));
  EXPECT_EQ(moc.json(), "{\"1\":[1],\n \"4\":[131]}\n");
  EXPECT_EQ((Moc{2, {}}.json()), "{\"2\":[]}\n");
}

}  // namespace
