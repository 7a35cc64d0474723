#include "tessera/instrument/psf_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>

#include "base/temporary_folder.h"
#include "places.h"
#include "tessera/io/fits.h"

using namespace tessera;
using namespace tessera::instrument;
using testing::HasSubstr;

namespace {

Image<float> star(int size, double centre, double sampling, double fwhm, double level = 1, psf::Response response = psf::Response::pixel) {
  const psf::Profile profile{{.fwhm_pix = fwhm}};
  Image<float> image{size, size};
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const double dx = (x - centre) / sampling, dy = (y - centre) / sampling;
      image(x, y) = static_cast<float>(level * (response == psf::Response::pixel ? profile.pixel_fraction(dx, dy) : profile.density(dx, dy)));
    }
  return image;
}

void write(const std::filesystem::path& path, const Image<float>& image, const Header& header = {}) {
  io::FitsWriter w{path};
  w.add_image("", header, image);
  w.close();
}

/// The bytes of FITS files with cubes and vector columns, which io does not write.
struct Bytes {
  std::string done, header, data;
  void card(std::string text) {
    text.resize(80, ' ');
    header += text;
  }
  void number(float v) {
    const auto bits = std::bit_cast<std::uint32_t>(v);
    for (int shift = 24; shift >= 0; shift -= 8) data.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  void finish_hdu() {
    card("END");
    header.resize((header.size() + 2879) / 2880 * 2880, ' ');
    data.resize((data.size() + 2879) / 2880 * 2880, 0);
    done += header + data;
    header.clear();
    data.clear();
  }
};

void write_cube(const std::filesystem::path& path, const std::vector<Image<float>>& planes, const std::vector<std::pair<std::string, std::string>>& cards) {
  Bytes b;
  const Box box = planes.front().box();
  b.card("SIMPLE  =                    T"), b.card("BITPIX  =                  -32"), b.card("NAXIS   =                    3");
  b.card(fmt::format("NAXIS1  = {:20}", box.width())), b.card(fmt::format("NAXIS2  = {:20}", box.height())), b.card(fmt::format("NAXIS3  = {:20}", planes.size()));
  for (const auto& [key, value] : cards) b.card(fmt::format("{:8}= {}", key, value));
  for (const auto& plane : planes)
    for (const float v : plane.pixels()) b.number(v);
  b.finish_hdu();
  std::ofstream{path, std::ios::binary} << b.done;
}

void text_file(const std::filesystem::path& path, const std::string& text) { std::ofstream{path} << text; }

std::string failure(const PsfFileOptions& o) {
  try {
    read_psf(o);
  } catch (const Error& e) {
    return e.what();
  }
  return "read";
}

double peak_at(const psf::PsfModel& m, double x, double y) {
  psf::PointResponse workspace;
  return m.at(x, y, workspace).peak();
}

double pixel(double fwhm) { return psf::Profile{{.fwhm_pix = fwhm}}.pixel_fraction(0, 0); }

}  // namespace

TEST(PsfFile, ATableThatDoesNotSayWhatItIsIsRefusedWithWhatIsMissing) {
  const TemporaryFolder folder;
  write(folder / "psf.fits", star(41, 20, 4, 1.5));
  const std::string message = failure({.file = (folder / "psf.fits").string()});
  EXPECT_THAT(message, HasSubstr("samples per pixel"));
  EXPECT_THAT(message, HasSubstr("psf.centre_x"));
  EXPECT_THAT(message, HasSubstr("psf.response"));
  EXPECT_THAT(message, HasSubstr("psf.fits.toml"));
  EXPECT_THAT(failure({.file = (folder / "psf.fits").string(), .samples_per_pixel = 4, .response = ResponseChoice::pixel}), HasSubstr("does not say the sample the source lies on"));
}

