/// instrument/psf_fits.cpp — the FITS forms of point responses.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>
#include <type_traits>

#include "tessera/instrument/psf_meaning_private.h"
#include "tessera/io/fits.h"
#include "tessera/psf/balance.h"

namespace fs = std::filesystem;

namespace tessera::instrument {
namespace {

constexpr std::int64_t most_samples = std::int64_t{1} << 28;  // of all tables together

Image<double> as_double(const Image<float>& pixels) {
  Image<double> image{pixels.box()};
  std::transform(pixels.pixels().begin(), pixels.pixels().end(), image.pixels().begin(), [](float v) { return static_cast<double>(v); });
  return image;
}

/// Of a table whose centre is to be found in it: what of the centre is NaN is set to where the table is balanced about its brightest sample.
psf::Meaning centre_of(const Image<double>& samples, psf::Meaning meaning) {
  if (std::isfinite(meaning.centre_x) && std::isfinite(meaning.centre_y)) return meaning;
  const auto& pixels = samples.pixels();
  const auto brightest = std::max_element(pixels.begin(), pixels.end()) - pixels.begin();
  psf::Meaning trial = meaning;
  trial.centre_x = static_cast<double>(brightest % samples.box().width()), trial.centre_y = static_cast<double>(brightest / samples.box().width()), trial.normalisation = psf::Normalisation::none;
  const psf::PointResponse about_brightest{samples, trial};
  const auto [dx, dy] = psf::balanced([&](double x, double y) { return about_brightest.at(x, y); }, 1);
  if (!std::isfinite(meaning.centre_x)) meaning.centre_x = trial.centre_x + dx * meaning.samples_per_pixel_x;
  if (!std::isfinite(meaning.centre_y)) meaning.centre_y = trial.centre_y + dy * meaning.samples_per_pixel_y;
  return meaning;
}

/// Adds the name of the file to what a table's own check says.
psf::PointResponse response_of(const Image<double>& samples, const psf::Meaning& meaning, const fs::path& file, int plane = -1) {
  try {
    return psf::PointResponse{samples, centre_of(samples, meaning)};
  } catch (const UsageError& e) {
    throw DataError{plane < 0 ? fmt::format("{}: {}", file.string(), e.what()) : fmt::format("{}: plane {}: {}", file.string(), plane + 1, e.what())};
  }
}

/// The number in a row of a column; a table of one column per sample is too wide to look each up by name.
double number_in(const Column& c, std::size_t row) {
  return std::visit(
      [row](const auto& data) -> double {
        if constexpr (std::is_arithmetic_v<typename std::decay_t<decltype(data)>::value_type>)
          return static_cast<double>(data[row]);
        else
          return std::numeric_limits<double>::quiet_NaN();
      },
      c.data);
}

struct Cube {
  int hdu = 0, width = 0, height = 0, planes = 1;
  Header header;
};

Cube cube_of(const io::FitsFile& fits, int hdu) {
  const auto& axes = fits.hdus()[static_cast<std::size_t>(hdu)].axes;
  if (axes.size() < 2 || axes.size() > 3 || axes[0] < 6 || axes[1] < 6 || axes[0] > 20000 || axes[1] > 20000)
    throw DataError{fmt::format("{}: HDU {} is no table of a point response: 2 or 3 axes of at least 6 samples expected", fits.path().string(), hdu)};
  const std::int64_t planes = axes.size() == 3 ? axes[2] : 1;
  if (planes < 1 || planes > most_samples / (axes[0] * axes[1])) throw DataError{fmt::format("{}: {} tables of {} × {} samples are too many", fits.path().string(), planes, axes[0], axes[1])};
  return {hdu, static_cast<int>(axes[0]), static_cast<int>(axes[1]), static_cast<int>(planes), fits.header(hdu)};
}

std::vector<psf::PointResponse> planes_of(const io::FitsFile& fits, const Cube& cube, const psf::Meaning& meaning) {
  std::vector<psf::PointResponse> tables;
  for (int k = 0; k < cube.planes; ++k) tables.push_back(response_of(as_double(fits.read_float(cube.hdu, {}, k)), meaning, fits.path(), cube.planes > 1 ? k : -1));
  return tables;
}

double card_number(const Header& h, const std::string& key, const fs::path& file) {
  if (const auto v = h.number(key)) return *v;
  throw DataError{fmt::format("{}: card {} is missing or no number", file.string(), key)};
}

/// One row: PSF_MASK of PSFAXIS1 × PSFAXIS2 × terms samples as pixels see them, steps of PSF_SAMP pixels, the source on the middle sample.
psf::PsfModel read_psfex(const PsfFileOptions& options, const io::FitsFile& fits, int hdu) {
  const fs::path& file = fits.path();
  const Table table = fits.read_table(hdu);
  const Header h = fits.header(hdu);
  if (table.rows() != 1) throw DataError{fmt::format("{}: {} rows of PSFEx models; one expected (take out the row of your CCD)", file.string(), table.rows())};
  std::vector<double> samples;
  int width = static_cast<int>(h.integer("PSFAXIS1").value_or(0)), height = static_cast<int>(h.integer("PSFAXIS2").value_or(0));
  for (const Column& c : table.columns)
    if (text::starts_with_nocase(c.name, "PSF_MASK")) samples.push_back(number_in(c, 0));
  if (width == 0 || height == 0) {
    // Some writers leave PSFAXIS1, 2 out; the shape of the column says the same.
    int terms = 0;
    if (std::sscanf(h.text("TDIM1").value_or("").c_str(), "(%d,%d,%d)", &width, &height, &terms) < 2) width = height = 0;
  }
  const std::int64_t per_table = static_cast<std::int64_t>(width) * height;
  if (per_table <= 0 || samples.empty() || static_cast<std::int64_t>(samples.size()) % per_table != 0)
    throw DataError{fmt::format("{}: PSF_MASK holds {} samples, which is no multiple of PSFAXIS1 × PSFAXIS2 = {} × {}", file.string(), samples.size(), width, height)};
  const int terms = static_cast<int>(static_cast<std::int64_t>(samples.size()) / per_table);
  psf::Polynomial polynomial;
  if (terms > 1) {
    for (int axis = 1; axis <= 2; ++axis) {
      const auto name = text::upper(h.text(fmt::format("POLNAME{}", axis)).value_or(""));
      if (!name.starts_with(axis == 1 ? "X" : "Y") || name.find("IMAGE") == std::string::npos)
        throw DataError{fmt::format("{}: the model depends on POLNAME{} = '{}'; only positions X_IMAGE, Y_IMAGE are understood", file.string(), axis, name)};
    }
    polynomial = {static_cast<int>(card_number(h, "POLDEG1", file)), card_number(h, "POLZERO1", file) - 1, card_number(h, "POLSCAL1", file), card_number(h, "POLZERO2", file) - 1, card_number(h, "POLSCAL2", file)};
  }
  Said said = said_by_user(options, file), own;
  own.sampling_x = own.sampling_y = 1 / card_number(h, "PSF_SAMP", file);
  own.centre_x = (width - 1) / 2.0;
  own.centre_y = (height - 1) / 2.0;
  own.response = psf::Response::pixel;
  add_missing(said, own);
  psf::Meaning meaning = complete(said, file, width, height);
  std::vector<psf::PointResponse> tables;
  for (int k = 0; k < terms; ++k) {
    Image<double> samples_of{Box{0, 0, width, height}};
    std::copy_n(samples.begin() + k * per_table, per_table, samples_of.pixels().begin());
    if (k == 0) {
      tables.push_back(response_of(samples_of, meaning, file));
    } else {  // the terms of the position share the scale of the mean
      try {
        tables.push_back(psf::PointResponse::scaled(samples_of, meaning, tables.front().scale()));
      } catch (const UsageError& e) {
        throw DataError{fmt::format("{}: term {}: {}", file.string(), k + 1, e.what())};
      }
    }
  }
  return psf::PsfModel::polynomial(std::move(tables), polynomial);
}

struct Positions {
  std::vector<double> xs, ys;
  std::vector<std::size_t> plane;  // of node iy · nx + ix
};

/// Positions of planes in any order that form a full grid.
Positions sorted_grid(const std::vector<double>& x, const std::vector<double>& y, const fs::path& file) {
  Positions p;
  const std::set<double> sx(x.begin(), x.end()), sy(y.begin(), y.end());
  p.xs.assign(sx.begin(), sx.end());
  p.ys.assign(sy.begin(), sy.end());
  if (p.xs.size() * p.ys.size() != x.size()) throw DataError{fmt::format("{}: the positions of its {} tables form no grid ({} different x, {} different y)", file.string(), x.size(), p.xs.size(), p.ys.size())};
  p.plane.assign(x.size(), x.size());
  for (std::size_t k = 0; k < x.size(); ++k) {
    const auto ix = static_cast<std::size_t>(std::lower_bound(p.xs.begin(), p.xs.end(), x[k]) - p.xs.begin()), iy = static_cast<std::size_t>(std::lower_bound(p.ys.begin(), p.ys.end(), y[k]) - p.ys.begin());
    p.plane[iy * p.xs.size() + ix] = k;
  }
  if (std::find(p.plane.begin(), p.plane.end(), x.size()) != p.plane.end()) throw DataError{fmt::format("{}: two of its tables stand at one position", file.string())};
  return p;
}

psf::PsfModel grid_of(std::vector<psf::PointResponse> tables, const Positions& p, psf::Between between) {
  std::vector<psf::PointResponse> ordered;
  for (const std::size_t plane : p.plane) ordered.push_back(std::move(tables[plane]));
  return psf::PsfModel::grid(std::move(ordered), p.xs, p.ys, between);
}

Positions positions_of_cards(const Cube& cube, const fs::path& file) {
  const Header& h = cube.header;
  std::vector<double> x, y;
  for (int k = 0; k < cube.planes; ++k) {
    if (h.has("DET_YX0")) {  // "(y, x)" from 0
      double px = 0, py = 0;
      const std::string key = fmt::format("DET_YX{}", k), at = h.text(key).value_or("");
      if (std::sscanf(at.c_str(), " ( %lf , %lf )", &py, &px) != 2) throw DataError{fmt::format("{}: card {} is '{}'; expected (y, x)", file.string(), key, at)};
      x.push_back(px);
      y.push_back(py);
    } else {  // FITS pixels of rows and columns of the grid
      const int columns = static_cast<int>(card_number(h, "NXPSFS", file));
      if (columns < 1) throw DataError{fmt::format("{}: NXPSFS is {}", file.string(), columns)};
      x.push_back(card_number(h, fmt::format("IPSFX{:02d}", k % columns + 1), file) - 1);
      y.push_back(card_number(h, fmt::format("JPSFY{:02d}", k / columns + 1), file) - 1);
    }
  }
  return sorted_grid(x, y, file);
}

/// Plane 11·zy + zx; the cards of old files have x and y exchanged, so only the set of centres is taken from them.
Positions spherex_zones(const Cube& cube, const fs::path& file) {
  std::vector<double> xs;
  for (int k = 0; k < cube.planes; ++k) xs.push_back(card_number(cube.header, fmt::format("XCTR_{}", k + 1), file));
  const std::set<double> centres(xs.begin(), xs.end());
  const std::size_t n = centres.size();
  if (n * n != xs.size()) throw DataError{fmt::format("{}: {} zones with {} different centres along x are no square of zones", file.string(), xs.size(), n)};
  Positions p{{centres.begin(), centres.end()}, {centres.begin(), centres.end()}, {}};
  for (std::size_t k = 0; k < xs.size(); ++k) p.plane.push_back(k);
  return p;
}

psf::PsfModel read_spherex_cube(const PsfFileOptions& options, const io::FitsFile& fits, const Cube& cube) {
  Said said = said_by_user(options, fits.path()), own;
  own.sampling_x = own.sampling_y = cube.header.number("OVERSAMP");
  own.centre_x = (cube.width - 1) / 2;
  own.centre_y = (cube.height - 1) / 2;
  own.response = psf::Response::cells;
  own.between = psf::Between::nearest;
  add_missing(said, own);
  return grid_of(planes_of(fits, cube, complete(said, fits.path(), cube.width, cube.height)), spherex_zones(cube, fits.path()), *said.between);
}

/// One row per zone: EPSF (a square of samples), XCENTER, YCENTER, XWIDTH, YWIDTH. The pixel is included.
psf::PsfModel read_spherex_epsf(const PsfFileOptions& options, const io::FitsFile& fits, int hdu) {
  const fs::path& file = fits.path();
  const Table table = fits.read_table(hdu);
  std::vector<const Column*> columns;
  for (const Column& c : table.columns)
    if (text::starts_with_nocase(c.name, "EPSF")) columns.push_back(&c);
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(columns.size()))));
  if (side * side != static_cast<int>(columns.size()) || side < 6) throw DataError{fmt::format("{}: EPSF of {} samples is no square", file.string(), columns.size())};
  Said said = said_by_user(options, file), own;
  own.sampling_x = own.sampling_y = fits.header(hdu).number("OVERSAMP");
  own.centre_x = own.centre_y = (side - 1) / 2.0;
  own.response = psf::Response::pixel;
  add_missing(said, own);
  const psf::Meaning meaning = complete(said, file, side, side);
  const auto x = table.numbers("XCENTER"), y = table.numbers("YCENTER"), w = table.numbers("XWIDTH"), h = table.numbers("YWIDTH");
  std::vector<psf::PointResponse> tables;
  std::vector<psf::Zone> zones;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    Image<double> samples{Box{0, 0, side, side}};
    for (std::size_t i = 0; i < columns.size(); ++i) samples.pixels()[i] = number_in(*columns[i], row);
    tables.push_back(response_of(samples, meaning, file, static_cast<int>(row)));
    zones.push_back({x[row] - w[row] / 2, y[row] - h[row] / 2, x[row] + w[row] / 2, y[row] + h[row] / 2, static_cast<int>(row)});
  }
  return psf::PsfModel::zones(std::move(tables), std::move(zones));
}

