/// simulate/random.h — random deviates that depend on what they are for and on nothing else.
/// Philox 4×32-10 (Salmon, Moraes, Dror & Shaw 2011, SC'11): a counter goes in, 128 random bits come out, so a stream has no
/// state to share and any number of threads draw the same numbers.
#pragma once
#include <array>
#include <cstdint>

namespace tessera::simulate {

/// What a stream is for; the numbers are part of the result for a seed, so they are never reused or changed.
enum class Purpose : std::uint32_t {
  source = 1,      // index: source id
  companion = 2,   // index: id of the primary
  dither = 3,      // index: position in the pattern
  roll = 4,        // index: frame id
  pointing = 5,    // index: frame id
  offset = 6,      // index: frame id
  noise = 7,       // index: frame id
  cosmic_ray = 8,  // index: frame id
  detector = 9,    // index: 0
  trail = 10,      // index: frame id
  injection = 11,  // index: 0
  injected_photons = 12,  // index: image of a pass
  spherex_source = 13,    // spectrum and shape; index: source id
  spherex_jitter = 14,    // index: exposure
  spherex_group = 15,     // index: target group
  spherex_noise = 16,     // index: 8 · exposure + detector
  spherex_defect = 17,    // of one detector for good; index: detector
  spherex_event = 18,     // cosmic rays and lost pixels; index: 8 · exposure + detector
  spherex_flat = 19,      // index: detector
};

/// Ten rounds of Philox 4×32: the bare function, for tests against published vectors.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// One stream. The key is the seed; the counter holds purpose, index and a running block number, so two streams of one
/// seed never overlap (2³⁴ words each).
class Random {
 public:
  Random(std::uint64_t seed, Purpose purpose, std::uint64_t index);

  std::uint32_t bits();   ///< 32 random bits
  double uniform();       ///< in the open interval (0, 1), 53 bits
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  std::uint64_t below(std::uint64_t n);   ///< 0 … n−1, without bias; n > 0
  double normal();        ///< mean 0, variance 1 (Box & Muller 1958)
  /// Poisson deviate as a double (exact for counts below 2⁵³); 0 for mean ≤ 0. Hörmann's PTRS (1993) from mean 10 on.
  double poisson(double mean);
  /// Density ∝ v^−slope between low and high (0 < low ≤ high); slope 1 is uniform in log v.
  double power_law(double low, double high, double slope);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace tessera::simulate