TEST(PsfFile, OptionsOrASideFileSayIt) {
  const TemporaryFolder folder;
  write(folder / "psf.fits", star(41, 20, 4, 1.5, 9));
  const auto by_option = read_psf({.file = (folder / "psf.fits").string(), .samples_per_pixel = 4, .centre_x = 20, .centre_y = 20, .response = ResponseChoice::pixel});
  EXPECT_NEAR(peak_at(by_option, 0, 0), pixel(1.5), 1e-5) << "normalised to the whole table";
  text_file(folder / "psf.fits.toml", "samples_per_pixel = 4\ncentre = [20, 20]\nresponse = \"pixel\"\nnormalisation = \"none\"\n");
  EXPECT_NEAR(peak_at(read_psf({.file = (folder / "psf.fits").string()}), 0, 0), 9 * pixel(1.5), 1e-5);
  EXPECT_NEAR(peak_at(read_psf({.file = (folder / "psf.fits").string(), .normalisation = NormalisationChoice::mean}), 0, 0), pixel(1.5), 1e-5) << "an option counts before the side file";
  text_file(folder / "psf.fits.toml", "samples_per_pixel = 4\ncenter = [20, 20]\n");
  EXPECT_THAT(failure({.file = (folder / "psf.fits").string()}), HasSubstr("psf.fits.toml:2: unknown key 'center'"));
  text_file(folder / "psf.fits.toml", "centre = 20\n");
  EXPECT_THAT(failure({.file = (folder / "psf.fits").string()}), HasSubstr("'centre' must be [x, y]"));
}

TEST(PsfFile, WhatATableDoesNotSayMayBeThatOfMopexsPrfs) {
  const TemporaryFolder folder;
  write(folder / "odd.fits", star(41, 20, 4, 1.5));
  EXPECT_NEAR(peak_at(read_psf({.file = (folder / "odd.fits").string(), .samples_per_pixel = 4, .untold = UntoldChoice::prf}), 0, 0), pixel(1.5), 1e-5);
  write(folder / "even.fits", star(42, 20, 4, 1.5));
  EXPECT_NEAR(peak_at(read_psf({.file = (folder / "even.fits").string(), .samples_per_pixel = 4, .untold = UntoldChoice::prf}), 0, 0), pixel(1.5), 1e-5) << "of an even table the sample before the middle";
  EXPECT_THAT(failure({.file = (folder / "odd.fits").string(), .untold = UntoldChoice::prf}), HasSubstr("samples per pixel"));
}

TEST(PsfFile, OursIsReadBackAsWritten) {
  const TemporaryFolder folder;
  const auto model = psf::PsfModel::analytic({.fwhm_pix = 1.7}, 5);
  write_psf(folder / "one.fits", model.tables(), {}, {});
  EXPECT_EQ(peak_at(read_psf({.file = (folder / "one.fits").string()}), 0, 0), model.tables().front().peak());
  std::vector<psf::PointResponse> four(4, model.tables().front());
  write_psf(folder / "four.fits", four, {10, 50}, {20, 70});
  const auto grid = read_psf({.file = (folder / "four.fits").string()});
  EXPECT_EQ(grid.tables().size(), 4U);
  EXPECT_NEAR(peak_at(grid, 30, 40), model.tables().front().peak(), 1e-6);
  EXPECT_THROW(write_psf(folder / "three.fits", std::vector<psf::PointResponse>(3, model.tables().front()), {10, 50}, {20, 70}), UsageError);
}

