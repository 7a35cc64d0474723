#include "tessera/spectrum/frame_journal.h"

#include <fmt/format.h>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/remote.h"

namespace tessera::spectrum {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds save_every{10};

/// Every plain member of a measurement, in a fixed order, for writing and for reading.
template <class M, class Call>
void plain_members(M& m, Call call) {
  call(m.source), call(m.wavelength_um), call(m.width_um), call(m.flux), call(m.flux_error), call(m.sky_flux_error), call(m.quality), call(m.sky), call(m.ra_deg), call(m.dec_deg), call(m.x), call(m.y);
  call(m.flags), call(m.flagged), call(m.fitted), call(m.pixels), call(m.sky_pixels), call(m.sky_side), call(m.correlation);
}

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

}  // namespace

std::string to_bytes(const FrameResult& result) {
  pipeline::ByteWriter w;
  const auto& r = result.record;
  w.put(r.path), w.put(r.observation), w.put(r.publisher_id), w.put(r.lost);
  w.put(r.detector), w.put(r.mjd), w.put(r.deep), w.put(result.unusable);
  w.put(static_cast<std::uint64_t>(result.caveats.size()));
  for (const auto& c : result.caveats) w.put(c);
  w.put(static_cast<std::uint64_t>(result.measurements.size()));
  for (const auto& m : result.measurements) {
    plain_members(m, [&](const auto& value) { w.put(value); });
    w.put(m.companions);
    w.put(m.pixels_kept != nullptr);
    if (m.pixels_kept) w.put(m.pixels_kept->image), w.put(m.pixels_kept->model), w.put(m.pixels_kept->sky);
  }
  return w.take();
}

FrameResult frame_result(std::string_view bytes, const std::string& where) {
  pipeline::ByteReader in{bytes, where};
  FrameResult result;
  auto& r = result.record;
  in.get(r.path), in.get(r.observation), in.get(r.publisher_id), in.get(r.lost);
  in.get(r.detector), in.get(r.mjd), in.get(r.deep), in.get(result.unusable);
  for (auto n = in.get<std::uint64_t>(); n > 0; --n) in.get(result.caveats.emplace_back());
  for (auto n = in.get<std::uint64_t>(); n > 0; --n) {
    auto& m = result.measurements.emplace_back();
    plain_members(m, [&](auto& value) { in.get(value); });
    in.get(m.companions);
    if (!in.get<bool>()) continue;
    auto kept = std::make_shared<Inspection>();
    in.get(kept->image), in.get(kept->model), in.get(kept->sky);
    m.pixels_kept = std::move(kept);
  }
  return result;
}

FrameJournal::FrameJournal(const pipeline::OutputFolder& folder, const std::string& plan, const std::vector<fs::path>& frames)
    : frames_{frames}, path_{folder.scratch() / "frames"}, known_(frames.size()), stamps_(frames.size()), saved_{std::chrono::steady_clock::now()} {
  const auto head = fmt::format(R"({{"schema":"tessera/spectrum-frames/1","plan":"{}"}})", plan);
  if (folder.resumed() && files::exists(path_)) {
    const pipeline::RecordReader reader{path_};
    if (reader.head() == head)
      for (const auto& entry : reader.entries()) {
        const auto record = reader.read(entry);
        pipeline::ByteReader in{record, path_.string()};
        batch_ = std::max(batch_, entry.id + 1);
        while (in.left() > 0) {
          const auto frame = in.get<std::uint64_t>();
          std::string stamp, bytes;
          in.get(stamp), in.get(bytes);
          if (frame >= frames.size()) continue;
          const bool remote = io::is_url(frames[frame].string());
          if (!remote && stamp != stamp_of(frames[frame])) continue;
          found_ += known_[frame].empty();
          if (remote) stamps_[frame] = std::move(stamp);
          known_[frame] = std::move(bytes);
        }
      }
  }
  writer_ = std::make_unique<pipeline::RecordWriter>(path_, head, true);
}

bool FrameJournal::has(std::size_t frame) {
  if (!known_[frame].empty() && !stamps_[frame].empty() && stamps_[frame] != stamp_of(frames_[frame])) known_[frame] = {};
  return !known_[frame].empty();
}

FrameResult FrameJournal::take(std::size_t frame) {
  auto result = frame_result(known_[frame], path_.string());
  known_[frame] = {};
  return result;
}

void FrameJournal::add(std::size_t frame, const FrameResult& result) {
  pending_.put(static_cast<std::uint64_t>(frame));
  pending_.put(stamp_of(frames_[frame]));
  pending_.put(to_bytes(result));
  ++in_batch_;
  if (std::chrono::steady_clock::now() - saved_ > save_every) save();
}

void FrameJournal::save() {
  if (in_batch_ == 0) return;
  writer_->add(batch_++, pending_.bytes());
  pending_ = {};
  in_batch_ = 0;
  saved_ = std::chrono::steady_clock::now();
}

}  // namespace tessera::spectrum
