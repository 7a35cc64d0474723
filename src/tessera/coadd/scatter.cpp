#include "tessera/coadd/scatter.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace tessera::coadd {

void standard_deviation(std::span<const ResampledView> stack, std::span<const double> exposure_s, View<const float> mosaic, View<float> deviation) {
  assert(stack.size() == exposure_s.size());
  const Box box = mosaic.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      double weight = 0, squares = 0;
      for (std::size_t k = 0; k < stack.size(); ++k) {
        const double w = exposure_s[k] * static_cast<double>(stack[k].coverage(x, y));  // 0 where there is nothing
        const double d = static_cast<double>(stack[k].value(x, y)) - static_cast<double>(mosaic(x, y));
        weight += w;
        squares += w > 0 ? w * d * d : 0;
      }
      deviation(x, y) = weight > 0 && std::isfinite(mosaic(x, y)) ? static_cast<float>(std::sqrt(squares / weight)) : std::numeric_limits<float>::quiet_NaN();
    }
}

}  // namespace tessera::coadd