TEST(PsfFile, ModelsOfPsfexAndGridsAreReadBackAsWritten) {
  const TemporaryFolder folder;
  psf::Meaning meaning;
  meaning.samples_per_pixel_x = meaning.samples_per_pixel_y = 5, meaning.centre_x = meaning.centre_y = 20, meaning.normalisation = psf::Normalisation::mean;
  const auto samples = [](double fwhm) {
    const Image<float> image = star(41, 20, 5, fwhm);
    Image<double> real{image.box()};
    std::copy(image.pixels().begin(), image.pixels().end(), real.pixels().begin());
    return real;
  };
  const psf::PointResponse mean{samples(1.6), meaning};
  // R + u (R′ − R), u from −1 to 1 over x = 0 … 200.
  Image<double> slope{41, 41};
  const Image<double> narrow = samples(1.6), wide = samples(1.8);
  for (std::size_t i = 0; i < slope.pixels().size(); ++i) slope.pixels()[i] = wide.pixels()[i] - narrow.pixels()[i];
  Image<double> none{41, 41};
  const std::vector<psf::PointResponse> terms{mean, psf::PointResponse::scaled(slope, meaning, mean.scale()), psf::PointResponse::scaled(none, meaning, mean.scale())};
  write_psfex(folder / "model.psf", terms, {1, 100, 100, 50, 50});
  const auto model = read_psf({.file = (folder / "model.psf").string()});
  for (const double x : {0.0, 100.0, 170.0}) {
    psf::PointResponse workspace;
    const auto& there = model.at(x, 30, workspace);
    for (const auto& [dx, dy] : {std::pair{0.0, 0.0}, {0.4, -1.2}, {2.5, 0.0}}) EXPECT_NEAR(there.at(dx, dy), mean.at(dx, dy) + (x - 100) / 100 * terms[1].at(dx, dy), 2e-6) << x;
  }
  EXPECT_THROW(write_psfex(folder / "none.psf", {mean}, {1, 0, 1, 0, 1}), UsageError);
  psf::Meaning beside = meaning;
  beside.centre_x = 19;
  EXPECT_THROW(write_psfex(folder / "none.psf", {psf::PointResponse{samples(1.6), beside}}, {}), UsageError) << "its form has the star in the middle";
  const psf::PointResponse other{samples(1.8), meaning};
  write_psf_grid(folder / "grid.fits", {mean, other, mean, other, mean, other}, {0, 200}, {0, 60, 100});
  const auto grid = read_psf({.file = (folder / "grid.fits").string()});
  psf::PointResponse workspace;
  const auto& between = grid.at(50, 80, workspace);
  EXPECT_EQ(between.samples_per_pixel_x(), 4);
  EXPECT_NEAR(grid.tables().front().flux(), 1, 1e-3) << "the share within the table, not normalised again";
  for (const auto& [dx, dy] : {std::pair{0.0, 0.0}, {0.25, -1.5}, {2.5, 0.0}}) EXPECT_NEAR(between.at(dx, dy), 0.75 * mean.at(dx, dy) + 0.25 * other.at(dx, dy), 2e-6);
  EXPECT_THROW(write_psf_grid(folder / "none.fits", {mean, other}, {0, 200}, {0}), UsageError);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.psf") || std::filesystem::exists(folder / "none.fits"));
}

TEST(PsfFile, TablesOfIracHaveTheirStarWhereTheyAreBalanced) {
  const TemporaryFolder folder;
  Header h;
  h.set("PRFXRSMP", std::int64_t{4});
  h.set("PRFYRSMP", std::int64_t{4});
  write(folder / "any.fits", star(42, 20.3, 4, 1.5), h);
  EXPECT_THAT(failure({.file = (folder / "any.fits").string()}), HasSubstr("psf.centre_x"));
  h.set("PRFCOL", std::string{"129"});
  h.set("PRFROW", std::string{"129"});
  write(folder / "irac.fits", star(42, 20.3, 4, 1.5), h);
  for (const auto untold : {UntoldChoice::refuse, UntoldChoice::prf}) {
    const auto model = read_psf({.file = (folder / "irac.fits").string(), .untold = untold});
    EXPECT_NEAR(model.tables().front().centre_x(), 20.3, 1e-3);
    EXPECT_NEAR(model.tables().front().centre_y(), 20.3, 1e-3);
  }
  const auto moved = read_psf({.file = (folder / "irac.fits").string(), .centre_x = 21});
  EXPECT_EQ(moved.tables().front().centre_x(), 21) << "an option counts first";
  EXPECT_NEAR(moved.tables().front().centre_y(), 20.3, 1e-3);
}

