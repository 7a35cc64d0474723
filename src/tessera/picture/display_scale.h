/// picture/display_scale.h — from pixel values to places on the colour bar, and the ticks beside it.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/picture/picture.h"

namespace tessera::picture {

/// Strictly increasing from [low, high] to [0, 1]; asinh((v − sky) / softening), or linear when softening is infinite.
struct DisplayScale {
  double low = 0, high = 1;
  double sky = 0, softening = 1;
  double position(double value) const;   ///< not cut off at 0 and 1
  double value(double position) const;   ///< the inverse
};

/// asinh: from sky − 2 σ to the 99.7 % quantile (at least sky + 5 σ), sky and σ by median and MAD. linear: from the 0.1 %
/// to the 99.9 % quantile. Whole levels: from 0 to the largest value. A constant or empty image gets a range around it.
DisplayScale choose_scale(std::span<const float> pixels, const PictureOptions& options);

struct Tick {
  double value = 0;
  std::string label;
};

/// The number with the fewest digits in [low, high] (multiples of 10ⁿ before 5·10ⁿ before 2·10ⁿ), nearest to the middle.
/// `decimals` gets the digits it needs behind the point.
double roundest(double low, double high, int* decimals = nullptr);
/// About `wanted` round values spread evenly along the bar, increasing.
std::vector<Tick> choose_ticks(const DisplayScale& scale, int wanted, bool integers);

}  // namespace tessera::picture
