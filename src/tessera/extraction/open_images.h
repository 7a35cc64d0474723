/// extraction/open_images.h — the images of an extraction, from files to pixels: a mosaic with what lies beside it, and frames with what a mosaic's record says of them.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tessera/extraction/extract_options.h"
#include "tessera/extraction/find.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

/// One image as it is read, before anything is taken off.
struct OpenedImage {
  instrument::FrameFile file;
  Frame frame;
  Image<float> coverage;                        ///< empty: none known
  std::optional<NoiseCorrelation> correlation;
  bool resampled = false;                       ///< a mosaic: its pixels hang together whether or not it is known how
  std::vector<std::string> read;                ///< files beside those of `file`
};

/// The files named on the command line or in lists; folders of a finished mosaic stand for its mosaic.fits.
std::vector<instrument::FrameNames> image_names(const std::vector<std::string>& inputs, instrument::InputOptions input, const instrument::ProfileSet& profiles, run::Context& context);

/// `names`: the image, with -S as a list or as the file itself. Uncertainty and coverage are found by name (NAME_unc.fits, NAME_cov.fits). Throws DataError when a plane has another size, and
/// SystemError when the image does not fit the memory ceiling.
OpenedImage open_image(const instrument::FrameNames& names, const ExtractOptions& options, const instrument::ProfileSet& profiles, run::Context& context);

/// The variance by which sources are found on an image (detection.uncertainty): of a file, of NAME_std.fits beside it, or one for all pixels, from the median deviation, less where more frames cover it.
/// Throws DataError: no such file, or of another size.
Image<float> variance_to_detect(const Frame& frame, const Image<float>& coverage, const instrument::FrameFile& file, const std::string& uncertainty);

/// What run.json says of a frame of a mosaic.
struct RecordedFrame {
  std::string image;
  int hdu = 0;
  bool used = true;
  double sky = 0, noise_scale = 1;   ///< sky: offset and zodiacal light that were taken off
  double weight = 1, sky_variance = 0;
  std::string rmask;                 ///< "": none was written
};
struct RecordedMosaic {
  std::filesystem::path image;       ///< mosaic.fits
  std::vector<RecordedFrame> frames;
  bool recorded = true;              ///< false: there is no run.json, and frames count as they are
  bool surfaces = false;             ///< frames lost planes or surfaces, which the record does not hold
  bool moving = false;               ///< frames were carried along with an object
  reproject::InterpolationOptions interpolation;
  coadd::CoaddOptions coadd;         ///< weights as they came to be, not automatic
  std::vector<std::string> read;
};
/// From the folder of a mosaic or its mosaic.fits; the record is run.json or run_mosaic.json beside it, or in the folder above (tessera mopex). Without one `needed` throws DataError.
RecordedMosaic recorded_mosaic(const std::filesystem::path& path, bool needed = true);

/// Pixels of frames ready for the fit: less what the mosaic took off and the background found on it, noise split. `files` and `psf` must outlive them. Where they and the mosaic exceed the memory ceiling
/// they are in the file `scratch`, which has no name any more when this returns.
std::vector<joint_fit::FitImage> open_frames(const std::vector<instrument::FrameFile>& files, const RecordedMosaic& mosaic, const Found& found, const wcs::SkyWcs& mosaic_wcs, const psf::PsfModel& psf,
                                  std::int64_t to_fit, const ExtractOptions& options, const std::filesystem::path& scratch, run::Context& context);

}  // namespace tessera::extraction
