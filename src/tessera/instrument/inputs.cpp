/// instrument/inputs.cpp — what stood on the command line → names of frames.
#include <fstream>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/instrument/file_names.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/instrument/input_names.h"
#include "tessera/instrument/planes.h"
#include "tessera/io/remote.h"

namespace fs = std::filesystem;

namespace tessera::instrument {
namespace {

/// Without touching the disk, so that ./a.fits and a.fits are one name.
std::string key_of(const fs::path& path) { return path.lexically_normal().string(); }

struct Expander {
  const InputOptions& options;
  const ProfileSet& profiles;
  std::vector<std::string>& notes;
  std::vector<fs::path> found;

  void argument(const std::string& name, int depth, const std::string& where);
  void list(const std::string& path, int depth);
  void folder(const fs::path& path, const std::string& where);
  void remote(const std::string& url, const std::string& where);
  void take(const std::vector<fs::path>& files, const std::string& folder);
};

/// The profile whose primary files lie in a folder, and the pattern they fit.
struct FolderChoice {
  const Profile* profile = nullptr;
  std::size_t pattern = 0;
};

bool is_this_camera(const fs::path& file, const Profile& profile, const InputOptions& options, const ProfileSet& profiles) {
  if (!options.profile.empty()) return options.profile == profile.name;
  try {
    return &profiles.match(io::FitsFile{file}) == &profile;
  } catch (const DataError&) {
    return false;  // the file's own trouble is told when it is opened as a frame, if it is one
  }
}

std::optional<FolderChoice> choose_profile(const std::vector<fs::path>& files, const InputOptions& options, const ProfileSet& profiles) {
  std::optional<FolderChoice> best;
  for (const Profile& p : profiles.all()) {
    if (best && p.priority <= best->profile->priority) continue;
    // The best pattern present, judged by the first file of it.
    for (std::size_t rank = 0; rank < p.primary.size(); ++rank) {
      const auto first = std::find_if(files.begin(), files.end(), [&](const fs::path& f) { return p.primary_rank(f) == rank; });
      if (first == files.end() || !is_this_camera(*first, p, options, profiles)) continue;
      best = FolderChoice{&p, rank};
      break;
    }
  }
  return best;
}

/// Folders at any depth that hold FITS files, as seen from `folder`; no more than a message can name are looked for.
std::vector<std::string> folders_with_frames(const fs::path& folder) {
  constexpr std::size_t named = 5;
  constexpr int looked_at = 2000;
  std::vector<std::string> below;
  std::error_code code;
  int seen = 0;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, code), end; !code && it != end; it.increment(code)) {
    if (++seen > looked_at || below.size() == named) break;
    if (files::is_folder(it->path()) && !fits_files_in(it->path()).empty()) below.push_back(it->path().lexically_relative(folder).string());
  }
  std::sort(below.begin(), below.end());
  return below;
}

[[noreturn]] void fail_empty_folder(const fs::path& folder, const std::string& where) {
  std::error_code code;
  if (fs::directory_iterator(folder, code); code) throw DataError{fmt::format("{}{}: this folder cannot be read: {}", where, folder.string(), code.message())};
  const auto below = folders_with_frames(folder);
  throw DataError{fmt::format("{}{}: no FITS files (.fits, .fit, .fts, also .gz, .fz) in this folder{}", where, folder.string(),
                              below.empty() ? "" : fmt::format("; its folders {} hold some: name them", text::join(below, ", ")))};
}

void Expander::folder(const fs::path& path, const std::string& where) {
  const std::vector<fs::path> files = fits_files_in(path);
  if (files.empty()) fail_empty_folder(path, where);
  take(files, path.string());
}

/// A file, or of a folder on a server those that have names of FITS files.
void Expander::remote(const std::string& url, const std::string& where) {
  if (!io::is_url_folder(url)) return found.emplace_back(url), void();
  std::vector<fs::path> files;
  for (const auto& file : io::list_remote(url))
    if (is_fits_name(file)) files.emplace_back(file);
  if (files.empty()) throw DataError{fmt::format("{}{}: no FITS files (.fits, .fit, .fts, also .gz, .fz) in this folder", where, url)};
  take(files, url);
}