TEST(PsfFile, IracPrfsSayAllButTheirCentreWhichIsThatOfTheFrames) {
  const auto file = test::shared_data() / "spitzer_irac_prf/prf_5x5/IRAC1_col129_row129.fits";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no shared data";
  const auto model = read_psf({.file = file.string(), .normalisation_radius = 10});
  const auto& prf = model.tables().front();
  EXPECT_EQ(prf.samples_per_pixel_x(), 5);
  EXPECT_NEAR(prf.centre_x(), 63.56, 0.01) << "docs/steps/psf.md";
  EXPECT_NEAR(prf.centre_y(), 63.37, 0.01);
  EXPECT_NEAR(prf.fraction_within(10), 1, 1e-6);
  EXPECT_NEAR(prf.fwhm_pix(), 1.2, 0.1) << "the data's README; counted in samples of 0.2 pixel";
}

TEST(PsfFile, TablesOfPrfEstimateSayTheirNormalisationAndHaveTheirCentreInTheMiddle) {
  const auto file = test::shared_data() / "spitzer_irac_prf/extended_psf_5x/IRAC.1.PRF.5X.070312.fits";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no shared data";
  const auto model = read_psf({.file = file.string()});
  EXPECT_NEAR(model.tables().front().fraction_within(10), 1, 1e-6) << "NORMRAD = 10";
  EXPECT_NEAR(model.tables().front().flux(), 1.029, 0.005) << "as the file's own sum says";
}

TEST(PsfFile, APrfMapTakesItsTablesFromBesideItAndItsRectanglesFromTheGuide) {
  const TemporaryFolder folder;
  Header h;
  h.set("PRFXRSMP", std::int64_t{4});
  h.set("PRFYRSMP", std::int64_t{4});
  h.set("PRCENX", 20.0);
  h.set("PRCENY", 20.0);
  const double fwhm[] = {1.3, 1.6, 2.0};
  for (int i = 0; i < 3; ++i) write(folder / ("prf" + std::to_string(i + 1) + ".fits"), star(41, 20, 4, fwhm[i]), h);
  // The sample of the guide's section 8.7: keywords declared int that are names, absolute paths of another machine.
  text_file(folder / "prfmap.tbl",
            "\\char comment = PRF Map  \n\\int Number_PRF = 3  \n\\int HaveSigma = 0  \n\\int ImageX = 256  \n\\int ImageY = 256  \n"
            "\\int PRF_Filename_1 = /home/joe/Mopex/PRFs/prf1.fits  \n\\int PRF_Filename_2 = prf2.fits\n\\int PRF_Filename_3 = /home/joe/prf3.fits\n"
            "|PRFNum| NAXIS1| NAXIS2| PRFPos1| PRFPos2|\n|i     |i      |i      |i       |i       |\n"
            "      1     100     200        1        1\n      2     256      56        1      201\n      3      50      50      101        1\n"
            "      2     156     150      101       51\n      1     106      50      151        1\n");
  const auto map = read_psf({.file = (folder / "prfmap.tbl").string()});
  EXPECT_EQ(map.tables().size(), 3U) << "a table named twice is read once";
  EXPECT_NEAR(peak_at(map, 50, 100), pixel(1.3), 1e-4);
  EXPECT_NEAR(peak_at(map, 99, 199), pixel(1.3), 1e-4) << "FITS pixel (100, 200)";
  EXPECT_NEAR(peak_at(map, 100, 60), pixel(1.6), 1e-4) << "FITS pixel (101, 61)";
  EXPECT_NEAR(peak_at(map, 120, 20), pixel(2.0), 1e-4);
  EXPECT_NEAR(peak_at(map, 200, 20), pixel(1.3), 1e-4);
  EXPECT_NEAR(peak_at(map, 10, 230), pixel(1.6), 1e-4);
  std::filesystem::remove(folder / "prf3.fits");
  EXPECT_THAT(failure({.file = (folder / "prfmap.tbl").string()}), HasSubstr("prf3.fits"));
}

