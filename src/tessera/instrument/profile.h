/// instrument/profile.h — what a camera's files look like: profiles/*.toml, read once. docs/formats/profiles.md.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/io/fits.h"

namespace tessera::instrument {

/// How the second plane of a frame states its error. `weight` is an inverse variance of unknown scale (SWarp's weight
/// maps): the scale is measured from the pixels.
enum class NoiseKind { sigma, variance, weight, inverse_variance };
std::string_view to_string(NoiseKind kind);

/// What the numbers of a mask plane mean: bits, one code per pixel (code n counts as bit n; 0 is good), or 1 = good.
enum class MaskForm { bits, codes, good_is_one };

/// What a per-pixel quantity (counts, Jy/pixel) is proportional to. A flat field of an evenly lit screen leaves
/// `surface_brightness`: the same sky gives the same number in large and small pixels. Maps that add up photons hold `flux`.
enum class PixelValues { unspecified, surface_brightness, flux };

/// One place where a plane may be: HDUs of the same file, or a companion file whose name follows from the image's.
struct PlaneRule {
  std::vector<std::string> hdu;  ///< EXTNAMEs (or HDU numbers); more than one: variances that add, the first must be there
  std::vector<std::pair<std::string, std::string>> companion;  ///< ("_cbcd.fits" → "_cbunc.fits"), in order of preference
  NoiseKind noise = NoiseKind::sigma;                          ///< of an uncertainty plane
};

struct MaskBit {
  int bit = 0;  ///< from 0
  std::string name, text;
  bool fatal = false;
};

struct Profile {
  std::string name, title;
  std::filesystem::path path;
  int priority = 0;
  std::vector<std::pair<std::string, std::string>> match;  ///< card = glob pattern, all must hold (first four HDUs)
  std::vector<std::string> primary;  ///< name patterns of image files, in order of preference: what a folder gives
  std::vector<std::string> image;    ///< EXTNAME, HDU number or "*" in order of preference; empty: the first image
  std::vector<PlaneRule> uncertainty, mask;  ///< alternatives, tried in order
  bool uncertainty_required = false, mask_required = false;
  MaskForm mask_form = MaskForm::bits;
  std::string bit_cards;                     ///< prefix of cards in the mask's header that number the bits ("MP_")
  std::vector<MaskBit> mask_bits;
  std::string unit;                          ///< overrides BUNIT when not empty
  std::string default_unit;                  ///< stands in when there is no BUNIT
  PixelValues pixel_values = PixelValues::unspecified;
  /// role → cards in order of preference: exposure, gain, read_noise, filter, mjd_begin, mjd_end, time, zodi, zodi_dark,
  /// flux_conversion, saturation, refined_ra, refined_dec, refined_angle.
  std::map<std::string, std::vector<std::string>> cards;
  std::map<std::string, std::string> filters;   ///< value of the filter card → name shown
  std::vector<std::string> quirks;              ///< sentences for the user
  std::map<std::string, std::string> defaults;  ///< option key → value (Source::profile)

  /// The companion names an image of this name may have under `rule`, best first (also with .gz and .fz behind).
  std::vector<std::filesystem::path> companions(const PlaneRule& rule, const std::filesystem::path& image_path) const;
  /// Position of the first primary pattern that fits the file name; nothing when none does.
  std::optional<std::size_t> primary_rank(const std::filesystem::path& image_path) const;
};

/// Reads one profile. Throws UsageError naming file, line and key. `where` is the path shown.
Profile parse_profile(std::string_view toml, const std::filesystem::path& where);

class ProfileSet {
 public:
  /// Reads every *.toml of the folders (later ones win by name). Throws UsageError naming file, line and key.
  static ProfileSet load(const std::vector<std::filesystem::path>& folders);
  /// The built-in folder (TESSERA_PROFILES, else share/tessera/profiles beside the program, else the source tree's)
  /// followed by the user's own ($XDG_CONFIG_HOME/tessera/profiles).
  static std::vector<std::filesystem::path> default_folders();
  const std::vector<Profile>& all() const { return profiles_; }
  const Profile& named(const std::string& name) const;  ///< throws UsageError with the list
  /// The profile of highest priority whose cards all match; two equal ones are a DataError that lists both. A profile
  /// without cards (`generic`) always matches.
  const Profile& match(const io::FitsFile& file) const;

 private:
  std::vector<Profile> profiles_;
};

}  // namespace tessera::instrument