/// All files of a folder, or those of the camera whose naming they have.
void Expander::take(const std::vector<fs::path>& files, const std::string& folder) {
  const auto choice = choose_profile(files, options, profiles);
  if (!choice) {  // no camera's naming: every image, companions are sorted out with the rest
    found.insert(found.end(), files.begin(), files.end());
    return;
  }
  std::size_t taken = 0;
  for (const fs::path& f : files)
    if (choice->profile->primary_rank(f) == choice->pattern) {
      found.push_back(f);
      ++taken;
    }
  if (taken < files.size())
    notes.push_back(fmt::format("{}: {} of {} files taken ({}), {} left aside", folder, taken, files.size(),
                                choice->profile->primary[choice->pattern], files.size() - taken));
}

void Expander::list(const std::string& path, int depth) {
  if (depth > 8) throw DataError{fmt::format("{}: lists name one another more than 8 deep", path)};
  for (const ListLine& line : read_list(path)) {
    const std::string where = fmt::format("{}:{}: ", path, line.number);
    const fs::path base = fs::path{path}.parent_path();
    if (line.text[0] == '@') list(resolve(line.text.substr(1), base), depth + 1);
    else argument(resolve(line.text, base), depth + 1, where);
  }
}

/// A name that exists is that file, whatever letters it has; only then is it a list or a pattern.
void Expander::argument(const std::string& name, int depth, const std::string& where) {
  std::error_code code;
  if (name.empty()) throw UsageError{"an input name is empty"};
  if (io::is_url(name)) return remote(name, where);
  if (fs::is_directory(name, code)) return folder(name, where);
  if (fs::exists(name, code)) return found.push_back(name);
  if (name[0] == '@') return list(name.substr(1), depth);
  if (name.find_first_of("*?[") == std::string::npos) throw DataError{fmt::format("{}{}: {}", where, name, why_missing(name, "file"))};
  const auto matched = glob(name);
  if (matched.empty()) throw DataError{fmt::format("{}{}: no file fits this pattern", where, name)};
  for (const fs::path& path : matched) {
    if (files::is_folder(path)) folder(path, where);
    else found.push_back(path);
  }
}

/// Names given twice, companions of frames that are there too, and the less preferred version of a frame are left aside.
std::vector<fs::path> drop_companions(std::vector<fs::path> files, const ProfileSet& profiles, std::vector<std::string>& notes) {
  std::set<std::string> all, companions;
  for (const fs::path& f : files) all.insert(key_of(f));
  std::set<std::string> versions;
  for (const fs::path& f : files)
    for (const Profile& p : profiles.all()) {
      for (const auto* rules : {&p.uncertainty, &p.mask})
        for (const PlaneRule& rule : *rules)
          for (const fs::path& companion : p.companions(rule, f))
            if (all.contains(key_of(companion))) companions.insert(key_of(companion));
      for (std::size_t rank = 0; rank + 1 < p.primary.size(); ++rank) {  // "*_cbcd.fits" before "*_bcd.fits"
        const std::string ending = p.primary[rank].substr(1), name = f.filename().string();
        if (p.primary[rank][0] != '*' || !name.ends_with(ending)) continue;
        for (std::size_t worse = rank + 1; worse < p.primary.size(); ++worse) {
          const fs::path other = f.parent_path() / (name.substr(0, name.size() - ending.size()) + p.primary[worse].substr(1));
          if (all.contains(key_of(other))) versions.insert(key_of(other));
        }
      }
    }
  std::size_t twice = 0, dropped = 0, older = 0;
  std::set<std::string> seen;
  std::vector<fs::path> kept;
  for (fs::path& f : files) {
    const std::string key = key_of(f);
    if (companions.contains(key)) ++dropped;
    else if (versions.contains(key)) ++older;
    else if (!seen.insert(key).second) ++twice;
    else kept.push_back(std::move(f));
  }
  if (dropped) notes.push_back(fmt::format("{} uncertainty and mask files among the inputs belong to frames given too: left aside as frames", dropped));
  if (older) notes.push_back(fmt::format("{} less processed versions of frames given too were left aside", older));
  if (twice) notes.push_back(fmt::format("{} inputs were named twice and are used once", twice));
  return kept;
}

