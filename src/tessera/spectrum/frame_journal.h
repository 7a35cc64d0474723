/// spectrum/frame_journal.h — what was measured, kept in the output folder by blocks of sources while frames come one after another: an interrupted run need not measure a frame again, and the rows of
/// one block can be had without those of the others.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/parallel/pool.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record_file.h"
#include "tessera/spectrum/measure.h"

namespace tessera::spectrum {

/// Sources 0 … n − 1 in blocks of `per_block`.
struct SourceBlocks {
  std::size_t sources = 0, per_block = 1;
  std::size_t count() const { return (sources + per_block - 1) / per_block; }
};

class FrameJournal {
 public:
  /// What an earlier run with the same plan left, of frames that are still the same files; those on servers are looked at by ask_servers(). Up to `pending_bytes` of rows wait in memory. The frames must outlive it. Throws DataError, SystemError.
  FrameJournal(const run::OutputFolder& folder, const std::string& plan, const std::vector<std::filesystem::path>& frames, SourceBlocks blocks, std::int64_t pending_bytes);
  /// Lets frames go that their servers have anew. Before the functions below. Throws SystemError when no server answers.
  void ask_servers(const parallel::Pool& pool);
  /// Frames that are there.
  std::size_t found() const { return found_; }
  bool has(std::size_t frame) const { return known_[frame].batch >= 0; }
  /// All of a frame that is there but its rows. Once for each: it is let go.
  FrameResult take(std::size_t frame) { return std::move(known_[frame].result); }
  /// Keeps a frame; written to disk with others some seconds later, when much is waiting, or by save().
  void add(std::size_t frame, FrameResult result);
  void save();

  using Receive = std::function<void(Measurement)>;
  /// Calls `receive` for each row of sources from … to − 1, of one source in the order in which frames were added. Throws DataError: the journal was damaged since.
  void rows_of(std::size_t from, std::size_t to, const Receive& receive) const;
  /// Rows that were there at the beginning.
  void found_rows(const Receive& receive) const { if (found_ > 0) rows_of(0, blocks_.sources, receive); }

 private:
  struct Known {
    std::int64_t batch = -1;  // whose rows count
    FrameResult result;
    std::string stamp;        // of a frame on a server
  };
  void read_rows(std::string_view bytes, std::int64_t batch, std::size_t from, std::size_t to, const Receive& receive) const;

  const std::vector<std::filesystem::path>& frames_;
  std::filesystem::path path_;
  SourceBlocks blocks_;
  std::int64_t pending_limit_ = 0, pending_bytes_ = 0;
  std::vector<Known> known_;
  std::size_t found_ = 0;
  std::unique_ptr<run::RecordWriter> writer_;
  mutable std::unique_ptr<run::RecordReader> reader_;  // of what is on disk; opened anew after each save
  std::vector<std::string> rows_;                            // waiting, per block
  run::ByteWriter summaries_;                           // of the frames that wait
  std::int64_t batch_ = 0, in_batch_ = 0;
  std::chrono::steady_clock::time_point saved_;
};

}  // namespace tessera::spectrum
