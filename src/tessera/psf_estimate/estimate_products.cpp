#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/core/statistics.h"
#include "tessera/instrument/psf_file.h"
#include "tessera/io/fits.h"
#include "tessera/psf_estimate/estimate_private.h"
#include "tessera/run/record.h"

namespace tessera::psf_estimate {

namespace {

constexpr int positions_a_side = 5;

}  // namespace

psf::Meaning meaning_of(const EffectiveTable& table, const Image<double>& samples) {
  psf::Meaning meaning;
  meaning.samples_per_pixel_x = table.samples_per_pixel, meaning.samples_per_pixel_y = table.samples_y();
  meaning.centre_x = samples.box().width() / 2, meaning.centre_y = samples.box().height() / 2;
  meaning.response = psf::Response::pixel;
  meaning.normalisation = psf::Normalisation::mean;
  meaning.normalisation_radius_pix = table.radius_pix;
  meaning.scatter = table.scatter;
  return meaning;
}

psf::PointResponse response_of(const EffectiveTable& table, const Image<double>& samples) { return {samples, meaning_of(table, samples)}; }

/// A plane beside a table, of its geometry.
void Estimation::write_plane(const std::string& name, const EffectiveTable& table, const char* title, View<const double> plane, run::OutputFolder& folder) {
  io::FitsWriter writer{folder.product(name)};
  Header header = table_header(table);
  header.add_comment(title);
  writer.add_image("", header, plane);
  writer.close();
  products_.push_back({name, run::datasums(folder.product(name))});
}

/// PRF_k.fits and the map that names them (MOPEX guide 8.7): positions of FITS pixels, sizes in pixels.
void Estimation::write_sectors(run::OutputFolder& folder) {
  Table map;
  map.name = "prfmap";
  map.keywords = {{"Number_PRF", static_cast<std::int64_t>(sectors_.size()), ""}, {"HaveSigma", std::int64_t{1}, ""}, {"ImageX", static_cast<std::int64_t>(shifts_.front().width), ""}, {"ImageY", static_cast<std::int64_t>(shifts_.front().height), ""}};
  std::vector<std::int64_t> number, width, height, x, y, stars;
  const auto place = [&](const std::string& name) { return folder.places(name).empty() ? name : folder.places(name).front(); };
  std::vector<Card> sigmas;
  for (const Sector& s : sectors_) {
    const std::string name = fmt::format("PRF_{}.fits", s.number), sigma = fmt::format("PRFSigma_{}.fits", s.number);
    Header header = table_header(s.table);
    header.set("NSTARS", static_cast<std::int64_t>(s.stars), "stars it was made of");
    instrument::write_psf(folder.product(name), {response_of(s.table, s.table.samples.front())}, {}, {}, header);
    products_.push_back({name, run::datasums(folder.product(name))});
    write_plane(sigma, s.table, sigma_title(), s.table.sigma.view(), folder);
    map.keywords.push_back({fmt::format("PRF_Filename_{}", s.number), place(name), ""});
    sigmas.push_back({fmt::format("PRFSigma_Filename_{}", s.number), place(sigma), ""});
    for (const Box& area : s.areas) number.push_back(s.number), width.push_back(area.width()), height.push_back(area.height()), x.push_back(area.x0 + 1), y.push_back(area.y0 + 1), stars.push_back(s.stars);
  }
  map.keywords.insert(map.keywords.end(), sigmas.begin(), sigmas.end());
  map.add("PRFNum", std::move(number));
  map.add("NAXIS1", std::move(width));
  map.add("NAXIS2", std::move(height));
  map.add("PRFPos1", std::move(x));
  map.add("PRFPos2", std::move(y));
  map.add("stars", std::move(stars));
  run::write_table_product(map, "prfmap", io::TableFormat::ipac, folder, products_);
}

Image<double> Estimation::star_image(const EffectiveTable& table) {
  const int n = table.samples_per_pixel, m = table.samples_y(), middle = table.samples.front().box().width() / 2, middle_y = table.samples.front().box().height() / 2, half = middle / n, half_y = middle_y / m;
  Image<double> star{2 * half + 1, 2 * half_y + 1};
  for (int y = -half_y; y <= half_y; ++y)
    for (int x = -half; x <= half; ++x) star(x + half, y + half_y) = table.samples.front()(middle + n * x, middle_y + m * y);
  return star;
}

long Estimation::used_stars() const {
  if (by_stamps()) return std::count_if(stamps_.begin(), stamps_.end(), [](const Stamp& s) { return s.status == StarStatus::used; });
  return std::count_if(stars_.begin(), stars_.end(), [](const Star& s) { return s.used(); });
}

Header Estimation::table_header(const EffectiveTable& table) const {
  Header header;
  header.set("OVERSAMP", static_cast<std::int64_t>(table.samples_per_pixel), "samples per pixel");
  if (table.samples_per_pixel_y > 0) header.set("OVERSAMY", static_cast<std::int64_t>(table.samples_per_pixel_y), "samples per pixel along y");
  header.set("PRFWHM", table.fwhm_pix, "[pixel] full width at half maximum");
  header.set("NSTARS", static_cast<std::int64_t>(used_stars()), by_stamps() ? "stamps it was made of" : "stars it was made of");
  return header;
}

std::pair<std::vector<double>, std::vector<double>> Estimation::positions_of_tables(const EffectiveTable& table) const {
  std::pair<std::vector<double>, std::vector<double>> at;
  const auto& p = table.polynomial;
  for (int k = 0; k < positions_a_side; ++k) {  // between which the polynomial is nearly linear
    const double share = -1 + 2.0 * k / (positions_a_side - 1);
    at.first.push_back(p.x_zero + share * p.x_scale), at.second.push_back(p.y_zero + share * p.y_scale);
  }
  return at;
}

void Estimation::write_tables(const EffectiveTable& table, run::OutputFolder& folder) {
  const auto wanted = [&](const char* form) { return std::find(choice_.forms.begin(), choice_.forms.end(), form) != choice_.forms.end(); };
  const bool varies = table.samples.size() > 1;
  std::vector<psf::PointResponse> tables;
  std::vector<double> xs, ys;
  if (varies) {
    std::tie(xs, ys) = positions_of_tables(table);
    for (const double y : ys)
      for (const double x : xs) tables.push_back(response_of(table, table_at(table, x, y)));
  } else {
    tables.push_back(response_of(table, table.samples.front()));
  }
  const auto add = [&](const char* name) { products_.push_back({name, run::datasums(folder.product(name))}); };
  if (wanted("prf")) instrument::write_psf(folder.product("psf.fits"), tables, xs, ys, table_header(table)), add("psf.fits");
  if (wanted("psfex")) write_psfex(table, folder), add("psf.psf");
  if (wanted("grid")) write_grid(std::move(tables), std::move(xs), std::move(ys), table, folder), add("psf_grid.fits");
  write_plane("psf_sigma.fits", table, sigma_title(), table.sigma.view(), folder);
  Image<double> coverage{table.coverage.box()};
  std::copy(table.coverage.pixels().begin(), table.coverage.pixels().end(), coverage.pixels().begin());
  write_plane("psf_coverage.fits", table, by_stamps() ? "stamps at each sample of the table" : "pixels of stars whose nearest sample of the table this is", coverage.view(), folder);
}

void Estimation::write_psfex(const EffectiveTable& table, run::OutputFolder& folder) const {
  std::vector<psf::PointResponse> terms{response_of(table, table.samples.front())};
  for (std::size_t t = 1; t < table.samples.size(); ++t) terms.push_back(psf::PointResponse::scaled(table.samples[t], meaning_of(table, table.samples[t]), terms.front().scale()));
  psf::Polynomial polynomial = table.polynomial;
  if (terms.size() == 1) polynomial = {0, (shifts_.front().width - 1) / 2, shifts_.front().width, (shifts_.front().height - 1) / 2, shifts_.front().height};
  Header header;
  header.set("LOADED", static_cast<std::int64_t>(by_stamps() ? stamps_.size() : stars_.size()), by_stamps() ? "stamps" : "stars chosen");
  header.set("ACCEPTED", static_cast<std::int64_t>(used_stars()), "those it was made of");
  if (!by_stamps()) header.set("CHI2", table.chi2 / static_cast<double>(std::max(1L, table.pixels)), "per pixel");
  instrument::write_psfex(folder.product("psf.psf"), terms, polynomial, header);
}

/// Sectors at their middles, where they form a grid; along an axis without any the first and last pixel have the same table.
void Estimation::write_grid(std::vector<psf::PointResponse> tables, std::vector<double> xs, std::vector<double> ys, const EffectiveTable& table, run::OutputFolder& folder) {
  const double width = shifts_.front().width, height = shifts_.front().height;
  if (!sectors_.empty() && own_.map.empty()) {
    tables.clear();
    for (const Sector& s : sectors_) tables.push_back(response_of(s.table, s.table.samples.front()));
    for (int i = 0; i < own_.sectors_x; ++i) xs.push_back((sectors_[static_cast<std::size_t>(i)].areas.front().x0 + sectors_[static_cast<std::size_t>(i)].areas.front().x1 - 1) / 2.0);
    for (int j = 0; j < own_.sectors_y; ++j) ys.push_back((sectors_[static_cast<std::size_t>(j * own_.sectors_x)].areas.front().y0 + sectors_[static_cast<std::size_t>(j * own_.sectors_x)].areas.front().y1 - 1) / 2.0);
  }
  const std::size_t columns = std::max<std::size_t>(1, xs.size()), rows = std::max<std::size_t>(1, ys.size());
  if (columns == 1) xs = {0, width - 1};
  if (rows == 1) ys = {0, height - 1};
  std::vector<psf::PointResponse> all;
  for (std::size_t j = 0; j < ys.size(); ++j)
    for (std::size_t i = 0; i < xs.size(); ++i) all.push_back(tables[(rows == 1 ? 0 : j) * columns + (columns == 1 ? 0 : i)]);
  // Numbers of tables by which photutils takes a file for one of several detectors.
  if (const auto count = all.size(); count == 36 || count == 56 || count == 90 || count == 200)
    context_.caveat("grid-of-photutils", fmt::format("psf_grid.fits has {} tables, which photutils takes for those of several detectors; choose another number of sectors", count));
  instrument::write_psf_grid(folder.product("psf_grid.fits"), all, xs, ys, table_header(table));
}

Table Estimation::star_table(const EffectiveTable& table) const {
  Table t;
  t.name = "stars";
  std::vector<double> ra, dec, flux, flux_error, chi2, east, north;
  std::vector<std::int32_t> status, images, pixels;
  std::vector<std::string> text;
  std::vector<int> seen(stars_.size(), 0);
  for (const auto& p : pixels_) ++seen[static_cast<std::size_t>(p.star)];
  for (std::size_t s = 0; s < stars_.size(); ++s) {
    Star star = stars_[s];
    // The table was moved to have its star in the middle, and stars with it.
    if (const auto first = std::find_if(pixels_.begin(), pixels_.end(), [&](const StarPixels& p) { return p.star == static_cast<int>(s); }); first != pixels_.end()) {
      const double det = first->x_u * first->y_v - first->x_v * first->y_u;
      star.u += (first->y_v * table.off_x - first->x_v * table.off_y) / det, star.v += (first->x_u * table.off_y - first->y_u * table.off_x) / det;
    }
    joint_fit::Source at = sources_[s];
    at.u = star.u, at.v = star.v;
    const auto where = at.position();
    ra.push_back(where.ra_deg), dec.push_back(where.dec_deg), flux.push_back(star.flux), flux_error.push_back(star.flux_error), east.push_back(star.u_error), north.push_back(star.v_error);
    chi2.push_back(star.pixels > 3 ? star.chi2 / static_cast<double>(star.pixels - 3) : std::numeric_limits<double>::quiet_NaN());
    status.push_back(static_cast<std::int32_t>(star.status)), images.push_back(seen[s]), pixels.push_back(static_cast<std::int32_t>(star.pixels)), text.emplace_back(status_text(star.status));
  }
  const std::string unit = images_.front().unit.name;
  t.add("ra", std::move(ra), "deg", "right ascension, ICRS", "pos.eq.ra;meta.main");
  t.add("dec", std::move(dec), "deg", "declination, ICRS", "pos.eq.dec;meta.main");
  t.add("ra_err", std::move(east), "arcsec", "1 sigma to the east");
  t.add("dec_err", std::move(north), "arcsec", "1 sigma to the north");
  t.add("flux", std::move(flux), unit, "flux within the radius of the table");
  t.add("flux_err", std::move(flux_error), unit, "its 1 sigma");
  t.add("chi2_dof", std::move(chi2), "", "chi squared per degree of freedom");
  t.add("images", std::move(images), "", "images whose pixels of it were used");
  t.add("pixels", std::move(pixels), "", "pixels used");
  t.add("status", std::move(status), "", "1 used; others: see reason");
  t.add("reason", std::move(text), "", "the status in words");
  return t;
}

std::vector<std::pair<std::string, double>> Estimation::results(const EffectiveTable& table) const {
  std::vector<std::pair<std::string, double>> all{{"stars", static_cast<double>(sources_.size())}, {"fwhm_pix", table.fwhm_pix}, {"radius_pix", table.radius_pix}, {"samples_per_pixel", table.samples_per_pixel}};
  const auto add = [&](const char* name, auto value) { all.emplace_back(name, static_cast<double>(value)); };
  if (!phases_.median.empty()) add("phase_residual_scatter", phases_.scatter);
  if (by_stamps()) {
    add("stamps", stamps_.size()), add("stamps_used", used_stars());
    return all;
  }
  std::vector<double> off;
  for (const auto& s : shifts_) off.push_back(std::hypot(s.dx, s.dy));
  add("stars_used", used_stars()), add("chi2_dof", table.chi2 / static_cast<double>(std::max(1L, table.pixels))), add("pixels", table.pixels), add("clipped_pixels", table.clipped), add("roughness", table.roughness), add("scatter", table.scatter);
  add("rounds", table.rounds), add("last_change", table.last_change), add("centre_moved_x", table.off_x), add("centre_moved_y", table.off_y), add("image_shift_pix", statistics::median(off));
  return all;
}

run::Outcome Estimation::write(const EffectiveTable& table, run::OutputFolder& folder) {
  context_.stage("writing products", 1);
  phases_ = phase_residuals(table);
  write_tables(table, folder);
  if (!sectors_.empty()) write_sectors(folder);
  if (by_stamps()) {
    write_plane("star.fits", table, "the table at every pixel: a star in the middle of one", star_image(table).view(), folder);
    run::write_table_product(stamp_table(), "stamps", options_.catalog.formats == std::vector<std::string>{"ipac"} ? io::TableFormat::ipac : io::TableFormat::fits, folder, products_);
  }
  else run::write_table_product(star_table(table), "stars", io::TableFormat::fits, folder, products_);
  clock_.stop();
  if (options_.mosaic.products.report) {
    write_report(table, folder);
    products_.push_back({"report.html", ""});
  }
  const auto inputs = run::hash_files(read_files(), context_);
  run::publish_run(clock_, folder_request().plan_hash, settings_, inputs, run::placed_products(request_.kept, products_, folder), results(table), folder, recorder_);
  context_.log(run::Level::info, fmt::format("{}: full width {:.3f} pixels from {} {}, {}", request_.output, table.fwhm_pix, used_stars(), by_stamps() ? "stamps" : "stars", text::format_duration(clock_.record.wall_s)));
  return recorder_.outcome();
}

}  // namespace tessera::psf_estimate
