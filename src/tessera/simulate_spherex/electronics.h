/// simulate_spherex/electronics.h — ramps of non-destructive reads and the slopes fitted to them on board.
#pragma once
#include <span>

#include "tessera/simulate/random.h"

namespace tessera::simulate_spherex {

inline constexpr int reads = 75;               ///< of a ramp
inline constexpr double read_interval_s = 1.5349;
inline constexpr double exposure_s = (reads - 1) * read_interval_s, elapsed_s = (reads + 2) * read_interval_s;
inline constexpr double read_noise_e = 10, dark_e_s = .01;
inline constexpr int outputs = 32;             ///< of a detector, each with the same number of columns
inline constexpr int phantom_columns = 4;      ///< samples of a stable reference at the end of each row of an output

/// Variance of a line fitted to the first `used` reads, (e⁻/s)²: read noise and the correlated photon noise of the reads (Robberto 2007).
double slope_variance(double slope_e_s, int used = reads, bool photons = true, bool reading = true);
/// What `electrons` that arrive between reads `before` and `before` + 1 (from 1) add to the slope, e⁻/s.
double jump_slope(double electrons, int before, int used = reads);

struct Ramp {
  double rate_e_s = 0;
  int used = reads;                ///< reads the line is fitted to
  double jump_e = 0;               ///< arrives between reads jump_after and jump_after + 1
  int jump_after = 0;
  bool photons = true, reading = true;
};
/// The slope of a ramp made read by read: Poisson increments, read noise, and `reference_error`, what the subtraction of the phantom samples left in each read.
double ramp_slope(const Ramp& ramp, std::span<const double> reference_error, simulate::Random& random);

}  // namespace tessera::simulate_spherex
