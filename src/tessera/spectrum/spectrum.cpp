#include "tessera/spectrum/spectrum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/instrument/input_names.h"
#include "tessera/io/tables.h"
#include "tessera/run/record.h"
#include "tessera/run/remote_files.h"
#include "tessera/spectrum/blocks.h"
#include "tessera/spectrum/report.h"
#include "tessera/spectrum/source_products.h"
#include "tessera/spectrum/written_tables.h"
#include "tessera/wcs/separation.h"

namespace tessera::spectrum {
namespace {

namespace fs = std::filesystem;
using run::Level;

// Of a large ceiling more than this is of no use: memory that is used again and again is faster than more of it.
constexpr std::int64_t most_pending_bytes = std::int64_t{32} << 20, most_block_bytes = std::int64_t{64} << 20;
constexpr double same_source_arcsec = 1;    // a neighbour nearer to a wanted source than this is that source

/// Appends those of `others` that are none of the wanted ones. Returns how many were.
std::int64_t add_neighbours(std::vector<Source>& sources, std::vector<Source> others) {
  const std::size_t wanted = sources.size();
  std::vector<std::size_t> by_dec(wanted);
  for (std::size_t i = 0; i < wanted; ++i) by_dec[i] = i;
  std::ranges::sort(by_dec, {}, [&](std::size_t i) { return sources[i].sky.dec_deg; });
  std::int64_t same = 0;
  for (auto& other : others) {
    const auto first = std::ranges::lower_bound(by_dec, other.sky.dec_deg - same_source_arcsec / 3600, {}, [&](std::size_t i) { return sources[i].sky.dec_deg; });
    bool known = false;
    for (auto at = first; at != by_dec.end() && sources[*at].sky.dec_deg <= other.sky.dec_deg + same_source_arcsec / 3600; ++at) known |= 3600 * wcs::separation_deg(sources[*at].sky, other.sky) < same_source_arcsec;
    same += known;
    if (known) continue;
    other.neighbour = true;
    sources.push_back(std::move(other));
  }
  return same;
}

class Run {
 public:
  Run(const SpectrumRequest& request, const SpectrumOptions& options, param::OptionSet& settings, run::Context& outer)
      : request_{request}, options_{options}, settings_{settings}, recorder_{outer}, clock_{"spectrum", request.inputs} {}

  run::Outcome run() {
    settle();
    read_inputs();
    if (request_.dry_run) {
      context_.log(Level::info, fmt::format("{} source{} would be measured on {} frame{}", wanted_, wanted_ == 1 ? "" : "s", frames_.size(), frames_.size() == 1 ? "" : "s"));
      return run::Outcome::done;
    }
    std::vector<std::string> files;
    for (const auto& f : frames_) files.push_back(f.string());
    const auto asked = run::table_request("spectrum", request_.inputs, files, settings_);
    run::OutputFolder folder{request_.output, asked, request_.overwrite};
    context_.log_to(folder.product("tessera.log").string());
    plan_blocks();
    FrameJournal journal{folder, asked.plan_hash + sources_sum(), frames_, blocks_, std::min(context_.memory_bytes() / 16, most_pending_bytes)};
    measure(journal);
    tell();
    write(folder, journal, asked.plan_hash, files);
    if (measured_.total() == 0) return run::Outcome::nothing_to_do;
    return recorder_.outcome();
  }

 private:
  void settle() {
    for (const auto& format : options_.formats) io::table_format(format);
    const auto& f = options_.fit;
    const auto& b = options_.background;
    for (const auto& [key, side] : {std::pair{"fit.side", f.side}, {"background.side", b.side}, {"background.widest_side", b.widest_side}})
      if (side % 2 == 0) throw UsageError{fmt::format("{} = {}: an odd number of pixels is expected, so that the source stands in the middle", key, side)};
    measure_ = {f.side, f.reach, f.weights, f.placement, f.psf_shift_x, f.psf_shift_y, b.way, {b.side, b.widest_side, b.least_fraction}, b.mask_sources, f.covariance, options_.any_quality, 0, spherex::parse_wavelengths(options_.wavelengths, "spectrum.wavelengths")};
  }

