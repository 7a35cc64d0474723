#include "tessera/outlier/schemes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::outlier {
namespace {

constexpr std::array<std::string_view, scheme_count> names{"radhit", "temporal", "dual", "box", "blot"};

std::optional<Scheme> scheme_called(std::string_view word) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) return std::nullopt;
  return static_cast<Scheme>(found - names.begin());
}

}  // namespace

std::string_view name_of(Scheme scheme) { return names[static_cast<std::size_t>(scheme)]; }

SchemeBits RejectionOptions::schemes() const {
  SchemeBits bits = 0;
  bool none = false;
  for (const auto& word : method) {
    if (const auto scheme = scheme_called(text::lower(word))) bits |= bit_of(*scheme);
    else none = true;
  }
  if (none && bits) throw UsageError{"rejection.method: 'none' stands beside other schemes; leave it out"};
  return bits;
}

SchemeBits RejectionOptions::fatal() const {
  unsigned bits = 0;
  const auto words = text::split(fatal_bits, ',');
  if (text::trim(fatal_bits).empty()) return every_bit;
  for (const auto& part : words) {
    const auto word = text::lower(text::trim(part));
    if (const auto scheme = scheme_called(word)) bits |= bit_of(*scheme);
    else if (const auto number = text::to_integer(word); number && *number >= 0 && *number <= 0x7fffffff) bits |= static_cast<unsigned>(*number);
    else if (word != "none")
      throw UsageError{fmt::format("rejection.fatal_bits: '{}' is no scheme (radhit, temporal, dual, box, blot), no number and not none", word)};
  }
  return static_cast<SchemeBits>(bits & every_bit);
}

void describe(param::Schema<RejectionOptions>& s) {
  s.field(&RejectionOptions::method, "method",
          "How outliers (cosmic rays, moving objects, unflagged bad pixels) are found, any number of: temporal = among the values all frames give for one output "
          "pixel; box = the same with the pixels around; dual = detected in few of the frames; radhit = small and bright in one frame; blot = against the median of all frames, in the frame's own pixels.")
      .each_of({"none", "radhit", "temporal", "dual", "box", "blot"})
      .namelist("", "run_mosaic_outlier")
      .namelist("", "run_mosaic_box_outlier")
      .namelist("", "run_mosaic_dual_outlier")
      .namelist("", "run_detect_radhit")
      .swarp("COMBINE_TYPE");
  s.field(&RejectionOptions::fatal_bits, "fatal_bits",
          "Which schemes reject pixels, by name or as a number (radhit 1, temporal 2, dual 4, box 8, blot 16), or none; empty: every scheme that is used. The others only appear in the RMasks.")
      .placeholder("BITS")
      .namelist("", "RMask_Fatal_BitPattern");
  s.field(&RejectionOptions::temporal_min_coverage, "temporal_min_coverage", "Temporal scheme: pixels of less coverage than this have no outliers.").at_least(0).unit("frames").namelist("MOSAICRMASKIN", "MIN_COVERAGE");
  s.field(&RejectionOptions::refine_threshold, "refine_threshold",
          "Temporal scheme: threshold_high inside sources that the dual scheme's detections confirm; 0: no difference is made.")
      .at_least(0).unit("sigma").namelist("MOSAICRMASKIN", "REFINE_OUTLIER_THRESH").namelist("MOSAICRMASKIN", "REFINE_OUTLIER_THRESHOLD");
  s.field(&RejectionOptions::outlier_maps, "outlier_maps", "Folder of a finished run with outlier maps (output.outlier_maps): thresholds of the temporal and the box scheme act on them, the dual scheme's verdicts are taken, and nothing is compared again.")
      .placeholder("DIR");
  s.field(&RejectionOptions::detection_maps, "detection_maps", "Folder of a finished run with detection maps (output.detection_maps), or of your own maps: the dual scheme takes its clusters from them.").placeholder("DIR");
}

Image<float> total_coverage(const Stack& stack) {
  Image<float> sum{stack.box()};
  for (const auto& frame : stack.frames)
    for (int y = sum.box().y0; y < sum.box().y1; ++y) {
      const auto in = frame.coverage.row(y);
      const auto out = sum.row(y);
      for (std::size_t i = 0; i < in.size(); ++i) out[i] += in[i];
    }
  return sum;
}

}  // namespace tessera::outlier
