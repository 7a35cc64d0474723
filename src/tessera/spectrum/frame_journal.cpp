#include "tessera/spectrum/frame_journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/remote.h"

namespace tessera::spectrum {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds save_every{10};
// A batch of frames is a record for each block, then one of the frames, which makes it count: a batch that was cut short has none.
constexpr std::uint64_t records_per_batch = std::uint64_t{1} << 32, summary = records_per_batch - 1;

/// A file that was written anew has another size or time, or is another to its server.
std::string stamp_of(const fs::path& path) {
  if (io::is_url(path.string())) {
    try {
      return io::remote_identity(path.string()).stamp();
    } catch (const DataError&) {
      return "?";  // as of a file that is gone
    }
  }
  std::error_code code;
  const auto size = fs::file_size(path, code);
  const auto time = code ? fs::file_time_type{} : fs::last_write_time(path, code);
  return code ? "?" : fmt::format("{} {}", size, time.time_since_epoch().count());
}

template <class T>
void append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_row(std::string& to, const Measurement& m) {
  append(to, static_cast<const MeasuredValues&>(m));
  append(to, static_cast<std::uint32_t>(m.companions.size()));
  to.append(reinterpret_cast<const char*>(m.companions.data()), m.companions.size() * sizeof(Companion));
  append(to, m.pixels_kept != nullptr);
  if (!m.pixels_kept) return;
  run::ByteWriter w;
  w.put(m.pixels_kept->image), w.put(m.pixels_kept->model), w.put(m.pixels_kept->sky);
  to += w.bytes();
}

void put_summary(run::ByteWriter& w, const FrameResult& result) {
  const auto& r = result.record;
  w.put(r.path), w.put(r.observation), w.put(r.publisher_id), w.put(r.lost);
  w.put(r.detector), w.put(r.mjd), w.put(r.deep), w.put(result.unusable);
  w.put(static_cast<std::uint64_t>(result.caveats.size()));
  for (const auto& c : result.caveats) w.put(c);
}

FrameResult get_summary(run::ByteReader& in) {
  FrameResult result;
  auto& r = result.record;
  in.get(r.path), in.get(r.observation), in.get(r.publisher_id), in.get(r.lost);
  in.get(r.detector), in.get(r.mjd), in.get(r.deep), in.get(result.unusable);
  for (auto n = in.get<std::uint64_t>(); n > 0; --n) in.get(result.caveats.emplace_back());
  return result;
}

}  // namespace

FrameJournal::FrameJournal(const run::OutputFolder& folder, const std::string& plan, const std::vector<fs::path>& frames, SourceBlocks blocks, std::int64_t pending_bytes)
    : frames_{frames}, path_{folder.scratch() / "frames"}, blocks_{blocks}, pending_limit_{pending_bytes}, known_(frames.size()), saved_{std::chrono::steady_clock::now()} {
  const auto stem = fmt::format(R"({{"schema":"tessera/spectrum-frames/2","plan":"{}","per_block":)", plan);
  auto head = fmt::format("{}{}}}", stem, blocks_.per_block);
  if (folder.resumed() && files::exists(path_)) {
    auto before = std::make_unique<run::RecordReader>(path_);
    std::size_t per_block = 0;
    if (before->head().starts_with(stem)) per_block = static_cast<std::size_t>(std::strtoull(before->head().c_str() + stem.size(), nullptr, 10));
    if (per_block > 0) {  // an earlier run may have had another ceiling; its blocks stay
      blocks_.per_block = per_block, head = before->head();
      reader_ = std::move(before);
    }
  }
  rows_.resize(blocks_.count());
  if (reader_)
    for (const auto& entry : reader_->entries()) {
      const auto batch = static_cast<std::int64_t>(entry.id / records_per_batch);
      batch_ = std::max(batch_, batch + 1);
      if (entry.id % records_per_batch != summary) continue;
      const auto record = reader_->read(entry);
      run::ByteReader in{record, path_.string()};
      while (in.left() > 0) {
        const auto frame = in.get<std::uint64_t>();
        std::string stamp;
        in.get(stamp);
        auto result = get_summary(in);
        if (frame >= frames.size()) continue;
        const bool remote = io::is_url(frames[frame].string());
        if (!remote && stamp != stamp_of(frames[frame])) continue;
        found_ += known_[frame].batch < 0;
        known_[frame] = {batch, std::move(result), remote ? std::move(stamp) : std::string{}};
      }
    }
  writer_ = std::make_unique<run::RecordWriter>(path_, head, true);
}

