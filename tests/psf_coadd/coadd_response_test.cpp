#include "tessera/psf_coadd/coadd_response.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/coadd/sums.h"

using namespace tessera;
using psf_coadd::CoaddedFrame;
using psf_coadd::CoaddResponse;
using psf_coadd::Output;

namespace {

/// A tangent plane about (150, 2) degrees, which lies on pixel (x, y); pixels of `arcsec`, turned.
wcs::SkyWcs plane(double x, double y, double arcsec, double angle_deg, int size) {
  Header h;
  const double a = angle_deg * std::acos(-1.0) / 180, s = arcsec / 3600;
  h.set("NAXIS", std::int64_t{2}), h.set("NAXIS1", std::int64_t{size}), h.set("NAXIS2", std::int64_t{size});
  h.set("CTYPE1", std::string{"RA---TAN"}), h.set("CTYPE2", std::string{"DEC--TAN"});
  h.set("CRVAL1", 150.0), h.set("CRVAL2", 2.0), h.set("CRPIX1", x + 1), h.set("CRPIX2", y + 1);
  h.set("CD1_1", -s * std::cos(a)), h.set("CD1_2", s * std::sin(a)), h.set("CD2_1", s * std::sin(a)), h.set("CD2_2", s * std::cos(a));
  return wcs::SkyWcs::from_header(h, "test");
}

constexpr int mosaic_side = 90, frame_side = 60;

struct Stack {
  Output output;
  std::vector<CoaddedFrame> frames;
};

/// Frames of pixels of 1.2″, differently turned and shifted; weights 1, 2, 3 …
Stack stack(const reproject::InterpolationOptions& how, int count, double mosaic_arcsec) {
  Stack s{{plane(mosaic_side / 2.0, mosaic_side / 2.0, mosaic_arcsec, 0, mosaic_side), {0, 0, mosaic_side, mosaic_side}, how}, {}};
  for (int k = 0; k < count; ++k)
    s.frames.push_back(psf_coadd::place_frame(s.output, plane(30 + 1.37 * k - 0.11, 29 - 0.71 * k, 1.2, count == 1 ? 0 : 23.0 * k, frame_side), {0, 0, frame_side, frame_side}, 1.0 + k));
  return s;
}

/// The mosaic of noise-free frames with one star, as the pipeline makes it: whole frames, whole output. In shares of the flux of an output pixel.
Image<float> simulated(const Stack& s, double x, double y, const psf::Profile& profile) {
  coadd::Sums sums;
  sums.reset(s.output.box);
  const auto sky = s.output.sky.pixel_to_sky({x, y});
  for (const auto& f : s.frames) {
    const auto at = f.sky.sky_to_pixel(sky);
    Image<double> star{f.box};
    profile.add_to(star, at.x, at.y, 1);
    Frame pixels{f.box};
    for (std::size_t i = 0; i < star.pixels().size(); ++i) pixels.value.pixels()[i] = static_cast<float>(star.pixels()[i] / f.sky.pixel_area_sr(at) * 1e-12);
    std::ranges::fill(pixels.variance.pixels(), 1.0F);
    std::ranges::fill(pixels.good.pixels(), std::uint8_t{1});
    Resampled r{s.output.box};
    reproject::resample(pixels.view(), {*wcs::plane_to_plane(s.output.sky, f.sky), *wcs::plane_to_plane(f.sky, s.output.sky)}, s.output.interpolation, r.view());
    sums.add(r.view(), f.weight, 1, 0, 1);
  }
  Image<float> mosaic{s.output.box}, spare{s.output.box}, coverage{s.output.box}, exposure{s.output.box};
  sums.finish(0, mosaic, spare, coverage, exposure);
  for (float& v : mosaic.pixels()) v = static_cast<float>(static_cast<double>(v) * s.output.sky.pixel_area_sr({x, y}) * 1e12);
  return mosaic;
}

/// Greatest difference around the star between the mosaic and the table evaluated there, over the star's peak.
double worst(const Stack& s, const CoaddResponse& coadd, const psf::ProfileOptions& star, double x, double y, double off = 0) {
  const auto mosaic = simulated(s, x + off, y + off, psf::Profile{star});
  const auto there = coadd.at(x, y);
  double difference = 0, peak = 0;
  for (int j = static_cast<int>(y) - 8; j <= static_cast<int>(y) + 8; ++j)
    for (int i = static_cast<int>(x) - 8; i <= static_cast<int>(x) + 8; ++i) {
      difference = std::max(difference, std::abs(static_cast<double>(mosaic(i, j)) - there.response.at(i - x - off, j - y - off)));
      peak = std::max(peak, static_cast<double>(mosaic(i, j)));
    }
  return difference / peak;
}

reproject::InterpolationOptions how(reproject::Interpolation method, double pixfrac = 1) {
  reproject::InterpolationOptions o;
  o.method = method, o.pixfrac = pixfrac;
  return o;
}

}  // namespace

TEST(CoaddResponse, OfOneFrameOnItsOwnGridIsTheFramesResponse) {
  const auto own = plane(30, 30, 1.2, 0, frame_side);
  const Box box{0, 0, frame_side, frame_side};
  const auto star = psf::PsfModel::analytic({.fwhm_pix = 1.6});
  for (const auto method : {reproject::Interpolation::nearest, reproject::Interpolation::area}) {
    const Output output{own, box, how(method)};
    const CoaddResponse coadd{output, {psf_coadd::place_frame(output, own, box, 2)}, star};
    const auto there = coadd.at(31.3, 27.9);
    EXPECT_EQ(there.frames, 1);
    EXPECT_NEAR(there.coverage, 1, 1e-5);
    for (const double dx : {0.0, 0.21, 0.5, 1.4, 2.6})
      for (const double dy : {0.0, -0.33, 1.1}) EXPECT_NEAR(there.response.at(dx, dy), star.tables().front().at(dx, dy), 1e-3 * star.tables().front().peak()) << dx << ' ' << dy;
    EXPECT_NEAR(there.response.flux(), star.tables().front().flux(), 1e-4);
  }
}

