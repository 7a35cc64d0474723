// tessera mopex: the scripts of MOPEX, from a namelist to its folders. MOPEX guide 4 to 6, 9.4 to 9.7.
#include <fmt/format.h>

#include <sys/resource.h>

#include <ctime>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/pipeline/mosaic.h"
#include "tessera/pipeline/overlap.h"
#include "tessera/run/record.h"
#include "tessera/steps/step.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_apex.h"
#include "tessera/translate/mopex_files.h"
#include "tessera/translate/mopex_layout.h"
#include "tessera/translate/mopex_mosaic.h"
#include "tessera/translate/mopex_prf.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;
using param::Source;

struct MopexOptions {
  std::string namelist, fif, dmasks, output;
  std::string image, sigma, list, response, map, mosaic_response, table, mosaic;
  bool corrected = false, quicklook = false, zodi_subtracted = false;
};

void describe(param::Schema<MopexOptions>& s) {
  s.field(&MopexOptions::namelist, "namelist", "The namelist; where it is not found as given, it is looked for in the folder cdf.").flag("namelist", 'n').placeholder("NAME.nl");
  s.field(&MopexOptions::fif, "fif", "Table of the output grid (FIF.tbl), as given or in the output folder; none: the grid is made from the frames.").flag("fif", 'F').placeholder("FILE");
  s.field(&MopexOptions::dmasks, "dmasks", "The same as -d: overlap.pl's letter for the list of masks.").flag("dmasks", 'D').placeholder("LIST");
  s.field(&MopexOptions::output, "output", "The same as -o: MOPEX's letter for the output folder.").flag("mopex-output", 'O').placeholder("OUT");
  s.field(&MopexOptions::image, "image", "Scripts of one image: the image.").flag("image", 'i').placeholder("FILE").namelist("", "INPUT_FILE_NAME");
  s.field(&MopexOptions::sigma, "sigma", "Its uncertainty.").flag("sigma", 's').placeholder("FILE").namelist("", "SIGMA_FILE_NAME");
  s.field(&MopexOptions::list, "list", "Scripts with a list: the table of sources, as catalog.sources; apex_qa.pl: the namelist by which residual frames become a mosaic.").flag("user-list", 'u').placeholder("LIST");
  s.field(&MopexOptions::response, "response", "PRF, as psf.file.").flag("prf", 'p').placeholder("FILE");
  s.field(&MopexOptions::map, "map", "PRF map, as psf.file.").flag("prf-map", 'm').placeholder("FILE");
  s.field(&MopexOptions::mosaic_response, "mosaic_response", "PRF of the mosaic, as detection.psf; of apex_qa.pl with a mosaic, as psf.file.").flag("mosaic-prf", 'P').placeholder("FILE");
  s.field(&MopexOptions::table, "table", "apex_qa.pl and aperture.pl: the table of extracted sources; prf_estimate.pl: the list of stars.").flag("extraction-table", 'E').placeholder("FILE").namelist("", "EXTRACTION_TABLE");
  s.field(&MopexOptions::mosaic, "mosaic", "apex_qa.pl: the mosaic that sources are taken off.").flag("mosaic-image", 'T').placeholder("FILE").namelist("", "MOSAIC_FILE_NAME");
  s.field(&MopexOptions::corrected, "corrected", "overlap.pl: write the corrected frames.").namelist("", "apply_overlap_correction");
  s.field(&MopexOptions::quicklook, "quicklook", "overlap.pl: write a coarse mosaic of the matched frames.").namelist("", "mosaic_corrected_images");
  s.field(&MopexOptions::zodi_subtracted, "zodi_subtracted", "overlap.pl: write the frames less the zodiacal light alone.").namelist("", "save_zodiacal_subtracted_images");
}

/// easymosaic.pl of the guide's appendix A: a mosaic without parameters.
bool is_easy(const std::vector<std::string>& inputs) { return !inputs.empty() && (inputs[0] == "easymosaic.pl" || inputs[0] == "easymosaic"); }

constexpr std::string_view scripts = "overlap.pl, mosaic.pl, apex.pl, apex_1frame.pl, apex_user_list.pl, apex_user_list_1frame.pl, aperture.pl, apex_qa.pl, prf_estimate.pl";

translate::MopexScript script_of(const std::vector<std::string>& inputs) {
  if (inputs.empty()) throw UsageError{fmt::format("mopex needs the name of a script: {} (or easymosaic.pl with frames)", scripts)};
  const auto script = inputs.size() == 1 ? translate::script_named(inputs[0]) : std::nullopt;
  if (script) return *script;
  throw UsageError{fmt::format("mopex runs {} (and easymosaic.pl FRAMES); found {} (images are given with -I or -i)", scripts, param::legacy::printable(text::join(inputs, " ")))};
}

