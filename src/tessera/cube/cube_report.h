/// cube/cube_report.h — report.html of a cube: how many exposures and how deep each plane is, what it looks like, and what was left out. Needs nothing beside it.
#pragma once
#include <vector>

#include "tessera/cube/cube_pictures.h"
#include "tessera/run/record.h"
#include "tessera/run/recorder.h"

namespace tessera::cube {

/// Call it when all products but run.json are written.
void write_cube_report(const run::RunRecord& run, const CubePlan& plan, const std::vector<PlaneLook>& looks, const param::OptionSet& settings, run::OutputFolder& folder, run::Recorder& context);

}  // namespace tessera::cube