/// A parallel list: every line is one file, nothing is expanded.
std::vector<fs::path> parallel_list(const std::string& path, const char* flag) {
  std::vector<fs::path> files;
  for (const ListLine& line : read_list(path)) {
    const std::string name = resolve(line.text, fs::path{path}.parent_path());
    std::error_code code;
    if (!fs::exists(name, code)) throw DataError{fmt::format("{}:{}: {}: {} (list {})", path, line.number, name, why_missing(name, "file"), flag)};
    files.emplace_back(name);
  }
  return files;
}

bool holds_one_image(const fs::path& file, const InputOptions& options, const ProfileSet& profiles) {
  return std::any_of(profiles.all().begin(), profiles.all().end(), [&](const Profile& p) {
    return (options.profile.empty() || options.profile == p.name) && p.image.empty() && p.primary_rank(file).has_value();
  });
}

/// A file of several chips becomes several frames. A file that cannot be read is passed on: open_frame says why.
void split_chips(FrameNames names, const InputOptions& options, const ProfileSet& profiles, std::vector<FrameNames>& frames) {
  if (!holds_one_image(names.image, options, profiles)) {
    try {
      const io::FitsFile file{names.image};
      const Profile& profile = options.profile.empty() ? profiles.match(file) : profiles.named(options.profile);
      if (const auto hdus = frames_in(file, profile); hdus.size() > 1) {
        for (const int hdu : hdus) {
          names.hdu = hdu;
          frames.push_back(names);
        }
        return;
      }
    } catch (const DataError&) {
    }
  }
  frames.push_back(std::move(names));
}

bool is_fits_file(const fs::path& path) {
  char begin[6] = {};
  std::ifstream file{path, std::ios::binary};
  return file.read(begin, sizeof begin) && std::string_view{begin, sizeof begin} == "SIMPLE";
}

void attach(std::vector<FrameNames>& names, const std::string& list, const char* flag, fs::path FrameNames::*member) {
  if (list.empty()) return;
  if (names.size() == 1 && is_fits_file(list)) {  // of one image, the file itself
    names.front().*member = list;
    return;
  }
  const auto files = parallel_list(list, flag);
  if (files.size() != names.size())
    throw UsageError{fmt::format("{}: {} names {} files, but there are {} images; the lists must be parallel", list, flag, files.size(), names.size())};
  for (std::size_t i = 0; i < files.size(); ++i) names[i].*member = files[i];
}

}  // namespace

std::vector<fs::path> expand_names(const std::vector<std::string>& arguments, const InputOptions& options, const ProfileSet& profiles, std::vector<std::string>& notes) {
  if (arguments.empty()) throw UsageError{"no frames given; name files, folders, patterns, @list.txt, or a list with -I"};
  Expander expander{options, profiles, notes, {}};
  for (const std::string& argument : arguments) expander.argument(argument, 0, "");
  return drop_companions(std::move(expander.found), profiles, notes);
}

std::vector<FrameNames> expand_inputs(const std::vector<std::string>& arguments, const InputOptions& options, const ProfileSet& profiles,
                                      std::vector<std::string>& notes) {
  if (!options.profile.empty()) profiles.named(options.profile);
  std::vector<FrameNames> names;
  const auto add = [&](const fs::path& image) { names.push_back({image, {}, {}, -1, {}, options.pmask}); };
  if (!options.images.empty()) {
    if (!arguments.empty()) throw UsageError{fmt::format("frames are given both by -I {} and as '{}'; use one of them", options.images, arguments.front())};
    for (const fs::path& image : parallel_list(options.images, "-I")) add(image);
  } else {
    for (const fs::path& image : expand_names(arguments, options, profiles, notes)) add(image);
  }
  attach(names, options.sigmas, "-S", &FrameNames::sigma);
  attach(names, options.masks, "-d", &FrameNames::mask);
  attach(names, options.rmasks, "-R", &FrameNames::rmask);
  std::vector<FrameNames> frames;
  for (FrameNames& n : names) split_chips(std::move(n), options, profiles, frames);
  return frames;
}

}  // namespace tessera::instrument
