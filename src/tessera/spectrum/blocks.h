/// spectrum/blocks.h — the measurements of one block of sources at a time, out of the journal and in order.
#pragma once
#include <functional>

#include "tessera/parallel/pool.h"
#include "tessera/spectrum/frame_journal.h"
#include "tessera/spectrum/tables.h"

namespace tessera::spectrum {

class Blocks {
 public:
  /// `measured.counts` says how many rows each source has. All must outlive it.
  Blocks(const FrameJournal& journal, SourceBlocks blocks, Measured& measured, const parallel::Pool& pool) : journal_{journal}, blocks_{blocks}, measured_{measured}, pool_{pool} {}
  /// Loads the block of a source unless it is there.
  void show(std::size_t source);
  /// Each block in turn, sources from … to − 1.
  void for_each(const std::function<void(std::size_t from, std::size_t to)>& call);

 private:
  const FrameJournal& journal_;
  SourceBlocks blocks_;
  Measured& measured_;
  const parallel::Pool& pool_;
};

}  // namespace tessera::spectrum
