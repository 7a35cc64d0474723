#include "tessera/steps/mopex_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/param/namelist.h"
#include "tessera/steps/import_report.h"
#include "tessera/steps/mopex_layout.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;
using param::legacy::printable;
using pipeline::Context;

/// A file that a flag or a key of the namelist names.
struct FileKey {
  const char *key, *option, *flag, *placeholder;
  const char* folder;  ///< where it is looked for as well
  bool needed;
};
constexpr FileKey file_keys[] = {
    {"IMAGE_STACK_FILE_NAME", "input.images", "-I", "LIST", "", true},
    {"SIGMALIST_FILE_NAME", "input.sigmas", "-S", "LIST", "", false},
    {"DCE_STATUS_MASK_LIST", "input.masks", "-d", "LIST", "", false},
    {"RMASK_LIST", "input.rmasks", "-R", "LIST", "", false},
    {"PMASK_FILE_NAME", "input.pmask", "-M", "FILE", "cal", false},
};

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
    if (f.needed) throw UsageError{fmt::format("{} none: a run needs a list of images", f.flag)};
    options.assign(f.option, "", param::Source::command_line, fmt::format("{} none", f.flag));
    if (in_namelist) context.caveat("left-out", fmt::format("{} none: {} = {} ({}) is not used", f.flag, f.key, printable(named->value), namelist.where(named->line)));
    return;
  }
  if (!in_namelist) {
    if (f.needed) throw UsageError{fmt::format("{}: names no list of images; give {} {}, or {} in the namelist", namelist.path, f.flag, f.placeholder, f.key)};
    return;
  }
  const auto path = found(printable(named->value, 1000), f.folder);
  if (path.empty())
    throw DataError{fmt::format("{}: {} = {}: there is no such file; give {} {}{}", namelist.where(named->line), f.key, printable(named->value), f.flag, f.placeholder,
                                f.needed ? "" : fmt::format(", or {} none to go on without", f.flag))};
  options.assign(f.option, path, param::Source::namelist, namelist.where(named->line));
}

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

}  // namespace

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
  for (const auto& file : file_keys) settle(file, namelist, options, context);
  settle_fif(namelist, fif, output, options, context);
}

}  // namespace tessera::steps
