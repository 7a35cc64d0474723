/// base/files.h — whole files, atomically; hashes; names.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace tessera::files {

namespace fs = std::filesystem;

/// False also where the system does not say (no permission, a loop of links): who opens the path is told why.
bool exists(const fs::path& path);
bool is_folder(const fs::path& path);

/// Reads a whole file; throws DataError (absent, not readable, longer than `limit_bytes`).
std::string read(const fs::path& path, std::size_t limit_bytes = 1u << 28);

/// Writes beside the target, syncs and renames, so that `path` holds either all of `content` or what it held before.
/// Throws SystemError with the path and the system's reason (disk full, permission …).
void write_atomic(const fs::path& path, std::string_view content);

/// The temporary name in the same folder that an unfinished `path` has.
fs::path temporary_name(const fs::path& path);
/// fsync of the file at `temporary`, rename to `path`, fsync of the folder. Throws SystemError.
void commit(const fs::path& temporary, const fs::path& path);

std::string sha256(std::string_view bytes);      ///< lower-case hex
std::string sha256_file(const fs::path& path);   ///< streamed; throws DataError when unreadable

}  // namespace tessera::files