/// MOPEX keeps the namelist of a run beside its products; save_namelist = 1 puts the time before its name.
run::KeptText copy_of(const translate::Namelist& namelist) {
  auto name = fs::path{namelist.path}.filename().string();
  if (translate::is_on(namelist.config, "save_namelist", false)) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    name = fmt::format("{:02}h{:02}m{:02}s_{}", local.tm_hour, local.tm_min, local.tm_sec, name);
  }
  return {name, namelist.content};
}

class Mopex : public Step {
 public:
  std::string_view name() const override { return "mopex"; }
  std::string_view summary() const override { return "Run a MOPEX namelist: overlap.pl, mosaic.pl, one of the APEX scripts or prf_estimate.pl."; }
  std::string_view description() const override {
    return "Takes a namelist of MOPEX with the flags of its scripts (-n -I -S -d -D -M -R -F -O), does what its module triggers and parameters ask for, and puts the products where MOPEX puts them: "
           "Combine-mosaic/mosaic.fits, Rmask-mosaic/*_rmask.fits, Overlap_corr/overlapCorrection_*.fits, offsets.tbl, FIF.tbl. A flag wins over the namelist; a file that the namelist names and that is "
           "not there can be dropped by name (-M none). What every line of the namelist became is told in the log.\n"
           "easymosaic.pl needs no namelist: it makes a mosaic of FRAMES (files, folders, globs, or -I) as tessera mosaic does without options.\n"
           "apex.pl, apex_1frame.pl, apex_user_list.pl, apex_user_list_1frame.pl, aperture.pl and apex_qa.pl measure sources as tessera extract and tessera residual do (-i -s -C -u -p -m -P -E -T): extract.tbl, extract_raw.tbl, aperture.tbl, "
           "mosaic_detect.tbl, Residual-ApexQA/residual_*.fits.\n"
           "prf_estimate.pl makes a PRF as tessera psf estimate --method mopex does (-i or -I, -E, -m): PRF.fits, PRFSigma.fits, PRFCov.fits, FitStat.tbl.\n"
           "All scripts may write to one folder: the records are run_overlap.json, run_mosaic.json, run_apex.json … Every option of tessera extract, and so of tessera mosaic, can be set as well and wins over the namelist.";
  }
  std::string_view inputs() const override { return "SCRIPT.pl|easymosaic.pl FRAMES…"; }
  std::string_view example() const override { return "tessera mopex mosaic.pl -n mosaic_I1.nl -I images.txt -S sigmas.txt -d masks.txt -M none -O ch1"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override {
    options.add("mopex", "MOPEX's flags", mopex_);
    extract_.declare(options);
    options.add("estimate", "prf_estimate.pl: the estimate", estimate_);
  }

  void prepare(const std::vector<std::string>& inputs, param::OptionSet& options) override {
    if (is_easy(inputs)) return;
    const auto script = script_of(inputs);
    if (mopex_.namelist.empty()) throw UsageError{"no namelist given; add -n NAME.nl"};
    namelist_ = translate::read_namelist_file(mopex_.namelist);
    translate::Import import = translate::import_namelist(namelist_.config, script);
    translate::translate_namelist(import, script);
    for (const auto& [option, value] : import.values())
      if (option.starts_with("run.")) options.assign(option, value.value, Source::namelist, value.line ? namelist_.where(value.line) : namelist_.path);
    constexpr int lowest_priority = 19;
    if (translate::is_on(namelist_.config, "NICE", false)) ::setpriority(PRIO_PROCESS, 0, lowest_priority);  // a refusal costs nothing
  }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (is_easy(inputs)) return make_easily(inputs, run, options, context);
    const auto script = script_of(inputs);
    const auto& namelist = namelist_;
    refuse_other(namelist, script);
    if (script != translate::MopexScript::mosaic && script != translate::MopexScript::overlap) return measure(script, run, options, context);
    translate::MopexLayout layout{namelist.config, script};
    if (text::lower(mopex_.fif) == "none") layout.make_fif();
    translate::take_mosaic_options(namelist, script, options, context);
    if (!mopex_.dmasks.empty() && extract_.mosaic.input.masks.empty()) options.assign("input.masks", mopex_.dmasks, Source::command_line, "-D");
    const auto output = output_of(namelist, run);
    translate::settle_files(namelist, mopex_.fif, output, options, context);

    pipeline::MosaicRequest request{{}, output, run.overwrite, run.dry_run, "mopex"};
    request.arguments = {translate::name_of(script)};
    request.place = layout;
    request.other_inputs = {namelist.path};
    request.kept = {copy_of(namelist)};
    if (script == translate::MopexScript::overlap) {
      pipeline::OverlapOptions overlap{extract_.mosaic, {mopex_.corrected, mopex_.quicklook, extract_.mosaic.products.report, mopex_.zodi_subtracted && extract_.mosaic.background.zodi}};
      return pipeline::match_overlaps(request, overlap, options, context);
    }
    if (layout.grid_only()) return pipeline::make_grid(request, extract_.mosaic, options, context);
    if (!layout.combines()) context.log(run::Level::info, "run_mosaic_coadder or run_mosaic_combiner is off: no mosaic is kept");
    return pipeline::make_mosaic(request, extract_.mosaic, options, context);
  }

