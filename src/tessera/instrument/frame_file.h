/// instrument/frame_file.h — one exposure on disk: where its planes are, what its header says, and reading windows of it
/// in the project's conventions (surface brightness, variance, good/bad).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/instrument/profile.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::instrument {

enum class OnBadFrame { stop, skip };
enum class Mixed { refuse, allow };

struct InputOptions {
  std::string images, sigmas, masks;        // -I -S -d: parallel lists
  std::string fatal_bits;                   // number, or names joined by comma; "" from the profile
  std::string profile;                      // "" found from the header
  OnBadFrame on_bad_frame = OnBadFrame::stop;
  Mixed mixed = Mixed::refuse;              // frames of several units or filters
  bool scale_noise = true;                  // one noise scale per frame
  wcs::UnpromisedDistortion distortion = wcs::UnpromisedDistortion::refuse;
};
void describe(param::Schema<InputOptions>& s);

struct PlaneLocation {
  std::filesystem::path path;
  int hdu = 0;
};

/// A frame as the plan knows it: headers only were read.
struct FrameFile {
  PlaneLocation image;
  std::optional<PlaneLocation> uncertainty, mask;
  const Profile* profile = nullptr;
  std::uint32_t fatal_bits = 0;
  NoiseKind noise = NoiseKind::sigma;
  bool empirical_noise = false;     ///< no uncertainty plane and no gain/read noise: variance is measured from the pixels
  int width = 0, height = 0;
  wcs::SkyWcs wcs;
  Header header;                    ///< of the image HDU (with inherited primary cards)
  std::string unit;                 ///< of `value` as read by read_frame: "MJy/sr" where known, else the input's
  double unit_factor = 1;           ///< input value → `unit`
  bool per_pixel_flux = false;      ///< unit is a flux per pixel (counts): not a surface brightness yet
  std::string filter;
  double exposure_s = 0;            ///< 0: unknown
  double mjd_begin = 0, mjd_end = 0;///< 0: unknown
  double gain = 0, read_noise = 0;  ///< electrons per image unit; electrons; 0: unknown
  std::vector<std::string> notes;   ///< caveats of this frame
};

/// Expands what stood on the command line: files, globs, folders, @lists. Folders take the profile's primary suffix.
/// Throws UsageError / DataError: nothing there, empty folder (says what was looked for), list unreadable, lists of unequal
/// length. `notes` gets lines such as "SPITZER…: 32 of 160 files taken (*_cbcd.fits), 128 left aside".
struct FrameNames {
  std::filesystem::path image, sigma, mask;   ///< sigma, mask empty: by the profile
};
std::vector<FrameNames> expand_inputs(const std::vector<std::string>& arguments, const InputOptions& options,
                                      const ProfileSet& profiles, std::vector<std::string>& notes);

/// Reads the headers of one frame and settles where its planes are. Throws DataError with the path, HDU and keyword.
FrameFile open_frame(const FrameNames& names, const InputOptions& options, const ProfileSet& profiles);

/// Reads rows and columns of `window`. bad: fatal mask bits, NaN, variance NaN or ≤ 0 (weight 0). Not thread-safe per file
/// object; every call opens what it needs. Throws DataError when pixels cannot be read.
Frame read_frame(const FrameFile& file, Box window);

/// Bits from "32520", "0x7F08" or "radhit,latent" (names of the profile); throws UsageError with the names there are.
std::uint32_t parse_bits(const std::string& text, const Profile& profile);

}  // namespace tessera::instrument
