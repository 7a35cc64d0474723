#include "tessera/instrument/psf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/temporary_folder.h"
#include "core/shared_data.h"
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

void write_cube(const std::filesystem::path& path, const std::vector<Image<float>>& planes, const Header& header, const std::string& name = "") {
  io::FitsWriter w{path};
  const Box box = planes.front().box();
  w.add_cube(name, header, box.width(), box.height(), static_cast<int>(planes.size()), [&](int z, int y, std::span<float> row) {
    const auto from = planes[static_cast<std::size_t>(z)].row(y);
    std::copy(from.begin(), from.end(), row.begin());
  });
  w.close();
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
}

TEST(PsfFile, IracPrfsSayAllButTheirCentre) {
  const auto file = test::shared_data() / "spitzer_irac_prf/prf_5x5/IRAC1_col129_row129.fits";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no shared data";
  EXPECT_THAT(failure({.file = file.string()}), HasSubstr("does not say the sample the source lies on (psf.centre_x"));
  const auto model = read_psf({.file = file.string(), .centre_x = 64, .centre_y = 64, .normalisation_radius = 10});
  const auto& prf = model.tables().front();
  EXPECT_EQ(prf.samples_per_pixel_x(), 5);
  EXPECT_NEAR(prf.fraction_within(10), 1, 1e-6);
  EXPECT_NEAR(prf.fwhm_pix(), 1.35, 0.15) << "README: about 1.2 by a cut through the peak";
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
  EXPECT_NEAR(simple.tables().front().fwhm_pix(), 2.5813, 0.15) << "PSF_FWHM; ours is counted in samples";
  const auto decam = read_psf({.file = (data / "psf_models_other/psfex-decam-00392360-S31.fits").string()});
  EXPECT_EQ(decam.tables().size(), 28U);
  psf::PointResponse workspace;
  for (const double x : {100.0, 1000.0, 1900.0})
    for (const double y : {200.0, 3900.0}) {
      EXPECT_NEAR(decam.at(x, y, workspace).fwhm_pix(), 6.48, 0.5);
      EXPECT_NEAR(decam.at(x, y, workspace).flux(), 1, 0.02);
    }
  const auto lower_case = read_psf({.file = (data / "decam_bok_mosaic_cutouts/mzlsbass2/calib/psfex-single/90prime/CP/V2.3/CP20170429/ksb_170430_055945_ooi_r_ls9/ksb_170430_055945_ooi_r_ls9-CCD4-psfex.fits").string()});
  EXPECT_EQ(lower_case.tables().size(), 6U) << "columns in lower case, no PSFAXIS1";
}

TEST(PsfFile, GridsOfPhotutilsAndStdpsfStandWhereTheirCardsSay) {
  const TemporaryFolder folder;
  std::vector<Image<float>> planes;
  for (const double fwhm : {1.4, 1.6, 1.8, 2.0}) planes.push_back(star(41, 20, 4, fwhm, 16));
  Header h;
  h.set("OVERSAMP", std::int64_t{4});
  h.set("DET_YX0", std::string{"(0.0, 0.0)"});
  h.set("DET_YX1", std::string{"(0.0, 100.0)"});
  h.set("DET_YX2", std::string{"(200.0, 0.0)"});
  h.set("DET_YX3", std::string{"(200.0, 100.0)"});
  write_cube(folder / "grid.fits", planes, h);
  const auto grid = read_psf({.file = (folder / "grid.fits").string()});
  EXPECT_NEAR(peak_at(grid, 100, 0), pixel(1.6), 1e-4) << "x is the second number";
  EXPECT_NEAR(peak_at(grid, 0, 200), pixel(1.8), 1e-4);
  EXPECT_NEAR(peak_at(grid, 50, 0), (pixel(1.4) + pixel(1.6)) / 2, 1e-4) << "bilinear as photutils";
  Header std;
  std.set("NXPSFS", std::int64_t{2});
  std.set("NYPSFS", std::int64_t{2});
  std.set("IPSFX01", std::int64_t{1});
  std.set("IPSFX02", std::int64_t{101});
  std.set("JPSFY01", std::int64_t{1});
  std.set("JPSFY02", std::int64_t{201});
  write_cube(folder / "stdpsf.fits", planes, std);
  EXPECT_THAT(failure({.file = (folder / "stdpsf.fits").string()}), HasSubstr("psf.samples_per_pixel")) << "the file does not say it";
  const auto standard = read_psf({.file = (folder / "stdpsf.fits").string(), .samples_per_pixel = 4});
  EXPECT_NEAR(peak_at(standard, 100, 0), pixel(1.6), 1e-4) << "FITS pixel 101";
  EXPECT_NEAR(peak_at(standard, 0, 200), pixel(1.8), 1e-4);
}

TEST(PsfFile, SpherexZonesAreTakenByPlaneWhateverTheOldCardsSay) {
  const TemporaryFolder folder;
  std::vector<Image<float>> planes;
  for (int zone = 0; zone < 4; ++zone) planes.push_back(star(101, 50, 10, 0.75 + 0.1 * zone, 0.01, psf::Response::density));
  for (const bool exchanged : {false, true}) {
    Header h;
    h.set("OVERSAMP", std::int64_t{10});
    const double centre[] = {510, 1530};
    for (int zone = 0; zone < 4; ++zone) {
      h.set("XCTR_" + std::to_string(zone + 1), centre[exchanged ? zone / 2 : zone % 2]);
      h.set("YCTR_" + std::to_string(zone + 1), centre[exchanged ? zone % 2 : zone / 2]);
    }
    const auto path = folder / (exchanged ? "old.fits" : "new.fits");
    write_cube(path, planes, h, "PSF");
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
  Table t;
  t.name = "EPSF";
  std::vector<Image<float>> rows;
  for (const double fwhm : {0.9, 1.1}) rows.push_back(star(side, 16, 5, fwhm, 0.04));
  for (int i = 0; i < side * side; ++i) {
    std::vector<float> column;
    for (const auto& r : rows) column.push_back(r.pixels()[static_cast<std::size_t>(i)]);
    t.add("EPSF_" + std::to_string(i + 1), std::move(column));
  }
  t.add("XCENTER", std::vector<double>{50, 150});
  t.add("YCENTER", std::vector<double>{50, 50});
  t.add("XWIDTH", std::vector<double>{100, 100});
  t.add("YWIDTH", std::vector<double>{100, 100});
  // Written as one vector column by the mission; cfitsio allows 999 columns, so this test checks the message and the shape by a smaller square.
  Table small;
  small.name = "EPSF";
  std::vector<Image<float>> little;
  for (const double fwhm : {0.9, 1.1}) little.push_back(star(15, 7, 3, fwhm, 0.1));
  for (int i = 0; i < 15 * 15; ++i) small.add("EPSF_" + std::to_string(i + 1), std::vector<float>{little[0].pixels()[static_cast<std::size_t>(i)], little[1].pixels()[static_cast<std::size_t>(i)]});
  for (const char* c : {"XCENTER", "YCENTER", "XWIDTH", "YWIDTH"}) small.columns.push_back(*t.find(c));
  io::FitsWriter w{folder / "epsf.fits"};
  w.add_table(small);
  w.close();
  EXPECT_EQ(failure({.file = (folder / "epsf.fits").string()}).find("read"), std::string::npos) << "columns EPSF_1 … are not the mission's EPSF";
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
