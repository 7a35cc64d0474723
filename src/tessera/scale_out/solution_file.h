/// scale_out/solution_file.h — what the solve settles for all frames, in blocks of frames, so that a worker reads those of its own frames.
#pragma once
#include "tessera/run/record.h"
#include "tessera/run/recorder.h"
#include "tessera/scale_out/scale_out.h"

namespace tessera::scale_out {

struct Solution {
  pipeline::FramePass pass;                      ///< of frames that were not asked for only their defaults; without maps
  std::vector<run::InputRecord> inputs;     ///< of those frames, as they were hashed when they were measured
  std::vector<run::Caveat> caveats;
};

/// `inputs`: per frame.
void write_solution(const PlanFile& plan, const pipeline::FramePass& pass, const std::vector<std::vector<run::InputRecord>>& inputs, const std::vector<run::Caveat>& caveats);
bool has_solution(const PlanFile& plan);
/// `wanted`: rising. Throws UsageError when there is no solution, DataError when it is damaged.
Solution read_solution(const PlanFile& plan, std::span<const std::size_t> wanted);

}  // namespace tessera::scale_out
