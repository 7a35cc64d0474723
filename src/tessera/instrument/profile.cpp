/// instrument/profile.cpp — the set of profiles: where they lie, which one a file is, what its companions are called.
#include "tessera/instrument/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"

namespace fs = std::filesystem;

namespace tessera::instrument {
namespace {

constexpr int hdus_consulted = 4;  // a camera names itself in the first headers; 60 chips need not be read

/// The file name without .gz or .fz, and that ending.
std::pair<std::string, std::string> without_packing(const std::string& name) {
  for (const char* ending : {".gz", ".fz"})
    if (text::lower(name).ends_with(ending)) return {name.substr(0, name.size() - 3), name.substr(name.size() - 3)};
  return {name, ""};
}

bool fits_pattern(const std::string& pattern, const std::string& value) {
  return text::glob_match(text::upper(pattern), text::upper(text::trim(value)));
}

bool matches(const Profile& profile, const std::vector<Header>& headers) {
  return std::all_of(profile.match.begin(), profile.match.end(), [&](const auto& rule) {
    return std::any_of(headers.begin(), headers.end(), [&](const Header& h) {
      const auto value = h.text(rule.first);
      return value && fits_pattern(rule.second, *value);
    });
  });
}

}  // namespace

std::string_view to_string(NoiseKind kind) {
  switch (kind) {
    case NoiseKind::sigma: return "sigma";
    case NoiseKind::variance: return "variance";
    case NoiseKind::weight: return "weight";
    case NoiseKind::inverse_variance: return "inverse variance";
  }
  return "?";
}

std::vector<fs::path> Profile::companions(const PlaneRule& rule, const fs::path& image_path) const {
  const auto [stem, packing] = without_packing(image_path.filename().string());
  std::vector<fs::path> found;
  for (const auto& [from, to] : rule.companion) {
    const auto at = stem.rfind(from);
    // A piece with the file's ending must stand at the end: ".fits" of "a.fits.old.fits" is the last one.
    if (at == std::string::npos || (from.ends_with(".fits") && at + from.size() != stem.size())) continue;
    const std::string companion_name = stem.substr(0, at) + to + stem.substr(at + from.size());
    std::vector<std::string> endings{packing};
    for (const char* other : {"", ".gz", ".fz"})
      if (other != packing) endings.emplace_back(other);
    for (const std::string& ending : endings) found.push_back(image_path.parent_path() / (companion_name + ending));
  }
  return found;
}

std::optional<std::size_t> Profile::primary_rank(const fs::path& image_path) const {
  const std::string stem = without_packing(image_path.filename().string()).first;
  for (std::size_t i = 0; i < primary.size(); ++i)
    if (text::glob_match(primary[i], stem)) return i;
  return {};
}

ProfileSet ProfileSet::load(const std::vector<fs::path>& folders) {
  ProfileSet set;
  for (const fs::path& folder : folders) {
    std::error_code code;
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder, code))
      if (entry.path().extension() == ".toml") paths.push_back(entry.path());
    if (code) throw UsageError{fmt::format("{}: profiles cannot be read from this folder ({})", folder.string(), code.message())};
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      Profile profile = parse_profile(files::read(path, 1u << 20), path);
      const auto same = std::find_if(set.profiles_.begin(), set.profiles_.end(), [&](const Profile& p) { return p.name == profile.name; });
      if (same == set.profiles_.end()) set.profiles_.push_back(std::move(profile));
      else if (same->path.parent_path() == folder)
        throw UsageError{fmt::format("{}: the name '{}' is already taken by {}", path.string(), profile.name, same->path.string())};
      else *same = std::move(profile);
    }
  }
  if (set.profiles_.empty()) throw UsageError{"no instrument profiles found; set TESSERA_PROFILES to the folder that holds generic.toml"};
  return set;
}

std::vector<fs::path> ProfileSet::default_folders() {
  std::vector<fs::path> built_in;
  if (const char* folder = std::getenv("TESSERA_PROFILES"); folder && *folder) {
    built_in = {folder};
  } else {
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code);
    if (!code) built_in.push_back(program.parent_path().parent_path() / "share/tessera/profiles");
#ifdef TESSERA_SOURCE_PROFILES
    built_in.emplace_back(TESSERA_SOURCE_PROFILES);
#endif
#ifdef TESSERA_INSTALLED_PROFILES
    built_in.emplace_back(TESSERA_INSTALLED_PROFILES);
#endif
  }
  std::vector<fs::path> folders;
  for (const fs::path& folder : built_in)
    if (folders.empty() && files::is_folder(folder)) folders.push_back(folder);
  if (folders.empty() && std::getenv("TESSERA_PROFILES")) folders = built_in;  // load() then says what is wrong with it
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  const fs::path own = config && *config ? fs::path{config} : home && *home ? fs::path{home} / ".config" : fs::path{};
  if (!own.empty() && files::is_folder(own / "tessera/profiles")) folders.push_back(own / "tessera/profiles");
  return folders;
}

const Profile& ProfileSet::named(const std::string& name) const {
  std::vector<std::string> names;
  for (const Profile& p : profiles_) {
    if (p.name == name) return p;
    names.push_back(p.name);
  }
  throw UsageError{fmt::format("no instrument profile is called '{}'; there are: {}", name, text::join(names, ", "))};
}

const Profile& ProfileSet::match(const io::FitsFile& file) const {
  std::vector<Header> headers;
  for (const auto& hdu : file.hdus())
    if (hdu.index < hdus_consulted) headers.push_back(file.header(hdu.index, false));
  const Profile *best = nullptr, *equal = nullptr;
  for (const Profile& p : profiles_) {
    if ((best && p.priority < best->priority) || !matches(p, headers)) continue;
    equal = best && best->priority == p.priority ? best : nullptr;
    best = &p;
  }
  if (!best) throw DataError{fmt::format("{}: no instrument profile fits this file; name one with --profile", file.path().string())};
  if (equal)
    throw DataError{fmt::format("{}: the profiles '{}' and '{}' (both priority {}) fit equally; name one with --profile", file.path().string(),
                                equal->name, best->name, best->priority)};
  return *best;
}

}  // namespace tessera::instrument
