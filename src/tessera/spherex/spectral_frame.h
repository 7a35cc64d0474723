/// spherex/spectral_frame.h — one Level-2 spectral image, whole or cut out: what its headers say, and its pixels and PSF zones on demand.
///
/// HDUs are found by name. Pixels are counted from 0; full-detector pixels follow from WCS A, x_full = x + 1 − CRPIX1A.
#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/io/fits.h"
#include "tessera/spherex/flags.h"
#include "tessera/spherex/wave_table.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::spherex {

/// A rectangle of the detector with one PSF; full-detector pixels.
struct PsfZone {
  double x = 0, y = 0, width = 0, height = 0;
  int plane = 0;  ///< of the cube, or row of the table, from 0
};

/// Where a frame's PSFs are, read from headers (cube) or from the centres' columns (EPSF).
struct PsfLayout {
  enum class Kind { none, cells, epsf };
  Kind kind = Kind::none;
  int hdu = -1;
  int width = 0, height = 0;  ///< samples of one PSF
  int oversample = 0;         ///< per detector pixel: cells 10, epsf 5
  std::vector<PsfZone> zones;
  int mended = 0;  ///< zones whose centre was stated with x and y exchanged (VERSION ≤ 6.5.5 without +psffix1)
  std::size_t nearest(double x_full, double y_full) const;  ///< zone of the nearest centre, the lower index where two are as near; zones must exist
};

/// The pixels of one window. Pixels that are not finite are NaN.
struct SpectralPixels {
  Image<float> image, variance, zodi;  ///< MJy/sr, (MJy/sr)², MJy/sr; zodi is empty when the frame has none
  Image<std::uint64_t> flags;          ///< standard numbers
};

class SpectralFrame {
 public:
  /// Reads headers and small tables. Throws DataError in one line: no SPHEREx image, IMAGE, FLAGS or VARIANCE absent or of another size, unknown
  /// detector, unit, WCS, contradictory PSF cards.
  static SpectralFrame open(const std::filesystem::path& path);
  /// Of a file that is open already.
  static SpectralFrame open(const io::FitsFile& file);

  const std::filesystem::path& path() const { return path_; }
  int detector() const { return detector_; }                  ///< 1 to 6
  const std::string& observation() const { return observation_; }  ///< OBSID, "" when absent
  const std::string& version() const { return version_; }          ///< VERSION of the pipeline, "" when absent
  double mjd() const { return mjd_; }                         ///< middle of the exposure; NaN when absent
  double exposure_s() const { return exposure_s_; }           ///< NaN when absent
  Box box() const { return box_; }                            ///< of the file
  double x_offset() const { return x_offset_; }               ///< x_full = x + x_offset
  double y_offset() const { return y_offset_; }
  int detector_width() const { return detector_width_; }      ///< active pixels (KACTIVE, JACTIVE; 2040)
  int detector_height() const { return detector_height_; }
  /// Why a survey mosaic would leave the frame out (FINAST ≠ 0, a quality flag that is not Pass); "" when it would not. Absent cards pass.
  const std::string& quality_fault() const { return quality_fault_; }
  bool deep_or_special() const { return non_survey_; }        ///< NON_SURVEY says true
  const Header& header() const { return header_; }            ///< of IMAGE
  const wcs::SkyWcs& sky() const { return *sky_; }
  const std::optional<WaveTable>& wave() const { return wave_; }
  const PsfLayout& psf() const { return psf_; }
  const FlagNumbers& flag_numbers() const { return flag_numbers_; }
  const std::vector<std::string>& caveats() const { return caveats_; }

  /// Planes of a window of the file; only its rows are read. Throws DataError; UsageError for a window outside box().
  SpectralPixels read_window(Box window) const;
  /// The same from a file that is open already (io::FitsFile{frame.path()}), for those who read many windows.
  SpectralPixels read_window(const io::FitsFile& file, Box window, bool with_zodi = true) const;
  /// One PSF, x fastest. Throws DataError when the frame has none or the plane is not finite or sums to nothing.
  Image<float> read_psf(const io::FitsFile& file, std::size_t zone) const;
  /// Those of several zones; an EPSF table is read once for all. An image is empty where the plane is not finite or sums to nothing. Throws DataError when the frame has none.
  std::vector<Image<float>> read_psfs(const io::FitsFile& file, std::span<const std::size_t> zones) const;

 private:
  SpectralFrame() = default;
  void read_identity(const io::FitsFile& file);
  void read_planes(const io::FitsFile& file);
  void read_quality();
  void read_wave(const io::FitsFile& file);

  std::filesystem::path path_;
  int detector_ = 0, detector_width_ = 2040, detector_height_ = 2040;
  std::string observation_, version_, quality_fault_;
  double mjd_ = 0, exposure_s_ = 0, x_offset_ = 0, y_offset_ = 0;
  bool non_survey_ = false;
  Box box_;
  int image_ = -1, flags_ = -1, variance_ = -1, zodi_ = -1;
  Header header_;
  std::optional<wcs::SkyWcs> sky_;
  std::optional<WaveTable> wave_;
  PsfLayout psf_;
  FlagNumbers flag_numbers_;
  std::vector<std::string> caveats_;
};

}  // namespace tessera::spherex
