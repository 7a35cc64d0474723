#include "tessera/spherex/spectral_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/spherex/psf_layout_private.h"

namespace tessera::spherex {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// PV cards that SCAMP left beside SIP: a copy of the distortion that would count twice.
bool is_sky_pv(const std::string& key) {
  return key.size() > 4 && (key.starts_with("PV1_") || key.starts_with("PV2_")) && std::all_of(key.begin() + 4, key.end(), [](unsigned char c) { return std::isdigit(c); });
}

int drop_redundant_pv(Header& header) {
  if (!header.text("CTYPE1").value_or("").ends_with("-SIP")) return 0;
  std::vector<std::string> keys;
  for (const auto& card : header.cards())
    if (is_sky_pv(card.key)) keys.push_back(card.key);
  for (const auto& key : keys) header.remove(key);
  return static_cast<int>(keys.size());
}

int need_image(const io::FitsFile& file, const char* name) {
  const auto hdu = file.find(name);
  if (!hdu || file.hdus()[*hdu].kind != io::HduInfo::Kind::image)
    throw DataError{fmt::format("{}: no image {}; expected a SPHEREx spectral image with IMAGE, FLAGS and VARIANCE", file.path().string(), name)};
  return *hdu;
}

Box size_of(const io::FitsFile& file, int hdu) {
  const auto& info = file.hdus()[hdu];
  if (info.axes.size() < 2 || !std::all_of(info.axes.begin() + 2, info.axes.end(), [](std::int64_t n) { return n == 1; }))
    throw DataError{fmt::format("{}[{}]: {} axes; expected an image", file.path().string(), info.name, info.axes.size())};
  return {0, 0, static_cast<int>(info.axes[0]), static_cast<int>(info.axes[1])};
}

/// Full-detector pixel of the file's first pixel, from WCS A or else W.
double offset(const Header& header, int axis) {
  for (const char alternate : {'A', 'W'})
    if (const auto crpix = header.number(fmt::format("CRPIX{}{}", axis, alternate))) return 1 - *crpix;
  return 0;
}

}  // namespace

SpectralFrame SpectralFrame::open(const std::filesystem::path& path) { return open(io::FitsFile{path}); }

SpectralFrame SpectralFrame::open(const io::FitsFile& file) {
  SpectralFrame frame;
  frame.path_ = file.path();
  frame.read_planes(file);
  frame.read_identity(file);
  frame.read_quality();
  frame.read_wave(file);
  if (const auto cells = file.find("PSF")) frame.psf_ = detail::cell_layout(file, *cells, frame.version_);
  else if (const auto table = file.find("EPSF")) frame.psf_ = detail::epsf_layout(file, *table);
  if (frame.psf_.mended > 0) frame.caveats_.push_back(fmt::format("the centres of {} PSF zones were stated with x and y exchanged (version {}); mended", frame.psf_.mended, frame.version_));
  return frame;
}

void SpectralFrame::read_planes(const io::FitsFile& file) {
  image_ = need_image(file, "IMAGE");
  flags_ = need_image(file, "FLAGS");
  variance_ = need_image(file, "VARIANCE");
  zodi_ = file.find("ZODI").value_or(-1);
  box_ = size_of(file, image_);
  for (const int hdu : {flags_, variance_, zodi_}) {
    if (hdu < 0) continue;
    if (const Box other = size_of(file, hdu); other != box_)
      throw DataError{fmt::format("{}[{}]: {} × {} pixels; expected {} × {} as IMAGE has", path_.string(), file.hdus()[hdu].name, other.width(), other.height(), box_.width(), box_.height())};
  }
  flag_numbers_ = FlagNumbers::from_header(file.header(flags_), path_.string() + "[FLAGS]");
  if (!flag_numbers_.from_cards()) caveats_.push_back("FLAGS has no cards that number its bits; the documented numbers are used");
  if (!flag_numbers_.unknown().empty()) {
    std::string names;
    for (const auto& n : flag_numbers_.unknown()) names += (names.empty() ? "" : ", ") + n;
    caveats_.push_back("flags without a documented meaning are left out: " + names);
  }
  if (zodi_ < 0) caveats_.push_back("no ZODI plane");
}

