/// instrument/psf_write.cpp — point responses to FITS: our own form, PSFEx's and STDPSF grids.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/instrument/psf_file.h"
#include "tessera/io/array_columns.h"
#include "tessera/io/fits.h"
#include "tessera/io/fits_cubes.h"

namespace fs = std::filesystem;

namespace tessera::instrument {
namespace {

void set_meaning(Header& h, const psf::PointResponse& table) {
  h.set("PRSAMPX", static_cast<std::int64_t>(table.samples_per_pixel_x()), "samples per image pixel along x");
  h.set("PRSAMPY", static_cast<std::int64_t>(table.samples_per_pixel_y()), "samples per image pixel along y");
  h.set("PRCENX", table.centre_x(), "sample the source lies on, from 0");
  h.set("PRCENY", table.centre_y(), "sample the source lies on, from 0");
  h.set("PRRESP", std::string{"pixel"}, "a sample is the response of a whole pixel");
  h.set("PRNORM", std::string{"none"}, "fluxes are as the table has them");
  if (table.scatter() > 0) h.set("PRSCAT", table.scatter(), "of stars: sigma / sqrt(sample x peak)");
}

void set_place(Header& h, double x, double y) {
  h.set("PRX", x, "x this table stands for, pixels from 0");
  h.set("PRY", y, "y this table stands for, pixels from 0");
}

void require_geometry(const fs::path& path, const psf::PointResponse& table, const psf::PointResponse& first) {
  if (!table.same_geometry(first)) throw UsageError{fmt::format("{}: tables of one file must have one sampling, size and centre", path.string())};
}

}  // namespace

void write_psf(const fs::path& path, const std::vector<psf::PointResponse>& tables, const std::vector<double>& xs, const std::vector<double>& ys, const Header& header) {
  if (tables.empty() || (tables.size() > 1 && xs.size() * ys.size() != tables.size())) throw UsageError{fmt::format("{}: {} tables on {} × {} positions", path.string(), tables.size(), xs.size(), ys.size())};
  Header h = header;
  set_meaning(h, tables.front());
  io::FitsWriter writer{path};
  for (std::size_t k = 0; k < tables.size(); ++k) {
    require_geometry(path, tables[k], tables.front());
    if (tables.size() > 1) set_place(h, xs[k % xs.size()], ys[k / xs.size()]);
    writer.add_image("PRF", h, tables[k].samples());
  }
  writer.close();
}

void write_psf_places(const fs::path& path, const std::vector<psf::PointResponse>& tables, const std::vector<std::pair<double, double>>& places, const std::vector<Header>& headers) {
  if (tables.empty() || places.size() != tables.size() || (!headers.empty() && headers.size() != tables.size())) throw UsageError{fmt::format("{}: {} tables at {} places", path.string(), tables.size(), places.size())};
  io::FitsWriter writer{path};
  for (std::size_t k = 0; k < tables.size(); ++k) {
    require_geometry(path, tables[k], tables.front());
    Header h = headers.empty() ? Header{} : headers[k];
    set_meaning(h, tables[k]);
    set_place(h, places[k].first, places[k].second);
    h.set("PRPLACES", true, "tables stand at places of their own: the nearest counts");
    writer.add_image("PRF", h, tables[k].samples());
  }
  writer.close();
}

void write_psfex(const fs::path& path, const std::vector<psf::PointResponse>& terms, const psf::Polynomial& polynomial, const Header& header) {
  if (terms.empty() || static_cast<int>(terms.size()) != polynomial.terms()) throw UsageError{fmt::format("{}: {} tables for a polynomial of {} terms", path.string(), terms.size(), polynomial.terms())};
  const auto& first = terms.front();
  const View<const float> view = first.samples();
  const int width = view.box().width(), height = view.box().height(), n = first.samples_per_pixel_x();
  if (n != first.samples_per_pixel_y() || first.centre_x() != (width - 1) / 2.0 || first.centre_y() != (height - 1) / 2.0)
    throw UsageError{fmt::format("{}: a PSFEx model has one sampling and its star on the middle sample", path.string())};
  std::vector<float> mask;
  for (const auto& term : terms) {
    require_geometry(path, term, first);
    const auto samples = term.samples();
    for (int y = samples.box().y0; y < samples.box().y1; ++y)
      mask.insert(mask.end(), samples.row(y).begin(), samples.row(y).end());
  }
  Table table;
  table.name = "PSF_DATA";
  Header cards = header;
  cards.set("POLNAXIS", std::int64_t{2}, "numbers that the model depends on");
  const std::pair<double, double> axes[] = {{polynomial.x_zero, polynomial.x_scale}, {polynomial.y_zero, polynomial.y_scale}};
  for (int axis = 1; axis <= 2; ++axis) {
    const auto& [zero, scale] = axes[axis - 1];
    cards.set(fmt::format("POLGRP{}", axis), std::int64_t{1}, "group of this number");
    cards.set(fmt::format("POLNAME{}", axis), std::string{axis == 1 ? "X_IMAGE" : "Y_IMAGE"}, "its name");
    cards.set(fmt::format("POLZERO{}", axis), zero + 1, "taken off it; pixels from 1");
    cards.set(fmt::format("POLSCAL{}", axis), scale, "and what it is divided by");
  }
  cards.set("POLNGRP", std::int64_t{1}, "groups");
  cards.set("POLDEG1", static_cast<std::int64_t>(polynomial.degree), "degree of the polynomial");
  cards.set("PSF_FWHM", first.fwhm_pix(), "[pixel] full width at half maximum");
  cards.set("PSF_SAMP", 1.0 / n, "[pixel] step of the samples");
  cards.set("PSFNAXIS", std::int64_t{3}, "axes of the samples");
  for (const auto& [key, size] : {std::pair{"PSFAXIS1", width}, std::pair{"PSFAXIS2", height}, std::pair{"PSFAXIS3", polynomial.terms()}}) cards.set(key, static_cast<std::int64_t>(size), "samples along it");
  table.keywords = cards.cards();
  io::add_array(table, {"PSF_MASK", {width, height, polynomial.terms()}, "", "share of the flux in a pixel centred there"}, mask);
  io::FitsWriter writer{path};
  writer.add_table(table);
  writer.close();
}

void write_psf_grid(const fs::path& path, const std::vector<psf::PointResponse>& tables, const std::vector<double>& xs, const std::vector<double>& ys, const Header& header) {
  constexpr int samples = 4;      // per pixel, by the definition of the form
  constexpr std::size_t most = 99;  // numbers of two digits
  if (xs.size() < 2 || ys.size() < 2 || xs.size() > most || ys.size() > most || tables.size() != xs.size() * ys.size()) throw UsageError{fmt::format("{}: {} tables on {} × {} positions; a grid has 2 to {} along each axis", path.string(), tables.size(), xs.size(), ys.size(), most)};
  const auto& first = tables.front();
  const Box box = first.samples().box();
  const double reach = std::min({first.centre_x(), box.width() - 1 - first.centre_x(), first.centre_y(), box.height() - 1 - first.centre_y()}) / std::max(first.samples_per_pixel_x(), first.samples_per_pixel_y());
  const int half = static_cast<int>(std::floor(samples * reach + 1e-9)), side = 2 * half + 1;
  Header cards = header;
  cards.set("NXPSFS", static_cast<std::int64_t>(xs.size()), "positions along x");
  cards.set("NYPSFS", static_cast<std::int64_t>(ys.size()), "positions along y");
  for (std::size_t i = 0; i < xs.size(); ++i) cards.set(fmt::format("IPSFX{:02d}", i + 1), xs[i] + 1, "[pixel] from 1");
  for (std::size_t i = 0; i < ys.size(); ++i) cards.set(fmt::format("JPSFY{:02d}", i + 1), ys[i] + 1, "[pixel] from 1");
  cards.set("OVERSAMP", std::int64_t{samples}, "samples per pixel");
  cards.set("PRNORM", std::string{"none"}, "fluxes are as the tables have them");
  io::FitsCubes file{path, cards, {io::CubeHdu{}}, side, side, static_cast<int>(tables.size())};
  std::vector<float> plane(static_cast<std::size_t>(side) * static_cast<std::size_t>(side));
  for (std::size_t k = 0; k < tables.size(); ++k) {
    require_geometry(path, tables[k], first);
    for (int y = -half; y <= half; ++y)
      for (int x = -half; x <= half; ++x) plane[static_cast<std::size_t>((y + half) * side + x + half)] = static_cast<float>(tables[k].at(static_cast<double>(x) / samples, static_cast<double>(y) / samples));
    file.write(0, static_cast<int>(k), 0, plane);
  }
  file.close({});
}

}  // namespace tessera::instrument
