/// spectrum/binning.h — a spectrum by channels: f = Σ f/σ² / Σ 1/σ², σ = (Σ 1/σ²)^−½, λ = Σ λ/σ² / Σ 1/σ², for the measurements of one detector in one strip.
#pragma once
#include <span>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/spectrum/measure.h"
#include "tessera/spherex/channels.h"

namespace tessera::spectrum {

struct BinOptions {
  double most_quality = 0;   ///< measurements with a larger fit_ql are left out; 0: none is
  double clip = 0;           ///< of five and more, those further than this many σ (by MAD) from the median are left out; 0: none is
};
void describe(param::Schema<BinOptions>& s);

struct ChannelMean {
  double wavelength_um = 0, flux = 0, flux_error = 0;  ///< NaN without a measurement
  double reduced_chi2 = 0;                             ///< NaN for fewer than two
  int measurements = 0;
  std::uint64_t flags = 0;                             ///< of those that count
};

/// Neither FIT_ERROR nor CONTAINS_BAD_PIXEL, and finite.
bool usable(const Measurement& m, const BinOptions& options);

/// 102 means, channel 1 first. `detectors`: of each measurement.
std::vector<ChannelMean> channel_means(std::span<const Measurement> measurements, std::span<const int> detectors, const spherex::ChannelTable& channels, const BinOptions& options);

/// Share of the 204 half channels (each strip cut at the geometric mean of its edges) with a usable measurement.
double nyquist_completeness(std::span<const Measurement> measurements, std::span<const int> detectors, const spherex::ChannelTable& channels, const BinOptions& options);

}  // namespace tessera::spectrum