  void read_inputs() {
    auto list = read_sources(request_.inputs.front(), options_.sources);
    for (const auto& note : list.notes) context_.log(Level::info, note);
    if (list.sources.empty()) throw DataError{fmt::format("{}: the table has no rows", request_.inputs.front())};
    sources_ = std::move(list.sources);
    wanted_ = sources_.size();
    for (std::size_t i = 0, told = 0; i < wanted_ && told < 20; ++i)
      if (!sources_[i].refusal.empty()) context_.log(Level::warning, fmt::format("row {} ({}) is not measured: {}", i + 1, sources_[i].label, sources_[i].refusal)), ++told;
    if (list.refused > 0) context_.caveat("refused-rows", fmt::format("{} of {} rows are not measured; their status in the table of spectra says why", list.refused, wanted_), list.refused);
    if (!options_.sources.neighbours.empty()) {
      auto others = read_sources(options_.sources.neighbours, options_.sources);
      const auto same = add_neighbours(sources_, std::move(others.sources));
      context_.log(Level::info, fmt::format("{}: {} neighbours; {} more are within {} arcsec of sources and are taken for these", options_.sources.neighbours, sources_.size() - wanted_, same, same_source_arcsec));
    }
    const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
    std::vector<std::string> notes;
    frames_ = instrument::expand_names({request_.inputs.begin() + 1, request_.inputs.end()}, {}, profiles, notes);
    for (const auto& note : notes) context_.log(Level::info, note);
    calibration_ = spherex::CalibrationSet::find(frames_, options_.calibration);
  }

  /// Of the lists as they are now: measurements of another list are of no use.
  std::string sources_sum() const {
    std::string sums;
    for (const auto& path : {request_.inputs.front(), options_.sources.neighbours})
      if (!path.empty() && files::exists(path)) sums += files::sha256_file(path);
    return sums;
  }

  FrameResult one_frame(std::int64_t i, const Field& field, CalibrationLoans& loans) const {
    const auto& path = frames_[static_cast<std::size_t>(i)];
    auto how = measure_;
    if (options_.report && i % inspection_stride(wanted_, frames_.size()) == 0) how.inspected = static_cast<std::int32_t>(std::min(wanted_, most_shown_sources));
    try {
      const io::FitsFile file{path};
      return measure_frame(file, field, loans, how);
    } catch (const DataError& e) {
      if (options_.on_bad_frame == instrument::OnBadFrame::stop) throw DataError{fmt::format("{}; --on-bad-frame skip leaves such frames out", e.what())};
      FrameResult lost;
      lost.record.path = path.string(), lost.record.mjd = std::nan(""), lost.record.lost = e.what(), lost.unusable = true;
      return lost;
    }
  }

  /// As many sources together as fit into their share of the ceiling with a measurement on every frame.
  void plan_blocks() {
    const auto row = static_cast<std::int64_t>(sizeof(Measurement) + (options_.fit.covariance ? 10 * sizeof(Companion) : 0));
    const auto source = row * static_cast<std::int64_t>(std::max<std::size_t>(1, frames_.size()));
    blocks_ = {wanted_, static_cast<std::size_t>(std::clamp<std::int64_t>(std::min(context_.memory_bytes() / 8, most_block_bytes) / source, 1, static_cast<std::int64_t>(wanted_)))};
  }

