/// outlier/box.h — outliers among the values of a box of output pixels over the stack: MOPEX guide 5.6.15 and 8.2.4.
///
///   M = b(I),  s = b(|I − M|) / 0.6745,  b(v) = v[N/2 − bias] of the N sorted values (counted from 0, integer division),
///
/// I all values of the box over all frames. A value of the middle pixel is an outlier when it lies above M + threshold_high · s or below
/// M − threshold_low · s; s is at least the smallest uncertainty of the middle pixel's values. The bias makes room for hits that fill
/// more than half of a shallow box stack, and the neighbours' scatter keeps the cores of stars. Where no value of the middle pixel lies
/// within M ± s (a star sharper than the box), the box cannot tell: the temporal scheme decides, in ours not the guide's form of it.
#pragma once
#include "tessera/outlier/schemes.h"

namespace tessera::outlier {

struct BoxOptions {
  int width = 3;
  int height = 3;
  int median_bias = 1;
  double threshold_high = 10;
  double threshold_low = 10;
  double min_coverage = 1;
};
void describe(param::Schema<BoxOptions>& s);

/// Output pixels around a pixel that its flag looks at, the fallback aside.
constexpr int box_halo(const BoxOptions& options) { return options.width > options.height ? options.width / 2 : options.height / 2; }

/// Flags, per frame and pixel, values that deviate from the box around them: `outlier[j](x, y)` = 1; all flags are overwritten. Values
/// with coverage below `least_coverage` take no part. `undecided`, on the same box, becomes 1 where the box cannot tell, and no value is flagged there. At the
/// border of the stack's box the neighbours there are count, so the flags to be used lie `box_halo` inside. `deviation`,
/// when given, becomes (I − M)/s of every value that takes part, and NaN where the box cannot tell. Returns how many pixels are undecided.
long flag_box(const Stack& stack, const BoxOptions& options, double least_coverage, std::span<const View<std::uint8_t>> outlier, View<std::uint8_t> undecided,
              std::span<const View<float>> deviation = {});

}  // namespace tessera::outlier
