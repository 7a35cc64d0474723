#include "tessera/pipeline/corrected_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/background/surface.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/run/edited_frames.h"

namespace tessera::pipeline {
namespace {

namespace fs = std::filesystem;

io::ImageEdit edit_of(const instrument::FrameFile& file, const FrameState& state, const FramePass& pass, Subtracted what) {
  io::ImageEdit edit;
  edit.hdu = file.image.hdu;
  const bool all = what == Subtracted::background;
  const std::string unit = file.unit.empty() ? "" : fmt::format("[{}] ", file.unit);
  if (all) {
    edit.cards.set("OVRLPDC", state.offset, unit + "offset subtracted by tessera overlap");
    edit.cards.set("OVRLPDCD", state.offset_sigma, unit + "1-sigma error of the offset");
    edit.cards.set("OVRLPOUT", std::int64_t{state.offset_outlier}, "1: offset did not count for the level");
  }
  if (!all || state.zodi != 0) edit.cards.set("ZODYSUB", state.zodi, unit + "zodiacal light subtracted");
  edit.change = [&file, &state, all, order = pass.offsets.order](int y, std::span<float> row) {
    const background::SurfaceBasis basis{order};
    const background::FrameScale scale{file.box()};
    const auto factor = instrument::unit_factors(file, y);
    for (std::size_t i = 0; i < row.size(); ++i) {
      double level = state.zodi + (all ? state.offset : 0);
      if (all && !state.surface.empty()) level += basis.sum(scale.u(static_cast<double>(i)), scale.v(y), state.surface);
      row[i] = static_cast<float>(static_cast<double>(row[i]) - level / factor[i]);
    }
  };
  return edit;
}

/// A list for -I, -S or -d, when every frame has that plane in a file of its own.
void write_list(const std::vector<std::string>& paths, const std::string& name, run::OutputFolder& folder) {
  std::string text;
  for (const auto& path : paths) {
    if (path.empty()) return;
    text += path + "\n";
  }
  if (!text.empty()) files::write_atomic(folder.product(name), text);
}

}  // namespace

void write_corrected_frames(const Plan& plan, const FramePass& pass, Subtracted what, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context) {
  const bool all = what == Subtracted::background;
  const std::string where = all ? "Overlap_corr" : "Zod_Sub";
  const auto edit = [&](std::size_t i) { return edit_of(plan.frames[i], pass.frames[i], pass, what); };
  const auto names = run::write_edited_frames(plan.frames, {where, "", all ? "writing corrected frames" : "writing frames without zodiacal light"}, edit, folder, products, context);
  const auto by_file = run::frames_of_files(plan.frames);
  std::vector<std::string> images, sigmas, masks;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const auto& file = plan.frames[by_file[k].front()];
    images.push_back((fs::absolute(folder.path()) / folder.places(names[k]).front()).string());
    const auto companion = [&](const auto& plane) { return plane && plane->path != file.image.path && by_file[k].size() == 1 ? fs::absolute(plane->path).string() : std::string{}; };
    sigmas.push_back(companion(file.uncertainty)), masks.push_back(companion(file.mask));
  }
  write_list(images, where + "/images.txt", folder), write_list(sigmas, where + "/sigmas.txt", folder), write_list(masks, where + "/masks.txt", folder);
}

}  // namespace tessera::pipeline
