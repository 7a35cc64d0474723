/// joint_fit/block_fit.h — one block of sources, fitted on all images that see them.
#pragma once
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/groups.h"
#include "tessera/joint_fit/source.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::joint_fit {

struct BlockOptions {
  photometry::PsfFitOptions fit;
  double max_shift_pix = 2, max_shift_y_pix = 2;  ///< along a source's own axes (Source::turn)
  int only_image = -1;           ///< −1: all
};

/// The pixels that a source is fitted on, about a sight of it; `side`: of the windows of sources without one of their own.
inline Box window_about(const photometry::Sight& s, const Source& source, int side) {
  const int cx = static_cast<int>(std::lround(s.x)), cy = static_cast<int>(std::lround(s.y)), half_x = source.side_x(side) / 2, half_y = source.side_y(side) / 2;
  return {cx - half_x, cy - half_y, cx + half_x + 1, cy + half_y + 1};
}

/// What a round changes of a source.
struct Fitted {
  int source = 0;
  double u = 0, v = 0, flux = 0, covariance[9] = {};
  Status status = Status::not_fitted;
  double group_chi2 = 0, chi2 = 0, portion = 0;
  long dof = 0;
  int pixels = 0, bad_pixels = 0, frames = 0;
  double background = 0, correlation = 0;
  int neighbour = -1;            ///< index among the sources
  std::vector<std::pair<int, double>> correlations;  ///< of fluxes, by index among the sources
};

/// Calls f(member, sight, window) for every window of a block's members (own, then halo, then rim) on the images that see them: the sight where the fit begins, the window within the image.
template <class F>
void for_windows(std::span<const FitImage> images, std::span<const Source> sources, const Block& block, const BlockOptions& options, F f) {
  std::size_t member = 0;
  for (const auto* list : {&block.own, &block.halo, &block.rim})
    for (const int m : *list) {
      const Source& s = sources[static_cast<std::size_t>(m)];
      for (const auto& sight : s.sights) {
        if (options.only_image >= 0 && sight.frame != options.only_image) continue;
        const photometry::Sight now = options.fit.positions ? sight : moved(sight, s.u, s.v);
        const Box window = intersection(window_about(now, s, options.fit.window), images[static_cast<std::size_t>(sight.frame)].box());
        if (!window.empty()) f(member, now, window);
      }
      ++member;
    }
}

/// Values of the block's own sources, fitted from where they stand.
std::vector<Fitted> fit_block(std::span<const FitImage> images, std::span<const Source> sources, const Block& block, const BlockOptions& options);

}  // namespace tessera::joint_fit
