#include "tessera/translate/mopex_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/param/namelist.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_layout.h"

namespace tessera::translate {
namespace {

namespace fs = std::filesystem;
using param::legacy::printable;
using run::Context;

/// A file that a flag or a key of the namelist names.
struct FileKey {
  const char *key, *option, *flag, *placeholder;
  const char* folder;  ///< where it is looked for as well
  bool needed;
};
constexpr FileKey frame_keys[] = {
    {"IMAGE_STACK_FILE_NAME", "input.images", "-I", "LIST", "", true},
    {"SIGMALIST_FILE_NAME", "input.sigmas", "-S", "LIST", "", false},
    {"DCE_STATUS_MASK_LIST", "input.masks", "-d", "LIST", "", false},
    {"RMASK_LIST", "input.rmasks", "-R", "LIST", "", false},
    {"PMASK_FILE_NAME", "input.pmask", "-M", "FILE", "cal", false},
};
constexpr FileKey image_keys[] = {
    {"SIGMA_FILE_NAME", "input.sigmas", "-s", "FILE", "", false},
    {"COVERAGE_MAP", "detection.coverage", "-C", "FILE", "", false},
    {"DCE_STATUS_MASK", "input.masks", "-d", "FILE", "", false},
    {"RMASK_FILE_NAME", "input.rmasks", "-R", "FILE", "", false},
    {"PMASK_FILE_NAME", "input.pmask", "-M", "FILE", "cal", false},
};
constexpr FileKey grid_key{"FIF_FILE_NAME", "estimate.grid", "-F", "FILE", "", false};
constexpr FileKey stars_key{"POINT_SOURCE_LIST", "catalog.sources", "-E", "LIST", "", true}, areas_key{"PRFMAP_FILE_NAME", "estimate.map", "-m", "MAP", "cal", true};
constexpr FileKey list_key{"INPUT_USER_LIST", "catalog.sources", "-u", "LIST", "", true};
constexpr FileKey map_key{"PRFMAP_FILE_NAME", "psf.file", "-m", "MAP", "cal", false}, response_key{"PRF_file_name", "psf.file", "-p", "FILE", "cal", false},
    mosaic_response_key{"MOSAIC_PRF_file_name", "detection.psf", "-P", "FILE", "cal", false};

std::string_view what_is(std::string_view key) {
  if (key == "IMAGE_STACK_FILE_NAME") return "list of images";
  return key == "PRFMAP_FILE_NAME" ? "PRF map" : "list of sources";
}

param::Setting setting_of(const param::OptionSet& options, std::string_view key) {
  for (auto& s : options.settings())
    if (s.key == key) return s;
  return {};
}

bool is_none(const std::string& value) { return text::lower(value) == "none"; }

/// The name as given, or in `folder`; "" when neither is there.
std::string found(const std::string& name, const fs::path& folder) {
  if (files::exists(name)) return name;
  const auto other = folder / name;
  return !folder.empty() && files::exists(other) ? other.string() : "";
}

void settle(const FileKey& f, const Namelist& namelist, param::OptionSet& options, Context& context) {
  const auto* named = namelist.config.find("", f.key);
  const bool in_namelist = named && !named->value.empty();
  const auto given = setting_of(options, f.option);
  if (given.source >= param::Source::file) {
    if (!is_none(given.value)) return;
    if (f.needed) throw UsageError{fmt::format("{} none: a run needs {}", f.flag, f.key)};
    options.assign(f.option, "", param::Source::command_line, fmt::format("{} none", f.flag));
    if (in_namelist) context.caveat("left-out", fmt::format("{} none: {} = {} ({}) is not used", f.flag, f.key, printable(named->value), namelist.where(named->line)));
    return;
  }
  if (!in_namelist) {
    if (f.needed) throw UsageError{fmt::format("{}: names no {}; give {} {}, or {} in the namelist", namelist.path, what_is(f.key), f.flag, f.placeholder, f.key)};
    return;
  }
  const auto path = found(printable(named->value, 1000), f.folder);
  if (path.empty())
    throw DataError{fmt::format("{}: {} = {}: there is no such file; give {} {}{}", namelist.where(named->line), f.key, printable(named->value), f.flag, f.placeholder,
                                f.needed ? "" : fmt::format(", or {} none to go on without", f.flag))};
  options.assign(f.option, path, param::Source::namelist, namelist.where(named->line));
}

/// A name that is no option: a flag first, then the namelist's. Throws UsageError when neither names it.
std::string settled_name(const Namelist& namelist, const std::string& given, const char* key, const char* flag, const char* what) {
  if (!given.empty()) return given;
  const auto* named = namelist.config.find("", key);
  if (!named || named->value.empty()) throw UsageError{fmt::format("{}: names no {}; give {} FILE, or {} in the namelist", namelist.path, what, flag, key)};
  const std::string name = printable(named->value, 1000);
  if (!files::exists(name)) throw DataError{fmt::format("{}: {} = {}: there is no such file; give {} FILE", namelist.where(named->line), key, name, flag)};
  return name;
}

/// A profile such as gaussian:fwhm_pix=2 is no file.
void settle_response(const FileKey& key, const Namelist& namelist, param::OptionSet& options, Context& context) {
  const auto* named = namelist.config.find("", key.key);
  if (named && named->value.find(':') != std::string::npos && setting_of(options, key.option).source < param::Source::file)
    options.assign(key.option, printable(named->value, 1000), param::Source::namelist, namelist.where(named->line));
  else settle(key, namelist, options, context);
}

void settle_responses(const Namelist& namelist, bool needed, param::OptionSet& options, Context& context) {
  const auto* map = namelist.config.find("", map_key.key);
  settle_response(map && !map->value.empty() ? map_key : response_key, namelist, options, context);
  if (needed && setting_of(options, "psf.file").value.empty())
    throw UsageError{fmt::format("{}: names no point response; give -p FILE or -m MAP, or PRF_file_name or PRFMAP_FILE_NAME in the namelist", namelist.path)};
}

}  // namespace

void settle_fif(const Namelist& namelist, const std::string& fif, const std::string& output, param::OptionSet& options, Context& context) {
  const auto grid = setting_of(options, "grid.file");
  if (grid.source >= param::Source::file && !grid.value.empty()) return;
  const auto* named = namelist.config.find("", "FIF_FILE_NAME");
  const bool from_frames = is_on(namelist.config, "run_fiducial_image_frame", false);
  if (is_none(fif)) {
    if (!from_frames) context.caveat("left-out", "-F none: the grid is made from the frames, though run_fiducial_image_frame is off");
    return;
  }
  if (fif.empty() && from_frames) return;
  const bool in_namelist = fif.empty() && named && !named->value.empty();
  const std::string name = in_namelist ? printable(named->value, 1000) : fif.empty() ? "FIF.tbl" : fif;
  const std::string where = in_namelist ? namelist.where(named->line) : fif.empty() ? namelist.path : "-F";
  const auto path = found(name, output);
  if (path.empty())
    throw DataError{fmt::format("{}: {}{}: there is no such file, and run_fiducial_image_frame is off; give -F FILE, or -F none to make the grid from the frames", where,
                                fif.empty() ? "FIF_FILE_NAME = " : "", name)};
  options.assign("grid.file", path, fif.empty() ? param::Source::namelist : param::Source::command_line, where);
}

std::string Namelist::where(int line) const { return fmt::format("line {} of {}", line, path); }

Namelist read_namelist_file(const std::string& name) {
  constexpr std::size_t longest = 1u << 20, most_settings = 2000;
  Namelist n;
  n.path = found(name, "cdf");
  if (n.path.empty()) throw DataError{fmt::format("{}: there is no such namelist, neither here nor in cdf", name)};
  n.content = files::read(n.path, longest);
  if (n.content.find('\0') != std::string::npos) throw DataError{fmt::format("{}: is no text file; a namelist was expected", n.path)};
  n.config = param::read_namelist(n.content);
  if (n.config.settings.empty()) throw DataError{fmt::format("{}: has no settings; a namelist of MOPEX was expected", n.path)};
  if (n.config.settings.size() > most_settings)
    throw DataError{fmt::format("{}: has {} settings, more than any namelist ({})", n.path, n.config.settings.size(), most_settings)};
  return n;
}

void settle_files(const Namelist& namelist, const std::string& fif, const std::string& output, param::OptionSet& options, Context& context) {
  for (const auto& file : frame_keys) settle(file, namelist, options, context);
  settle_fif(namelist, fif, output, options, context);
}

std::string settle_apex_files(const Namelist& namelist, MopexScript script, const std::string& image, bool no_fit, param::OptionSet& options, Context& context) {
  std::string name;
  if (is_multiframe(script)) {
    for (const auto& file : frame_keys) settle(file, namelist, options, context);
    settle_response(mosaic_response_key, namelist, options, context);
  } else {
    name = settled_name(namelist, image, "INPUT_FILE_NAME", "-i", "image");
    for (const auto& file : image_keys) settle(file, namelist, options, context);
  }
  const bool list = takes_list(script);
  if (list) settle(list_key, namelist, options, context);
  if (!no_fit || !list) settle_responses(namelist, true, options, context);
  return name;
}

std::string settle_prf_files(const Namelist& namelist, const std::string& image, bool split, param::OptionSet& options, Context& context) {
  const auto has = [&](const char* key) {
    const auto* s = namelist.config.find("", key);
    return s && !s->value.empty();
  };
  const auto frames = setting_of(options, "input.images");  // a replay gives every option, empty or not
  const bool flag_for_frames = frames.source >= param::Source::file && !frames.value.empty();
  if (!image.empty() && flag_for_frames) throw UsageError{"-i and -I: prf_estimate.pl takes one image or a list of frames; give one of them"};
  if (image.empty() && !flag_for_frames && has("INPUT_FILE_NAME") && has("IMAGE_STACK_FILE_NAME"))
    throw UsageError{fmt::format("{}: names both INPUT_FILE_NAME and IMAGE_STACK_FILE_NAME; leave one of them out, or say -i FILE or -I LIST", namelist.path)};
  const bool one = !image.empty() || (!flag_for_frames && has("INPUT_FILE_NAME"));
  const std::string name = one ? settled_name(namelist, image, "INPUT_FILE_NAME", "-i", "image") : "";
  for (const auto& file : frame_keys)
    if (!one || std::string_view{file.key} != "IMAGE_STACK_FILE_NAME") settle(file, namelist, options, context);
  settle(stars_key, namelist, options, context);
  if (setting_of(options, "estimate.places").value == "pixels") settle(grid_key, namelist, options, context);
  if (split) settle(areas_key, namelist, options, context);
  else options.assign("estimate.map", "", param::Source::namelist, namelist.path);
  return name;
}

QaFiles settle_qa_files(const Namelist& namelist, bool one, const std::string& table, const std::string& mosaic, param::OptionSet& options, Context& context) {
  QaFiles names;
  names.table = settled_name(namelist, table, "EXTRACTION_TABLE", "-E", "table of sources");
  if (one) {
    names.image = settled_name(namelist, mosaic, "MOSAIC_FILE_NAME", "-T", "mosaic");
    constexpr FileKey response{"MOSAIC_PRF_file_name", "psf.file", "-P", "FILE", "cal", false};
    settle_response(response, namelist, options, context);
  } else {
    for (const auto& file : frame_keys) settle(file, namelist, options, context);
  }
  settle_responses(namelist, true, options, context);
  return names;
}

void tell_namelist(const Import& import, const Namelist& namelist, Context& context) {
  for (const auto& line : import.report()) {
    const bool loud = line.trap || line.fate == Fate::missing || line.fate == Fate::refused || line.fate == Fate::unknown;
    context.log(loud ? run::Level::warning : run::Level::debug, printable(line.text, 600));
  }
  const auto count = [&](Fate fate) { return import.count(fate); };
  context.log(run::Level::info, fmt::format("{}: {} settings: {} mean the same here, {} differ in a detail, {} are done without being asked or not needed, {} are not in use, {} name files", namelist.path,
                                                 namelist.config.settings.size(), count(Fate::same), count(Fate::differs), count(Fate::always) + count(Fate::unneeded), count(Fate::unused),
                                                 count(Fate::command_line)));
  if (const auto n = count(Fate::missing)) context.caveat("not-there-yet", fmt::format("{}: settings that ask for something not there yet", namelist.path), n);
  if (const auto n = count(Fate::refused) + count(Fate::unknown)) context.caveat("not-taken-over", fmt::format("{}: settings that are unknown or have no usable value", namelist.path), n);
}

}  // namespace tessera::translate
