/// joint_fit/split.h — detections that are several sources, told by the χ² of their fit: MOPEX's active deblending (guide 8.6).
///
/// Sources fitted together with χ²/dof > fit.max_chi2 are fitted once more to the same pixels with one source more, and so on while they still exceed it and are fewer than fit.max_sources.
/// A further one is kept when it takes more than fit.chi2_gain off χ²/dof and all of them come to rest with positive fluxes. It begins where a source of its own would take most off χ² of what the fit left, by
/// half pixels within fit.max_shift of a member; the best three such places are tried.
#pragma once
#include <span>
#include <vector>

#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/fit_options.h"
#include "tessera/joint_fit/source.h"
#include "tessera/run/context.h"

namespace tessera::joint_fit {

struct SplitSummary {
  long poor = 0;    ///< groups above fit.max_chi2 that may have more sources
  long split = 0;   ///< of them, those that got some
  long added = 0;   ///< sources
};

/// After fit_sources() with free positions: adds the sources that groups get to the end of `sources`, as `active` ones with the detection, the windows and the limits of the member they lie nearest to. Groups cut into
/// blocks are left as they are. All have to be fitted again.
SplitSummary split_poor_groups(std::span<const FitImage> images, std::vector<Source>& sources, const FitOptions& options, int window, double link_pix, run::Context& context);

}  // namespace tessera::joint_fit
