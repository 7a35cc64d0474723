/// extraction/block_fit_private.h — one block of sources, fitted on all images that see them; shared by the files of this room.
#pragma once
#include <span>
#include <vector>

#include "tessera/extraction/fit_image.h"
#include "tessera/extraction/groups.h"
#include "tessera/extraction/source.h"

namespace tessera::extraction {

struct BlockOptions {
  photometry::PsfFitOptions fit;
  double max_shift_pix = 2;
  int only_image = -1;           ///< −1: all
};

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

/// Values of the block's own sources, fitted from where they stand.
std::vector<Fitted> fit_block(std::span<const FitImage> images, std::span<const Source> sources, const Block& block, const BlockOptions& options);

}  // namespace tessera::extraction
