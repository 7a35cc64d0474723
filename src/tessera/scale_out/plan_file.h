/// scale_out/plan_file.h — a plan that other processes work on: plan.json tells what is to be done, and the folder plan.json.work beside it holds the
/// frames (in blocks, so that a worker reads those of its own frames only) and what workers leave. Nothing in it is locked and nothing is written twice: each
/// worker makes files of its own, which appear whole.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tessera/pipeline/plan.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record_file.h"

namespace tessera::scale_out {

/// Frames in one record of the plan's list, and of the solution's.
constexpr std::size_t frames_per_block = 256;

std::filesystem::path work_folder(const std::filesystem::path& plan_file);

/// Writes plan.json and its folder; work of another plan that lies there goes. `request.frames` is left out: the list of frames has them.
void write_plan_file(const std::filesystem::path& path, const pipeline::Plan& plan, run::Request request, const std::string& output, bool overwrite);

/// A plan as read: everything but the frames' headers is there; frames that were not opened have only their key, box and place.
class PlanFile {
 public:
  /// Throws DataError: not a plan, damaged, or of another version of the program.
  explicit PlanFile(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path folder() const { return work_folder(path_); }
  const run::Request& request() const { return request_; }
  const std::string& output() const { return output_; }
  bool overwrite() const { return overwrite_; }
  pipeline::Plan& plan() { return plan_; }
  const pipeline::Plan& plan() const { return plan_; }
  /// Reads the headers of these frames, in parallel, and settles them as the plan did. `refused` gets the reason for one that cannot be read or is
  /// another file by now (frame, reason); without it that is a DataError.
  void open(std::span<const std::size_t> frames, const pipeline::MosaicOptions& options, const instrument::ProfileSet& profiles, run::Context& context,
            std::vector<std::pair<std::size_t, std::string>>* refused = nullptr);

  /// Gives every frame its name, size and exposure, without reading a header.
  void name_frames();

 private:
  std::filesystem::path path_;
  std::string output_;
  bool overwrite_ = false;
  run::Request request_;
  pipeline::Plan plan_;
  std::unique_ptr<run::RecordReader> frames_;
};

}  // namespace tessera::scale_out
