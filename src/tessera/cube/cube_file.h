/// cube/cube_file.h — a spectral cube on disk, made here or by the mission's tool: its planes, their wavelengths, and the sky.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/io/fits.h"
#include "tessera/wcs/grid.h"

namespace tessera::cube {

struct CubePlane {
  int number = 0;              ///< from 1
  double wavelength_um = 0, bandwidth_um = 0;
  std::string name;            ///< "channel 20", "band K", or "plane 3" where the file does not say
};

/// For one thread at a time. VARIANCE, NHITS and FLAGS may be absent.
class CubeFile {
 public:
  /// A file, or the folder that `tessera cube` made. Throws DataError: no cube IMAGE, planes of another number than WCS-WAVE or SPECTRAL_CHANNELS has, another size of a companion.
  explicit CubeFile(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return file_.path(); }
  Box box() const { return box_; }
  const std::vector<CubePlane>& planes() const { return planes_; }
  const wcs::SkyWcs& sky() const { return *sky_; }
  Header sky_header() const { return sky_header_; }    ///< the two axes of the sky
  std::string resampling() const;                      ///< RESAMPLE of the primary header, "" when absent
  bool has_variance() const { return variance_ >= 0; }

  Image<float> image(int plane, Box window) const { return file_.read_float(image_, window, plane); }  ///< plane from 0; MJy/sr
  Image<float> variance(int plane, Box window) const { return file_.read_float(variance_, window, plane); }
  std::optional<Image<std::uint32_t>> hits(int plane, Box window) const;
  std::optional<Image<std::uint32_t>> flags(int plane, Box window) const;

 private:
  void read_planes(std::size_t count);
  io::FitsFile file_;
  int image_ = -1, variance_ = -1, hits_ = -1, flags_ = -1;
  Box box_;
  std::vector<CubePlane> planes_;
  std::optional<wcs::SkyWcs> sky_;
  Header sky_header_;
};

}  // namespace tessera::cube
