// tessera mopex: overlap.pl or mosaic.pl of MOPEX, from its namelist to its folders. MOPEX guide 4, 5, 9.4 to 9.6.
#include <fmt/format.h>

#include <sys/resource.h>

#include <ctime>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/pipeline/mosaic.h"
#include "tessera/pipeline/overlap.h"
#include "tessera/steps/import_report.h"
#include "tessera/steps/mopex_files.h"
#include "tessera/steps/mopex_layout.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;
using param::Source;

struct MopexOptions {
  std::string namelist, fif, dmasks, output;
  bool corrected = false, quicklook = false, zodi_subtracted = false;
};

void describe(param::Schema<MopexOptions>& s) {
  s.field(&MopexOptions::namelist, "namelist", "The namelist; where it is not found as given, it is looked for in the folder cdf.").flag("namelist", 'n').placeholder("NAME.nl");
  s.field(&MopexOptions::fif, "fif", "Table of the output grid (FIF.tbl), as given or in the output folder; none: the grid is made from the frames.").flag("fif", 'F').placeholder("FILE");
  s.field(&MopexOptions::dmasks, "dmasks", "The same as -d: overlap.pl's letter for the list of masks.").flag("dmasks", 'D').placeholder("LIST");
  s.field(&MopexOptions::output, "output", "The same as -o: MOPEX's letter for the output folder.").flag("mopex-output", 'O').placeholder("OUT");
  s.field(&MopexOptions::corrected, "corrected", "overlap.pl: write the corrected frames.").namelist("", "apply_overlap_correction");
  s.field(&MopexOptions::quicklook, "quicklook", "overlap.pl: write a coarse mosaic of the matched frames.").namelist("", "mosaic_corrected_images");
  s.field(&MopexOptions::zodi_subtracted, "zodi_subtracted", "overlap.pl: write the frames less the zodiacal light alone.").namelist("", "save_zodiacal_subtracted_images");
}

/// easymosaic.pl of the guide's appendix A: a mosaic without parameters.
bool is_easy(const std::vector<std::string>& inputs) { return !inputs.empty() && (inputs[0] == "easymosaic.pl" || inputs[0] == "easymosaic"); }

MopexScript script_of(const std::vector<std::string>& inputs) {
  if (inputs.size() == 1 && (inputs[0] == "mosaic.pl" || inputs[0] == "mosaic")) return MopexScript::mosaic;
  if (inputs.size() == 1 && (inputs[0] == "overlap.pl" || inputs[0] == "overlap")) return MopexScript::overlap;
  if (inputs.empty()) throw UsageError{"mopex needs the name of a script: overlap.pl or mosaic.pl (or easymosaic.pl with frames)"};
  throw UsageError{fmt::format("mopex runs overlap.pl or mosaic.pl (and easymosaic.pl FRAMES); found {} (frames are given as a list with -I)", param::legacy::printable(text::join(inputs, " ")))};
}

std::string name_of(MopexScript script) { return script == MopexScript::mosaic ? "mosaic.pl" : "overlap.pl"; }

/// MOPEX keeps the namelist of a run beside its products; save_namelist = 1 puts the time before its name.
pipeline::KeptText copy_of(const Namelist& namelist) {
  auto name = fs::path{namelist.path}.filename().string();
  if (is_on(namelist.config, "save_namelist", false)) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    name = fmt::format("{:02}h{:02}m{:02}s_{}", local.tm_hour, local.tm_min, local.tm_sec, name);
  }
  return {name, namelist.content};
}

/// Every line of the report goes to the log; what needs eyes, and the sum, to the terminal.
void tell(const Import& import, const Namelist& namelist, pipeline::Context& context) {
  for (const auto& line : import.report()) {
    const bool loud = line.trap || line.fate == Fate::missing || line.fate == Fate::refused || line.fate == Fate::unknown;
    context.log(loud ? pipeline::Level::warning : pipeline::Level::debug, param::legacy::printable(line.text, 600));
  }
  const auto count = [&](Fate fate) { return import.count(fate); };
  context.log(pipeline::Level::info, fmt::format("{}: {} settings: {} mean the same here, {} differ in a detail, {} are done without being asked or not needed, {} are not in use, {} name files", namelist.path,
                                                 namelist.config.settings.size(), count(Fate::same), count(Fate::differs), count(Fate::always) + count(Fate::unneeded), count(Fate::unused),
                                                 count(Fate::command_line)));
  if (const auto n = count(Fate::missing)) context.caveat("not-there-yet", fmt::format("{}: settings that ask for something not there yet", namelist.path), n);
  if (const auto n = count(Fate::refused) + count(Fate::unknown)) context.caveat("not-taken-over", fmt::format("{}: settings that are unknown or have no usable value", namelist.path), n);
}

