// Whole rows of an ordinary frame are decoded in one loop, parts of rows plane by plane: two ways that must give the same bits.
#include <cmath>
#include <cstring>
#include <random>

#include "instrument/support.h"

namespace tessera::instrument {
namespace {

using test::Hdu;

constexpr int width = 67, height = 9;  // no multiple of any vector

/// Values and errors of every size, and those that make a pixel bad.
void fill(Hdu& h, std::uint32_t seed, double level) {
  std::mt19937 random{seed};
  std::lognormal_distribution<double> size{0, 3};
  const double odd[] = {NAN, INFINITY, -INFINITY, 0, -1, 1e-30, 3e38, 1e-45};
  for (std::size_t i = 0; i < h.pixels.size(); ++i) h.pixels[i] = i % 7 == 3 ? odd[random() % 8] : level * size(random);
}

bool same_bits(const Frame& whole, const Frame& part) {
  const Box box = part.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (std::memcmp(&whole.value(x, y), &part.value(x, y), sizeof(float)) != 0 || std::memcmp(&whole.variance(x, y), &part.variance(x, y), sizeof(float)) != 0 ||
          whole.good(x, y) != part.good(x, y))
        return false;
  return true;
}

struct Case {
  std::string error, unit;
  int mask_bitpix;
  std::string zero;  // BZERO of the mask
};

TEST(StoredPlanes, GiveTheBitsOfPlanesReadOneByOne) {
  TemporaryFolder folder;
  const std::vector<Case> cases{{"ERR", "MJy/sr", 0, ""}, {"ERR", "uJy/arcsec2", 16, ""}, {"VAR", "MJy/sr", 32, ""}, {"VAR", "uJy/arcsec2", 8, ""},
                                {"ERR", "MJy/sr", 32, "2147483648"}, {"ERR", "MJy/sr", 16, "32768"}};
  int n = 0;
  for (const auto& c : cases) {
    Hdu image = test::sky_image(width, height, 1, "SCI"), error = test::image(width, height, 1, c.error), mask = test::image(width, height, 0, "DQ");
    image.text("BUNIT", c.unit);
    fill(image, 1, 5), fill(error, 2, 0.1);
    std::vector<Hdu> planes{test::no_data(), image, error};
    if (c.mask_bitpix) {
      mask.bitpix = c.mask_bitpix;
      std::mt19937 random{3};
      const double offset = c.zero.empty() ? 0 : std::stod(c.zero);
      for (auto& m : mask.pixels) m = (random() % 3 ? 0.0 : static_cast<double>(1u << random() % static_cast<unsigned>(c.mask_bitpix - 1))) - offset;
      if (!c.zero.empty()) mask.card("BZERO", c.zero);
      planes.push_back(mask);
    }
    const auto path = folder / ("f" + std::to_string(n++) + ".fits");
    test::write_fits(path, planes);
    InputOptions options;
    options.fatal_bits = "5";
    const auto f = open(path, options);
    ASSERT_EQ(f.mask.has_value(), c.mask_bitpix != 0) << c.error;
    const Frame whole = read_frame(f, f.box());
    const auto good = good_pixels(whole);
    EXPECT_GT(good, width * height / 3) << c.error;
    EXPECT_LT(good, width * height) << c.error;
    EXPECT_TRUE(same_bits(whole, read_frame(f, {1, 0, width, height}))) << c.error << c.mask_bitpix;
    EXPECT_TRUE(same_bits(whole, read_frame(f, {0, 3, width, 5}))) << c.error << c.mask_bitpix;
    if (c.mask_bitpix) {  // the mask by its meaning: bits 0 and 2 are fatal
      const auto bits = read_mask(f, f.box());
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) EXPECT_FALSE(whole.good(x, y) && (bits(x, y) & 5)) << x << ' ' << y;
    }
  }
}

TEST(StoredPlanes, AFileThatEndsTooEarlyIsNamed) {
  TemporaryFolder folder;
  const auto path = folder / "f.fits";
  test::write_fits(path, {test::no_data(), test::sky_image(200, 100, 1, "SCI"), test::image(200, 100, 1, "ERR")});
  const auto f = open(path);
  fs::resize_file(path, fs::file_size(path) - 40000);
  EXPECT_THAT(message_of<DataError>([&] { read_frame(f, f.box()); }), testing::HasSubstr("f.fits"));
}

}  // namespace
}  // namespace tessera::instrument
