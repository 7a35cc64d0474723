/// spectrum/frame_journal.h — measured frames kept in the output folder while a run goes on, so that an interrupted one need not measure them again.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/record_file.h"
#include "tessera/spectrum/measure.h"

namespace tessera::spectrum {

std::string to_bytes(const FrameResult& result);
/// Throws DataError, which names `where`, when the bytes are none of to_bytes().
FrameResult frame_result(std::string_view bytes, const std::string& where);

class FrameJournal {
 public:
  /// What an earlier run with the same plan left, of frames that are still the same files; those on servers are looked at by has(). Throws DataError, SystemError.
  FrameJournal(const pipeline::OutputFolder& folder, const std::string& plan, const std::vector<std::filesystem::path>& frames);
  /// Frames that are there.
  std::size_t found() const { return found_; }
  /// Of a frame on a server: whether it is still the one that was measured, which is asked now. Throws SystemError when no server answers.
  bool has(std::size_t frame);
  /// Once for each: the bytes are let go.
  FrameResult take(std::size_t frame);
  /// Keeps a frame; written to disk with others some seconds later, or by save().
  void add(std::size_t frame, const FrameResult& result);
  void save();

 private:
  const std::vector<std::filesystem::path>& frames_;
  std::filesystem::path path_;
  std::vector<std::string> known_, stamps_;  // stamps_: of frames on servers
  std::size_t found_ = 0;
  std::unique_ptr<pipeline::RecordWriter> writer_;
  pipeline::ByteWriter pending_;
  std::uint64_t batch_ = 0, in_batch_ = 0;
  std::chrono::steady_clock::time_point saved_;
};

}  // namespace tessera::spectrum
