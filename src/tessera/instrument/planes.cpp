#include "tessera/instrument/planes.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/remote.h"
#include "tessera/base/text.h"

namespace fs = std::filesystem;

namespace tessera::instrument {
namespace {

std::string list_hdus(const io::FitsFile& file) {
  std::vector<std::string> parts;
  for (const auto& h : file.hdus()) {
    std::vector<std::string> axes;
    for (const auto n : h.axes) axes.push_back(std::to_string(n));
    const char* kind = h.kind == io::HduInfo::Kind::table ? "table" : h.axes.empty() ? "no data" : "image";
    parts.push_back(fmt::format("{} {} {}", hdu_name(h), kind, text::join(axes, "x")));
    if (parts.size() == 6 && file.hdus().size() > 7) {
      parts.push_back(fmt::format("{} more", file.hdus().size() - 6));
      break;
    }
  }
  return text::join(parts, "; ");
}

const io::HduInfo& info(const io::FitsFile& file, int hdu) { return file.hdus()[static_cast<std::size_t>(hdu)]; }

std::vector<int> all_with_wcs(const io::FitsFile& file) {
  std::vector<int> found;
  for (const auto& h : file.hdus())
    if (is_plane(h) && wcs::SkyWcs::present(file.header(h.index))) found.push_back(h.index);
  return found;
}

std::vector<int> choose(const io::FitsFile& file, const std::string& wanted) {
  if (wanted == "*") return all_with_wcs(file);
  std::vector<int> found;
  const auto number = text::to_integer(wanted);
  for (const auto& h : file.hdus())
    if (is_plane(h) && (number ? h.index == *number : text::upper(h.name) == text::upper(wanted))) found.push_back(h.index);
  return found;
}

/// Two HDUs that lie on the sky pixel by pixel are planes of one frame, and without names nobody can say which is which.
void refuse_same_sky(const io::FitsFile& file, const std::vector<int>& hdus) {
  const std::vector<std::string> keys{"CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2", "CDELT1", "CDELT2", "PC1_1", "PC2_1", "CROTA2"};
  const Header first = file.header(hdus.front());
  for (std::size_t i = 1; i < hdus.size(); ++i) {
    const Header other = file.header(hdus[i]);
    const bool same = info(file, hdus[i]).axes == info(file, hdus.front()).axes &&
                      std::all_of(keys.begin(), keys.end(), [&](const auto& k) { return first.number(k) == other.number(k); });
    if (same)
      throw DataError{fmt::format("{}: HDUs {} and {} are images of one size and one WCS without names that tell image, uncertainty and mask "
                                  "apart; choose a profile with --profile or write one",
                                  file.path().string(), hdus.front(), hdus[i])};
  }
}

std::optional<int> plane_hdu(const io::FitsFile& file, const std::string& wanted, int version) {
  if (const auto number = text::to_integer(wanted)) {
    const bool there = *number >= 0 && *number < static_cast<long long>(file.hdus().size()) && is_plane(info(file, static_cast<int>(*number)));
    return there ? std::optional<int>{static_cast<int>(*number)} : std::nullopt;
  }
  const auto found = file.find(wanted, version);
  return found && is_plane(info(file, *found)) ? found : std::nullopt;
}

/// The HDU of a companion file that belongs to `image`: of its name and version, else at its place, else the first image.
std::optional<int> matching_hdu(const io::FitsFile& companion, const io::HduInfo& image) {
  if (!image.name.empty())
    if (const auto found = companion.find(image.name, image.version); found && is_plane(info(companion, *found))) return found;
  if (image.index < static_cast<int>(companion.hdus().size()) && is_plane(info(companion, image.index))) return image.index;
  return companion.first_image();
}

void check_size(const FrameFile& frame, const io::FitsFile& file, int hdu, const char* plane) {
  const auto& axes = info(file, hdu).axes;
  if (axes[0] != frame.width || axes[1] != frame.height)
    throw DataError{fmt::format("{}: the {} has {}x{} pixels, but its image {} has {}x{}", file.path().string(), plane, axes[0], axes[1],
                                frame.image.path.string(), frame.width, frame.height)};
}

PlaneLocation in_companion(const FrameFile& frame, const fs::path& path, const io::HduInfo& image, const char* plane) {
  const io::FitsFile companion{path};
  const auto hdu = matching_hdu(companion, image);
  if (!hdu) throw DataError{fmt::format("{}: holds no image that could be the {} of {} ({})", path.string(), plane, frame.image.path.string(), list_hdus(companion))};
  check_size(frame, companion, *hdu, plane);
  return {path, *hdu, companion.unpacked_bytes()};
}

struct Found {
  std::vector<PlaneLocation> planes;  // empty: not there
  const PlaneRule* rule = nullptr;
  fs::path expected;                  // first companion name that was looked for
};

/// On a server or on disk.
bool is_there(const fs::path& path) {
  if (!io::is_url(path.string())) return files::exists(path);
  try {
    io::remote_identity(path.string());
    return true;
  } catch (const DataError&) {
    return false;
  }
}

Found look_for(const FrameFile& frame, const io::FitsFile& file, const std::vector<PlaneRule>& rules, const char* plane) {
  const io::HduInfo& image = info(file, frame.image.hdu);
  Found found;
  for (const PlaneRule& rule : rules) {
    for (const std::string& name : rule.hdu) {
      const auto hdu = plane_hdu(file, name, image.version);
      if (!hdu && &name == &rule.hdu.front()) break;
      if (!hdu || *hdu == frame.image.hdu) continue;
      check_size(frame, file, *hdu, plane);
      found.planes.push_back({frame.image.path, *hdu, file.unpacked_bytes()});
    }
    for (const fs::path& path : frame.profile->companions(rule, frame.image.path)) {
      if (found.expected.empty()) found.expected = path;
      if (!found.planes.empty() || !is_there(path)) continue;
      found.planes.push_back(in_companion(frame, path, image, plane));
    }
    if (!found.planes.empty()) {
      found.rule = &rule;
      return found;
    }
  }
  return found;
}

[[noreturn]] void fail_missing(const FrameFile& frame, const Found& found, const std::vector<PlaneRule>& rules, const char* plane) {
  const std::string image = frame.image.path.string();
  const std::string way_out = "give it in a list (-S, -d) or read the frame with --profile generic";
  if (!found.expected.empty())
    throw DataError{fmt::format("{}: its {} file {} is missing; {}", image, plane, found.expected.string(), way_out)};
  std::vector<std::string> wanted;
  for (const PlaneRule& rule : rules) {
    for (const auto& name : rule.hdu) wanted.push_back("HDU " + name);
    for (const auto& [from, to] : rule.companion) wanted.push_back("'" + from + "' in the name becoming '" + to + "'");
  }
  throw DataError{fmt::format("{}: profile '{}' promises a {} ({}), and there is none; {}", image, frame.profile->name, plane, text::join(wanted, " or "), way_out)};
}

}  // namespace

std::string hdu_name(const io::HduInfo& hdu) {
  return hdu.name.empty() ? fmt::format("HDU {}", hdu.index) : fmt::format("{},{}", hdu.name, hdu.version);
}

bool is_plane(const io::HduInfo& hdu) {
  if (hdu.kind != io::HduInfo::Kind::image || hdu.axes.size() < 2 || hdu.axes[0] <= 0 || hdu.axes[1] <= 0) return false;
  return std::all_of(hdu.axes.begin() + 2, hdu.axes.end(), [](std::int64_t n) { return n == 1; });
}

std::vector<int> frames_in(const io::FitsFile& file, const Profile& profile) {
  for (const std::string& wanted : profile.image) {
    const std::vector<int> found = choose(file, wanted);
    if (found.size() > 1 && wanted == "*") refuse_same_sky(file, found);
    if (!found.empty()) return found;
  }
  const bool any = profile.image.empty() || std::find(profile.image.begin(), profile.image.end(), "*") != profile.image.end();
  // Without "*" a profile that names its HDU means that one; with it the first image is taken, and its WCS complained of.
  if (any)
    if (const auto first = file.first_image()) return {*first};
  throw DataError{fmt::format("{}: no two-dimensional image{} in this file ({})", file.path().string(),
                              any ? "" : " called " + text::join(profile.image, " or ") + " (profile " + profile.name + ")", list_hdus(file))};
}

void find_planes(FrameFile& frame, const io::FitsFile& file, const FrameNames& names) {
  const Profile& profile = *frame.profile;
  const io::HduInfo& image = info(file, frame.image.hdu);
  if (!names.sigma.empty()) {
    frame.uncertainty = in_companion(frame, names.sigma, image, "uncertainty");
    frame.noise = NoiseKind::sigma;
  } else if (Found found = look_for(frame, file, profile.uncertainty, "uncertainty"); found.rule) {
    frame.uncertainty = found.planes.front();
    frame.more_variance.assign(found.planes.begin() + 1, found.planes.end());
    frame.noise = found.rule->noise;
  } else if (profile.uncertainty_required) {
    fail_missing(frame, found, profile.uncertainty, "uncertainty");
  }
  if (!names.mask.empty()) {
    frame.mask = in_companion(frame, names.mask, image, "mask");
  } else if (Found found = look_for(frame, file, profile.mask, "mask"); found.rule) {
    frame.mask = found.planes.front();
  } else if (profile.mask_required) {
    fail_missing(frame, found, profile.mask, "mask");
  }
  if (!names.rmask.empty()) frame.rmask = FrameFile::FurtherMask{in_companion(frame, names.rmask, image, "RMask")};
  if (!names.pmask.empty()) frame.pmask = FrameFile::FurtherMask{in_companion(frame, names.pmask, image, "pmask")};
}

}  // namespace tessera::instrument