  void measure(FrameJournal& journal) {
    const Field field{sources_};
    CalibrationLoans loans{calibration_, kept_maps()};
    if (journal.found() > 0) context_.log(Level::info, fmt::format("{} of {} frames were measured before the run was interrupted", journal.found(), frames_.size()));
    const auto n = static_cast<std::int64_t>(frames_.size());
    std::vector<FrameResult> results(frames_.size());
    std::vector<char> known(frames_.size());
    std::map<std::string, std::int64_t> caveats;
    measured_.on_frame.assign(frames_.size(), 0);
    measured_.sources = std::span{sources_}.first(wanted_);
    measured_.counts.assign(wanted_, 0), measured_.companion.assign(sources_.size(), 0);
    const auto pool = run::reading_pool(context_, frames_);
    journal.ask_servers(pool);
    journal.found_rows([&](const Measurement& m) { count(m); });
    measured_.channels = &calibration_.of(1).channels();
    const auto work = [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      known[at] = journal.has(at);
      results[at] = known[at] ? journal.take(at) : one_frame(i, field, loans);
    };
    const auto done = [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      take(results[at], static_cast<std::int32_t>(i), caveats);
      if (!known[at]) journal.add(at, std::move(results[at]));
      results[at] = {};
      context_.step(1);
    };
    context_.stage("measuring", n);
    try {
      pool.for_each_ordered(n, frames_ahead(pool.threads()), work, done);
    } catch (const DataError&) {
      throw;
    } catch (...) {
      journal.save();
      throw;
    }
    for (const auto& [text, count] : caveats) context_.caveat("frames", text, count);
  }

  /// Frames that may wait for their turn: an eighth of the ceiling.
  std::int64_t frames_ahead(std::int64_t threads) const {
    const auto fit = context_.memory_bytes() / 8 / static_cast<std::int64_t>(std::max<std::size_t>(1, wanted_ * sizeof(Measurement)));
    return std::clamp<std::int64_t>(fit, threads, 8 * threads);
  }

  /// Bytes for maps of calibration in memory: a tile costs as much as some hundred places looked up in the file.
  std::int64_t kept_maps() const {
    constexpr std::size_t worth_while = 100000;
    return wanted_ * frames_.size() < worth_while ? 0 : context_.memory_bytes() / 8;
  }

  /// What is told of all measurements, of which only some are in memory.
  void count(const Measurement& m) {
    ++measured_.counts[static_cast<std::size_t>(m.source)];
    ++measured_.on_frame[static_cast<std::size_t>(m.frame)];
    measured_.not_used += !usable(m, options_.channels);
    measured_.covariances += static_cast<std::int64_t>(m.companions.size());
    for (const auto& c : m.companions) measured_.companion[static_cast<std::size_t>(c.source)] = 1;
    errors_ += (m.flags & spherex::fit_error) != 0, bad_ += (m.flags & spherex::contains_bad_pixel) != 0;
    fitted_ += m.sky_side < 0 && m.fitted > 0;
  }

  void take(FrameResult& result, std::int32_t frame, std::map<std::string, std::int64_t>& caveats) {
    for (const auto& c : result.caveats) ++caveats[c];
    if (!result.record.lost.empty()) {
      if (result.unusable) context_.log(Level::warning, result.record.lost), ++unusable_;
      else ++left_out_;
    }
    measured_.frames.push_back(result.record);
    for (auto& m : result.measurements) m.frame = frame, count(m);  // a frame of an earlier run has none here: its rows were counted in the journal
  }