void SpectralFrame::read_identity(const io::FitsFile& file) {
  header_ = file.header(image_);
  const auto detector = header_.integer("DETECTOR");
  if (!detector || *detector < 1 || *detector > 6)
    throw DataError{fmt::format("{}[IMAGE]: DETECTOR = {}; expected 1 to 6", path_.string(), header_.text("DETECTOR").value_or("absent"))};
  detector_ = static_cast<int>(*detector);
  std::string unit = text::lower(header_.text("BUNIT").value_or(""));
  std::erase(unit, ' ');
  if (unit != "mjy/sr" && unit != "mjysr-1" && unit != "mjysr**-1" && unit != "mjy.sr-1")
    throw DataError{fmt::format("{}[IMAGE]: BUNIT = '{}'; expected 'MJy / sr'", path_.string(), header_.text("BUNIT").value_or(""))};
  const Header primary = file.header(0);
  version_ = primary.text("VERSION").value_or(header_.text("VERSION").value_or(""));
  observation_ = header_.text("OBSID").value_or("");
  mjd_ = header_.number("MJD-AVG").value_or(none);
  if (const auto begin = header_.number("MJD-BEG"), end = header_.number("MJD-END"); std::isnan(mjd_) && begin && end) mjd_ = (*begin + *end) / 2;
  if (std::isnan(mjd_)) mjd_ = header_.number("MJD-OBS").value_or(none);
  exposure_s_ = header_.number("XPOSURE").value_or(none);
  detector_width_ = static_cast<int>(header_.integer("KACTIVE").value_or(2040));
  detector_height_ = static_cast<int>(header_.integer("JACTIVE").value_or(2040));
  x_offset_ = offset(header_, 1);
  y_offset_ = offset(header_, 2);
  if (!header_.has("CRPIX1A") && !header_.has("CRPIX1W") && (box_.width() < detector_width_ || box_.height() < detector_height_))
    caveats_.push_back("no WCS A or W: the frame is taken to begin at the first pixel of the detector");
  Header celestial = header_;
  if (drop_redundant_pv(celestial) > 0) caveats_.push_back("PV cards beside SIP are ignored");
  sky_ = wcs::SkyWcs::from_header(celestial, path_.string() + "[IMAGE]");
}

void SpectralFrame::read_quality() {
  if (const auto astrometry = header_.integer("FINAST"); astrometry && *astrometry != 0) quality_fault_ = fmt::format("FINAST = {}", *astrometry);
  for (const char* key : {"L1DQAFLG", "L2DQAFLG"})
    if (const auto flag = header_.text(key); flag && text::lower(*flag) != "pass" && quality_fault_.empty()) quality_fault_ = fmt::format("{} = '{}'", key, *flag);
  const auto word = text::lower(header_.text("NON_SURVEY").value_or("false"));
  non_survey_ = word == "true" || word == "t";
}

void SpectralFrame::read_wave(const io::FitsFile& file) {
  const auto hdu = file.find("WCS-WAVE");
  if (!hdu) {
    caveats_.push_back("no WCS-WAVE");
    return;
  }
  wave_ = WaveTable::from_table(file.read_table(*hdu), path_.string() + "[WCS-WAVE]");
}

SpectralPixels SpectralFrame::read_window(Box window) const { return read_window(io::FitsFile{path_}, window); }

SpectralPixels SpectralFrame::read_window(const io::FitsFile& file, Box window, bool with_zodi) const {
  if (window.empty() || !box_.contains(window)) throw UsageError{fmt::format("{}: window outside the frame of {} × {} pixels", path_.string(), box_.width(), box_.height())};
  SpectralPixels pixels;
  pixels.image = file.read_float(image_, window);
  pixels.variance = file.read_float(variance_, window);
  if (zodi_ >= 0 && with_zodi) pixels.zodi = file.read_float(zodi_, window);
  const auto bits = file.read_bits(flags_, window);
  pixels.flags = Image<std::uint64_t>::unfilled(bits.box());
  flag_numbers_.standard(bits.pixels(), pixels.flags.pixels());
  return pixels;
}

Image<float> SpectralFrame::read_psf(const io::FitsFile& file, std::size_t zone) const {
  auto psfs = read_psfs(file, std::span{&zone, 1});
  if (psfs.front().empty()) throw DataError{fmt::format("{}: PSF of zone {} (plane {}) holds NaN or has no positive sum; expected a response of sum 1", path_.string(), zone + 1, psf_.zones.at(zone).plane + 1)};
  return std::move(psfs.front());
}

std::vector<Image<float>> SpectralFrame::read_psfs(const io::FitsFile& file, std::span<const std::size_t> zones) const {
  if (psf_.kind == PsfLayout::Kind::none) throw DataError{fmt::format("{}: neither PSF nor EPSF; expected the frame's point responses", path_.string())};
  std::vector<Image<float>> psfs;
  if (psf_.kind == PsfLayout::Kind::cells) {
    for (const auto zone : zones) psfs.push_back(file.read_float(psf_.hdu, {}, psf_.zones.at(zone).plane));
  } else {
    const Table table = file.read_table(psf_.hdu);
    for (std::size_t k = 0; k < zones.size(); ++k) psfs.emplace_back(psf_.width, psf_.height);
    for (std::size_t i = 0; i < static_cast<std::size_t>(psf_.width) * static_cast<std::size_t>(psf_.height); ++i) {
      const auto samples = table.numbers(fmt::format("EPSF_{}", i + 1));
      for (std::size_t k = 0; k < zones.size(); ++k) psfs[k].pixels()[i] = static_cast<float>(samples[static_cast<std::size_t>(psf_.zones.at(zones[k]).plane)]);
    }
  }
  for (auto& samples : psfs) {
    double sum = 0;
    for (const float v : samples.pixels()) sum += v;
    if (!(std::isfinite(sum) && sum > 0)) samples = {};
  }
  return psfs;
}

}  // namespace tessera::spherex
