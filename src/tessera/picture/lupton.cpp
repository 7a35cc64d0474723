#include "tessera/picture/lupton.h"

#include <algorithm>
#include <cmath>

namespace tessera::picture {

void lupton(const std::array<std::span<const float>, 3>& images, const LuptonScale& scale, std::span<std::uint8_t> rgb) {
  constexpr double white = 255, share = 0.1;
  const double q = std::abs(scale.q) < 1e-6 ? 0.1 : std::min(scale.q, 1e10);  // the limit of small Q is linear; 0.1 is close
  const double slope = share * white / std::asinh(share * q), soften = q / scale.stretch;
  for (std::size_t i = 0; i < images[0].size(); ++i) {
    std::array<double, 3> c{};
    for (std::size_t k = 0; k < 3; ++k) {
      const double v = static_cast<double>(images[k][i]);
      c[k] = std::isfinite(v) ? scale.factor[k] * (v - scale.minimum[k]) : 0;
    }
    const double intensity = (c[0] + c[1] + c[2]) / 3.0;
    const double f = intensity > 0 ? std::asinh(intensity * soften) * slope / intensity : 0;
    for (double& v : c) v = std::max(0.0, v * f);
    const double brightest = std::max({c[0], c[1], c[2]});
    for (std::size_t k = 0; k < 3; ++k) rgb[3 * i + k] = static_cast<std::uint8_t>(std::min(white, brightest >= white ? c[k] * white / brightest : c[k]));
  }
}

}  // namespace tessera::picture
