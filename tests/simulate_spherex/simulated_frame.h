/// A small simulated spectral image, in memory and as a file with its products of calibration.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/temporary_folder.h"
#include "tessera/simulate_spherex/frame_file.h"
#include "tessera/simulate_spherex/products.h"

namespace tessera::simulate_spherex {

/// One exposure of a detector of 96² pixels, without noise unless asked for.
inline SceneOptions small(int detector, bool noise = false) {
  SceneOptions o;
  o.survey.bands = {std::to_string(detector)};
  o.survey.size = 96;
  o.survey.exposures = 1;
  o.sources.count = 0;
  o.field = {120.036, -9.064};
  o.photon_noise = o.read_noise = noise;
  return o;
}

inline Source star(wcs::SkyPoint at, double flux_ujy) { return {1, 0, at, {flux_ujy, 0, 0}}; }

struct Written {
  TemporaryFolder folder;
  Scene scene;
  Planes planes;
  std::filesystem::path path;
  Written(const SceneOptions& o, const std::vector<Source>& sources) : scene{make_scene(o, &sources)}, planes{expose(scene, frames_of(scene).front(), true)} {
    const auto key = frames_of(scene).front();
    path = folder.path() / file_name(scene, key);
    write_frame(path, scene, key, planes);
    std::filesystem::create_directories(folder.path() / "calibration");
    write_calibration(folder.path() / "calibration", scene);
  }
};

}  // namespace tessera::simulate_spherex
