/// instrument/inspect.h — everything there is to say about one FITS file: HDUs, frames in it, their WCS, planes and statistics.
#pragma once
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"

namespace tessera::instrument {

struct HduSummary {
  io::HduInfo info;
  std::string unit;                                       ///< BUNIT of an image
  std::int64_t rows = 0;                                  ///< of a table
  std::vector<std::pair<std::string, std::string>> columns;  ///< name and unit of a table's columns
};

struct WcsSummary {
  std::string projection, frame, distortion;
  wcs::SkyPoint center;                 ///< of the middle of the image, ICRS
  double pixel_scale_arcsec = 0, north_angle_deg = 0, pixel_area_sr = 0;
  bool east_left = true;                ///< with north up: the sky as it is seen
  std::array<wcs::SkyPoint, 4> corners; ///< outer corners of the image: lower left, lower right, upper right, upper left
  std::vector<std::string> notes;
};
WcsSummary summarise(const wcs::SkyWcs& wcs, int width, int height);

struct BitCount {
  MaskBit bit;              ///< name "" when the profile does not know it
  bool fatal = false;       ///< under the options given
  std::int64_t pixels = 0;
};

struct FrameSummary {
  FrameFile frame;
  WcsSummary wcs;
  std::vector<BitCount> bits;       ///< named ones, and others that occur
  double good_fraction = 0;
  double median = 0, sigma_median = 0, minimum = 0, maximum = 0;  ///< over good pixels, in frame.unit; NaN without any
};

struct FileSummary {
  std::filesystem::path path;
  std::vector<HduSummary> hdus;
  std::string profile, why;          ///< the cards that decided, "INSTRUME = IRAC"
  std::vector<FrameSummary> frames;
  std::string refusal;               ///< why this is no frame, "" when it is one
  std::optional<WcsSummary> wcs;     ///< of the first image when it is no frame but lies on the sky
};

/// Reads the whole file. Throws DataError when it is no readable FITS file; that it is no usable frame is no error here.
FileSummary inspect(const std::filesystem::path& path, const InputOptions& options, const ProfileSet& profiles);

/// "08:00:08.717 -09:03:49.95"
std::string sexagesimal(wcs::SkyPoint p);

}  // namespace tessera::instrument
