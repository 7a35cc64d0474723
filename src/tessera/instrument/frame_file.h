/// instrument/frame_file.h — one exposure on disk: where its planes are, what its header says, and reading windows of it
/// in the project's conventions (surface brightness, variance, good/bad).
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/instrument/pointing.h"
#include "tessera/instrument/profile.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::instrument {

enum class OnBadFrame { stop, skip };
enum class Mixed { refuse, allow };
enum class Pointing { header, refined };

struct InputOptions {
  std::string images, sigmas, masks;        // -I -S -d: parallel lists
  std::string rmasks, pmask;                // -R: parallel list; -M: one file for all frames
  std::string pmask_fatal_bits;             // number or none; "" every bit
  std::string fatal_bits;                   // number, or names joined by comma; "" from the profile
  std::string profile;                      // "" found from the header
  double gain = 0, read_noise = 0, confusion_noise = 0;  // a noise model in the place of uncertainty planes, when gain > 0
  OnBadFrame on_bad_frame = OnBadFrame::stop;
  Mixed mixed = Mixed::refuse;              // frames of several units or filters, with and without uncertainty
  bool scale_noise = true;                  // one noise scale per frame
  wcs::UnpromisedDistortion distortion = wcs::UnpromisedDistortion::refuse;
  Pointing pointing = Pointing::header;
  std::string exposure_card;                // "": that of the profile
};
void describe(param::Schema<InputOptions>& s);

struct PlaneLocation {
  std::filesystem::path path;
  int hdu = 0;
  std::int64_t unpacked_bytes = 0;       ///< of a gzip file; 0: a plain one
  std::filesystem::path unpacked{};      ///< a plain copy of a gzip file, where a run has made one; it is for reading only, all else goes by `path`
  const std::filesystem::path& source() const { return unpacked.empty() ? path : unpacked; }
};

struct FrameMeasurements;  ///< what needs pixels or many WCS calls, found once (noise scale, pixel areas)

/// A frame as the plan knows it: headers only were read.
///
/// Units. read_frame() gives surface brightness, because every resampler averages. MJy/sr stays; other flux densities per
/// solid angle are multiplied exactly; Jy/pixel and its kin are divided by the solid angle of each pixel (lattice of WCS
/// values, bilinear between) and become MJy/sr. Counts, electrons, ADU, nanomaggies per pixel (or per second) become
/// "<unit>/arcsec2", so that frames of different pixel scales agree: a flat-fielded frame
/// (PixelValues::surface_brightness, the default for counts) is divided by one number, its median pixel area; a frame
/// whose profile says PixelValues::flux by the area of each pixel. Anything else is averaged as it stands.
struct FrameFile {
  PlaneLocation image;
  std::optional<PlaneLocation> uncertainty, mask;
  struct FurtherMask {
    PlaneLocation plane;
    std::uint32_t fatal_bits = 0xffffffffu;
  };
  std::optional<FurtherMask> rmask, pmask;   ///< masks as bits; a set fatal bit makes a pixel bad
  std::vector<PlaneLocation> more_variance;  ///< further variance planes that add to `uncertainty`
  const Profile* profile = nullptr;
  std::uint32_t fatal_bits = 0;
  std::vector<MaskBit> mask_bits;   ///< of the profile, numbered by this frame's header where the profile says so
  NoiseKind noise = NoiseKind::sigma;
  bool empirical_noise = false;     ///< no uncertainty plane and no gain/read noise: variance is measured from the pixels
  int width = 0, height = 0;
  wcs::SkyWcs wcs;
  Header header;                    ///< of the image HDU (with inherited primary cards)
  std::string input_unit;           ///< as the file (or the profile) says
  std::string unit;                 ///< of `value` as read by read_frame: "MJy/sr" where known, else as described above
  double unit_factor = 1;           ///< input value → `unit`, for the median pixel when `local_area`
  bool per_pixel_flux = false;      ///< the input unit is a quantity per pixel; `unit` is per solid angle
  bool local_area = false;          ///< each pixel is divided by its own solid angle, not by the median one
  double pixel_area_sr = 0;         ///< median solid angle of a pixel
  std::string filter;
  double exposure_s = 0;            ///< 0: unknown
  double mjd_begin = 0, mjd_end = 0;///< 0: unknown
  double gain = 0, read_noise = 0;  ///< electrons per input unit (all factors in); electrons; 0: unknown
  double saturation = 0;            ///< input unit; 0: unknown
  std::optional<double> zodi;       ///< MJy/sr left in the frame: estimate minus that of the subtracted dark
  std::optional<RefinedPointing> refined;
  std::vector<std::string> notes;   ///< caveats of this frame
  std::shared_ptr<FrameMeasurements> measured;