// 0.5 % is what was asked for; 0.35 % the worst seen, of drizzle on half-sized pixels, whose steps no table of a few samples per pixel holds.
TEST(CoaddResponse, IsWhatASimulatedMosaicShows) {
  using enum reproject::Interpolation;
  for (const auto& [fwhm, mosaic_arcsec] : {std::pair{1.4, 1.2}, {1.4, 0.6}, {2.5, 0.8}})
    for (const auto& options : {how(area), how(drizzle, 0.6), how(lanczos3), how(bilinear), how(adaptive)}) {
      const Stack s = stack(options, 5, mosaic_arcsec);
      const psf::ProfileOptions star{.fwhm_pix = fwhm};
      const CoaddResponse coadd{s.output, s.frames, psf::PsfModel::analytic(star)};
      for (const auto& [x, y] : {std::pair{45.0, 45.0}, {40.37, 47.81}}) EXPECT_LT(worst(s, coadd, star, x, y), 0.005) << fwhm << ' ' << mosaic_arcsec << ' ' << static_cast<int>(options.method) << ' ' << x;
    }
}

TEST(CoaddResponse, KeepsTheFluxAndFollowsTheStarForATwentiethOfAPixel) {
  const Stack s = stack(how(reproject::Interpolation::area), 5, 1.2);
  const psf::ProfileOptions star{.fwhm_pix = 1.4};
  const auto frames = psf::PsfModel::analytic(star);
  const CoaddResponse coadd{s.output, s.frames, frames};
  for (const double x : {35.2, 44.6}) {
    const auto there = coadd.at(x, 47.3);
    EXPECT_EQ(there.frames, 5);
    EXPECT_NEAR(there.response.flux(), frames.tables().front().flux(), 0.01);  // few frames: single places gain or lose some tenths of a percent
    EXPECT_LT(worst(s, coadd, star, x, 47.3, 0.05), 0.005);
  }
}

TEST(CoaddResponse, IsNothingWhereNoFrameLies) {
  const Stack s = stack(how(reproject::Interpolation::area), 2, 1.2);
  const CoaddResponse coadd{s.output, s.frames, psf::PsfModel::analytic({.fwhm_pix = 1.4})};
  EXPECT_EQ(coadd.at(1, 1).frames, 0);         // on the mosaic, beside the frames
  EXPECT_EQ(coadd.at(-3, 40).frames, 0);       // beside the mosaic
  EXPECT_EQ(coadd.at(NAN, 40).frames, 0);
  EXPECT_GT(coadd.at(45, 45).frames, 0);
  EXPECT_THROW((CoaddResponse{s.output, {}, psf::PsfModel::analytic({.fwhm_pix = 1.4})}), UsageError);
}

TEST(CoaddResponse, GivesFramesTheirWeights) {
  // Of two frames with weights 1 and 99 the second is nearly all.
  Stack s = stack(how(reproject::Interpolation::area), 2, 1.2);
  s.frames[0].weight = 1, s.frames[1].weight = 99;
  const auto star = psf::PsfModel::analytic({.fwhm_pix = 1.4});
  const auto both = CoaddResponse{s.output, s.frames, star}.at(45.3, 44.8).response;
  const auto second = CoaddResponse{s.output, {s.frames[1]}, star}.at(45.3, 44.8).response, first = CoaddResponse{s.output, {s.frames[0]}, star}.at(45.3, 44.8).response;
  for (const double d : {0.0, 0.7, 1.5}) EXPECT_NEAR(both.at(d, -d), 0.99 * second.at(d, -d) + 0.01 * first.at(d, -d), 1e-4);  // coverage is 1 for both
  EXPECT_GT(std::abs(second.at(0.7, -0.7) - first.at(0.7, -0.7)), 1e-3);
}

TEST(CoaddResponse, BesideAnEdgeIsWhatTheMosaicShowsAndGoesOnBeyond) {
  // One frame, and a mosaic that ends in its middle: the star half a pixel from the edge.
  Stack s = stack(how(reproject::Interpolation::area), 3, 1.2);
  Stack cut = s;
  cut.output.box = {45, 0, mosaic_side, mosaic_side};
  const psf::ProfileOptions star{.fwhm_pix = 1.4};
  const auto whole = CoaddResponse{s.output, s.frames, psf::PsfModel::analytic(star)}.at(45.2, 44.1), beside = CoaddResponse{cut.output, cut.frames, psf::PsfModel::analytic(star)}.at(45.2, 44.1);
  EXPECT_EQ(whole.frames, beside.frames);
  EXPECT_EQ(whole.told, 1);
  EXPECT_NEAR(beside.told, 0.75, 0.15);  // the light right of 0.7 pixels left of the star
  // Frames' edges are far away: what is thought to go on is what is there.
  for (const double dx : {-2.2, -1.0, -0.2, 0.8})
    for (const double dy : {-1.1, 0.0, 0.9}) EXPECT_NEAR(beside.response.at(dx, dy), whole.response.at(dx, dy), 0.005 * whole.response.peak()) << dx << ' ' << dy;
}