void FrameJournal::ask_servers(const parallel::Pool& pool) {
  pool.for_each(static_cast<std::int64_t>(known_.size()), [&](std::int64_t i) {
    auto& known = known_[static_cast<std::size_t>(i)];
    if (known.batch >= 0 && !known.stamp.empty() && known.stamp != stamp_of(frames_[static_cast<std::size_t>(i)])) known = {};
  });
}

void FrameJournal::add(std::size_t frame, FrameResult result) {
  for (const auto& m : result.measurements) {
    auto& rows = rows_[static_cast<std::size_t>(m.source) / blocks_.per_block];
    const auto before = rows.size();
    append_row(rows, m);
    pending_bytes_ += static_cast<std::int64_t>(rows.size() - before);
  }
  known_[frame].batch = batch_;
  summaries_.put(static_cast<std::uint64_t>(frame));
  summaries_.put(stamp_of(frames_[frame]));
  put_summary(summaries_, result);
  ++in_batch_;
  if (pending_bytes_ > pending_limit_ || std::chrono::steady_clock::now() - saved_ > save_every) save();
}

void FrameJournal::save() {
  if (in_batch_ == 0) return;
  const auto first = static_cast<std::uint64_t>(batch_) * records_per_batch;
  for (std::size_t b = 0; b < rows_.size(); ++b)
    if (!rows_[b].empty()) writer_->add(first + b, rows_[b]), rows_[b].clear();
  writer_->add(first + summary, summaries_.bytes());
  summaries_ = {};
  pending_bytes_ = in_batch_ = 0;
  ++batch_;
  reader_ = {};
  saved_ = std::chrono::steady_clock::now();
}

void FrameJournal::read_rows(std::string_view bytes, std::int64_t batch, std::size_t from, std::size_t to, const Receive& receive) const {
  run::ByteReader in{bytes, path_.string()};
  while (in.left() > 0) {
    Measurement m;
    in.get(static_cast<MeasuredValues&>(m));
    const auto companions = in.get<std::uint32_t>();
    for (std::uint32_t i = 0; i < companions; ++i) m.companions.push_back(in.get<Companion>());
    if (in.get<bool>()) {
      auto kept = std::make_shared<Inspection>();
      in.get(kept->image), in.get(kept->model), in.get(kept->sky);
      m.pixels_kept = std::move(kept);
    }
    const auto source = static_cast<std::size_t>(m.source), frame = static_cast<std::size_t>(m.frame);
    if (source >= from && source < to && frame < known_.size() && known_[frame].batch == batch) receive(std::move(m));
  }
}

void FrameJournal::rows_of(std::size_t from, std::size_t to, const Receive& receive) const {
  if (from >= to) return;
  const std::size_t first = from / blocks_.per_block, last = (to - 1) / blocks_.per_block;
  if (!reader_) reader_ = std::make_unique<run::RecordReader>(path_);
  for (const auto& entry : reader_->entries()) {
    const auto block = entry.id % records_per_batch;
    if (block >= first && block <= last) read_rows(reader_->read(entry), static_cast<std::int64_t>(entry.id / records_per_batch), from, to, receive);
  }
  for (std::size_t b = first; b <= last; ++b) read_rows(rows_[b], batch_, from, to, receive);
}

}  // namespace tessera::spectrum
