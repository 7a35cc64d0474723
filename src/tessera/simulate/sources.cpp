#include "tessera/simulate/sources.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "tessera/simulate/random.h"
#include "tessera/wcs/separation.h"

namespace tessera::simulate {

void describe(param::Schema<SourceOptions>& s) {
  s.field(&SourceOptions::count, "count", "Number of sources, companions not counted.").range(0, 10000000).flag("sources");
  s.field(&SourceOptions::placement, "placement", "Random places, or a regular grid over the field.")
      .choices({{"random", Placement::random}, {"grid", Placement::grid}});
  s.field(&SourceOptions::catalog, "catalog", "Table with columns ra, dec (deg) and flux (uJy) to take the sources from.").placeholder("FILE");
  s.field(&SourceOptions::flux_min_ujy, "flux_min_ujy", "Faintest flux drawn.").unit("uJy").range(1e-6, 1e12);
  s.field(&SourceOptions::flux_max_ujy, "flux_max_ujy", "Brightest flux drawn.").unit("uJy").range(1e-6, 1e12);
  s.field(&SourceOptions::flux_slope, "flux_slope", "Number counts dN/dF fall as F to minus this power.").range(-5, 10);
  s.field(&SourceOptions::blend_fraction, "blend_fraction", "Fraction of sources that get a companion.").range(0, 1);
  s.field(&SourceOptions::blend_separation_arcsec, "blend_separation_arcsec", "Distance of a companion, in a random direction.")
      .unit("arcsec").at_least(0);
  s.field(&SourceOptions::blend_flux_ratio, "blend_flux_ratio", "Flux of a companion over that of its primary.").range(0, 1000);
  s.field(&SourceOptions::min_frames, "min_frames", "Keep only places that lie inside at least this many frames; 0 for anywhere in the field.")
      .range(0, 100000);
  s.field(&SourceOptions::edge_pix, "edge_pix", "Distance from a frame's edge that counts as inside for min_frames.").unit("pixel").range(0, 10000);
}

Field make_field(const StackOptions& stack, const Camera& camera, const std::vector<wcs::SkyWcs>& frames) {
  Header h;
  h.set("NAXIS", std::int64_t{2});
  h.set("CTYPE1", std::string{"RA---TAN"});
  h.set("CTYPE2", std::string{"DEC--TAN"});
  h.set("CUNIT1", std::string{"deg"});
  h.set("CUNIT2", std::string{"deg"});
  h.set("CRVAL1", stack.ra_deg);
  h.set("CRVAL2", stack.dec_deg);
  h.set("CRPIX1", 1.0);
  h.set("CRPIX2", 1.0);
  h.set("CD1_1", -1 / 3600.0);
  h.set("CD1_2", 0.0);
  h.set("CD2_1", 0.0);
  h.set("CD2_2", 1 / 3600.0);
  h.set("RADESYS", std::string{"ICRS"});
  constexpr double inf = std::numeric_limits<double>::infinity();
  Field field{wcs::SkyWcs::from_header(h, "the field of the simulation"), inf, inf, -inf, -inf};

  // Corners and the middles of the sides hold a distorted outline to a fraction of a pixel; sources need no more.
  const double w = camera.width - 0.5, v = camera.height - 0.5, mx = camera.width / 2.0, my = camera.height / 2.0;
  const std::array<double, 8> px{-0.5, mx, w, w, w, mx, -0.5, -0.5}, py{-0.5, -0.5, -0.5, my, v, v, v, my};
  std::array<double, 8> ra{}, dec{}, x{}, y{};
  for (const wcs::SkyWcs& frame : frames) {
    frame.pixel_to_sky(px, py, ra, dec);
    field.plane.sky_to_pixel(ra, dec, x, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!std::isfinite(x[i]) || !std::isfinite(y[i]))
        throw UsageError{"stack: the frames spread over more sky than one tangent plane holds; use a smaller map"};
      field.x0 = std::min(field.x0, x[i]);
      field.x1 = std::max(field.x1, x[i]);
      field.y0 = std::min(field.y0, y[i]);
      field.y1 = std::max(field.y1, y[i]);
    }
  }
  return field;
}

