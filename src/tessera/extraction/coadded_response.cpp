#include "tessera/extraction/coadded_response.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "tessera/psf/coadded.h"

namespace tessera::extraction {
namespace {

constexpr std::size_t most_lies = 12;

}  // namespace

psf::PsfModel coadded_response(const psf::PsfModel& psf, const instrument::FrameFile& mosaic, const std::vector<instrument::FrameFile>& frames) {
  std::map<std::array<long, 4>, psf::FrameLie> lies;  // frames that lie alike to a hundredth of a pixel over ten count together
  const wcs::PixelPoint middle{(mosaic.width - 1) / 2.0, (mosaic.height - 1) / 2.0};
  const auto m = mosaic.wcs.jacobian(middle);
  for (const auto& f : frames) {
    const auto j = f.wcs.jacobian({(f.width - 1) / 2.0, (f.height - 1) / 2.0});
    const double det = j[0] * j[3] - j[1] * j[2];
    const std::array<double, 4> lie{(j[3] * m[0] - j[1] * m[2]) / det, (j[3] * m[1] - j[1] * m[3]) / det, (j[0] * m[2] - j[2] * m[0]) / det, (j[0] * m[3] - j[2] * m[1]) / det};
    if (!std::isfinite(lie[0] + lie[1] + lie[2] + lie[3])) continue;
    std::array<long, 4> key{};
    for (std::size_t k = 0; k < 4; ++k) key[k] = std::lround(1000 * lie[k]);
    const auto [place, fresh] = lies.try_emplace(key, psf::FrameLie{lie, 0});
    place->second.weight += 1;
  }
  std::vector<psf::FrameLie> all;
  for (const auto& [key, lie] : lies) all.push_back(lie);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
  all.resize(std::min<std::size_t>(all.size(), most_lies));
  psf::PointResponse workspace;
  const auto& f = frames.front();
  auto model = psf::PsfModel::constant(psf::coadded(psf.at(f.width / 2.0, f.height / 2.0, workspace), all));
  model.describe(psf.description() + ", on the mosaic");
  return model;
}

}  // namespace tessera::extraction