int first_table_image(const io::FitsFile& fits) {
  for (const auto& hdu : fits.hdus())
    if (hdu.kind == io::HduInfo::Kind::image && hdu.axes.size() >= 2) return hdu.index;
  throw DataError{fmt::format("{}: no image in it, and no table of a point response that is known (PSF_MASK, EPSF)", fits.path().string())};
}

/// Ours: an image per position, whose cards PRX and PRY say which; a grid, or with PRPLACES places of their own.
psf::PsfModel read_own_grid(const PsfFileOptions& options, const io::FitsFile& fits, const std::vector<int>& hdus) {
  std::vector<psf::PointResponse> tables;
  std::vector<double> x, y;
  const Said by_user = said_by_user(options, fits.path());
  for (const int hdu : hdus) {
    const Cube one = cube_of(fits, hdu);
    Said said = by_user;
    add_cards(said, one.header, one.width, one.height);
    tables.push_back(std::move(planes_of(fits, one, complete(said, fits.path(), one.width, one.height)).front()));
    x.push_back(card_number(one.header, "PRX", fits.path()));
    y.push_back(card_number(one.header, "PRY", fits.path()));
  }
  if (fits.header(hdus.front()).logical("PRPLACES").value_or(false)) {
    if (by_user.between == psf::Between::bilinear) throw UsageError{fmt::format("{}: its tables stand at places of their own, of which the nearest counts; psf.between = bilinear needs a grid", fits.path().string())};
    std::vector<std::pair<double, double>> places;
    for (std::size_t k = 0; k < x.size(); ++k) places.push_back({x[k], y[k]});
    return psf::PsfModel::places(std::move(tables), places);
  }
  return grid_of(std::move(tables), sorted_grid(x, y, fits.path()), by_user.between.value_or(psf::Between::bilinear));
}

