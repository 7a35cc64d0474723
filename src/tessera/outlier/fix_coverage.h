/// outlier/fix_coverage.h — values of too little coverage are left out of the coadd: Fix coverage of the MOPEX guide, 5.6.18.
#pragma once
#include "tessera/core/frame.h"
#include "tessera/param/schema.h"

namespace tessera::outlier {

struct FixCoverageOptions {
  double min_single = 0;
  double min_block = 0;
  bool enabled() const { return min_single > 0 || min_block > 0; }
};
void describe(param::Schema<FixCoverageOptions>& s);

/// In `part` coverage, value and variance become 0 where the coverage is below min_single, or its mean over the 3 × 3 pixels around below
/// min_block. The coverages before any of that count. The box of `frame` must be one pixel larger than `part` on each side.
void fix_coverage(const ResampledView& frame, Box part, const FixCoverageOptions& options);

}  // namespace tessera::outlier
