/// detect/matched_filter.h — how significant a point source on each pixel would be: the matched filter with the noise and the response of the place.
/// mopex.md, Detection; guide 6.5.9; the optimum filter for a known shape in independent noise (e.g. Kay 1998, Detection Theory, 4.3).
///
///   A = Σ s_i P_i/σ_i²,  B = Σ P_i²/σ_i²,  flux A/B ± 1/√B,  significance A/√B,
///   probability 1 / (1 + (1−p)/p · exp(−κ A²/(2B))) for A > 0
///
/// over the good pixels i around pixel k, P the response to a source in the middle of k, or `offset` from it.
#pragma once
#include "tessera/core/frame.h"
#include "tessera/param/schema.h"
#include "tessera/psf/psf_model.h"

namespace tessera::detect {

struct FilterOptions {
  double enclosed = 0.999; ///< share of Σ P² that the kernel keeps: its radius follows
  int max_radius = 10;     ///< pixels; of the kernel's sides half
  int max_radius_y = 0;    ///< the same along y; 0: max_radius
  int response_step = 32;  ///< a varying response is taken anew for every square of so many pixels, from the corner (0, 0) of the frame
  double offset_x = 0, offset_y = 0;  ///< of the source from the pixel's middle, pixels; no option of the user's
};
void describe(param::Schema<FilterOptions>& s);

/// Planes on one box; empty views are not made. NaN where no good pixel is under the kernel.
struct Filtered {
  View<float> significance = {};
  View<float> flux = {};       ///< best flux of a source on that pixel, in units of value summed over pixels
  View<float> flux_error = {};
};

/// `frame`: background-subtracted, with the pixels the kernel needs around the box of `out`, as far as the frame goes. The bits of a pixel do not
/// depend on the box. Throws UsageError when response_step is below 4 or the planes' boxes differ.
void matched_filter(const FrameView& frame, const psf::PsfModel& psf, const FilterOptions& options, const Filtered& out);
/// Half the longer side of the largest kernel.
int filter_radius(const psf::PsfModel& psf, const FilterOptions& options);

/// MOPEX's point source probability from the significance A/√B: L = significance²/2, κ = `scale`.
float point_source_probability(float significance, double prior, double scale);

}  // namespace tessera::detect
