/// scale_out/scale_out.h — a run cut into pieces for many processes: plan → measure frames → solve → (compare clusters →) (find outliers →) coadd tiles →
/// gather. Every pass leaves parts in the plan's work folder; a later pass takes from them what its frames and tiles need. Who does which piece, how often, and
/// on which machine changes no bit.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/pipeline/mosaic.h"
#include "tessera/run/output_folder.h"
#include "tessera/scale_out/plan_file.h"

namespace tessera::scale_out {

enum class Pass { frames, solve, clusters, outliers, coadd };
const char* name_of(Pass pass);

/// The passes a plan has, in order. Only rejection by clusters of whole frames needs `clusters`, only schemes beside temporal need `outliers`.
std::vector<Pass> passes_of(const pipeline::Plan& plan, const pipeline::MosaicOptions& options);
/// Frames or tiles of a pass; 1 for the solve.
std::int64_t pieces_of(const pipeline::Plan& plan, Pass pass);

/// First to last, both of them in; cut to what there is.
struct PieceRange {
  std::int64_t first = 0, last = -1;
};

/// Refuses what the passes of several processes do not make: maps of outliers, which are one file per frame.
void check_scale_options(const pipeline::MosaicOptions& options);

/// Settles the plan and writes it to `path`.
run::Outcome make_plan_only(const pipeline::MosaicRequest& request, const std::string& path, const pipeline::MosaicOptions& options, param::OptionSet& settings, run::Context& context);

/// Pieces of a pass that no part holds yet, in rising order; tiles without frames need no work.
std::vector<std::int64_t> missing_pieces(const PlanFile& plan, Pass pass, PieceRange range);

/// Does what is missing in the range. Throws UsageError when an earlier pass is not complete for these pieces (names what to run first).
run::Outcome work(PlanFile& plan, Pass pass, PieceRange range, const pipeline::MosaicOptions& options, run::Context& context);

/// All earlier passes that are missing, whole, one after the other: what a worker does that is given tiles of a plan nobody measured the frames of.
void work_up_to(PlanFile& plan, Pass pass, const pipeline::MosaicOptions& options, run::Context& context);

/// Products from all parts, to the plan's output folder. Throws UsageError, one line, when pieces are missing.
run::Outcome gather(PlanFile& plan, pipeline::MosaicRequest request, const pipeline::MosaicOptions& options, param::OptionSet& settings, run::OutputFolder* folder, run::Context& context);

/// "3, 7–9 and 5 more" of rising numbers.
std::string show_pieces(const std::vector<std::int64_t>& pieces);

}  // namespace tessera::scale_out
