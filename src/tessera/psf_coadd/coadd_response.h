/// psf_coadd/coadd_response.h — the point response of a coadd at one place: the frames that were coadded there, each with its weight, place, orientation and the kernel it was resampled with.
///
/// A star of flux 1 is drawn on every frame by the frames' response, carried to the output by the resampler and the sums that made the mosaic, and read there. That is done with the star at
/// lattice places X all around the place p asked for, 1/n of a pixel apart; pixel k then tells the response at the distance k − X. Within a pixel from p two places along each axis tell the same distance,
/// from dither phases that differ; they count with cos²(π (X − p)/2), which adds up to 1, is flat at p, and gone a pixel away. So a star at p itself gets the response of its own
/// phases, and the table is smooth. Beyond edges of the mosaic, which no pixel tells of, frames are thought to go on. (The interleaved tables of Lauer 1999, PASP 111, 227, and Anderson & King 2000, PASP 112, 1360, here of a known response.)
#pragma once
#include <span>
#include <vector>

#include "tessera/coadd/sums.h"
#include "tessera/core/frame.h"
#include "tessera/psf/psf_model.h"
#include "tessera/reproject/interpolation.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::psf_coadd {

/// The mosaic: its sky, its size, and how frames came to it.
struct Output {
  wcs::SkyWcs sky;
  Box box;
  reproject::InterpolationOptions interpolation;
  double min_coverage = 0;
};

struct CoaddedFrame {
  wcs::SkyWcs sky;
  Box box;
  double weight = 1;
  Box on_output;                                ///< what of the output it can touch; empty: nothing
  wcs::PixelMapPtr to_frame, to_output, exact;  ///< the maps of the resampler; `exact`: from the output to the frame
};
/// Takes the time that a few hundred points on the sky take, so frames are best placed in parallel.
CoaddedFrame place_frame(const Output& output, const wcs::SkyWcs& sky, Box box, double weight);

/// What a coadd is at one place.
struct ResponseAt {
  psf::PointResponse response;  ///< pixels of the output: share of the flux, as value × solid angle of the output's pixel; only where `frames` > 0
  int frames = 0;               ///< with weight in the pixel that the place lies in
  double coverage = 0;          ///< of that pixel
  double told = 0;              ///< share of the response that pixels of the output tell; below 1 beside an edge
};

class CoaddResponse {
 public:
  /// `response`: of the frames. `samples_per_pixel` of the tables; 0: seven per full width of the frames' response, four at least. Throws UsageError without frames.
  CoaddResponse(Output output, std::vector<CoaddedFrame> frames, psf::PsfModel response, int samples_per_pixel = 0);

  /// At a place of the output, pixels from 0. Safe from many threads; depends on the place alone.
  ResponseAt at(double x, double y) const;

  int samples_per_pixel() const { return samples_; }
  int reach_pix() const { return reach_; }       ///< of the tables, in pixels of the output
  std::int64_t bytes_per_table() const;          ///< about
  std::span<const CoaddedFrame> frames() const { return frames_; }

 private:
  struct Near;
  struct Interleaved;
  enum class Edges { as_they_are, none };
  std::vector<Near> frames_near(double x, double y, Box part, Edges edges) const;
  void coadd_star(double x, double y, std::vector<Near>& near, coadd::Sums& sums) const;
  bool interleave(double x, double y, Box part, std::vector<Near>& near, Interleaved& table, ResponseAt* result) const;
  Output output_;
  std::vector<CoaddedFrame> frames_;
  psf::PsfModel response_;
  int samples_ = 0, reach_ = 0;
};

}  // namespace tessera::psf_coadd
