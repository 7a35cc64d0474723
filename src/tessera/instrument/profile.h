/// instrument/profile.h — what a camera's files look like: profiles/*.toml, read once. docs/formats/profiles.md.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/io/fits.h"

namespace tessera::instrument {

/// How the second plane of a frame states its error.
enum class NoiseKind { sigma, variance, weight, inverse_variance };

/// Where one plane is: an HDU of the same file by EXTNAME, or a companion file whose name follows from the image's.
struct PlaneRule {
  std::string hdu;                       ///< EXTNAME, "" when a companion file
  std::vector<std::pair<std::string, std::string>> name;  ///< ("_cbcd.fits" → "_cbunc.fits") in order of preference
  NoiseKind noise = NoiseKind::sigma;    ///< of the uncertainty plane
};

struct MaskBit {
  int bit = 0;               ///< from 0
  std::string name, text;
  bool fatal = false;
};

struct Profile {
  std::string name, title;
  std::filesystem::path path;
  int priority = 0;
  std::vector<std::pair<std::string, std::string>> match;  ///< card = glob pattern, all must hold (any HDU)
  std::vector<std::string> suffixes;     ///< primary suffixes for folders, in order of preference
  std::optional<PlaneRule> image, uncertainty, mask;
  std::vector<MaskBit> mask_bits;
  bool mask_good_is_one = false;
  std::string unit;                      ///< overrides BUNIT when not empty
  std::map<std::string, std::string> cards;  ///< role → card: exposure, gain, read_noise, filter, mjd_begin, mjd_end, date, zodi, flux_conversion, saturation, ra, dec …
  std::vector<std::string> quirks;
  std::map<std::string, std::string> defaults;  ///< option key → value (Source::profile)
};

class ProfileSet {
 public:
  /// Reads every *.toml of the folders (later ones win by name). Throws UsageError naming file, line and key.
  static ProfileSet load(const std::vector<std::filesystem::path>& folders);
  /// The built-in folder (installed share/tessera/profiles, or TESSERA_PROFILES) followed by the user's own.
  static std::vector<std::filesystem::path> default_folders();
  const std::vector<Profile>& all() const { return profiles_; }
  const Profile& named(const std::string& name) const;   ///< throws UsageError with the list
  /// The profile of highest priority whose cards all match; two equal ones are a DataError that lists both. `generic` always matches.
  const Profile& match(const io::FitsFile& file) const;

 private:
  std::vector<Profile> profiles_;
};

}  // namespace tessera::instrument
