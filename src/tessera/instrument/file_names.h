/// instrument/file_names.h — names on disk: globs, lists, folders. Shared by the files of this room only.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::instrument {

bool is_fits_name(const std::filesystem::path& path);  ///< .fits .fit .fts, also with .gz or .fz behind
std::vector<std::filesystem::path> fits_files_in(const std::filesystem::path& folder);  ///< sorted bytewise

/// Every existing path that fits the pattern (* ? [set] in any component; '/' is never matched), sorted bytewise.
std::vector<std::filesystem::path> glob(const std::string& pattern);

/// Lines of a list: blank lines and what follows a '#' at the start of a line or after a blank left out. Throws DataError.
struct ListLine {
  int number = 0;
  std::string text;
};
std::vector<ListLine> read_list(const std::filesystem::path& path);

/// A name from a list: relative to the list's folder when it is there, else as it stands (current folder).
std::string resolve(const std::string& name, const std::filesystem::path& list_folder);

/// What to say of a path that exists() denies: the system's reason, or "no such file; did you mean 'b.fits'?" (`what`: file, list).
std::string why_missing(const std::filesystem::path& missing, std::string_view what);

}  // namespace tessera::instrument
