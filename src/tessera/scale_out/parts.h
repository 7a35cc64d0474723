/// scale_out/parts.h — the files in which workers leave what they made: parts/PASS-FIRST-LAST-….part, records by number of frame or tile.
#pragma once
#include <map>
#include <memory>

#include "tessera/scale_out/scale_out.h"

namespace tessera::scale_out {

/// All whole parts of a pass, as found once.
class Parts {
 public:
  /// Only files that may hold a piece of the range are opened; those of another plan or damaged in their table are as if they were not there.
  Parts(const PlanFile& plan, Pass pass, PieceRange range);
  bool has(std::int64_t piece) const { return places_.count(piece) > 0; }
  std::size_t size() const { return places_.size(); }
  /// Throws UsageError when no part has the piece, DataError when its checksum does not hold.
  std::string read(std::int64_t piece) const;
  /// The file of a piece and where its record begins there, checked.
  std::pair<std::filesystem::path, std::int64_t> place(std::int64_t piece) const;
  const std::string& path_of(std::int64_t piece) const;
  /// What the parts say of the processors they were made on, each once.
  std::vector<std::string> levels() const;

 private:
  struct Place {
    std::size_t file = 0;
    run::RecordEntry entry;
  };
  std::vector<std::string> files_, levels_;
  std::map<std::int64_t, Place> places_;
};

/// Gives the store all tiles of the parts, checked; their pixels stay where they are.
void adopt_tiles(const PlanFile& plan, const Parts& parts, pipeline::TileStore& store);
/// The outliers of all frames.
pipeline::FrameMasks masks_of_parts(const PlanFile& plan, const pipeline::MosaicOptions& options);

/// A new part under a name no other process has.
std::unique_ptr<run::RecordWriter> new_part(const PlanFile& plan, Pass pass, std::int64_t first, std::int64_t last);

}  // namespace tessera::scale_out