  Box box() const { return {0, 0, width, height}; }
  /// Every plane there is.
  std::vector<PlaneLocation*> planes();
  std::vector<const PlaneLocation*> planes() const;
  std::string label() const;        ///< the file's path, with "[SCI,2]" when the file holds more frames than one
  std::string hdu_label;            ///< "SCI,2", or "" when the file is the frame
};

struct FrameNames {
  std::filesystem::path image, sigma, mask;   ///< sigma, mask empty: by the profile
  int hdu = -1;                               ///< image HDU; −1: the first frame of the file
  std::filesystem::path rmask{}, pmask{};     ///< further masks: outliers of an earlier run, permanently bad pixels; empty: none
};

/// Expands what stood on the command line: files, globs (sorted bytewise), folders, @lists. Folders take the profile's
/// primary pattern; companions and less preferred versions of a frame given among the frames are left aside; a file of
/// several chips gives several entries.
/// Throws UsageError / DataError: nothing there, empty folder (says what was looked for), list unreadable, lists of unequal
/// length. `notes` gets lines such as "ch1: 32 of 132 files taken (*_cbcd.fits), 100 left aside".
std::vector<FrameNames> expand_inputs(const std::vector<std::string>& arguments, const InputOptions& options,
                                      const ProfileSet& profiles, std::vector<std::string>& notes);

/// Reads the headers of one frame and settles where its planes are. Throws DataError with the path, HDU and keyword.
/// The frame points into `profiles`, which must outlive it.
FrameFile open_frame(const FrameNames& names, const InputOptions& options, const ProfileSet& profiles);

/// Reads rows and columns of `window`. Bad: fatal mask bits, NaN, infinite, variance NaN or ≤ 0 (weight ≤ 0); there value,
/// variance and good are 0. Safe from many threads; every call opens what it needs. A pixel's result never depends on the
/// window. Throws DataError when pixels cannot be read, UsageError when the window is outside the frame.
Frame read_frame(const FrameFile& file, Box window);

/// What read_frame() multiplies the input values of row y by, per pixel of the row.
std::vector<double> unit_factors(const FrameFile& file, int y);

/// The mask plane as bits (code n as bit n; where 1 means good, a bad pixel has every bit set). Zeros without a mask.
Image<std::uint32_t> read_mask(const FrameFile& file, Box window);

/// Bits from "32520", "0x7F08" or "radhit,latent" (names of the profile), or "none"; throws UsageError with the names there are.
std::uint32_t parse_bits(const std::string& text, const Profile& profile);
std::uint32_t parse_bits(const std::string& text, std::span<const MaskBit> bits, const std::string& profile_name);

/// What the weights of a coadd need to know of a set of frames.
struct Consistency {
  bool exposures_differ = false;  ///< by more than 1 %
  bool noise_differs = false;     ///< exposures, gain or read noise differ, or the variance has several origins
  std::vector<std::string> notes;
};
/// Throws DataError naming two files and both values when units, filters or the presence of an uncertainty plane differ and
/// options.mixed does not allow it (units must agree always: nothing converts counts to MJy/sr). Unknown filters fit any.
Consistency check_consistency(std::span<const FrameFile> frames, const InputOptions& options);

/// Counts grow with the exposure: frames in counts whose exposures differ by more than 1 % are read per second from here on (unit
/// "electron/s/arcsec2"). Returns what was done, or why it could not be, as notes.
std::vector<std::string> read_counts_as_rates(std::span<FrameFile> frames);

/// Flat-fielded frames of one camera show one sky as one number whatever their pixels' size: chips whose median pixel areas differ (by
/// up to a fifth; more is another camera) are divided by one common area, the median of theirs.
void share_pixel_area(std::span<FrameFile> frames);

}  // namespace tessera::instrument