/// Photutils' and STDPSF grids, single tables.
psf::PsfModel read_images(const PsfFileOptions& options, const io::FitsFile& fits, int hdu) {
  const fs::path& file = fits.path();
  const Cube cube = cube_of(fits, hdu);
  Said said = said_by_user(options, file);
  add_cards(said, cube.header, cube.width, cube.height);
  const bool photutils = cube.header.has("DET_YX0"), stdpsf = cube.header.has("NXPSFS");
  if (photutils || stdpsf) {  // effective PSFs about the middle sample, bilinear between positions, by definition
    Said own;
    own.sampling_x = own.sampling_y = cube.header.number("OVERSAMP");
    own.centre_x = (cube.width - 1) / 2.0;
    own.centre_y = (cube.height - 1) / 2.0;
    own.response = psf::Response::pixel;
    add_missing(said, own);
  }
  auto tables = planes_of(fits, cube, complete(said, file, cube.width, cube.height));
  if (cube.planes > 1 && !photutils && !stdpsf) throw DataError{fmt::format("{}: a cube of {} tables that does not say where they stand (DET_YXn, or NXPSFS with IPSFXnn and JPSFYnn)", file.string(), cube.planes)};
  if (cube.planes == 1) return psf::PsfModel::constant(std::move(tables.front()));
  return grid_of(std::move(tables), positions_of_cards(cube, file), said.between.value_or(psf::Between::bilinear));
}

}  // namespace

