#include "tessera/pipeline/moving.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/instrument/cards.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/wcs/track.h"

namespace tessera::pipeline {
namespace {

constexpr double mjd_zero_jd = 2400000.5;

/// The first column of one of the names, or of the UCD.
const Column& column(const Table& table, const std::vector<std::string>& names, std::string_view ucd, const std::string& where, std::string_view what) {
  for (const auto& name : names)
    if (const Column* found = table.find(name)) return *found;
  for (const Column& c : table.columns)
    if (text::lower(c.ucd).starts_with(ucd)) return c;
  throw DataError{fmt::format("{}: no column with the {} of the object; expected one named {}, or with the UCD {}", where, what, text::join(names, ", "), ucd)};
}

/// MJD from numbers (MJD or JD, told apart by size) or dates.
std::vector<double> times(const Table& table, const Column& c, const std::string& where) {
  std::vector<double> mjd;
  if (std::holds_alternative<std::vector<std::string>>(c.data)) {
    for (const auto& value : table.texts(c.name)) {
      const auto number = text::to_double(value);
      const auto date = number ? number : instrument::mjd_of(text::trim(value));
      if (!date) throw DataError{fmt::format("{}: column {}: '{}' is no time; expected an MJD, a JD, or a date like 2013-01-01T18:49:58", where, c.name, value)};
      mjd.push_back(*date);
    }
  } else {
    mjd = table.numbers(c.name);
  }
  for (double& t : mjd) {
    if (t > 2e6) t -= mjd_zero_jd;
    if (!(t > 1e4 && t < 2e5)) throw DataError{fmt::format("{}: column {}: {} is neither an MJD nor a JD", where, c.name, t)};
  }
  return mjd;
}

wcs::Track read_track(const std::string& path) {
  const Table table = io::read_table(path);
  const Column& time = column(table, {"mjd", "jd", "time", "datetime_jd", "date", "epoch"}, "time.epoch", path, "time");
  const Column& ra = column(table, {"ra", "ra_deg", "raj2000", "ra_icrs"}, "pos.eq.ra", path, "right ascension");
  const Column& dec = column(table, {"dec", "dec_deg", "dej2000", "de_icrs"}, "pos.eq.dec", path, "declination");
  for (const Column* c : {&ra, &dec})
    if (!c->unit.empty() && !text::lower(c->unit).starts_with("deg"))
      throw DataError{fmt::format("{}: column {} is in '{}'; degrees were expected", path, c->name, c->unit)};
  const auto ra_deg = table.numbers(ra.name), dec_deg = table.numbers(dec.name);
  std::vector<wcs::SkyPoint> positions;
  for (std::size_t i = 0; i < ra_deg.size(); ++i) positions.push_back({ra_deg[i], dec_deg[i]});
  return {times(table, time, path), std::move(positions), path};
}

/// Of the exposure; what of begin, end and length is there decides.
double middle(const instrument::FrameFile& frame) {
  if (frame.mjd_begin > 0 && frame.mjd_end > 0) return (frame.mjd_begin + frame.mjd_end) / 2;
  const double half = frame.exposure_s / 86400 / 2;
  if (frame.mjd_begin > 0) return frame.mjd_begin + half;
  return frame.mjd_end > 0 ? frame.mjd_end - half : 0;
}

/// A card of the image, or of the primary header where the image does not inherit it.
double card(const instrument::FrameFile& frame, const std::string& key) {
  auto value = frame.header.number(key);
  if (!value && frame.image.hdu > 0) value = io::FitsFile{frame.image.path}.header(0).number(key);
  if (!value || !std::isfinite(*value))
    throw DataError{fmt::format("{}: no number in card {}, which grid.moving = header needs (degrees); name the cards with grid.moving_ra and grid.moving_dec, or give a track file as grid.moving",
                                frame.label(), key)};
  return *value;
}

wcs::SkyPoint place(const instrument::FrameFile& frame, const wcs::Track& track, const std::string& path, double mjd) {
  if (mjd == 0) throw DataError{fmt::format("{}: no time of exposure in its header, so its place on the track {} is unknown", frame.label(), path)};
  const auto p = track.at(mjd);
  if (!p)
    throw DataError{fmt::format("{}: exposed around MJD {:.6f}, outside the track {} (MJD {:.6f} to {:.6f}); give a track that holds all exposures", frame.label(), mjd, path, track.begin(), track.end())};
  return *p;
}

}  // namespace

void describe(param::Schema<MovingOptions>& s) {
  s.field(&MovingOptions::object, "moving",
          "Keep a moving object still: header = its place is in two cards of every frame; or a table with time, RA and Dec (ICRS, degrees) of the object. Empty: the sky is kept still.")
      .flag("moving")
      .placeholder("header|FILE");
  s.field(&MovingOptions::reference, "moving_reference", "Number of the frame in which the moving object is where the mosaic shows it.").at_least(1).namelist("", "MOVING_OBJECT_MOSAIC");
  s.field(&MovingOptions::ra_card, "moving_ra", "Card with the object's right ascension, for grid.moving = header.").placeholder("CARD");
  s.field(&MovingOptions::dec_card, "moving_dec", "Card with the object's declination, for grid.moving = header.").placeholder("CARD");
}

MovingObject follow(std::span<instrument::FrameFile> frames, const MovingOptions& options) {
  MovingObject object;
  if (options.object.empty()) return object;
  if (options.reference > static_cast<int>(frames.size()))
    throw UsageError{fmt::format("grid.moving_reference = {}: there are {} frames", options.reference, frames.size())};
  std::optional<wcs::Track> track;
  if (text::lower(options.object) != "header") track = read_track(options.object);
  for (const auto& frame : frames) {
    object.mjd.push_back(middle(frame));
    object.position.push_back(track ? place(frame, *track, options.object, object.mjd.back()) : wcs::SkyPoint{card(frame, options.ra_card), card(frame, options.dec_card)});
    if (!(std::abs(object.position.back().dec_deg) <= 90))
      throw DataError{fmt::format("{}: {} = {} is no declination in degrees", frame.label(), options.dec_card, object.position.back().dec_deg)};
  }
  object.fixed = object.position[static_cast<std::size_t>(options.reference) - 1];
  for (std::size_t i = 0; i < frames.size(); ++i) frames[i].wcs = frames[i].wcs.carried(object.position[i], object.fixed);
  return object;
}

Table moving_table(const MovingObject& object, std::span<const instrument::FrameFile> frames) {
  Table t;
  t.name = "moving";
  t.comments = {"Where the moving object was in the middle of each exposure, and how far that frame's sky was carried to keep it still."};
  std::vector<std::int32_t> id;
  std::vector<double> ra, dec, east, north;
  std::vector<std::string> name;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    id.push_back(static_cast<std::int32_t>(i + 1));
    const auto p = object.position[i];
    ra.push_back(p.ra_deg), dec.push_back(p.dec_deg);
    const double turn = std::remainder(object.fixed.ra_deg - p.ra_deg, 360.0);
    east.push_back(3600 * turn * std::cos(object.fixed.dec_deg * std::numbers::pi / 180)), north.push_back(3600 * (object.fixed.dec_deg - p.dec_deg));
    name.push_back(frames[i].image.path.filename().string());
  }
  t.add("Image_id", id, "", "number of the frame in header_list.tbl");
  t.add("mjd", object.mjd, "d", "middle of the exposure; 0: not known", "time.epoch");
  t.add("ra", ra, "deg", "of the object", "pos.eq.ra");
  t.add("dec", dec, "deg", "of the object", "pos.eq.dec");
  t.add("carried_east", east, "arcsec", "by the turn in right ascension, at the object");
  t.add("carried_north", north, "arcsec", "by the turn in declination");
  t.add("filename", name, "", "image");
  return t;
}

}  // namespace tessera::pipeline
