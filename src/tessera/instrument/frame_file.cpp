/// instrument/frame_file.cpp — the headers of one frame: planes, unit, WCS, and what the cards say.
#include "tessera/instrument/frame_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/instrument/cards.h"
#include "tessera/instrument/measurements.h"
#include "tessera/instrument/planes.h"
#include "tessera/instrument/units.h"

namespace tessera::instrument {
namespace {

constexpr int median_nodes = 5;  // lattice for the median pixel area: distortions are smooth

const io::HduInfo& info(const io::FitsFile& file, int hdu) { return file.hdus()[static_cast<std::size_t>(hdu)]; }

/// The image HDU, its size and its place among the frames of the file.
void take_image(FrameFile& frame, const io::FitsFile& file, const FrameNames& names) {
  const std::string path = names.image.string();
  const std::vector<int> frames = names.hdu < 0 ? frames_in(file, *frame.profile) : std::vector<int>{names.hdu};
  if (frames.front() >= static_cast<int>(file.hdus().size()) || !is_plane(info(file, frames.front())))
    throw DataError{fmt::format("{}: HDU {} is no two-dimensional image", path, frames.front())};
  const io::HduInfo& image = info(file, frames.front());
  constexpr std::int64_t longest = 1'000'000;
  if (image.axes[0] > longest || image.axes[1] > longest)
    throw DataError{fmt::format("{}: {} has {}x{} pixels; frames of at most {} pixels a side are read", path, hdu_name(image), image.axes[0], image.axes[1], longest)};
  frame.image = {names.image, image.index, file.unpacked_bytes()};
  frame.width = static_cast<int>(image.axes[0]);
  frame.height = static_cast<int>(image.axes[1]);
  frame.header = file.header(image.index);
  if (names.hdu >= 0) frame.hdu_label = hdu_name(image);
}

wcs::LookupTables lookup_tables(const io::FitsFile& file) {
  wcs::LookupTables tables;
  for (const auto& hdu : file.hdus()) {
    const std::string name = text::upper(hdu.name);
    if ((name != "WCSDVARR" && name != "D2IMARR") || !is_plane(hdu)) continue;
    const Image<float> pixels = file.read_float(hdu.index);
    const auto span = pixels.pixels();
    tables.push_back(std::make_shared<const wcs::LookupTable>(wcs::LookupTable::from_hdu(
        file.header(hdu.index, false), {span.begin(), span.end()}, fmt::format("{} [{}]", file.path().string(), hdu_name(hdu)))));
  }
  return tables;
}

void take_pointing(FrameFile& frame, const io::FitsFile& file) {
  const Header primary = file.header(0, false);
  const RoleCards cards{*frame.profile, frame.header, primary};
  const auto ra = cards.number("refined_ra"), dec = cards.number("refined_dec"), angle = cards.number("refined_angle");
  if (ra && dec && angle) frame.refined = RefinedPointing{*ra, *dec, *angle};
}

void take_wcs(FrameFile& frame, const io::FitsFile& file, const InputOptions& options) {
  const std::string where = fmt::format("{} [{}]", frame.image.path.string(), hdu_name(info(file, frame.image.hdu)));
  take_pointing(frame, file);
  if (options.pointing == Pointing::refined && !frame.refined)
    throw DataError{fmt::format("{}: has no cards of a refined pointing (Spitzer: RARFND, DECRFND, CT2RFND); give input.pointing = header", where)};
  wcs::WcsOptions how;
  how.unpromised = options.distortion;
  if (wcs::SkyWcs::needs_lookup_tables(frame.header)) how.tables = lookup_tables(file);
  frame.wcs = wcs::SkyWcs::from_header(options.pointing == Pointing::refined ? with_pointing(frame.header, *frame.refined, where) : frame.header, where, how);
  for (const auto& note : frame.wcs.notes()) frame.notes.push_back(note);
  frame.pixel_area_sr = AreaLattice{frame.wcs, frame.width, frame.height, median_nodes}.median();
  if (!(frame.pixel_area_sr > 0))
    throw DataError{fmt::format("{}: no pixel of this image lies on the sky under its WCS (projection {})", where, frame.wcs.projection())};
}

/// See FrameFile for what becomes of each kind of unit.
void take_unit(FrameFile& frame, const Unit& unit, bool stated) {
  const Profile& profile = *frame.profile;
  const double area_arcsec2 = frame.pixel_area_sr / arcsec2_in_sr;
  frame.per_pixel_flux = unit.kind == Unit::Kind::flux_per_pixel || unit.kind == Unit::Kind::counts_per_pixel;
  switch (unit.kind) {
    case Unit::Kind::surface_brightness:
      frame.unit = "MJy/sr";
      frame.unit_factor = unit.factor;
      break;
    case Unit::Kind::flux_per_pixel:
      frame.unit = "MJy/sr";
      frame.unit_factor = unit.factor / frame.pixel_area_sr;
      frame.local_area = profile.pixel_values != PixelValues::surface_brightness;
      break;
    case Unit::Kind::counts_per_pixel:
      frame.unit = unit.name + "/arcsec2";
      frame.unit_factor = 1 / area_arcsec2;
      frame.local_area = profile.pixel_values == PixelValues::flux;
      break;
    case Unit::Kind::other:
      frame.unit = unit.name;
      break;
  }
  if (unit.assumed_per_pixel) frame.notes.push_back(fmt::format("unit '{}' read as per pixel", frame.input_unit));
  if (!stated && unit.name.empty()) frame.notes.push_back("no BUNIT: values are averaged as they stand");
}

/// Electrons per input unit: EXPTIME·GAIN/FLUXCONV for Spitzer, GAIN for counts, times the exposure for rates. 0: unknown.
double electrons_per_unit(const FrameFile& frame, const Unit& unit, const RoleCards& cards) {
  const double gain = cards.positive("gain").value_or(0);
  const double seconds = frame.exposure_s;
  if (unit.kind == Unit::Kind::surface_brightness) {
    const double conversion = cards.positive("flux_conversion").value_or(0);  // MJy/sr per DN/s
    return conversion > 0 ? seconds * gain / conversion * unit.factor : 0;
  }
  if (unit.kind == Unit::Kind::other) return unit.name.empty() ? gain : 0;  // no unit: taken as detector counts
  if (unit.kind != Unit::Kind::counts_per_pixel || unit.quantum == "nanomaggy") return 0;
  const double per_quantum = unit.quantum == "electron" || unit.quantum == "photon" ? 1 : gain;
  return unit.per_second ? per_quantum * seconds : per_quantum;
}

void take_times(FrameFile& frame, const RoleCards& cards) {
  frame.exposure_s = cards.positive("exposure").value_or(0);
  frame.mjd_begin = cards.mjd("mjd_begin").value_or(0);
  frame.mjd_end = cards.mjd("mjd_end").value_or(0);
  if (frame.mjd_begin > 0 && frame.mjd_end < frame.mjd_begin) frame.mjd_end = frame.mjd_begin + frame.exposure_s / 86400;
}

void take_cards(FrameFile& frame, const Header& primary) {
  const RoleCards cards{*frame.profile, frame.header, primary};
  take_times(frame, cards);
  frame.filter = cards.filter();
  frame.read_noise = cards.positive("read_noise").value_or(0);
  frame.saturation = cards.positive("saturation").value_or(0);
  if (const auto zodi = cards.number("zodi")) frame.zodi = *zodi - cards.number("zodi_dark").value_or(0);
  const std::string own = !frame.profile->unit.empty() ? frame.profile->unit : std::string{text::trim(frame.header.text("BUNIT").value_or(""))};
  frame.input_unit = own.empty() ? frame.profile->default_unit : own;
  const Unit unit = parse_unit(frame.input_unit);
  take_unit(frame, unit, !own.empty());
  frame.gain = electrons_per_unit(frame, unit, cards);
}

/// The exposure that the user names a card for; the noise model keeps that of the profile.
void take_exposure(FrameFile& frame, const Header& primary, const std::string& card) {
  if (card.empty()) return;
  const auto seconds = frame.header.number(card) ? frame.header.number(card) : primary.number(card);
  if (!seconds || !(*seconds > 0))
    throw DataError{fmt::format("{}: card {} (input.exposure_card) is {}; a time in seconds was expected; give another card, or none for that of the profile", frame.image.path.string(), card, seconds ? "not positive" : "not there, or no number")};
  frame.exposure_s = *seconds;
}

/// Name and bit of the pairs MSKNnnnn = 'HOT', MSKMnnnn = 1024 (newer SPHEREx files) in a mask's header.
std::vector<std::pair<std::string, int>> paired_bits(const Header& header) {
  std::vector<std::pair<std::string, int>> bits;
  for (const Card& card : header.cards()) {
    if (!card.key.starts_with("MSKN")) continue;
    const auto mask = header.integer("MSKM" + card.key.substr(4));
    const auto name = header.text(card.key);
    if (mask && name && *mask > 0 && *mask <= 0xffffffffLL && std::has_single_bit(static_cast<std::uint64_t>(*mask)))
      bits.emplace_back(text::lower(*name), std::countr_zero(static_cast<std::uint64_t>(*mask)));
  }
  return bits;
}

/// Bits of this frame: the profile's, numbered by the mask's cards where the profile says so ("MP_SAT = 1").
void take_mask_bits(FrameFile& frame, const io::FitsFile& file, const InputOptions& options) {
  const Profile& profile = *frame.profile;
  frame.mask_bits = profile.mask_bits;
  if (!profile.bit_cards.empty() && frame.mask) {
    const Header header = frame.mask->path == file.path() ? file.header(frame.mask->hdu) : io::FitsFile{frame.mask->path}.header(frame.mask->hdu);
    auto numbered = paired_bits(header);
    for (const Card& card : header.cards()) {
      const auto* number = std::get_if<std::int64_t>(&card.value);
      if (!number || *number < 0 || *number > 31 || !card.key.starts_with(profile.bit_cards)) continue;
      numbered.emplace_back(text::lower(card.key.substr(profile.bit_cards.size())), static_cast<int>(*number));
    }
    for (const auto& [name, bit] : numbered) {
      const auto known = std::find_if(frame.mask_bits.begin(), frame.mask_bits.end(), [&](const MaskBit& b) { return b.name == name; });
      if (known != frame.mask_bits.end()) known->bit = bit;
      else frame.mask_bits.push_back({bit, name, "", false});
    }
    std::erase_if(frame.mask_bits, [](const MaskBit& b) { return b.bit < 0; });
    std::sort(frame.mask_bits.begin(), frame.mask_bits.end(), [](const MaskBit& a, const MaskBit& b) { return a.bit < b.bit; });
  }
  if (!options.fatal_bits.empty()) {
    frame.fatal_bits = parse_bits(options.fatal_bits, frame.mask_bits, profile.name);
  } else if (frame.mask_bits.empty() || profile.mask_form == MaskForm::good_is_one) {
    frame.fatal_bits = 0xffffffffu;  // a mask without named bits: anything set is bad
  } else {
    for (const MaskBit& b : frame.mask_bits)
      if (b.fatal && b.bit >= 0) frame.fatal_bits |= 1u << b.bit;
  }
}

/// The noise model the user gives, in the place of planes and of the header's numbers (MOPEX guide 4.3.3).
void take_noise_model(FrameFile& frame, const InputOptions& options) {
  if (!(options.gain > 0)) return;
  if (!(options.read_noise > 0 || options.confusion_noise > 0)) throw UsageError{"input.gain needs input.read_noise or input.confusion_noise: else dark pixels have no noise"};
  frame.uncertainty.reset();
  frame.more_variance.clear();
  frame.gain = options.gain;
  frame.read_noise = std::hypot(options.read_noise, options.confusion_noise);
}

void settle_noise(FrameFile& frame) {
  if (frame.uncertainty) {
    if (frame.noise == NoiseKind::weight)
      frame.notes.push_back("weight map of unknown scale: variances are scaled to the noise of neighbouring pixels");
    return;
  }
  frame.empirical_noise = !(frame.gain > 0 && frame.read_noise > 0);
  frame.notes.push_back(frame.empirical_noise
                            ? std::string{"no uncertainty plane, gain or read noise: one variance per frame from differences of neighbouring pixels"}
                            : fmt::format("no uncertainty plane: noise model from {:.6g} electrons per {} and {:.4g} electrons read noise", frame.gain,
                                          frame.input_unit.empty() ? "unit" : frame.input_unit, frame.read_noise));
}

}  // namespace

std::string FrameFile::label() const { return hdu_label.empty() ? image.path.string() : fmt::format("{}[{}]", image.path.string(), hdu_label); }

std::vector<PlaneLocation*> FrameFile::planes() {
  std::vector<PlaneLocation*> all{&image};
  if (uncertainty) all.push_back(&*uncertainty);
  if (mask) all.push_back(&*mask);
  for (auto& more : more_variance) all.push_back(&more);
  if (rmask) all.push_back(&rmask->plane);
  if (pmask) all.push_back(&pmask->plane);
  return all;
}

std::vector<const PlaneLocation*> FrameFile::planes() const {
  const auto all = const_cast<FrameFile*>(this)->planes();
  return {all.begin(), all.end()};
}

FrameFile open_frame(const FrameNames& names, const InputOptions& options, const ProfileSet& profiles) {
  const io::FitsFile file{names.image};
  FrameFile frame;
  frame.profile = options.profile.empty() ? &profiles.match(file) : &profiles.named(options.profile);
  take_image(frame, file, names);
  take_wcs(frame, file, options);
  find_planes(frame, file, names);
  take_mask_bits(frame, file, options);
  if (frame.pmask && !text::trim(options.pmask_fatal_bits).empty()) frame.pmask->fatal_bits = parse_bits(options.pmask_fatal_bits, {}, "pmask");
  const Header primary = file.header(0, false);
  take_cards(frame, primary);
  take_exposure(frame, primary, options.exposure_card);
  take_noise_model(frame, options);
  settle_noise(frame);
  frame.measured = std::make_shared<FrameMeasurements>();
  return frame;
}

}  // namespace tessera::instrument
