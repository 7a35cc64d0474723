/// Small scenes the tests share: IRAC-like, fast, and without noise or defects unless a test adds them.
#pragma once
#include "tessera/simulate/exposure.h"

namespace tessera::simulate {

inline SceneOptions quiet_options() {
  SceneOptions o;
  o.stack.frames = 3;
  o.stack.offset_rms = 0;
  o.sky.level = 0;
  o.noise.photon = o.noise.read = false;
  o.defects.cosmic_fraction = o.defects.dead_fraction = o.defects.hot_fraction = 0;
  o.sources.count = 0;
  return o;
}

inline double total_flux_ujy(const Scene& scene, const Exposure& e) {
  double sum = 0;
  for (std::size_t i = 0; i < e.value.pixels().size(); ++i) sum += e.value.pixels()[i] * scene.solid_angle.pixels()[i] * 1e12;
  return sum;
}

}  // namespace tessera::simulate
