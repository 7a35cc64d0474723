/// spectrum/tables.h — measurements as tables, with the names that the mission's tool gives its columns.
#pragma once
#include <span>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/spectrum/spectrum.h"

namespace tessera::spectrum {

/// What was measured: counts of all sources, and of one block of them the measurements by source, then wavelength, then frame.
struct Measured {
  std::span<const Source> sources;            ///< without the neighbours at their end
  std::vector<FrameRecord> frames;
  std::vector<std::int64_t> on_frame;         ///< measurements per frame
  std::vector<std::size_t> counts;            ///< measurements per source
  std::int64_t not_used = 0;                  ///< measurements that do not count in channel means
  std::int64_t covariances = 0;               ///< pairs of a measurement and a source fitted along
  std::vector<char> companion;                ///< of all sources, with the neighbours: whether one was fitted along with another
  const spherex::ChannelTable* channels = nullptr;
  std::int64_t total() const;
  /// Room for the rows of sources from … to − 1.
  void begin_block(std::size_t from, std::size_t to);
  bool holds(std::size_t source) const { return source >= from_ && source < to_; }
  /// Those of the block, and of one of its sources; none of a source that is not in it.
  std::span<const Measurement> all() const { return rows_; }
  std::span<const Measurement> of(std::size_t source) const;
  std::span<Measurement> rows(std::size_t source);
  Measurement& row(std::size_t source, std::size_t i) { return rows_[first_[source - from_] + i]; }
  std::vector<int> detectors(std::span<const Measurement> some) const;

 private:
  std::size_t from_ = 0, to_ = 0;
  std::vector<Measurement> rows_;
  std::vector<std::size_t> first_;            // per source of the block, and the end
};

/// Channels of one source that have a measurement, with their means, by channel.
std::vector<std::pair<spherex::Channel, ChannelMean>> measured_channels(const Measured& measured, std::size_t source, const BinOptions& options);

/// A row for each of some measurements.
Table measurements_table(const Measured& measured, std::span<const Measurement> some, bool flag_counts);
/// Measurements with those texts that a stream of the table must know beforehand (io/table_stream.h).
std::vector<Measurement> telling_texts(const Measured& measured);
/// A row for each of some sources, those without a measurement and refused ones too: `status` says why. Arrays of 102 channels, empty for sources that are not in the block.
Table spectra_table(const Measured& measured, std::span<const std::size_t> which, const BinOptions& options);
/// Sources whose rows hold the texts that a stream must know.
std::vector<std::size_t> telling_sources(const Measured& measured);
Table frames_table(const Measured& measured);
/// A row per measurement of some of the block and source fitted along; `all`: with the neighbours, `first_row`: of the first of `some` in the table of measurements, from 1.
Table covariances_table(const Measured& measured, std::span<const Measurement> some, std::int64_t first_row, std::span<const Source> all);
/// Rows with those of the labels that a stream must know, numbers aside.
Table telling_covariances(const Measured& measured, std::span<const Source> all);

}  // namespace tessera::spectrum
