/// cube/cube_plan.h — what a cube will be made of, from headers: target, planes, and the strips of the frames that lie there.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tessera/cube/cube.h"
#include "tessera/cube/cube_frame.h"

namespace tessera::cube {

/// A frame that is not in the cube, and why.
struct LeftOut {
  std::string path, reason;
};

struct CubePlan {
  CubeSetting setting;
  std::vector<spherex::Channel> planes;
  std::vector<std::string> files;                 ///< as found, in order
  std::unique_ptr<spherex::CalibrationSet> calibration;
  std::unique_ptr<StripMaps> maps;
  std::vector<CubeFrame> frames;                  ///< those that meet the target, in order
  std::vector<LeftOut> left_out;                  ///< for quality, survey, or as unreadable
  long elsewhere = 0;                             ///< frames that show other sky or other channels
  std::vector<long> exposures;                    ///< of each plane
};

/// Reads headers in parallel and tells notes and caveats. Throws as make_cube().
CubePlan make_plan(const CubeRequest& request, const CubeOptions& options, pipeline::Context& context);

}  // namespace tessera::cube
