/// joint_fit/fit_sources.h — positions and fluxes of all sources on all images at once.
///
/// Sources that are near one another are fitted together (photometry/psf_fit.h). All groups are fitted from pixels less the models of all other sources, and again until nothing moves
/// (block Jacobi); a group too large for one solution is cut into blocks that overlap by their neighbours, of which each gives its own sources (restricted additive Schwarz: Cai & Sarkis 1999,
/// SIAM J. Sci. Comput. 21, 792). The first round leaves positions as they are; from the fourth on steps are lengthened or shortened (joint_fit/settling.h), and from the fifth on the noise of the sources' photons stays as it is. The order of sources alone decides the bits, not the threads.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "tessera/joint_fit/block_fit.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/fit_options.h"
#include "tessera/joint_fit/source.h"
#include "tessera/run/context.h"

namespace tessera::joint_fit {

struct FitSummary {
  int rounds = 0;
  double last_change = 0;      ///< the largest, in sigma
  long groups = 0, largest_group = 0, blocks = 0;
  int window = 0;
};

/// Fills `sights` of every source: where each image sees it, further than `edge` pixels from its edge (0: where a pixel of its window lies on it).
void find_sights(std::span<const FitImage> images, std::span<Source> sources, int window, int edge, run::Context& context);

/// Window of the fit: options.window, or from the response's width.
int fit_window(const FitOptions& options, double fwhm_pix);
/// Its height where that has an option of its own; 0: none.
int fit_window_y(const FitOptions& options);

/// Where sources began on the image they were found on: what group_sources() takes.
std::vector<Place> places_of(std::span<const Source> sources);
BlockOptions block_options(const FitOptions& options, bool positions, int window);
/// Calls f(images, number) for the blocks of `todo` while their pixels are in memory, with the models of all `sources`; in parallel.
void on_pixels(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, const std::vector<std::size_t>& todo, const BlockOptions& how, run::Context& context,
               const std::function<void(std::span<const FitImage>, std::size_t)>& f);

/// `link_pix`: sources nearer than this on the detection image are fitted together. Leaves images[i].model as the sum of all fitted sources. A source that still
/// moves by more than options.tolerance after options.max_rounds has status no_convergence.
FitSummary fit_sources(std::span<FitImage> images, std::span<Source> sources, const FitOptions& options, bool positions, int window, double link_pix, run::Context& context);

/// One image's flux of each source at the positions found, all sources at once by blocks; NaN where the image does not see it. `errors`: 1 sigma.
void fluxes_on_image(std::span<FitImage> images, std::size_t image, std::span<const Source> sources, const FitOptions& options, int window, double link_pix, std::vector<double>& fluxes, std::vector<double>& errors);

}  // namespace tessera::joint_fit
