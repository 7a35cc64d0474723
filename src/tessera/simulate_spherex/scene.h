/// simulate_spherex/scene.h — all that is settled before the first exposure: pointings, detectors, sources.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/simulate/sources.h"
#include "tessera/simulate/transients.h"
#include "tessera/simulate_spherex/detector.h"
#include "tessera/simulate_spherex/options.h"
#include "tessera/simulate_spherex/spectrum.h"
#include "tessera/simulate_spherex/survey.h"
#include "tessera/simulate_spherex/zone_psf.h"

namespace tessera::simulate_spherex {

/// A star, or a galaxy when sersic_n > 0.
struct Source {
  std::int64_t id = 0, blend_id = 0;  ///< as in simulate
  wcs::SkyPoint position;             ///< ICRS
  Spectrum spectrum;
  double sersic_n = 0, effective_radius_arcsec = 0, axis_ratio = 1, position_angle_deg = 0;  ///< half-light radius along the major axis; east of north
};

/// Columns of simulate::sources_from_table (flux in µJy at 2 µm) and, where present, spectral_index, temperature (K), sersic_n, r_e (arcsec), axis_ratio,
/// position_angle (deg). Throws DataError that starts with `where`.
std::vector<Source> sources_from_table(const Table& table, const std::string& where);
Table sources_table(const std::vector<Source>& sources);

/// One detector with what is the same in all its exposures.
struct DetectorState {
  Detector detector;
  ZonePsfs psfs;
  Image<float> centre_um, width_um;
  Image<float> gain;  ///< (MJy/sr) per e⁻/s: over the flat field, 2 % from pixel to pixel
  Image<float> dark;  ///< e⁻/s
  Image<float> answer;  ///< share of the light that cold pixels answer to, 1 elsewhere; the gain does not know it
  Image<std::int32_t> fixed_flags;    ///< of pixels that are bad in every frame, standard numbers
  Image<std::int16_t> fixed_defects;  ///< the same as Defect bits
};

struct SceneOptions {
  SurveyOptions survey;
  SkyOptions sky;
  ExtraSources extra;
  DefectOptions defects;
  simulate::SourceOptions sources;
  simulate::TransientOptions mover;  ///< of which the moving object counts
  std::uint64_t seed = 1;
  wcs::SkyPoint field;
  bool photon_noise = true, read_noise = true;
};

/// With survey.full, what is 0 or false takes its usual value.
SceneOptions completed(SceneOptions options);

/// What is true of a pixel, whether FLAGS says so or not.
enum Defect : std::int16_t { nonfunctional = 1, hot = 2, cosmic_ray = 4, persistence = 8, overflow = 16, lost = 32, moving = 64, dichroic = 128,
                            cold = 256, ghost = 512, bloom = 1024, snowball = 2048, satellite = 4096, crosstalk = 8192 };

/// Immutable once made, so one scene serves all threads.
struct Scene {
  SceneOptions options;
  std::vector<Exposure> exposures;
  std::vector<std::unique_ptr<const DetectorState>> detectors;  ///< those that write files, ascending
  std::vector<Source> sources;
};
/// `catalog` replaces drawn sources when not null. Throws UsageError on options that do not fit together.
Scene make_scene(const SceneOptions& asked, const std::vector<Source>* catalog);

/// The frames of a scene: each exposure with each of its pair's detectors that writes files.
struct FrameKey {
  std::size_t exposure = 0, detector = 0;  ///< positions in the scene's lists
};
std::vector<FrameKey> frames_of(const Scene& scene);

}  // namespace tessera::simulate_spherex
