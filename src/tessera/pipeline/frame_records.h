/// pipeline/frame_records.h — what the frame pass measured and solved, as bytes: kept in the scratch of a run, and handed from process to process.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>

#include "tessera/pipeline/frame_pass.h"
#include "tessera/run/record_file.h"

namespace tessera::pipeline {

/// Everything but the maps, which place_frame() makes.
void put(run::ByteWriter& bytes, const FrameState& state);
void get(run::ByteReader& bytes, FrameState& state);
void put(run::ByteWriter& bytes, const MeasuredFrame& measured);
void get(run::ByteReader& bytes, MeasuredFrame& measured);

/// Measured frames in one file of the scratch folder, each under the key of its frame: of a changed file nothing is found.
class KeptFrames final : public FrameRecords {
 public:
  KeptFrames(const std::filesystem::path& scratch, const Plan& plan);
  std::optional<MeasuredFrame> find(std::size_t frame) override;
  void keep(std::size_t frame, const MeasuredFrame& measured) override;
  std::size_t found() const { return places_.size(); }
  static void forget(const std::filesystem::path& scratch) {
    std::error_code nothing_kept;
    std::filesystem::remove(file(scratch), nothing_kept);
  }
  static std::filesystem::path file(const std::filesystem::path& scratch) { return scratch / "frames"; }

 private:
  const Plan& plan_;
  std::unique_ptr<run::RecordReader> before_;
  std::map<std::size_t, run::RecordEntry> places_;
  std::unique_ptr<run::RecordWriter> writer_;
};

}  // namespace tessera::pipeline
