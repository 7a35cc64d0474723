/// cube/cube_plan.h — what a cube will be made of, from headers: target, planes, and the strips of the frames that lie there.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/cube/cube.h"
#include "tessera/cube/cube_frame.h"
#include "tessera/run/context.h"

namespace tessera::cube {

/// A frame that is not in the cube, and why.
struct LeftOut {
  std::string path, reason;
};

struct PlannedPlane {
  std::string name;                          ///< "channel 20", or that of a band
  spherex::Channel channel;                  ///< of a band: its wavelengths, and 0 for what it has not
  std::vector<std::pair<int, double>> parts; ///< channels and their weights, which sum to 1
};

struct CubePlan {
  CubeSetting setting;
  std::vector<PlannedPlane> planes;
  std::vector<std::uint8_t> inside;               ///< of each pixel of the grid: whether the polygon touches it; empty without one
  std::vector<std::string> files;                 ///< as found, in order
  std::unique_ptr<spherex::CalibrationSet> calibration;
  std::unique_ptr<StripMaps> maps;
  std::vector<CubeFrame> frames;                  ///< those that meet the target, in order
  std::vector<LeftOut> left_out;                  ///< for quality, survey, or as unreadable
  long elsewhere = 0;                             ///< frames that show other sky or other channels
  std::vector<long> exposures;                    ///< of each plane: strips of frames
};

/// Frames that `inputs` name, by the rules of the profile spherex. Throws UsageError when there is none.
std::vector<std::string> frame_files(const std::vector<std::string>& inputs, run::Context& context);
/// Why the options leave a frame out; "" when they do not.
std::string kept_out(const spherex::SpectralFrame& frame, const InputOptions& options);
/// The first input as a position, taken off the inputs; nothing when it is a file, or no position.
std::optional<wcs::SkyPoint> leading_position(std::vector<std::string>& inputs);

/// Reads headers in parallel and tells notes and caveats. Throws as make_cube().
CubePlan make_plan(const CubeRequest& request, const CubeOptions& options, run::Context& context);

}  // namespace tessera::cube
