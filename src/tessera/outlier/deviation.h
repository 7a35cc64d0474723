/// outlier/deviation.h — outlier maps: how far each value lies from its stack, for thresholds that are chosen later (MOPEX guide 5.6.14, 8.2.2).
#pragma once
#include "tessera/outlier/schemes.h"

namespace tessera::outlier {

/// (I − M)/s per frame and pixel: M the median of the values with coverage ≥ least_coverage (of two or four the lower middle one),
/// s = max(MAD/0.6745, least σ_j), or the least σ_j in stacks of fewer than min_images values. 0 where a frame has no value or is alone.
/// This is the guide's deviation: the allowance for gradients and the growth of flag_temporal() are no part of it.
void temporal_deviation(const Stack& stack, int min_images, double least_coverage, std::span<const View<float>> deviation);

/// Flags values of a map above `high` or below −`low`.
void threshold(View<const float> deviation, double high, double low, View<std::uint8_t> outlier);

}  // namespace tessera::outlier
