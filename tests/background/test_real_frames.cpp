/// Real IRAC frames: 32 dithered exposures of one field whose stated uncertainties are too large in channel 1.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "background/synthetic.h"
#include "places.h"
#include "tessera/base/files.h"
#include "tessera/core/header.h"
#include "tessera/core/statistics.h"
#include "tessera/wcs/pixel_map.h"
#include "tessera/wcs/sky_wcs.h"

using namespace tessera;
using namespace tessera::background;
using tessera::test::shared_data;

namespace {

constexpr int side = 256;
constexpr std::uint32_t fatal_bits = 32520;

/// The primary HDU of a plain FITS file of 256 × 256 pixels, the only kind these frames need.
struct Fits {
  Header header;
  std::vector<double> pixels;
};

Fits read_fits(const std::filesystem::path& path) {
  const auto bytes = files::read(path);
  std::size_t end = 0;
  while (bytes.compare(end, 8, "END     ") != 0) end += 80;
  Fits fits{Header::parse(std::string_view{bytes}.substr(0, end)), std::vector<double>(side * side)};
  const std::size_t data = (end / 2880 + 1) * 2880;
  const auto bitpix = fits.header.integer("BITPIX");
  for (std::size_t k = 0; k < fits.pixels.size(); ++k) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
    if (bitpix == 16) {
      fits.pixels[k] = static_cast<std::int16_t>(byte(data + 2 * k) << 8 | byte(data + 2 * k + 1));
    } else {
      const std::size_t i = data + 4 * k;
      fits.pixels[k] = static_cast<double>(std::bit_cast<float>(byte(i) << 24 | byte(i + 1) << 16 | byte(i + 2) << 8 | byte(i + 3)));
    }
  }
  return fits;
}

struct Exposure {
  Frame frame{Box{0, 0, side, side}};
  Header header;
};

std::vector<Exposure> read_channel(const std::string& folder) {
  std::vector<std::filesystem::path> names;
  for (const auto& entry : std::filesystem::directory_iterator{shared_data() / "spitzer_irac_grb120119a" / folder})
    if (entry.path().filename().string().ends_with("_cbcd.fits")) names.push_back(entry.path());
  std::sort(names.begin(), names.end());
  std::vector<Exposure> exposures;
  for (const auto& name : names) {
    const auto companion = [&](const std::string& kind) {
      auto text = name.string();
      return read_fits(text.replace(text.rfind("cbcd"), 4, kind));
    };
    auto image = read_fits(name);
    if (image.header.number("FRAMTIME").value_or(0) < 50) continue;  // the short frames of a high-dynamic-range triplet
    const auto sigma = companion("cbunc"), mask = companion("bimsk");
    auto& e = exposures.emplace_back();
    for (std::size_t k = 0; k < image.pixels.size(); ++k) {
      const bool bad = !std::isfinite(image.pixels[k]) || !(sigma.pixels[k] > 0) || (static_cast<std::uint32_t>(static_cast<std::int32_t>(mask.pixels[k])) & fatal_bits) != 0;
      if (bad) continue;
      e.frame.value.pixels()[k] = static_cast<float>(image.pixels[k]);
      e.frame.variance.pixels()[k] = static_cast<float>(sigma.pixels[k] * sigma.pixels[k]);
      e.frame.good.pixels()[k] = 1;
    }
    e.header = std::move(image.header);
  }
  return exposures;
}

constexpr int plane_side = 580;
constexpr std::size_t plane_pixels = std::size_t{plane_side} * plane_side;

/// A gnomonic plane about the field, 1.22″ pixels, north up.
wcs::SkyWcs field_plane() {
  Header h;
  h.set("NAXIS", std::int64_t{2}), h.set("NAXIS1", std::int64_t{plane_side}), h.set("NAXIS2", std::int64_t{plane_side});
  h.set("CTYPE1", std::string{"RA---TAN"}), h.set("CTYPE2", std::string{"DEC--TAN"});
  h.set("CRVAL1", 120.03), h.set("CRVAL2", -9.08), h.set("CRPIX1", 0.5 * (plane_side + 1)), h.set("CRPIX2", 0.5 * (plane_side + 1));
  h.set("CDELT1", -1.22 / 3600), h.set("CDELT2", 1.22 / 3600);
  return wcs::SkyWcs::from_header(h, "test plane");
}

struct Sums {
  double value = 0, stated = 0, scaled = 0;
  int n = 0;
};

/// One pixel of the plane in one frame, bilinear, variance with squared weights; false where a pixel is bad.
bool bilinear(const Frame& frame, double x, double y, double& value, double& variance) {
  if (!(x >= 0 && y >= 0 && x < side - 1 && y < side - 1)) return false;
  const int i = static_cast<int>(x), j = static_cast<int>(y);
  value = variance = 0;
  for (const int b : {0, 1})
    for (const int a : {0, 1}) {
      if (!frame.good(i + a, j + b)) return false;
      const double w = (a ? x - i : 1 - x + i) * (b ? y - j : 1 - y + j);
      value += w * static_cast<double>(frame.value(i + a, j + b));
      variance += w * w * static_cast<double>(frame.variance(i + a, j + b));
    }
  return true;
}