  /// What a user should know of the run.
  void tell() {
    if (unusable_ > 0) context_.caveat("bad-frames", fmt::format("{} of {} frames could not be used and were left out", unusable_, frames_.size()), unusable_);
    if (left_out_ > 0) context_.caveat("quality", fmt::format("{} of {} frames failed a check of the mission and were left out; --any-quality takes them", left_out_, frames_.size()), left_out_);
    const auto total = measured_.total();
    std::int64_t absent = 0;
    if (fitted_ > 0)
      context_.caveat("no-local-background", fmt::format("{} of {} measurements had too few pixels without flags around them for a local background: it was fitted along", fitted_, total), fitted_);
    for (std::size_t s = 0; s < wanted_; ++s) absent += sources_[s].refusal.empty() && measured_.counts[s] == 0;
    if (errors_ > 0) context_.caveat("fit-errors", fmt::format("{} of {} measurements have no result (FIT_ERROR)", errors_, total), errors_);
    if (absent > 0) context_.caveat("off-all-frames", fmt::format("{} of {} sources lie off all frames", absent, wanted_), absent);
    bool used[spherex::detectors + 1] = {};
    for (std::size_t i = 0; i < measured_.frames.size(); ++i)
      if (measured_.on_frame[i] > 0) used[measured_.frames[i].detector] = true;
    for (int detector = 1; detector <= spherex::detectors; ++detector)
      if (used[detector])
        for (const auto& c : calibration_.of(detector).caveats({spherex::Product::spectral_wcs, spherex::Product::solid_angle})) context_.caveat("calibration", c);
    context_.log(Level::info, fmt::format("{} measurements of {} sources on {} frames; {} contain bad pixels, {} have no result", total, wanted_, frames_.size(), bad_, errors_));
    results_ = {{"sources", static_cast<double>(wanted_)},       {"measurements", static_cast<double>(total)}, {"contain_bad_pixel", static_cast<double>(bad_)}, {"fit_error", static_cast<double>(errors_)},
                {"off_all_frames", static_cast<double>(absent)}, {"frames", static_cast<double>(frames_.size())},                     {"frames_left_out", static_cast<double>(unusable_ + left_out_)}};
    run::tell_traffic(context_, results_);
  }

  void write(run::OutputFolder& folder, const FrameJournal& journal, const std::string& plan, const std::vector<std::string>& files) {
    std::vector<run::ProductRecord> products;
    Blocks blocks{journal, blocks_, measured_, context_.pool()};
    write_tables({measured_, blocks, sources_, options_}, folder, products, context_);
    if (wanted_ <= static_cast<std::size_t>(options_.each)) write_source_products(measured_, blocks, options_.channels, folder, products);
    if (options_.report) {
      clock_.stop();
      write_report({clock_.record, settings_, options_.channels, measured_, blocks}, folder, recorder_);
      products.push_back({"report.html", ""});
    }
    std::vector<run::InputRecord> inputs;
    if (files::exists(request_.inputs.front())) inputs.push_back({request_.inputs.front(), 0, "", false});
    if (!options_.sources.neighbours.empty()) inputs.push_back({options_.sources.neighbours, 0, "", false});
    for (auto& record : inputs) run::measure_input(record, true);
    for (std::size_t i = 0; i < files.size(); ++i) {
      inputs.push_back({files[i], 0, "", !measured_.frames[i].lost.empty()});
      run::measure_input(inputs.back(), false);  // sums of all pixels would cost more than the run
    }
    run::publish_run(clock_, plan, settings_, inputs, products, results_, folder, recorder_);
    context_.log(Level::info, fmt::format("{}: {} measurements, {}", request_.output, measured_.total(), text::format_duration(clock_.record.wall_s)));
  }

  const SpectrumRequest& request_;
  const SpectrumOptions& options_;
  param::OptionSet& settings_;
  run::Recorder recorder_;
  run::Context& context_ = recorder_;
  run::RunClock clock_;
  MeasureOptions measure_;
  std::vector<Source> sources_;
  std::size_t wanted_ = 0;
  std::vector<fs::path> frames_;
  spherex::CalibrationSet calibration_;
  Measured measured_;
  SourceBlocks blocks_;
  std::int64_t unusable_ = 0, left_out_ = 0, errors_ = 0, bad_ = 0, fitted_ = 0;
  std::vector<std::pair<std::string, double>> results_;
};

}  // namespace

run::Outcome spectrum(const SpectrumRequest& request, const SpectrumOptions& options, param::OptionSet& settings, run::Context& context) { return Run{request, options, settings, context}.run(); }

}  // namespace tessera::spectrum
