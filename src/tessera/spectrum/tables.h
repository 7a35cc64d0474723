/// spectrum/tables.h — measurements as tables, with the names that the mission's tool gives its columns.
#pragma once
#include <span>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/spectrum/spectrum.h"

namespace tessera::spectrum {

/// All that was measured, by source, then wavelength, then frame.
struct Measured {
  std::span<const Source> sources;            ///< without the neighbours at their end
  std::vector<FrameRecord> frames;
  std::vector<std::int64_t> on_frame;         ///< measurements per frame
  std::vector<Measurement> measurements;
  const spherex::ChannelTable* channels = nullptr;
  /// Those of one source.
  std::span<const Measurement> of(std::size_t source) const;
  std::vector<int> detectors(std::span<const Measurement> some) const;
  void sort();

 private:
  std::vector<std::size_t> first_;            // per source, and the end
};

/// Channels of one source that have a measurement, with their means, by channel.
std::vector<std::pair<spherex::Channel, ChannelMean>> measured_channels(const Measured& measured, std::size_t source, const BinOptions& options);

/// A row for each of some measurements.
Table measurements_table(const Measured& measured, std::span<const Measurement> some, bool flag_counts);
/// Measurements with the longest text that the table's columns hold.
std::vector<Measurement> widest_texts(const Measured& measured);
/// A row per source, those without a measurement and refused ones too: `status` says why. Arrays of 102 channels.
Table spectra_table(const Measured& measured, const BinOptions& options);
Table frames_table(const Measured& measured);
/// A row per measurement and source fitted along; `all`: with the neighbours.
Table covariances_table(const Measured& measured, std::span<const Source> all);

}  // namespace tessera::spectrum
