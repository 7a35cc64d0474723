/// cube/cube_pictures.h — what a cube looks like: a preview for each plane, a contact sheet, and thirds of its wavelengths as one colour picture.
#pragma once
#include <vector>

#include "tessera/cube/cube_plan.h"
#include "tessera/run/output_folder.h"

namespace tessera::cube {

struct PlaneLook {
  double coverage = 0;   ///< part of the pixels with data
  double depth = 0;      ///< median σ, MJy/sr; NaN without data
  double level = 0;      ///< median of the preview's pixels, MJy/sr
};

/// Reads the finished cube (not yet published) plane by plane; writes planes/NAME.png of planes with data, contact_sheet.png, and rgb.png where three planes or more have data.
/// Returns a look at each plane. Throws SystemError.
std::vector<PlaneLook> draw_cube(const CubePlan& plan, run::OutputFolder& folder, run::Context& context);

}  // namespace tessera::cube
