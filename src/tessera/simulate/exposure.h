/// simulate/exposure.h — one frame of a scene, in memory: stars, sky, noise, defects, and what was put in.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/param/schema.h"
#include "tessera/simulate/camera.h"
#include "tessera/simulate/psf.h"
#include "tessera/simulate/sources.h"
#include "tessera/simulate/stack.h"
#include "tessera/simulate/transients.h"

namespace tessera::simulate {

struct SkyOptions {
  double level = 0.09;                    // MJy/sr at the middle of the field
  double gradient = 0, gradient_pa_deg = 0;
  double nebula_peak = 0;
  double nebula_fwhm_arcsec = 120;
  double nebula_east_arcsec = 0, nebula_north_arcsec = 0;
};
void describe(param::Schema<SkyOptions>& s);

enum class UncertaintyFrom { expected, observed };

struct NoiseOptions {
  bool photon = true, read = true;
  double subtracted_sky = 0;              // MJy/sr whose photons are there though its level was taken off
  UncertaintyFrom uncertainty_from = UncertaintyFrom::expected;
  double uncertainty_scale = 1;
};
void describe(param::Schema<NoiseOptions>& s);

enum class DeadPixels { nan, zero };

struct DefectOptions {
  double cosmic_fraction = 0.003;
  double cosmic_length_max_pix = 20;
  double cosmic_min_e = 300, cosmic_max_e = 60000, cosmic_slope = 1.5;
  bool cosmic_masked = false;
  double dead_fraction = 2e-4, hot_fraction = 2e-4;
  double hot_e = 20000;
  double unmasked_fraction = 0;           // of the hot pixels
  DeadPixels dead_value = DeadPixels::nan;
  double full_well_e = 0;                 // 0: never saturates
};
void describe(param::Schema<DefectOptions>& s);

/// What is wrong with a pixel; a layout turns these into its own bits.
enum Flag : std::uint8_t { dead = 1, hot = 2, saturated = 4, cosmic = 8, hidden = 16 /* hot, and the mask does not say so */, passing = 32 /* a trail or a moving object */ };

struct SceneOptions {
  CameraOptions camera;
  PsfOptions psf;
  SourceOptions sources;
  StackOptions stack;
  SkyOptions sky;
  NoiseOptions noise;
  DefectOptions defects;
  TransientOptions transients;
};

/// All that is settled before the first exposure. Immutable afterwards, so one scene serves all threads.
struct Scene {
  SceneOptions options;
  Camera camera;
  Psf psf{PsfOptions{.fwhm_pix = 1}};
  std::vector<Pointing> pointings;
  std::vector<wcs::SkyWcs> header_wcs, actual_wcs;   ///< per frame; equal without pointing errors
  Field field;
  std::vector<Source> sources;
  Image<double> solid_angle;
  Image<std::uint8_t> detector;                      ///< Flag bits of the pixels that are bad in every frame
};
/// `catalog` replaces drawn sources when not null. Throws UsageError on options that do not fit together.
Scene make_scene(const SceneOptions& options, const std::vector<Source>* catalog = nullptr);

/// Sky without stars and offsets at points of the field plane (arcsec; x to the west), MJy/sr.
double sky_brightness(const SkyOptions& sky, double x_arcsec, double y_arcsec);

struct Exposure {
  Image<float> value;         ///< MJy/sr, NaN in dead pixels
  Image<float> sigma;         ///< MJy/sr, 1σ as the uncertainty plane states it
  Image<std::uint8_t> flags;  ///< Flag bits, all true defects
  Image<float> model;         ///< noise-free stars and sky, MJy/sr; empty unless asked for
  Image<float> added;         ///< what cosmic rays, trails and the moving object added, MJy/sr; empty unless asked for
  int cosmic_rays = 0;        ///< tracks
  std::int64_t cosmic_pixels = 0;
  int trails = 0;
};
/// Frame `index` of the scene. The same whatever other frames are made, before it or at the same time.
Exposure expose(const Scene& scene, std::size_t index, bool keep_model = false, bool keep_added = false);
/// Where the moving object is in a frame.
wcs::SkyPoint mover_in(const Scene& scene, std::size_t index);
/// Bytes expose() needs at most for one frame of this camera, its result included.
std::int64_t exposure_bytes(const Camera& camera);

}  // namespace tessera::simulate
