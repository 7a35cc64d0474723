/// cube/cutout.h — native pixels about a position, out of every spectral image that shows it: the same file with smaller IMAGE, FLAGS, VARIANCE and ZODI.
#pragma once
#include <string>
#include <vector>

#include "tessera/cube/cube.h"
#include "tessera/run/context.h"

namespace tessera::cube {

struct CutoutOptions {
  std::string center{};
  std::string size = "3";          // arcmin; "W,H" along the detector's axes
  std::string detectors{};         // "1,4"
  std::vector<std::string> wavelengths{};  // "0.9-1.1" µm at the position
  std::string mjd{};               // "FROM,TO"
};
void describe(param::Schema<CutoutOptions>& s);

/// OUT/<name of the frame>.fits for each frame whose pixels hold the position, cutouts.tbl with what they are, run.json. Cut at the frame's edges; PSF zones and WCS-WAVE stay
/// whole, as WCS A and W say where the cut-out lies. Throws as make_cube().
run::Outcome make_cutouts(const CubeRequest& request, const InputOptions& input, const CutoutOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::cube
