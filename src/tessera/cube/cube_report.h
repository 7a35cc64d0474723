/// cube/cube_report.h — report.html of a cube: how many exposures and how deep each plane is, what it looks like, and what was left out. Needs nothing beside it.
#pragma once
#include <vector>

#include "tessera/cube/cube_pictures.h"
#include "tessera/pipeline/provenance.h"

namespace tessera::cube {

/// Call it when all products but run.json are written.
void write_cube_report(const pipeline::RunRecord& run, const CubePlan& plan, const std::vector<PlaneLook>& looks, const param::OptionSet& settings, pipeline::OutputFolder& folder, pipeline::Recorder& context);

}  // namespace tessera::cube
