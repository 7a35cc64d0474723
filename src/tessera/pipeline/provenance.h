/// pipeline/provenance.h — what a run did: run.json (everything, also what changes from run to run) and the short form for headers.
#pragma once
#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/pipeline/context.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/repeatability.h"
#include "tessera/pipeline/star_losses.h"

namespace tessera::pipeline {

struct Caveat {
  std::string kind, message;
  std::int64_t count = 0;
};
struct StageRecord {
  std::string name;
  double wall_s = 0, cpu_s = 0;
  std::int64_t peak_bytes = 0;   ///< largest resident size of the process so far
};

/// Passes everything on and remembers caveats and the cost of stages.
class Recorder : public Context {
 public:
  explicit Recorder(Context& inner) : inner_{inner} {}
  const parallel::Pool& pool() override { return inner_.pool(); }
  std::int64_t memory_bytes() override { return inner_.memory_bytes(); }
  void log(Level level, std::string_view message) override { inner_.log(level, message); }
  void stage(std::string_view name, std::int64_t total) override;
  void step(std::int64_t pieces) override { inner_.step(pieces); }
  void caveat(std::string_view kind, std::string_view message, std::int64_t count) override;
  void log_to(const std::string& path) override { inner_.log_to(path); }

  const std::vector<Caveat>& caveats() const { return caveats_; }
  std::vector<StageRecord> stages();  ///< closes the running one

 private:
  void close_stage();
  Context& inner_;
  std::mutex mutex_;
  std::vector<Caveat> caveats_;
  std::vector<StageRecord> stages_;
  std::chrono::steady_clock::time_point began_;
  double cpu_began_ = 0;
  bool running_ = false;
};

struct InputRecord {
  std::string path;
  std::int64_t bytes = 0;
  std::string sha256;
  bool lost = false;   ///< of a frame that was left out as it could not be read
};
/// Every file the frames' planes are in, and `others`, once each; not hashed yet.
std::vector<InputRecord> list_inputs(const Plan& plan, const std::vector<std::string>& others);
/// Sets its bytes and, if asked, its SHA-256 (of a URL its bytes alone); a file that is gone is an error unless its frame is lost.
void measure_input(InputRecord& record, bool checksum);
/// The same, measured in parallel. Throws UnreadableFrame when one is not the file any more that was planned with.
std::vector<InputRecord> hash_inputs(const Plan& plan, const std::vector<std::string>& others, Context& context);

struct ProductRecord {
  std::string name, datasum;   ///< datasum: of all HDUs, joined by '+'; the sha256 for tables; "" for what differs from run to run
};

struct RunRecord {
  std::string verb;
  std::vector<std::string> arguments;
  std::string working_folder, started;
  double wall_s = 0;
};

/// Text of run.json.
std::string run_json(const RunRecord& run, const Plan& plan, const FramePass& pass, const FrameMasks& masks, const Repeatability& stars, const MosaicOptions& options,
                     const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products, const StarLosses& losses, Recorder& recorder);

/// Now, UTC, ISO 8601 to the second.
std::string utc_now();

}  // namespace tessera::pipeline
