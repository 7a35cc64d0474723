/// extraction/residual.h — the whole of tessera residual: a catalogue and images in, the images without its sources (or with them) out. MOPEX's APEX QA (guide 6.6).
#pragma once
#include <string>
#include <vector>

#include "tessera/extraction/extract_options.h"
#include "tessera/joint_fit/source_table.h"
#include "tessera/run/context.h"
#include "tessera/run/record.h"

namespace tessera::extraction {

struct ResidualRequest {
  std::vector<std::string> inputs;  ///< the catalogue, then images
  std::string output;
  bool overwrite = false, dry_run = false;
  std::string verb = "residual";             ///< as in ExtractRequest
  std::vector<std::string> arguments{};
  run::Placement place{};
  std::vector<std::string> other_inputs{};
  std::vector<run::KeptText> kept{};
  const std::vector<std::string>& recorded_arguments() const { return arguments.empty() ? inputs : arguments; }
};

struct ResidualUse {
  bool add = false;
  bool alone = false;
  std::string mosaic;               // --mosaic: of the frames
  double outer_radius = 0, hole_radius = 0, box_x = 0, box_y = 0;  // of the response
  ListPositions places = ListPositions::sky;
  std::string grid;                 // whose pixels they are; empty: of the one image
};
void describe(param::Schema<ResidualUse>& s);

struct ResidualOptions {
  instrument::InputOptions input;
  instrument::PsfFileOptions psf;
  PsfUse psf_use;
  joint_fit::SourceTableOptions table;
  ResidualUse use;
  void declare(param::OptionSet& options);
};

/// Throws UsageError, DataError, SystemError, Interrupted. Outcome::nothing_to_do when no source lies on an image; files are written all the same.
run::Outcome residual(const ResidualRequest& request, const ResidualOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::extraction