class Mopex : public Step {
 public:
  std::string_view name() const override { return "mopex"; }
  std::string_view summary() const override { return "Run a MOPEX namelist: overlap.pl or mosaic.pl."; }
  std::string_view description() const override {
    return "Takes a namelist of MOPEX with the flags of its scripts (-n -I -S -d -D -M -R -F -O), does what its module triggers and parameters ask for, and puts the products where MOPEX puts them: "
           "Combine-mosaic/mosaic.fits, Rmask-mosaic/*_rmask.fits, Overlap_corr/overlapCorrection_*.fits, offsets.tbl, FIF.tbl. A flag wins over the namelist; a file that the namelist names and that is "
           "not there can be dropped by name (-M none). What every line of the namelist became is told in the log.\n"
           "easymosaic.pl needs no namelist: it makes a mosaic of FRAMES (files, folders, globs, or -I) as tessera mosaic does without options.\n"
           "Both scripts may write to one folder: the records are run_overlap.json and run_mosaic.json. Every option of tessera mosaic can be set as well and wins over the namelist.";
  }
  std::string_view inputs() const override { return "overlap.pl|mosaic.pl|easymosaic.pl FRAMES…"; }
  std::string_view example() const override { return "tessera mopex mosaic.pl -n mosaic_I1.nl -I images.txt -S sigmas.txt -d masks.txt -M none -O ch1"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override {
    options.add("mopex", "MOPEX's flags", mopex_);
    options_.mosaic.declare(options);
  }

  void prepare(const std::vector<std::string>& inputs, param::OptionSet& options) override {
    if (is_easy(inputs)) return;
    script_of(inputs);
    if (mopex_.namelist.empty()) throw UsageError{"no namelist given; add -n NAME.nl"};
    namelist_ = read_namelist_file(mopex_.namelist);
    Import import{namelist_.config, "mopex", mopex_rules()};
    translate_namelist(import);
    for (const auto& [option, value] : import.values())
      if (option.starts_with("run.")) options.assign(option, value.value, Source::namelist, value.line ? namelist_.where(value.line) : namelist_.path);
    constexpr int lowest_priority = 19;
    if (is_on(namelist_.config, "NICE", false)) ::setpriority(PRIO_PROCESS, 0, lowest_priority);  // a refusal costs nothing
  }

  pipeline::Outcome run(const std::vector<std::string>& inputs, const RunOptions& run, param::OptionSet& options, pipeline::Context& context) override {
    if (is_easy(inputs)) return make_easily(inputs, run, options, context);
    const auto script = script_of(inputs);
    const auto& namelist = namelist_;
    MopexLayout layout{namelist.config, script};
    if (text::lower(mopex_.fif) == "none") layout.make_fif();
    take_options(namelist, script, options, context);
    if (!mopex_.dmasks.empty() && options_.mosaic.input.masks.empty()) options.assign("input.masks", mopex_.dmasks, Source::command_line, "-D");
    const auto output = output_of(namelist, run);
    settle_files(namelist, mopex_.fif, output, options, context);

    pipeline::MosaicRequest request{{}, output, run.overwrite, run.dry_run, "mopex"};
    request.arguments = {name_of(script)};
    request.place = layout;
    request.other_inputs = {namelist.path};
    request.kept = {copy_of(namelist)};
    if (script == MopexScript::overlap) {
      options_.products = {mopex_.corrected, mopex_.quicklook, options_.mosaic.products.report, mopex_.zodi_subtracted && options_.mosaic.background.zodi};
      return pipeline::match_overlaps(request, options_, options, context);
    }
    if (layout.grid_only()) return pipeline::make_grid(request, options_.mosaic, options, context);
    if (!layout.combines()) context.log(pipeline::Level::info, "run_mosaic_coadder or run_mosaic_combiner is off: no mosaic is kept");
    return pipeline::make_mosaic(request, options_.mosaic, options, context);
  }

 private:
  /// tessera mosaic with its defaults, under MOPEX's flags.
  pipeline::Outcome make_easily(const std::vector<std::string>& inputs, const RunOptions& run, param::OptionSet& options, pipeline::Context& context) {
    if (!mopex_.namelist.empty()) throw UsageError{"easymosaic.pl takes no namelist; mosaic.pl does"};
    if (!mopex_.dmasks.empty() && options_.mosaic.input.masks.empty()) options.assign("input.masks", mopex_.dmasks, Source::command_line, "-D");
    if (!mopex_.fif.empty() && text::lower(mopex_.fif) != "none") options.assign("grid.file", mopex_.fif, Source::command_line, "-F");
    const auto& output = run.output.empty() ? mopex_.output : run.output;
    if (output.empty()) throw UsageError{"no output folder given; add -O OUT"};
    pipeline::MosaicRequest request{{inputs.begin() + 1, inputs.end()}, output, run.overwrite, run.dry_run, "mopex"};
    request.arguments = inputs;
    return pipeline::make_mosaic(request, options_.mosaic, options, context);
  }

  static void take_options(const Namelist& namelist, MopexScript script, param::OptionSet& options, pipeline::Context& context) {
    Import import{namelist.config, "mopex", mopex_rules()};
    const auto kind = translate_namelist(import);
    if (!kind.ends_with(name_of(script)))
      throw UsageError{fmt::format("{}: is a {}, not one of {}{}", namelist.path, kind, name_of(script), kind.ends_with(".pl") ? "; name that script" : "; tessera does neither")};
    tell(import, namelist, context);
    for (const auto& [option, value] : import.values()) {
      if (option.starts_with("run.")) continue;  // see prepare()
      options.assign(option, value.value, Source::namelist, value.line ? namelist.where(value.line) : namelist.path);
    }
    for (const auto& [option, value] : {std::pair{"input.scale_noise", "false"}, std::pair{"interpolation.uncertainty", "linear"}}) options.assign(option, value, Source::namelist, "MOPEX's way");
    if (const auto* s = namelist.config.find("", "delete_intermediate_files"); script == MopexScript::mosaic && s && !s->value.empty() && is_off(s->value)) {
      options.assign("output.interpolated", is_on(namelist.config, "run_mosaic_interp", true) ? "true" : "false", Source::namelist, namelist.where(s->line));
      const auto method = import.values().find("rejection.method");
      const auto uses = [&](const char* scheme) { return method != import.values().end() && method->second.value.find(scheme) != std::string::npos; };
      options.assign("output.outlier_maps", uses("temporal") || uses("box") || uses("dual") ? "true" : "false", Source::namelist, namelist.where(s->line));
      options.assign("output.detection_maps", uses("dual") ? "true" : "false", Source::namelist, namelist.where(s->line));
      for (const auto& [option, key, otherwise] : {std::tuple{"output.tiles", "run_mosaic_coadder", true}, std::tuple{"output.minback", "run_medfilter", false}, std::tuple{"output.sigmas", "compute_uncertainties_internally", false}})
        if (is_on(namelist.config, key, otherwise)) options.assign(option, "true", Source::namelist, namelist.where(s->line));
    }
    for (const auto& [option, key] : {std::pair{"mopex.corrected", "apply_overlap_correction"}, std::pair{"mopex.quicklook", "mosaic_corrected_images"}, std::pair{"mopex.zodi_subtracted", "save_zodiacal_subtracted_images"}})
      if (const auto* s = namelist.config.find("", key)) options.assign(option, is_off(s->value) ? "false" : "true", Source::namelist, namelist.where(s->line));
  }

  std::string output_of(const Namelist& namelist, const RunOptions& run) const {
    if (!run.output.empty()) return run.output;
    if (!mopex_.output.empty()) return mopex_.output;
    const auto* s = namelist.config.find("", "OUTPUT_DIR");
    return s && !s->value.empty() ? param::legacy::printable(s->value, 1000) : ".";
  }

  MopexOptions mopex_;
  Namelist namelist_;
  pipeline::OverlapOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_mopex() { return std::make_unique<Mopex>(); }

}  // namespace tessera::steps
