#include "tessera/pipeline/frame_records.h"

#include "tessera/base/files.h"

namespace tessera::pipeline {
namespace {

constexpr std::string_view head = R"({"schema":"tessera/frames/1"})";

/// First in a record's number stand eight bytes of the frame's key: most that do not fit are seen without being read.
std::uint64_t number_of(const std::string& key) { return std::stoull(key.substr(0, 16), nullptr, 16); }

void put(run::ByteWriter& bytes, const outlier::Clusters& clusters) {
  bytes.put(clusters.runs);
  bytes.put(clusters.count);
}
void get(run::ByteReader& bytes, outlier::Clusters& clusters) {
  bytes.get(clusters.runs);
  bytes.get(clusters.count);
}

}  // namespace

void put(run::ByteWriter& bytes, const FrameState& s) {
  bytes.put(static_cast<std::uint8_t>(s.usable));
  bytes.put(s.lost);
  for (const double value : {s.good_fraction, s.noise_scale, s.sky_variance, s.weight, s.zodi, s.offset, s.offset_sigma}) bytes.put(value);
  bytes.put(s.surface);
  bytes.put(static_cast<std::int32_t>(s.group));
  bytes.put(static_cast<std::uint8_t>(s.offset_outlier));
  put(bytes, s.radhits);
  put(bytes, s.detections);
  put(bytes, s.light);
}

void get(run::ByteReader& bytes, FrameState& s) {
  s.usable = bytes.get<std::uint8_t>() != 0;
  bytes.get(s.lost);
  for (double* value : {&s.good_fraction, &s.noise_scale, &s.sky_variance, &s.weight, &s.zodi, &s.offset, &s.offset_sigma}) bytes.get(*value);
  bytes.get(s.surface);
  s.group = bytes.get<std::int32_t>();
  s.offset_outlier = bytes.get<std::uint8_t>() != 0;
  get(bytes, s.radhits);
  get(bytes, s.detections);
  get(bytes, s.light);
}

void put(run::ByteWriter& bytes, const MeasuredFrame& m) {
  put(bytes, m.state);
  bytes.put(static_cast<std::uint8_t>(m.cells.has_value()));
  if (!m.cells) return;
  bytes.put(m.cells->cells);
  bytes.put(static_cast<std::int32_t>(m.cells->side));
  for (const auto* plane : {&m.cells->mean, &m.cells->variance, &m.cells->u, &m.cells->v}) bytes.put(*plane);
}

void get(run::ByteReader& bytes, MeasuredFrame& m) {
  get(bytes, m.state);
  m.cells.reset();
  if (bytes.get<std::uint8_t>() == 0) return;
  auto& cells = m.cells.emplace();
  bytes.get(cells.cells);
  cells.side = bytes.get<std::int32_t>();
  for (auto* plane : {&cells.mean, &cells.variance, &cells.u, &cells.v}) bytes.get(*plane);
}

KeptFrames::KeptFrames(const std::filesystem::path& scratch, const Plan& plan) : plan_{plan} {
  const auto path = file(scratch);
  writer_ = std::make_unique<run::RecordWriter>(path, head, true);
  before_ = std::make_unique<run::RecordReader>(path);
  std::map<std::uint64_t, std::vector<run::RecordEntry>> of_number;
  for (const auto& entry : before_->entries()) of_number[entry.id].push_back(entry);
  for (std::size_t i = 0; i < plan.frames.size(); ++i)
    if (const auto found = of_number.find(number_of(plan.frame_keys[i])); found != of_number.end()) places_.emplace(i, found->second.back());
}

std::optional<MeasuredFrame> KeptFrames::find(std::size_t frame) {
  const auto place = places_.find(frame);
  if (place == places_.end()) return std::nullopt;
  try {
    const auto content = before_->read(place->second);
    run::ByteReader bytes{content, before_->path().string()};
    std::string key;
    bytes.get(key);
    if (key != plan_.frame_keys[frame]) return std::nullopt;
    MeasuredFrame m;
    get(bytes, m);
    return m;
  } catch (const DataError&) {
    return std::nullopt;  // torn or damaged: measured again
  }
}

void KeptFrames::keep(std::size_t frame, const MeasuredFrame& measured) {
  run::ByteWriter bytes;
  bytes.put(plan_.frame_keys[frame]);
  put(bytes, measured);
  writer_->add(number_of(plan_.frame_keys[frame]), bytes.bytes());
}

}  // namespace tessera::pipeline
