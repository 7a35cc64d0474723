#include "tessera/outlier/fix_coverage.h"

namespace tessera::outlier {

void describe(param::Schema<FixCoverageOptions>& s) {
  s.field(&FixCoverageOptions::min_single, "min_single_coverage", "A frame's value is left out where the frame covers less than this fraction of the output pixel.").range(0, 1).namelist("FIX_COVERAGE", "Min_Single_Coverage");
  s.field(&FixCoverageOptions::min_block, "min_block_coverage", "A frame's value is left out where it covers less than this fraction of the 3 × 3 output pixels around.").range(0, 1).namelist("FIX_COVERAGE", "Min_Block_Coverage");
}

void fix_coverage(const ResampledView& frame, Box part, const FixCoverageOptions& options) {
  Image<std::uint8_t> dropped{part};
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x) {
      double block = 0;
      for (int j = y - 1; j <= y + 1; ++j)
        for (int i = x - 1; i <= x + 1; ++i) block += static_cast<double>(frame.coverage(i, j));
      dropped(x, y) = static_cast<double>(frame.coverage(x, y)) < options.min_single || block < 9 * options.min_block;
    }
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x)
      if (dropped(x, y)) frame.coverage(x, y) = frame.value(x, y) = frame.variance(x, y) = 0;
}

}  // namespace tessera::outlier
