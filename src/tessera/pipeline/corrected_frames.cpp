#include "tessera/pipeline/corrected_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tessera/background/surface.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/fits_copy.h"
#include "tessera/pipeline/products.h"

namespace tessera::pipeline {
namespace {

namespace fs = std::filesystem;

/// The frames of each file, in order of the file's first frame.
std::vector<std::vector<std::size_t>> frames_of_files(const Plan& plan) {
  std::vector<std::vector<std::size_t>> files;
  std::map<std::string, std::size_t> number;
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    const auto [found, first] = number.try_emplace(plan.frames[i].image.path.string(), files.size());
    if (first) files.emplace_back();
    files[found->second].push_back(i);
  }
  return files;
}

/// NAME.fits of the file's name; a name that two folders share gets the number of its first frame.
std::string corrected_name(const fs::path& image, std::size_t first_frame, std::set<std::string>& taken) {
  auto name = image.filename();
  if (name.extension() == ".gz" || name.extension() == ".fz") name = name.stem();
  auto result = name.stem().string() + ".fits";
  if (!taken.insert(result).second) result = fmt::format("{}_image{}.fits", name.stem().string(), first_frame + 1);
  taken.insert(result);
  return result;
}

io::ImageEdit edit_of(const instrument::FrameFile& file, const FrameState& state, const FramePass& pass) {
  io::ImageEdit edit;
  edit.hdu = file.image.hdu;
  const std::string unit = file.unit.empty() ? "" : fmt::format("[{}] ", file.unit);
  edit.cards.set("OVRLPDC", state.offset, unit + "offset subtracted by tessera overlap");
  edit.cards.set("OVRLPDCD", state.offset_sigma, unit + "1-sigma error of the offset");
  edit.cards.set("OVRLPOUT", std::int64_t{state.offset_outlier}, "1: offset did not count for the level");
  if (state.zodi != 0) edit.cards.set("ZODYSUB", state.zodi, unit + "zodiacal light subtracted");
  edit.change = [&file, &state, order = pass.offsets.order](int y, std::span<float> row) {
    const background::SurfaceBasis basis{order};
    const background::FrameScale scale{file.box()};
    const auto factor = instrument::unit_factors(file, y);
    for (std::size_t i = 0; i < row.size(); ++i) {
      double level = state.offset + state.zodi;
      if (!state.surface.empty()) level += basis.sum(scale.u(static_cast<double>(i)), scale.v(y), state.surface);
      row[i] = static_cast<float>(static_cast<double>(row[i]) - level / factor[i]);
    }
  };
  return edit;
}

/// A list for -I, -S or -d, when every frame has that plane in a file of its own.
void write_list(const std::vector<std::string>& paths, const char* name, OutputFolder& folder) {
  std::string text;
  for (const auto& path : paths) {
    if (path.empty()) return;
    text += path + "\n";
  }
  if (!text.empty()) files::write_atomic(folder.product(std::string{"Overlap_corr/"} + name), text);
}

}  // namespace

void write_corrected_frames(const Plan& plan, const FramePass& pass, OutputFolder& folder, std::vector<ProductRecord>& products, Context& context) {
  const auto by_file = frames_of_files(plan);
  std::set<std::string> taken;
  std::vector<std::string> names, images, sigmas, masks;
  std::vector<fs::path> paths;
  for (const auto& frames : by_file) {
    const auto& file = plan.frames[frames.front()];
    names.push_back("Overlap_corr/" + corrected_name(file.image.path, frames.front(), taken));
    paths.push_back(folder.product(names.back()));
    images.push_back((fs::absolute(folder.path()) / folder.places(names.back()).front()).string());
    const auto companion = [&](const auto& plane) { return plane && plane->path != file.image.path && frames.size() == 1 ? fs::absolute(plane->path).string() : std::string{}; };
    sigmas.push_back(companion(file.uncertainty)), masks.push_back(companion(file.mask));
  }
  write_list(images, "images.txt", folder), write_list(sigmas, "sigmas.txt", folder), write_list(masks, "masks.txt", folder);
  std::vector<ProductRecord> records(by_file.size());
  context.stage("writing corrected frames", static_cast<std::int64_t>(by_file.size()));
  context.pool().for_each(static_cast<std::int64_t>(by_file.size()), [&](std::int64_t index) {
    const auto k = static_cast<std::size_t>(index);
    std::vector<io::ImageEdit> edits;
    for (const auto i : by_file[k]) edits.push_back(edit_of(plan.frames[i], pass.frames[i], pass));
    io::copy_fits(plan.frames[by_file[k].front()].image.path, paths[k], edits);
    records[k] = {names[k], datasums(paths[k])};
    context.step();
  });
  products.insert(products.end(), records.begin(), records.end());
}

}  // namespace tessera::pipeline
