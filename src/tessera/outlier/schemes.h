/// outlier/schemes.h — the ways outliers are looked for, each with its bit in the RMask (MOPEX guide 5.6.16), and what they share.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/param/schema.h"

namespace tessera::outlier {

/// A scheme's value is the number of its bit: 0 to 3 are the guide's, 4 is ours.
enum class Scheme : std::uint8_t { radhit, temporal, dual, box, blot };
constexpr std::size_t scheme_count = 5;
constexpr std::array<Scheme, scheme_count> all_schemes{Scheme::radhit, Scheme::temporal, Scheme::dual, Scheme::box, Scheme::blot};

/// "temporal".
std::string_view name_of(Scheme scheme);

/// A set of schemes, as it stands in a pixel of an RMask.
using SchemeBits = std::uint8_t;
constexpr SchemeBits bit_of(Scheme scheme) { return static_cast<SchemeBits>(1u << static_cast<unsigned>(scheme)); }
constexpr SchemeBits every_bit = (1u << scheme_count) - 1;

struct RejectionOptions {
  std::vector<std::string> method{"temporal"};
  std::string fatal_bits;
  double temporal_min_coverage = 0;
  double refine_threshold = 0;
  std::string outlier_maps, detection_maps;

  /// The schemes asked for. Throws UsageError when "none" stands beside others.
  SchemeBits schemes() const;
  bool uses(Scheme scheme) const { return (schemes() & bit_of(scheme)) != 0; }
  /// Whether bright objects must be detected on every frame.
  bool needs_detections() const { return uses(Scheme::dual) || (uses(Scheme::temporal) && refine_threshold > 0); }
  /// Whether the coadd's own pass over the tiles can find all outliers: temporal ones, as a plain run has them.
  bool temporal_only() const { return schemes() == bit_of(Scheme::temporal) && (fatal() & schemes()) && temporal_min_coverage <= 0 && refine_threshold <= 0; }
  /// The bits that reject a pixel: those asked for, or every one. Throws UsageError for a word that is neither scheme nor number.
  SchemeBits fatal() const;
};
void describe(param::Schema<RejectionOptions>& s);

/// What all frames give for a box of output pixels.
struct Stack {
  std::span<const ResampledView> frames;   ///< of one box
  std::span<const float> sky_variance;     ///< one per frame, or empty when all are alike
  int frame_pixel = 1;                     ///< side of a frame pixel in output pixels, rounded, at least 1
  Box box() const { return frames.empty() ? Box{} : frames.front().box(); }
};

/// Σ of the frames' coverage: a number of frames.
Image<float> total_coverage(const Stack& stack);

}  // namespace tessera::outlier
