#include <cairo.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/picture/bare.h"

using namespace tessera;
using namespace tessera::picture;

namespace {

struct Decoded {
  cairo_surface_t* surface;
  explicit Decoded(const std::string& png) {
    std::string_view rest{png};
    surface = cairo_image_surface_create_from_png_stream(
        [](void* from, unsigned char* out, unsigned int n) {
          auto& bytes = *static_cast<std::string_view*>(from);
          if (bytes.size() < n) return CAIRO_STATUS_READ_ERROR;
          std::memcpy(out, bytes.data(), n);
          bytes.remove_prefix(n);
          return CAIRO_STATUS_SUCCESS;
        },
        &rest);
  }
  ~Decoded() { cairo_surface_destroy(surface); }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  std::uint32_t pixel(int x, int y) const {
    std::uint32_t value = 0;
    std::memcpy(&value, cairo_image_surface_get_data(surface) + y * cairo_image_surface_get_stride(surface) + 4 * x, 4);
    return value;
  }
};

}  // namespace

TEST(BarePicture, IsAPngOfThePixelsUpsideUpWithNoDataTransparent) {
  PreviewBuilder builder{3, 2, 100};
  builder.add_row(0, std::vector<float>{0, 1, 2});
  builder.add_row(1, std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 4, 4});
  PictureOptions options;
  options.integer_levels = true;
  const auto bare = draw_bare(builder.finish(), options);
  const Decoded d{bare.png};
  ASSERT_EQ(cairo_surface_status(d.surface), CAIRO_STATUS_SUCCESS);
  ASSERT_EQ(cairo_image_surface_get_width(d.surface), 3);
  ASSERT_EQ(cairo_image_surface_get_height(d.surface), 2);
  EXPECT_EQ(d.pixel(0, 0) >> 24, 0u);             // the NaN, in the upper row
  EXPECT_EQ(d.pixel(1, 0), 0xffffffffu);
  EXPECT_EQ(d.pixel(0, 1), 0xff000000u);
  EXPECT_NEAR(static_cast<double>(d.pixel(2, 1) & 255u), 127.5, 1.5);
  ASSERT_GE(bare.ticks.size(), 3u);
  EXPECT_EQ(bare.ticks.front().position, 0);
  EXPECT_EQ(bare.ticks.front().label, "0");
  EXPECT_EQ(bare.ticks.back().position, 1);
}

TEST(BarePicture, OfNoiseTakesAByteAPixelAtMost) {
  PreviewBuilder builder{300, 300, 300};
  std::mt19937 random{1};
  std::vector<float> row(300);
  for (int y = 0; y < 300; ++y) {
    for (float& v : row) v = static_cast<float>(random());
    builder.add_row(y, row);
  }
  PictureOptions options;
  options.stretch = Stretch::linear;
  EXPECT_LT(draw_bare(builder.finish(), options).png.size(), 300u * 301u + 1500u);
}

TEST(BarePicture, OfNothingButNoDataIsDrawnToo) {
  PreviewBuilder builder{2, 1, 100};
  builder.add_row(0, std::vector<float>(2, std::numeric_limits<float>::quiet_NaN()));
  const Decoded d{draw_bare(builder.finish(), {}).png};
  ASSERT_EQ(cairo_surface_status(d.surface), CAIRO_STATUS_SUCCESS);
  EXPECT_EQ(d.pixel(0, 0), 0u);
}