TEST(PsfFile, PsfexModelsAreWhatTheirHeaderSays) {
  const auto data = test::shared_data();
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "no shared data";
  const auto simple = read_psf({.file = (data / "sextractor_galaxies_simulated/default.psf").string()});
  EXPECT_EQ(simple.tables().front().samples_per_pixel_x(), 2) << "PSF_SAMP = 0.5";
  // PSF_FWHM is twice the half-light radius of the stars, which for wings like these is more than the width at half the peak.
  const auto half_light = [](const psf::PointResponse& r) {
    double radius = 0.1;
    while (r.fraction_within(radius) < 0.5 * r.flux()) radius += 0.02;
    return radius;
  };
  EXPECT_NEAR(2 * half_light(simple.tables().front()), 2.5813, 0.4) << "samples of half a pixel";
  const auto decam = read_psf({.file = (data / "psf_models_other/psfex-decam-00392360-S31.fits").string()});
  EXPECT_EQ(decam.tables().size(), 28U);
  psf::PointResponse workspace;
  for (const double x : {100.0, 1000.0, 1900.0})
    for (const double y : {200.0, 3900.0}) {
      EXPECT_NEAR(2 * half_light(decam.at(x, y, workspace)), 6.48, 0.7);
      EXPECT_NEAR(decam.at(x, y, workspace).flux(), 1, 0.05);
    }
  const auto lower_case = read_psf({.file = (data / "decam_bok_mosaic_cutouts/mzlsbass2/calib/psfex-single/90prime/CP/V2.3/CP20170429/ksb_170430_055945_ooi_r_ls9/ksb_170430_055945_ooi_r_ls9-CCD4-psfex.fits").string()});
  EXPECT_EQ(lower_case.tables().size(), 6U) << "columns in lower case, no PSFAXIS1";
}

TEST(PsfFile, GridsOfPhotutilsAndStdpsfStandWhereTheirCardsSay) {
  const TemporaryFolder folder;
  std::vector<Image<float>> planes;
  for (const double fwhm : {1.4, 1.6, 1.8, 2.0}) planes.push_back(star(41, 20, 4, fwhm, 16));
  write_cube(folder / "grid.fits", planes, {{"OVERSAMP", "4"}, {"DET_YX0", "'(0.0, 0.0)'"}, {"DET_YX1", "'(0.0, 100.0)'"}, {"DET_YX2", "'(200.0, 0.0)'"}, {"DET_YX3", "'(200.0, 100.0)'"}});
  const auto grid = read_psf({.file = (folder / "grid.fits").string()});
  EXPECT_NEAR(peak_at(grid, 100, 0), pixel(1.6), 1e-4) << "x is the second number";
  EXPECT_NEAR(peak_at(grid, 0, 200), pixel(1.8), 1e-4);
  EXPECT_NEAR(peak_at(grid, 50, 0), (pixel(1.4) + pixel(1.6)) / 2, 1e-4) << "bilinear as photutils";
  EXPECT_NEAR(peak_at(read_psf({.file = (folder / "grid.fits").string(), .between = BetweenChoice::nearest}), 40, 0), pixel(1.4), 1e-4);
  write_cube(folder / "stdpsf.fits", planes, {{"NXPSFS", "2"}, {"NYPSFS", "2"}, {"IPSFX01", "1"}, {"IPSFX02", "101"}, {"JPSFY01", "1"}, {"JPSFY02", "201"}});
  EXPECT_THAT(failure({.file = (folder / "stdpsf.fits").string()}), HasSubstr("psf.samples_per_pixel")) << "the file does not say it";
  const auto standard = read_psf({.file = (folder / "stdpsf.fits").string(), .samples_per_pixel = 4});
  EXPECT_NEAR(peak_at(standard, 100, 0), pixel(1.6), 1e-4) << "FITS pixel 101";
  EXPECT_NEAR(peak_at(standard, 0, 200), pixel(1.8), 1e-4);
  write_cube(folder / "three.fits", planes, {{"OVERSAMP", "4"}, {"DET_YX0", "'(0.0, 0.0)'"}, {"DET_YX1", "'(0.0, 100.0)'"}, {"DET_YX2", "'(200.0, 0.0)'"}, {"DET_YX3", "'(200.0, 0.0)'"}});
  EXPECT_THAT(failure({.file = (folder / "three.fits").string()}), HasSubstr("two of its tables stand at one position"));
}

