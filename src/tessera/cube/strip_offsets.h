/// cube/strip_offsets.h — levels of exposures matched channel by channel: what airglow or a wrong zodiacal model leaves differs from exposure to exposure.
/// In each channel the constants follow from medians of differences where strips overlap, pixels of sources left out (background/offsets.h); they sum to 0 over
/// strips that overlaps connect, so the mean level stays.
#pragma once
#include "tessera/cube/cube_plan.h"
#include "tessera/run/context.h"

namespace tessera::cube {

/// Sets StripUse::offset of all strips, and says the largest. Reads each strip once.
void match_strips(CubePlan& plan, const CubeOptions& options, run::Context& context);

}  // namespace tessera::cube
