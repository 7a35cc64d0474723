/// extraction/place_responses.h — the point response of a mosaic at single places (psf_coadd/), from what its record says of its frames.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tessera/extraction/open_images.h"
#include "tessera/psf_coadd/coadd_response.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

/// The frames that a mosaic was made of, by its record; of the frames the headers alone were read.
struct RecordedFrames {
  RecordedMosaic record;
  std::vector<instrument::FrameFile> files;
  std::vector<double> weights;
};
/// Throws DataError: no record, no frame in it, or a frame that is gone.
RecordedFrames recorded_frames(const instrument::FrameFile& mosaic, const instrument::ProfileSet& profiles, run::Context& context);

/// Why the record of a mosaic does not tell its response at single places; "" where it does.
std::string places_unknown(const RecordedMosaic& record);

/// `psf`: of the frames. `samples_per_pixel`: 0 for what its width asks. Throws DataError when places_unknown(), or no frame lies on the mosaic.
psf_coadd::CoaddResponse coadd_response(const psf::PsfModel& psf, const instrument::FrameFile& mosaic, const RecordedFrames& frames, int samples_per_pixel, run::Context& context);

/// `mean` with tables of their own for the places (pixels from 0), within `radius` of each; places that no frame covers, or at an edge, have none. Throws SystemError when a third of the memory ceiling does not hold them.
psf::PsfModel with_places(const psf::PsfModel& mean, const psf_coadd::CoaddResponse& coadd, const std::vector<std::pair<double, double>>& places, double radius, run::Context& context);

}  // namespace tessera::extraction