TEST(PsfFile, SpherexZonesAreTakenByPlaneWhateverTheOldCardsSay) {
  const TemporaryFolder folder;
  std::vector<Image<float>> planes;
  for (int zone = 0; zone < 4; ++zone) planes.push_back(star(101, 50, 10, 0.75 + 0.1 * zone, 0.01, psf::Response::density));
  for (const bool exchanged : {false, true}) {
    std::vector<std::pair<std::string, std::string>> cards{{"OVERSAMP", "10"}};
    const char* const centre[] = {"510.0", "1530.0"};
    for (int zone = 0; zone < 4; ++zone) {
      cards.emplace_back("XCTR_" + std::to_string(zone + 1), centre[exchanged ? zone / 2 : zone % 2]);
      cards.emplace_back("YCTR_" + std::to_string(zone + 1), centre[exchanged ? zone % 2 : zone / 2]);
    }
    const auto path = folder / (exchanged ? "old.fits" : "new.fits");
    write_cube(path, planes, cards);
    const auto model = read_psf({.file = path.string()});
    // Cells hold the density in their middle: 0.1² f″/24 less than their own mean, about 0.5 % of a peak this narrow.
    EXPECT_NEAR(peak_at(model, 1900, 100), pixel(0.85), 0.01 * pixel(0.85)) << "plane 1 is the next along x";
    EXPECT_NEAR(peak_at(model, 100, 1900), pixel(0.95), 0.01 * pixel(0.95));
    psf::PointResponse workspace;
    EXPECT_NEAR(model.at(0, 0, workspace).flux(), 1, 1e-5);
  }
}

TEST(PsfFile, SpherexEpsfRowsAreZonesThatHoldThePixelAlready) {
  const TemporaryFolder folder;
  const int side = 33;
  Bytes b;
  b.card("SIMPLE  =                    T"), b.card("BITPIX  =                    8"), b.card("NAXIS   =                    0"), b.card("EXTEND  =                    T");
  b.finish_hdu();
  b.card("XTENSION= 'BINTABLE'"), b.card("BITPIX  =                    8"), b.card("NAXIS   =                    2"), b.card(fmt::format("NAXIS1  = {:20}", 4 * (side * side + 4)));
  b.card("NAXIS2  =                    2"), b.card("PCOUNT  =                    0"), b.card("GCOUNT  =                    1"), b.card("TFIELDS =                    5");
  b.card("TTYPE1  = 'EPSF    '"), b.card("TFORM1  = '1089E   '"), b.card("TDIM1   = '(33,33)'");
  int column = 2;
  for (const char* name : {"XCENTER", "YCENTER", "XWIDTH", "YWIDTH"}) {
    b.card(fmt::format("TTYPE{}  = '{:8}'", column, name));
    b.card(fmt::format("TFORM{}  = '1E      '", column++));
  }
  b.card("EXTNAME = 'EPSF    '");
  for (const double fwhm : {0.9, 1.1}) {
    const auto image = star(side, 16, 5, fwhm, 0.04);
    for (const float v : image.pixels()) b.number(v);
    for (const float v : {fwhm < 1 ? 50.0F : 150.0F, 50.0F, 100.0F, 100.0F}) b.number(v);
  }
  b.finish_hdu();
  std::ofstream{folder / "epsf.fits", std::ios::binary} << b.done;
  EXPECT_THAT(failure({.file = (folder / "epsf.fits").string()}), HasSubstr("does not say the samples per pixel"));
  const auto model = read_psf({.file = (folder / "epsf.fits").string(), .samples_per_pixel = 5});
  EXPECT_NEAR(peak_at(model, 20, 20), pixel(0.9), 1e-4 * pixel(0.9));
  EXPECT_NEAR(peak_at(model, 180, 20), pixel(1.1), 1e-4 * pixel(1.1));
}

