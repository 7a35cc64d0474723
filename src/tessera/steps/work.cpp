#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "tessera/steps/planned.h"

#include "tessera/run/context.h"

namespace tessera::steps {
namespace {

using scale_out::Pass;

/// "3-17", "5" or "all".
scale_out::PieceRange parse_range(const std::string& text, const char* flag) {
  if (text == "all") return {0, std::numeric_limits<std::int64_t>::max()};
  scale_out::PieceRange r;
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, r.first);
  r.last = r.first;
  if (error == std::errc{} && after != end && *after == '-') {
    const auto second = std::from_chars(after + 1, end, r.last);
    after = second.ptr, error = second.ec;
  }
  if (error != std::errc{} || after != end || r.first < 0 || r.last < r.first)
    throw UsageError{fmt::format("{} = '{}': a range A-B was expected, counted from 0, or all", flag, text)};
  return r;
}

Pass pass_named(const std::string& name) {
  for (const auto pass : {Pass::frames, Pass::solve, Pass::clusters, Pass::outliers, Pass::coadd})
    if (name == scale_out::name_of(pass)) return pass;
  return Pass::coadd;
}

class Work : public Step {
 public:
  std::string_view name() const override { return "work"; }
  std::string_view summary() const override { return "Do a piece of a plan that mosaic --plan-only wrote."; }
  std::string_view description() const override {
    return "Does pieces of a planned run: --frames A-B measures frames, --pass solve settles all offsets from them, --tiles A-B coadds tiles (before that, where the plan's rejection needs it, --pass clusters and "
           "--pass outliers on the tiles). Any number of processes on any machines that see the same files may do so at once; what one of them finished is not done again, and a piece that was stopped is "
           "done by giving the same command again. What an earlier pass still lacks is done first by this process, which says so. Results lie in PLAN.json.work beside the plan until tessera gather makes the products.";
  }
  std::string_view inputs() const override { return "PLAN.json"; }
  std::string_view example() const override { return "tessera work plan.json --tiles 0-99"; }
  bool writes_output() const override { return false; }
  void declare(param::OptionSet& options) override { options.add("work", "The pieces to do", work_); }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions&, param::OptionSet&, run::Context& context) override {
    if (inputs.size() != 1) throw UsageError{fmt::format("work takes one plan, {} were given", inputs.size())};
    if (!work_.frames.empty() && !work_.tiles.empty()) throw UsageError{"give --frames or --tiles, not both: they are pieces of different passes"};
    const auto pass = work_.frames.empty() ? pass_named(work_.pass) : Pass::frames;
    if (pass != Pass::solve && work_.frames.empty() && work_.tiles.empty()) throw UsageError{pass == Pass::frames ? "say which frames: --frames A-B" : "say which tiles: --tiles A-B, or which frames: --frames A-B"};
    PlannedRun planned{inputs.front()};
    const auto& plan = planned.file().plan();
    const auto passes = scale_out::passes_of(plan, planned.options());
    if (std::find(passes.begin(), passes.end(), pass) == passes.end()) {
      context.log(run::Level::info, fmt::format("this plan needs no pass {}", scale_out::name_of(pass)));
      return run::Outcome::nothing_to_do;
    }
    scale_out::PieceRange range{0, 0};
    if (pass == Pass::frames) range = parse_range(work_.frames.empty() ? work_.tiles : work_.frames, "--frames");
    else if (pass != Pass::solve) range = parse_range(work_.tiles, "--tiles");
    if (scale_out::missing_pieces(planned.file(), pass, range).empty()) return run::Outcome::nothing_to_do;
    if (pass != Pass::solve) scale_out::work_up_to(planned.file(), pass, planned.options(), context);
    return scale_out::work(planned.file(), pass, range, planned.options(), context);
  }

 private:
  WorkOptions work_;
};

class Gather : public Step {
 public:
  std::string_view name() const override { return "gather"; }
  std::string_view summary() const override { return "Make the products of a plan whose pieces are done."; }
  std::string_view description() const override {
    return "Puts together what tessera work left, and writes the products to the output folder the plan was made with: the same data, to the bit, as tessera mosaic writes in one process. While pieces are missing it "
           "refuses and says which. With the products in place the folder PLAN.json.work is removed.";
  }
  std::string_view inputs() const override { return "PLAN.json"; }
  std::string_view example() const override { return "tessera gather plan.json"; }
  bool writes_output() const override { return false; }
  void declare(param::OptionSet&) override {}

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions&, param::OptionSet&, run::Context& context) override {
    if (inputs.size() != 1) throw UsageError{fmt::format("gather takes one plan, {} were given", inputs.size())};
    PlannedRun planned{inputs.front()};
    const auto outcome = scale_out::gather(planned.file(), planned.request(), planned.options(), planned.settings(), nullptr, context);
    std::error_code code;
    std::filesystem::remove_all(planned.file().folder(), code);
    return outcome;
  }
};

}  // namespace

PlannedRun::PlannedRun(const std::string& plan_file) : file_{std::filesystem::absolute(plan_file)}, there_{file_.request().working_folder} {
  mosaic_.declare(settings_);
  settings_.add("run", "Who does the work", executor_);
  run_.declare(settings_, true);
  take_recorded(settings_, file_.request().settings);
}

pipeline::MosaicRequest PlannedRun::request() const {
  pipeline::MosaicRequest r{file_.request().inputs, file_.output(), file_.overwrite()};
  r.verb = file_.request().verb;
  return r;
}

std::unique_ptr<Step> make_work() { return std::make_unique<Work>(); }
std::unique_ptr<Step> make_gather() { return std::make_unique<Gather>(); }

}  // namespace tessera::steps
