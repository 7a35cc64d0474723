/// picture/lupton.h — three images to one colour picture that keeps the colours of bright sources. Lupton et al. 2004, PASP 116, 133.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace tessera::picture {

struct LuptonScale {
  std::array<double, 3> minimum{};      ///< of red, green, blue: shown black
  std::array<double, 3> factor{1, 1, 1};///< after the minimum is taken off
  double stretch = 5, q = 8;            ///< linear below about stretch, logarithmic above stretch / q
};

/// Three bytes per pixel. With I the mean of the three values (factor · (value − minimum)), each is multiplied by
/// f(I)/I, f = 255 · 0.1 asinh(Q I / stretch) / asinh(0.1 Q); a pixel whose brightest colour would exceed 255 is scaled down as a whole.
/// Values that are not finite count as the minimum.
void lupton(const std::array<std::span<const float>, 3>& images, const LuptonScale& scale, std::span<std::uint8_t> rgb);

}  // namespace tessera::picture