psf::PsfModel read_fits_psf(const PsfFileOptions& options, const fs::path& file) {
  const io::FitsFile fits{file};
  std::vector<int> ours;
  for (const auto& hdu : fits.hdus()) {
    if (hdu.kind == io::HduInfo::Kind::image && hdu.axes.size() == 2 && fits.header(hdu.index).has("PRX")) ours.push_back(hdu.index);
    if (hdu.kind == io::HduInfo::Kind::table) {
      const Header h = fits.header(hdu.index);
      for (int c = 1; c <= h.integer("TFIELDS").value_or(0); ++c) {
        const std::string name = text::upper(h.text(fmt::format("TTYPE{}", c)).value_or(""));
        if (name == "PSF_MASK") return read_psfex(options, fits, hdu.index);
        if (name == "EPSF") return read_spherex_epsf(options, fits, hdu.index);
      }
    } else if (hdu.kind == io::HduInfo::Kind::image && hdu.axes.size() == 3 && fits.header(hdu.index).has("XCTR_1")) {
      return read_spherex_cube(options, fits, cube_of(fits, hdu.index));
    }
  }
  return ours.empty() ? read_images(options, fits, first_table_image(fits)) : read_own_grid(options, fits, ours);
}

psf::PointResponse read_single_table(const PsfFileOptions& options, const fs::path& file) {
  const io::FitsFile fits{file};
  const Cube cube = cube_of(fits, first_table_image(fits));
  if (cube.planes != 1) throw DataError{fmt::format("{}: {} tables where one is expected", file.string(), cube.planes)};
  Said said = said_by_user(options, file);
  add_cards(said, cube.header, cube.width, cube.height);
  return std::move(planes_of(fits, cube, complete(said, file, cube.width, cube.height)).front());
}

}  // namespace tessera::instrument