struct OnPlane {
  std::vector<float> value = std::vector<float>(plane_pixels), variance = std::vector<float>(plane_pixels);
  double scale = 1;
};

struct Widths {
  double stated = 0, scaled = 0;
  std::size_t pixels = 0;
};

/// Width of (odd − even) / σ of half stacks, offsets matched, hits beyond 4 σ of the median left out.
Widths half_stack_widths(const std::vector<Exposure>& exposures) {
  const auto plane = field_plane();
  std::vector<CellMap> cells;
  std::vector<OnPlane> stack;
  for (const auto& e : exposures) {
    const auto frame_wcs = wcs::SkyWcs::from_header(e.header, "frame");
    const auto forward = wcs::approximate(wcs::plane_to_plane(frame_wcs, plane), {0, 0, side, side});
    const auto back = wcs::approximate(wcs::plane_to_plane(plane, frame_wcs), {0, 0, plane_side, plane_side});
    const double scale = measure_noise(e.frame.view()).scale;
    cells.push_back(cell_map(e.frame.view(), mask_objects(e.frame.view(), scale, {}), *forward, 4, {0, 0, plane_side, plane_side}));
    auto& r = stack.emplace_back();
    r.scale = scale;
    std::vector<double> x(plane_side), y(plane_side);
    for (int row = 0; row < plane_side; ++row) {
      back->apply_row(0, row, x, y);
      for (std::size_t k = 0; k < plane_side; ++k) {
        double value = 0, variance = 0;
        if (!bilinear(e.frame, x[k], y[k], value, variance)) continue;
        r.value[static_cast<std::size_t>(row) * plane_side + k] = static_cast<float>(value);
        r.variance[static_cast<std::size_t>(row) * plane_side + k] = static_cast<float>(variance);
      }
    }
  }
  const auto offsets = match_backgrounds(cells, {});
  EXPECT_EQ(offsets.groups, 1);
  std::vector<double> stated, scaled, values;
  for (std::size_t p = 0; p < plane_pixels; ++p) {
    values.clear();
    for (std::size_t f = 0; f < stack.size(); ++f)
      if (stack[f].variance[p] > 0) values.push_back(static_cast<double>(stack[f].value[p]) - offsets.offset[f]);
    if (values.size() < 4) continue;
    const double median = statistics::median(values), mad = statistics::mad_sigma(std::span<const double>{values});
    Sums half[2];
    for (std::size_t f = 0; f < stack.size(); ++f) {
      const double v = static_cast<double>(stack[f].value[p]) - offsets.offset[f], w = static_cast<double>(stack[f].variance[p]);
      if (!(w > 0) || std::abs(v - median) > 4 * std::max(mad, stack[f].scale * std::sqrt(w))) continue;
      auto& h = half[f % 2];
      h.value += v, h.stated += w, h.scaled += w * stack[f].scale * stack[f].scale, ++h.n;
    }
    if (half[0].n < 2 || half[1].n < 2) continue;
    const double difference = half[0].value / half[0].n - half[1].value / half[1].n, n0 = half[0].n, n1 = half[1].n;
    stated.push_back(difference / std::sqrt(half[0].stated / (n0 * n0) + half[1].stated / (n1 * n1)));
    scaled.push_back(difference / std::sqrt(half[0].scaled / (n0 * n0) + half[1].scaled / (n1 * n1)));
  }
  return {statistics::mad_sigma(std::span<const double>{stated}), statistics::mad_sigma(std::span<const double>{scaled}), stated.size()};
}

}  // namespace

TEST(RealFrames, OddAndEvenHalfStacksDifferAsTheirScaledNoiseSays) {
  if (!std::filesystem::exists(shared_data() / "spitzer_irac_grb120119a")) {
    std::printf("skipped: no shared data\n");
    GTEST_SKIP();
  }
  for (const std::string channel : {"ch1", "ch2"}) {
    const auto exposures = read_channel(channel);
    ASSERT_GE(exposures.size(), 28u);
    const auto widths = half_stack_widths(exposures);
    std::printf("%s: half-stack width %.3f as stated, %.3f with one noise scale per frame (%zu pixels)\n", channel.c_str(), widths.stated, widths.scaled, widths.pixels);
    EXPECT_GT(widths.pixels, 80000);
    EXPECT_NEAR(widths.scaled, 1, 0.05);
    if (channel == "ch1") {
      EXPECT_LT(widths.stated, 0.8) << "else this data set tests nothing";
    }
  }
}
