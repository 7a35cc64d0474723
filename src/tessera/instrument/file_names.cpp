#include "tessera/instrument/file_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/remote.h"

namespace fs = std::filesystem;

namespace tessera::instrument {
namespace {

bool has_wildcard(const std::string& s) { return s.find_first_of("*?[") != std::string::npos; }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, code), end; !code && it != end; it.increment(code))
    names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());  // std::string compares bytes
  return names;
}

/// Expands component by component, so that '*' never reaches into another folder and hidden files need a written dot.
void expand(const fs::path& base, const std::vector<std::string>& parts, std::size_t at, std::vector<fs::path>& found) {
  if (at == parts.size()) {
    found.push_back(base);
    return;
  }
  const std::string& part = parts[at];
  if (!has_wildcard(part)) {
    const fs::path next = base / part;
    std::error_code code;
    if (fs::exists(next, code)) expand(next, parts, at + 1, found);
    return;
  }
  for (const std::string& name : names_in(base.empty() ? fs::path{"."} : base))
    if ((name[0] != '.' || part[0] == '.') && text::glob_match(part, name)) expand(base / name, parts, at + 1, found);
}

}  // namespace

bool is_fits_name(const fs::path& path) {
  std::string name = text::lower(path.filename().string());
  if (name.ends_with(".gz") || name.ends_with(".fz")) name.resize(name.size() - 3);
  return name.ends_with(".fits") || name.ends_with(".fit") || name.ends_with(".fts");
}

std::vector<fs::path> fits_files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const std::string& name : names_in(folder))
    if (std::error_code code; name[0] != '.' && is_fits_name(name) && fs::is_regular_file(folder / name, code)) files.push_back(folder / name);
  return files;
}

std::vector<fs::path> glob(const std::string& pattern) {
  std::vector<std::string> parts;
  for (auto& part : text::split(pattern, '/'))
    if (!part.empty()) parts.push_back(std::move(part));
  std::vector<fs::path> found;
  expand(pattern.starts_with('/') ? fs::path{"/"} : fs::path{}, parts, 0, found);
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return found;
}

std::vector<ListLine> read_list(const fs::path& path) {
  if (!files::exists(path)) throw DataError{fmt::format("{}: {}", path.string(), why_missing(path, "list"))};
  if (is_fits_name(path)) throw DataError{fmt::format("{}: this is a FITS file, not a list; a list is a text file with one name per line", path.string())};
  std::vector<ListLine> lines;
  int number = 0;
  const std::string content = files::read(path, 1u << 26);
  const std::string_view mark = "\xef\xbb\xbf";  // some editors put it before the first letter of a UTF-8 file
  for (const std::string& raw : text::split(std::string_view{content}.substr(content.starts_with(mark) ? mark.size() : 0), '\n')) {
    ++number;
    std::string line = raw;
    for (std::size_t i = 0; i < line.size(); ++i)
      if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) line.resize(i);
    const std::string name{text::trim(line)};
    if (!name.empty()) lines.push_back({number, name});
  }
  if (lines.empty()) throw DataError{fmt::format("{}: the list names no file", path.string())};
  return lines;
}

std::string resolve(const std::string& name, const fs::path& list_folder) {
  if (fs::path{name}.is_absolute() || list_folder.empty() || io::is_url(name)) return name;
  const fs::path beside = list_folder / name;
  std::error_code code;
  if (fs::exists(beside, code)) return beside.string();
  if (has_wildcard(name) && !fs::exists(name, code) && !glob(beside.string()).empty()) return beside.string();
  return name;
}

std::string why_missing(const fs::path& missing, std::string_view what) {
  std::error_code code;
  if (const auto status = fs::status(missing, code); code && status.type() != fs::file_type::not_found) return fmt::format("cannot be read: {}", code.message());
  const fs::path folder = missing.has_parent_path() ? missing.parent_path() : fs::path{"."};
  if (!files::is_folder(folder)) return fmt::format("no such {} (there is no folder {})", what, folder.string());
  const std::string near = text::nearest(missing.filename().string(), names_in(folder));
  if (near == missing.filename()) return fmt::format("is a link to a file that is not there");
  return fmt::format("no such {}{}", what, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace tessera::instrument
