/// simulate_spherex/light.h — what falls on the pixels of one frame, before any noise.
#pragma once
#include <optional>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/simulate_spherex/scene.h"

namespace tessera::simulate_spherex {

/// What one source is in one frame.
struct MeasuredTruth {
  std::int64_t id = 0;
  double x = 0, y = 0;                      ///< pixels from 0
  double centre_um = 0, width_um = 0;       ///< of the detector there
  double flux_ujy = 0;                      ///< through that bandpass
};

/// One frame while it is made.
struct Frame {
  const Scene& scene;
  const Exposure& exposure;
  const DetectorState& state;
  wcs::SkyWcs sky;
  Frame(const Scene& scene, FrameKey key);
  Box box() const { return state.detector.box(); }
  /// Number of the frame's streams of random numbers.
  std::uint64_t stream() const { return static_cast<std::uint64_t>(8 * exposure.index + state.detector.number()); }
};

/// MJy/sr of all sources that are at least `faintest_ujy` bright at 2 µm. A pixel i of solid angle Ω_i, wavelength λ_i and width Δλ_i gets from a star
/// F(λ_i, Δλ_i) p_i / (23.5045 µJy arcsec⁻² Ω_i), where p_i is the part of the PSF of the zone nearest to the star that falls on the pixel and F the
/// spectrum through the bandpass; galaxies are points of light, all with the zone of their middle. `truth` gets those whose middle lies on the frame.
Image<double> source_light(const Frame& frame, double faintest_ujy, std::vector<MeasuredTruth>* truth);
/// The moving object, drawn out along its way during the exposure, MJy/sr; empty when there is none on the frame.
Image<double> moving_light(const Frame& frame);
/// Where it is in the middle of an exposure.
wcs::SkyPoint mover_in(const Scene& scene, const Exposure& exposure);
/// Adds constant sky, airglow, nebula, at pixel centres.
void add_sky(const Frame& frame, View<double> brightness);

}  // namespace tessera::simulate_spherex
