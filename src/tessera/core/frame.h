/// core/frame.h — one exposure, or a window of it, as the algorithms see it.
#pragma once
#include <cstdint>

#include "tessera/core/image.h"

namespace tessera {

/// Three planes on one box, in pixels of the frame. Where `good` is 0 the other two planes are 0 as well, so that
/// sums need no branch; a good pixel has finite value and finite variance > 0.
struct FrameView {
  View<const float> value;          ///< surface brightness, in the plan's unit
  View<const float> variance;       ///< that unit squared
  View<const std::uint8_t> good;    ///< 1: use, 0: bad (masked, NaN, saturated …)
  Box box() const { return value.box(); }
};

struct Frame {
  Image<float> value;
  Image<float> variance;
  Image<std::uint8_t> good;
  explicit Frame(Box box = {}) : value{box}, variance{box}, good{box} {}
  void reshape(Box box) {
    value.reshape(box);
    variance.reshape(box);
    good.reshape(box);
  }
  Box box() const { return value.box(); }
  FrameView view() const { return {value, variance, good}; }
};

/// One frame resampled to a box of the output grid. Where coverage is 0 value and variance are 0.
/// coverage = Σ_good overlap area / area of the output pixel, so 1 inside a frame without bad pixels.
struct ResampledView {
  View<float> value;
  View<float> variance;
  View<float> coverage;
  Box box() const { return value.box(); }
};

struct Resampled {
  Image<float> value, variance, coverage;
  explicit Resampled(Box box = {}) : value{box}, variance{box}, coverage{box} {}
  Box box() const { return value.box(); }
  ResampledView view() { return {value, variance, coverage}; }
  void reshape(Box box) {
    value.reshape(box);
    variance.reshape(box);
    coverage.reshape(box);
  }
  void reset(Box box) {
    value.reset(box);
    variance.reset(box);
    coverage.reset(box);
  }
};

}  // namespace tessera