 private:
  /// tessera mosaic with its defaults, under MOPEX's flags.
  run::Outcome make_easily(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) {
    if (!mopex_.namelist.empty()) throw UsageError{"easymosaic.pl takes no namelist; mosaic.pl does"};
    if (!mopex_.dmasks.empty() && extract_.mosaic.input.masks.empty()) options.assign("input.masks", mopex_.dmasks, Source::command_line, "-D");
    if (!mopex_.fif.empty() && text::lower(mopex_.fif) != "none") options.assign("grid.file", mopex_.fif, Source::command_line, "-F");
    const auto& output = run.output.empty() ? mopex_.output : run.output;
    if (output.empty()) throw UsageError{"no output folder given; add -O OUT"};
    pipeline::MosaicRequest request{{inputs.begin() + 1, inputs.end()}, output, run.overwrite, run.dry_run, "mopex"};
    request.arguments = inputs;
    return pipeline::make_mosaic(request, extract_.mosaic, options, context);
  }

  /// Scripts of one family share their namelists: those of APEX differ in the files they name.
  static void refuse_other(const translate::Namelist& namelist, translate::MopexScript script) {
    const auto meant = translate::script_for(namelist.config);
    if (meant == script || (translate::measures_sources(meant) && translate::measures_sources(script))) return;
    throw UsageError{fmt::format("{}: is a MOPEX namelist of {}, not one of {}; name that script", namelist.path, translate::name_of(meant), translate::name_of(script))};
  }

  /// Flags that are other options under MOPEX's letter.
  void take_letters(translate::MopexScript script, param::OptionSet& options) const {
    static const std::string none;
    const bool qa_of_mosaic = script == translate::MopexScript::apex_qa && mopex_.map.empty() && mopex_.response.empty();
    const std::tuple<const std::string&, const char*, const char*> letters[] = {{mopex_.sigma, "input.sigmas", "-s"},
                                                                               {script == translate::MopexScript::apex_qa ? none : mopex_.list, "catalog.sources", "-u"},
                                                                               {mopex_.response, "psf.file", "-p"},
                                                                               {mopex_.map, script == translate::MopexScript::prf_estimate ? "estimate.map" : "psf.file", "-m"},
                                                                               {mopex_.mosaic_response, qa_of_mosaic ? "psf.file" : "detection.psf", "-P"},
                                                                               {mopex_.dmasks, "input.masks", "-D"}};
    for (const auto& [value, option, flag] : letters)
      if (!value.empty()) options.assign(option, value, Source::command_line, flag);
    if ((script == translate::MopexScript::aperture || script == translate::MopexScript::prf_estimate) && mopex_.list.empty() && !mopex_.table.empty()) options.assign("catalog.sources", mopex_.table, Source::command_line, "-E");
  }

  run::Outcome measure(translate::MopexScript script, const run::RunOptions& run, param::OptionSet& options, run::Context& context) {
    take_letters(script, options);
    const translate::ApexRun apex{script, namelist_, output_of(namelist_, run), run.overwrite, run.dry_run, mopex_.fif, copy_of(namelist_)};
    if (script == translate::MopexScript::prf_estimate) return translate::run_prf_estimate(apex, mopex_.image, extract_, estimate_, options, context);
    if (script == translate::MopexScript::apex_qa) {
      const auto mosaicking = translate::residual_mosaic_namelist(namelist_, mopex_.list);  // refused before anything is done
      const auto outcome = translate::run_apex_qa(apex, mopex_.table, mopex_.mosaic, extract_, options, context);
      return mosaicking && !run.dry_run && mopex_.mosaic.empty() ? translate::mosaic_residuals(apex, *mosaicking, options, context, outcome) : outcome;
    }
    return translate::run_apex(apex, mopex_.image, extract_, options, context);
  }

  std::string output_of(const translate::Namelist& namelist, const run::RunOptions& run) const {
    if (!run.output.empty()) return run.output;
    if (!mopex_.output.empty()) return mopex_.output;
    const auto* s = namelist.config.find("", "OUTPUT_DIR");
    return s && !s->value.empty() ? param::legacy::printable(s->value, 1000) : ".";
  }

  MopexOptions mopex_;
  translate::Namelist namelist_;
  extraction::ExtractOptions extract_;
  psf_estimate::EstimateOptions estimate_;
};

}  // namespace

std::unique_ptr<Step> make_mopex() { return std::make_unique<Mopex>(); }

}  // namespace tessera::steps
