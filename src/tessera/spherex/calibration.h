/// spherex/calibration.h — products of calibration per detector: wavelength and bandwidth of each pixel, solid angle, strips, average PSF.
/// They are found by name beside the frames, in `calibration/` there, or in a folder that is given; what is absent has a documented fallback, which a caveat names.
#pragma once
#include <atomic>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/io/fits.h"
#include "tessera/spherex/channels.h"
#include "tessera/spherex/spectral_frame.h"

namespace tessera::spherex {

/// 1 MJy/sr in µJy per square second of arc.
inline constexpr double ujy_per_arcsec2 = 23.50443053909789;

/// Products that have a fallback.
enum class Product { spectral_wcs, solid_angle, channel_map };

struct WavelengthMaps {
  Image<float> centre_um, width_um;
};

/// One detector's products. Its functions open the files they read, so one object serves many threads.
class Calibration {
 public:
  Calibration() = default;
  int detector() const { return detector_; }
  const std::filesystem::path& spectral_wcs() const { return spectral_wcs_; }  ///< "" when absent; so are the others
  const std::filesystem::path& solid_angle_map() const { return solid_angle_; }
  const std::filesystem::path& average_psf() const { return average_psf_; }
  const ChannelTable& channels() const { return channels_; }
  /// Whether strips() follow from products of the detector, and so are the same for all its frames.
  bool fixed_strips() const { return has_channel_map_ || !spectral_wcs_.empty(); }
  /// One sentence for each of `used` that is absent: what stands in its place.
  std::vector<std::string> caveats(std::initializer_list<Product> used = {Product::spectral_wcs, Product::solid_angle, Product::channel_map}) const;

  /// Wavelength and width of the pixels of a window of the frame: CWAVE and CBAND, else WCS-WAVE. Throws DataError: neither is there, map too small.
  WavelengthMaps wavelengths(const SpectralFrame& frame, Box window) const;
  /// Square seconds of arc per pixel: the map, else the frame's own WCS with its distortion.
  Image<float> solid_angles(const SpectralFrame& frame, Box window) const;
  /// Strip 1 to 17 of each pixel, 0 outside of all: CHANNEL_MAP, else by the wavelength between the channels' edges.
  Image<std::int32_t> strips(const SpectralFrame& frame, Box window) const;

 private:
  friend class CalibrationSet;
  int detector_ = 0;
  std::filesystem::path spectral_wcs_, solid_angle_, channels_file_, average_psf_;
  bool has_channel_map_ = false;
  ChannelTable channels_ = ChannelTable::builtin();
};

/// The maps of one detector held open, for one thread that looks at many windows. The calibration must outlive it.
class CalibrationFiles {
 public:
  explicit CalibrationFiles(const Calibration& calibration);
  const Calibration& calibration() const { return calibration_; }
  /// As those of Calibration.
  WavelengthMaps wavelengths(const SpectralFrame& frame, Box window) const;
  Image<float> solid_angles(const SpectralFrame& frame, Box window) const;
  /// At a place of the frame: bilinear between the four pixels around it, or directly from WCS-WAVE and the frame's WCS where the products are absent. The place must
  /// lie in the frame's outer pixel edges.
  Wavelength wavelength_at(const SpectralFrame& frame, double x, double y) const;
  double solid_angle_at(const SpectralFrame& frame, double x, double y) const;

 private:
  const Calibration& calibration_;
  std::optional<io::FitsFile> waves_, angles_;
};

/// The maps of one detector in memory, in tiles that are read when they are first needed: for those who ask for places of thousands of frames. Safe from many threads.
class KeptMaps {
 public:
  /// Tiles are taken out of `room`, bytes. The calibration and `room` must outlive it.
  KeptMaps(const Calibration& calibration, std::atomic<std::int64_t>& room);
  ~KeptMaps();
  struct Place {
    double x = 0, y = 0;            ///< of the frame, within its outer pixel edges
    Wavelength wave;
    double solid_angle_arcsec2 = 0;
  };
  /// Fills in what CalibrationFiles would say. False when a product is absent or there is no room left: then look into the files. Throws DataError as those.
  bool look_up(const SpectralFrame& frame, std::span<Place> places);

 private:
  struct Map;
  const Calibration& calibration_;
  std::atomic<std::int64_t>& room_;
  std::mutex mutex_;
  std::unique_ptr<Map> waves_, widths_, angles_;
};

/// A map of calibration at a place: bilinear between the four pixels of `frame` around it, at its border on along the slope of the last ones. The map must hold these pixels.
double map_at(const Image<float>& map, Box frame, double x, double y);

class CalibrationSet {
 public:
  /// Looks in `given` alone when it is not empty: a folder (else throws UsageError), the URL of one, or @FILE, a list of products; else in the frames' folders and `calibration/` in each of them (on servers that list folders, of the first four).
  /// Of several versions of one product the last by name counts. Throws DataError for a product whose DETECTOR is not that of its name.
  static CalibrationSet find(const std::vector<std::filesystem::path>& frames, const std::filesystem::path& given = {});
  const Calibration& of(int detector) const;  ///< 1 to 6; throws UsageError

 private:
  std::vector<Calibration> detectors_;
};

/// Solid angle of a pixel by central differences of half a pixel of the full WCS, square seconds of arc.
double solid_angle_arcsec2(const wcs::SkyWcs& sky, double x, double y);

}  // namespace tessera::spherex
