#include "tessera/run/edited_frames.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

#include "tessera/base/files.h"

namespace tessera::run {
namespace {

namespace fs = std::filesystem;

/// NAMEsuffix.fits of the file's name; a name that two folders share gets the number of its first frame.
std::string edited_name(const fs::path& image, const std::string& suffix, std::size_t first_frame, std::set<std::string>& taken) {
  auto name = image.filename();
  if (name.extension() == ".gz" || name.extension() == ".fz") name = name.stem();
  auto result = name.stem().string() + suffix + ".fits";
  if (!taken.insert(result).second) result = fmt::format("{}_image{}{}.fits", name.stem().string(), first_frame + 1, suffix);
  taken.insert(result);
  return result;
}

}  // namespace

std::vector<std::vector<std::size_t>> frames_of_files(std::span<const instrument::FrameFile> frames) {
  std::vector<std::vector<std::size_t>> files;
  std::map<std::string, std::size_t> number;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto [found, first] = number.try_emplace(frames[i].image.path.string(), files.size());
    if (first) files.emplace_back();
    files[found->second].push_back(i);
  }
  return files;
}

std::vector<std::string> write_edited_frames(std::span<const instrument::FrameFile> frames, const EditedFrames& what, const std::function<io::ImageEdit(std::size_t frame)>& edit, OutputFolder& folder,
                                             std::vector<ProductRecord>& products, Context& context) {
  const auto by_file = frames_of_files(frames);
  std::set<std::string> taken;
  std::vector<std::string> names;
  std::vector<fs::path> paths;
  for (const auto& of_file : by_file) {
    names.push_back(what.folder + "/" + edited_name(frames[of_file.front()].image.path, what.suffix, of_file.front(), taken));
    paths.push_back(folder.product(names.back()));
  }
  std::vector<ProductRecord> records(by_file.size());
  context.stage(what.stage, static_cast<std::int64_t>(by_file.size()));
  context.pool().for_each(static_cast<std::int64_t>(by_file.size()), [&](std::int64_t index) {
    const auto k = static_cast<std::size_t>(index);
    std::vector<io::ImageEdit> edits;
    for (const auto i : by_file[k]) edits.push_back(edit(i));
    io::copy_fits(frames[by_file[k].front()].image.path, paths[k], edits);
    records[k] = {names[k], datasums(paths[k])};
    context.step();
  });
  products.insert(products.end(), records.begin(), records.end());
  return names;
}

}  // namespace tessera::run
