/// spectrum/measure.h — one frame: the fluxes of all sources that lie on it, each from its own cut-out, fitted together with all others in reach.
///
/// The frame's headers are read once; sources are put into groups of neighbouring rows, and of each group only the window that holds its cut-outs is read. What a source gets
/// does not depend on the groups: its pixels are those of its own square, its neighbours those of the whole list.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/spectrum/joint_fit.h"
#include "tessera/spectrum/local_sky.h"
#include "tessera/spectrum/sources.h"
#include "tessera/spherex/calibration.h"
#include "tessera/spherex/wavelength_ranges.h"

namespace tessera::spectrum {

enum class SkyWay { local, fit, by_shape, none };  ///< by_shape: fit where a source with a shape is in the fit, else local

struct MeasureOptions {
  int side = 15;                 ///< of the cut-out, pixels, odd
  double reach = 2;              ///< sources this far outside the cut-out are fitted along, pixels
  Weights weights = Weights::plane;
  Placement placement = Placement::exact;
  double psf_shift_x = 0, psf_shift_y = 0;
  SkyWay sky = SkyWay::local;
  SkyOptions sky_options;
  bool mask_sources = true;      ///< pixels within 2.5 of listed sources do not count for the sky
  bool covariance = false;       ///< keep the covariances with the neighbours
  bool any_quality = false;      ///< frames whose checks failed, too
  std::int32_t inspected = 0;    ///< measurements of the first so many sources keep their pixels
  spherex::WavelengthRanges wavelengths;  ///< µm; empty: all
};

/// What a frame's row says of itself, kept once for all its measurements.
struct FrameRecord {
  std::string path, observation, publisher_id;
  int detector = 0;
  double mjd = 0;
  bool deep = false;
  std::string lost;              ///< why nothing was measured on it; "" when it could be
};

struct Companion {
  std::int32_t source = 0;
  double covariance = 0;         ///< µJy²
};

inline constexpr int flag_bits = 32;

/// What a fit saw and made of it, MJy/sr, for those who want to look.
struct Inspection {
  Image<float> image, model;     ///< on the cut-out; the model with the background
  double sky = 0;
};

/// The numbers of a measurement, as they are kept on disk.
struct MeasuredValues {
  std::int32_t source = 0, frame = 0;
  double wavelength_um = 0, width_um = 0;
  double flux = 0, flux_error = 0;     ///< µJy; NaN with FIT_ERROR
  double sky_flux_error = 0;           ///< µJy: what the error of the local background adds, not in flux_error
  double quality = 0;                  ///< fit_ql
  double sky = 0;                      ///< µJy per pixel at the position
  double ra_deg = 0, dec_deg = 0;      ///< at the frame's epoch
  double x = 0, y = 0;                 ///< of the file, from 0
  std::uint64_t flags = 0;
  std::array<std::uint8_t, flag_bits> flagged{};  ///< pixels of the central region with each bit
  std::int16_t fitted = 0, pixels = 0, sky_pixels = 0, sky_side = 0;  // side: 0 where no local background was asked for, -1 where there was none
  float correlation = 0;               ///< the largest with another source of the fit; 0 when alone
};

struct Measurement : MeasuredValues {
  std::vector<Companion> companions{};
  std::shared_ptr<const Inspection> pixels_kept{};  ///< where it was asked for and the fit has a result
};

struct FrameResult {
  FrameRecord record;
  std::vector<Measurement> measurements;  ///< by source
  std::vector<std::string> caveats;
  bool unusable = false;                  ///< left out because it could not be read
};

/// The list as all frames see it: directions for a first choice.
class Field {
 public:
  explicit Field(std::span<const Source> sources);
  std::span<const Source> sources() const { return sources_; }
  /// Sources within `radius_deg` of a direction, ascending.
  std::vector<std::int32_t> near(wcs::SkyPoint centre, double radius_deg) const;

 private:
  std::span<const Source> sources_;
  std::vector<std::array<double, 3>> directions_;
  double slack_deg_ = 0;  // the largest motion since an epoch
};

/// Open files of calibration, lent to one thread at a time, and what of the maps is kept in memory for all.
class CalibrationLoans {
 public:
  /// `kept_bytes`: of maps; 0: none.
  explicit CalibrationLoans(const spherex::CalibrationSet& set, std::int64_t kept_bytes = 0);
  class Loan {
   public:
    Loan(CalibrationLoans& from, int detector);
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    const spherex::CalibrationFiles& operator*() const { return *files_; }
    const spherex::CalibrationFiles* operator->() const { return files_.get(); }
    spherex::KeptMaps& kept() const { return *from_.kept_[static_cast<std::size_t>(detector_ - 1)]; }

   private:
    CalibrationLoans& from_;
    int detector_;
    std::unique_ptr<spherex::CalibrationFiles> files_;
  };

 private:
  const spherex::CalibrationSet& set_;
  std::mutex mutex_;
  std::array<std::vector<std::unique_ptr<spherex::CalibrationFiles>>, spherex::detectors> free_;
  std::atomic<std::int64_t> room_;
  std::vector<std::unique_ptr<spherex::KeptMaps>> kept_;
};

/// Throws DataError: the file is no spectral image, or has no point responses or wavelengths although sources lie on it.
FrameResult measure_frame(const io::FitsFile& file, const Field& field, CalibrationLoans& calibration, const MeasureOptions& options);

}  // namespace tessera::spectrum