TEST(PsfFile, AnalyticProfilesAreNamedWithTheirParameters) {
  EXPECT_NEAR(peak_at(read_psf({.file = "gaussian:fwhm_pix=1.8"}), 0, 0), pixel(1.8), 1e-5);
  const psf::Profile moffat{{.profile = psf::ProfileShape::moffat, .fwhm_pix = 2.2, .beta = 2.8, .axis_ratio = 0.8, .angle_deg = 40}};
  EXPECT_NEAR(peak_at(read_psf({.file = "moffat:fwhm_pix=2.2,beta=2.8,axis_ratio=0.8,angle_deg=40"}), 0, 0), moffat.pixel_fraction(0, 0), 1e-5);
  EXPECT_THAT(failure({.file = "gaussian:fwhm=2"}), HasSubstr("'fwhm=2' is none of fwhm_pix, beta"));
  EXPECT_THAT(failure({.file = "gaussian:fwhm_pix=two"}), HasSubstr("fwhm_pix"));
  EXPECT_THAT(failure({.file = "gaussian:beta=3"}), HasSubstr("must be given and positive"));
  EXPECT_THAT(failure({.file = "nothing.fits"}), HasSubstr("nothing.fits: no such file"));
  EXPECT_THAT(failure({}), HasSubstr("--psf FILE"));
}

TEST(PsfFile, TablesAtPlacesOfTheirOwnComeBackAndTheNearestCounts) {
  TemporaryFolder folder;
  std::vector<psf::PointResponse> tables;
  for (const double level : {1.0, 0.9, 0.8}) {  // one geometry, told apart by their flux
    const auto image = star(31, 15, 4, 1.5, level);
    Image<double> samples{31, 31};
    std::copy(image.pixels().begin(), image.pixels().end(), samples.pixels().begin());
    tables.push_back({samples, {.samples_per_pixel_x = 4, .samples_per_pixel_y = 4, .centre_x = 15, .centre_y = 15, .normalisation = psf::Normalisation::none}});
  }
  write_psf_places(folder / "places.fits", tables, {{10, 20}, {11.5, 70.25}, {60, 3}});
  const auto model = read_psf({.file = (folder / "places.fits").string()});
  psf::PointResponse workspace;
  EXPECT_EQ(model.tables().size(), 3U);
  EXPECT_NEAR(model.at(20, 60, workspace).peak(), tables[1].peak(), 1e-6);
  EXPECT_NEAR(model.at(9, 19, workspace).peak(), tables[0].peak(), 1e-6);
  EXPECT_THROW(read_psf({.file = (folder / "places.fits").string(), .between = BetweenChoice::bilinear}), UsageError);
  EXPECT_THROW(write_psf_places(folder / "wrong.fits", tables, {{1, 2}}), UsageError);
  // One place is a file, too.
  write_psf_places(folder / "one.fits", {tables[0]}, {{10, 20}});
  EXPECT_NEAR(read_psf({.file = (folder / "one.fits").string()}).at(0, 0, workspace).peak(), tables[0].peak(), 1e-6);
}