namespace {

/// Tells whether a place is inside enough frames.
class Covered {
 public:
  Covered(const SourceOptions& o, const Camera& camera, const std::vector<wcs::SkyWcs>& frames)
      : wanted_{o.min_frames}, edge_{o.edge_pix}, camera_{camera}, frames_{frames} {
    for (const auto& f : frames) centres_.push_back(f.pixel_to_sky(wcs::PixelPoint{camera.width / 2.0, camera.height / 2.0}));
    reach_deg_ = 0.55 * std::hypot(camera.width, camera.height) * camera.pixel_scale_arcsec / 3600;
  }
  bool operator()(wcs::SkyPoint p) const {
    if (wanted_ == 0) return true;
    int inside = 0;
    for (std::size_t i = 0; i < frames_.size() && inside < wanted_; ++i) {
      if (separation_deg(p, centres_[i]) > reach_deg_) continue;
      const wcs::PixelPoint q = frames_[i].sky_to_pixel(p);
      inside += q.x >= edge_ - 0.5 && q.x <= camera_.width - 0.5 - edge_ && q.y >= edge_ - 0.5 && q.y <= camera_.height - 0.5 - edge_;
    }
    return inside >= wanted_;
  }

 private:
  int wanted_;
  double edge_, reach_deg_ = 0;
  const Camera& camera_;
  const std::vector<wcs::SkyWcs>& frames_;
  std::vector<wcs::SkyPoint> centres_;
};

wcs::SkyPoint random_place(Random& random, const Field& field, const Covered& covered, const SourceOptions& o) {
  for (int attempt = 0; attempt < 10000; ++attempt) {
    const double x = random.uniform(field.x0, field.x1), y = random.uniform(field.y0, field.y1);
    const wcs::SkyPoint p = field.plane.pixel_to_sky(wcs::PixelPoint{x, y});
    if (covered(p)) return p;
  }
  throw UsageError{fmt::format("sources.min_frames: no place in the field lies {} pixels inside {} frames; ask for fewer frames", o.edge_pix,
                               o.min_frames)};
}

std::vector<wcs::SkyPoint> grid_places(const SourceOptions& o, const Field& field, const Covered& covered) {
  std::vector<wcs::SkyPoint> places;
  const int columns = std::max(1, static_cast<int>(std::ceil(std::sqrt(o.count * (field.x1 - field.x0) / (field.y1 - field.y0)))));
  const int rows = (o.count + columns - 1) / columns;
  for (int i = 0; i < o.count; ++i) {
    const double x = field.x0 + (i % columns + 0.5) * (field.x1 - field.x0) / columns;
    const double y = field.y0 + (i / columns + 0.5) * (field.y1 - field.y0) / rows;
    const wcs::SkyPoint p = field.plane.pixel_to_sky(wcs::PixelPoint{x, y});
    if (covered(p)) places.push_back(p);
  }
  return places;
}

}  // namespace

