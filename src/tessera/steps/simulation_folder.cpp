#include "tessera/steps/simulation_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"

namespace tessera::steps {

namespace fs = std::filesystem;

void remove_matching(const fs::path& folder, std::span<const char* const> patterns) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder, error}) {
    const std::string name = entry.path().filename().string();
    if (std::ranges::any_of(patterns, [&](const char* p) { return text::glob_match(p, name); })) {
      fs::remove(entry.path(), error);
      if (error) throw SystemError{fmt::format("{}: cannot be removed: {}", entry.path().string(), error.message())};
    }
  }
}

void prepare_simulation_folder(const fs::path& out, const run::RunOptions& run, std::span<const char* const> products, std::span<const char* const> truth) {
  if (files::exists(out) && !files::is_folder(out)) throw UsageError{fmt::format("{}: is a file; -o names a folder", out.string())};
  if (files::exists(out / "simulation.toml") && !run.overwrite)
    throw UsageError{fmt::format("{}: holds a finished simulation; give another folder, or --overwrite to replace it", out.string())};
  std::error_code error;
  fs::create_directories(out / "truth", error);
  if (error) throw SystemError{fmt::format("{}: cannot be made: {}", (out / "truth").string(), error.message())};
  remove_matching(out, products);
  remove_matching(out / "truth", truth);
}

}  // namespace tessera::steps
