#include "tessera/instrument/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/core/statistics.h"
#include "tessera/instrument/planes.h"

namespace tessera::instrument {
namespace {

HduSummary summarise_hdu(const io::FitsFile& file, const io::HduInfo& info) {
  HduSummary s;
  s.info = info;
  const Header header = file.header(info.index);
  s.unit = header.text("BUNIT").value_or("");
  if (info.kind != io::HduInfo::Kind::table) return s;
  s.rows = info.axes.size() > 1 ? info.axes[1] : 0;
  const auto fields = std::min<std::int64_t>(header.integer("TFIELDS").value_or(0), 999);
  for (std::int64_t i = 1; i <= fields; ++i)
    s.columns.emplace_back(header.text(fmt::format("TTYPE{}", i)).value_or(fmt::format("column {}", i)), header.text(fmt::format("TUNIT{}", i)).value_or(""));
  return s;
}

std::vector<BitCount> count_bits(const FrameFile& frame) {
  if (!frame.mask) return {};
  std::array<std::int64_t, 32> pixels{};
  const auto mask = read_mask(frame, frame.box());
  for (const std::uint32_t value : mask.pixels())
    for (std::uint32_t rest = value; rest; rest &= rest - 1) ++pixels[static_cast<std::size_t>(__builtin_ctz(rest))];
  std::vector<BitCount> counts;
  for (int b = 0; b < 32; ++b) {
    const auto known = std::find_if(frame.mask_bits.begin(), frame.mask_bits.end(), [&](const MaskBit& m) { return m.bit == b; });
    if (known == frame.mask_bits.end() && !pixels[static_cast<std::size_t>(b)]) continue;
    MaskBit bit = known == frame.mask_bits.end() ? MaskBit{b, "", "", false} : *known;
    counts.push_back({std::move(bit), ((frame.fatal_bits >> b) & 1u) != 0, pixels[static_cast<std::size_t>(b)]});
  }
  return counts;
}

void measure(FrameSummary& s) {
  const Frame pixels = read_frame(s.frame, s.frame.box());
  std::vector<float> values, sigmas;
  for (std::size_t i = 0; i < pixels.good.pixels().size(); ++i)
    if (pixels.good.pixels()[i]) {
      values.push_back(pixels.value.pixels()[i]);
      sigmas.push_back(std::sqrt(pixels.variance.pixels()[i]));
    }
  s.good_fraction = static_cast<double>(values.size()) / static_cast<double>(s.frame.box().area());
  s.minimum = s.maximum = std::numeric_limits<double>::quiet_NaN();
  if (!values.empty()) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    s.minimum = *low;
    s.maximum = *high;
  }
  s.median = statistics::median_inplace(std::span<float>{values});
  s.sigma_median = statistics::median_inplace(std::span<float>{sigmas});
}

FrameSummary summarise_frame(const FrameNames& names, const InputOptions& options, const ProfileSet& profiles) {
  FrameSummary s;
  s.frame = open_frame(names, options, profiles);
  s.wcs = summarise(s.frame.wcs, s.frame.width, s.frame.height);
  s.bits = count_bits(s.frame);
  measure(s);
  return s;
}

void take_profile(FileSummary& s, const io::FitsFile& file, const InputOptions& options, const ProfileSet& profiles) {
  const Profile& p = options.profile.empty() ? profiles.match(file) : profiles.named(options.profile);
  s.profile = p.name;
  std::vector<std::string> cards;
  for (const auto& [key, pattern] : p.match) cards.push_back(fmt::format("{} = {}", key, pattern));
  s.why = !options.profile.empty() ? "as asked" : cards.empty() ? "no other profile fits" : text::join(cards, ", ");
}

/// The first image's place on the sky, for files that are no frames (mosaics without a companion, masks, sigma planes).
std::optional<WcsSummary> wcs_of_first_image(const io::FitsFile& file, const InputOptions& options) {
  for (const auto& hdu : file.hdus()) {
    if (!is_plane(hdu)) continue;
    const Header header = file.header(hdu.index);
    if (!wcs::SkyWcs::present(header) || wcs::SkyWcs::needs_lookup_tables(header)) continue;
    try {
      wcs::WcsOptions how;
      how.unpromised = options.distortion;
      return summarise(wcs::SkyWcs::from_header(header, file.path().string(), how), static_cast<int>(hdu.axes[0]), static_cast<int>(hdu.axes[1]));
    } catch (const DataError&) {
      return {};  // what is wrong with it stands in the refusal
    }
  }
  return {};
}

std::string base60(double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  auto units = static_cast<long long>(std::llround(value * 3600 * scale));
  const auto whole = static_cast<long long>(scale);
  const long long fraction = units % whole, seconds = units / whole;
  return fmt::format("{:02}:{:02}:{:02}.{:0{}}", seconds / 3600, seconds / 60 % 60, seconds % 60, fraction, decimals);
}

}  // namespace

WcsSummary summarise(const wcs::SkyWcs& wcs, int width, int height) {
  WcsSummary s;
  s.projection = wcs.projection();
  s.frame = wcs.frame();
  s.distortion = wcs.distortion();
  const wcs::PixelPoint middle{(width - 1) / 2.0, (height - 1) / 2.0};
  s.center = wcs.pixel_to_sky(middle);
  s.pixel_scale_arcsec = wcs.pixel_scale_arcsec(middle);
  s.north_angle_deg = wcs.north_angle_deg(middle);
  s.pixel_area_sr = wcs.pixel_area_sr(middle);
  s.east_left = wcs.flipped(middle);
  const double right = width - 0.5, top = height - 0.5;
  const std::array<wcs::PixelPoint, 4> edge{{{-0.5, -0.5}, {right, -0.5}, {right, top}, {-0.5, top}}};
  for (std::size_t i = 0; i < edge.size(); ++i) s.corners[i] = wcs.pixel_to_sky(edge[i]);
  s.notes = wcs.notes();
  return s;
}

FileSummary inspect(const std::filesystem::path& path, const InputOptions& options, const ProfileSet& profiles) {
  const io::FitsFile file{path};
  FileSummary s;
  s.path = path;
  for (const auto& hdu : file.hdus()) s.hdus.push_back(summarise_hdu(file, hdu));
  take_profile(s, file, options, profiles);
  try {
    const auto hdus = frames_in(file, profiles.named(s.profile));
    for (const int hdu : hdus) s.frames.push_back(summarise_frame({path, {}, {}, hdus.size() > 1 ? hdu : -1}, options, profiles));
  } catch (const DataError& error) {
    s.refusal = error.what();
    s.wcs = wcs_of_first_image(file, options);
  }
  return s;
}

std::string sexagesimal(wcs::SkyPoint p) {
  if (!std::isfinite(p.ra_deg) || !std::isfinite(p.dec_deg)) return "not on the sky";
  std::string ra = base60(p.ra_deg / 15, 3);
  if (ra.starts_with("24:")) ra.replace(0, 2, "00");  // 359.9999999° rounds to the next turn
  return fmt::format("{} {}{}", ra, p.dec_deg < 0 ? '-' : '+', base60(std::abs(p.dec_deg), 2));
}

}  // namespace tessera::instrument