std::vector<Source> make_sources(const SourceOptions& o, std::uint64_t seed, const Field& field, const Camera& camera,
                                 const std::vector<wcs::SkyWcs>& frames) {
  if (o.flux_min_ujy > o.flux_max_ujy)
    throw UsageError{fmt::format("sources.flux_min_ujy: {} is above sources.flux_max_ujy = {}", o.flux_min_ujy, o.flux_max_ujy)};
  if (o.min_frames > static_cast<int>(frames.size()))
    throw UsageError{fmt::format("sources.min_frames: {} asked for, but the stack has {} frames", o.min_frames, frames.size())};
  const Covered covered{o, camera, frames};
  std::vector<wcs::SkyPoint> grid;
  if (o.placement == Placement::grid) grid = grid_places(o, field, covered);
  const int primaries = o.placement == Placement::grid ? static_cast<int>(grid.size()) : o.count;

  std::vector<Source> sources;
  for (int i = 0; i < primaries; ++i) {
    const std::int64_t id = i + 1;
    Random random{seed, Purpose::source, static_cast<std::uint64_t>(id)};
    Source s;
    s.id = id;
    s.flux_ujy = random.power_law(o.flux_min_ujy, o.flux_max_ujy, o.flux_slope);
    s.position = grid.empty() ? random_place(random, field, covered, o) : grid[static_cast<std::size_t>(i)];
    sources.push_back(s);
  }
  std::int64_t next = primaries;
  for (int i = 0; i < primaries; ++i) {
    Source& primary = sources[static_cast<std::size_t>(i)];
    Random random{seed, Purpose::companion, static_cast<std::uint64_t>(primary.id)};
    if (random.uniform() >= o.blend_fraction) continue;
    primary.blend_id = primary.id;
    Source companion = primary;
    companion.id = ++next;
    companion.flux_ujy *= o.blend_flux_ratio;
    companion.position = displaced(primary.position, o.blend_separation_arcsec / 3600, 360 * random.uniform());
    sources.push_back(companion);  // `primary` is not used after this: the vector may move
  }
  return sources;
}

std::vector<Source> sources_from_table(const Table& table, const std::string& where) {
  const auto need = [&](std::initializer_list<const char*> names) -> std::vector<double> {
    for (const char* name : names)
      if (table.find(name)) return table.numbers(name);
    throw DataError{fmt::format("{}: no column {}; a source catalogue has ra and dec in degrees and flux in uJy", where, *names.begin())};
  };
  const auto ra = need({"ra"}), dec = need({"dec"}), flux = need({"flux", "flux_ujy"});
  const auto id = table.find("id") ? table.numbers("id") : std::vector<double>{};
  const auto blend = table.find("blend_id") ? table.numbers("blend_id") : std::vector<double>{};
  std::vector<Source> sources(ra.size());
  for (std::size_t i = 0; i < ra.size(); ++i) {
    if (!std::isfinite(ra[i]) || !(std::abs(dec[i]) <= 90) || !std::isfinite(flux[i]))
      throw DataError{fmt::format("{}: row {} has ra {}, dec {}, flux {}; all three must be numbers", where, i + 1, ra[i], dec[i], flux[i])};
    const auto integer = [&](const std::vector<double>& v, std::int64_t otherwise) {
      return i < v.size() && std::abs(v[i]) < 9e15 ? static_cast<std::int64_t>(v[i]) : otherwise;
    };
    sources[i] = {integer(id, static_cast<std::int64_t>(i) + 1), {ra[i], dec[i]}, flux[i], integer(blend, 0)};
  }
  return sources;
}

Table sources_table(const std::vector<Source>& sources) {
  std::vector<std::int64_t> id, blend;
  std::vector<double> ra, dec, flux;
  for (const Source& s : sources) {
    id.push_back(s.id);
    ra.push_back(s.position.ra_deg);
    dec.push_back(s.position.dec_deg);
    flux.push_back(s.flux_ujy);
    blend.push_back(s.blend_id);
  }
  Table t;
  t.name = "truth_sources";
  t.add("id", std::move(id), "", "Number of the source", "meta.id;meta.main");
  t.add("ra", std::move(ra), "deg", "True right ascension, ICRS", "pos.eq.ra;meta.main");
  t.add("dec", std::move(dec), "deg", "True declination, ICRS", "pos.eq.dec;meta.main");
  t.add("flux", std::move(flux), "uJy", "True flux density", "phot.flux.density");
  t.add("blend_id", std::move(blend), "", "Number of the primary of the blend this source is in, 0 for none", "meta.id.assoc");
  return t;
}

}  // namespace tessera::simulate
