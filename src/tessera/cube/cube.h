/// cube/cube.h — spectral images to one cube: a plane for each channel, made of the strips of that channel cut out of every exposure.
/// Method of the SPHEREx mosaics (Akeson et al., pipeline paper, 5) with exact area overlap by default.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tessera/cube/cube_options.h"
#include "tessera/run/context.h"

namespace tessera::cube {

struct CubePlan;

struct CubeRequest {
  std::vector<std::string> inputs;  ///< a position first unless options name one; files, folders, globs, @lists
  std::string output;               ///< folder
  bool overwrite = false, dry_run = false;
  bool take_complete = false;       ///< an output folder that holds this very cube, complete and younger than every frame, is taken as it is
};

/// Those who wait for a cube.
struct CubeWatch {
  std::function<void(const CubePlan&)> planned{};  ///< before anything is written; what it throws ends the run
  std::function<void(CubePlan&&)> made{};          ///< when the cube is in its place
};

/// OUT/cube.fits, frames.tbl, run.json, tessera.log. Planes are written as they are made, so memory does not follow the cube's size. The cube's bits depend on
/// neither threads nor memory. Throws UsageError, DataError (a frame, calibration, no frame on the target), SystemError, Interrupted.
run::Outcome make_cube(const CubeRequest& request, const CubeOptions& options, param::OptionSet& settings, run::Context& context, const CubeWatch& watch = {});

}  // namespace tessera::cube
