#include "tessera/outlier/dual.h"

#include <algorithm>
#include <cmath>

namespace tessera::outlier {

void describe(param::Schema<DualOptions>& s) {
  s.field(&DualOptions::max_images, "dual_max_images", "Dual scheme: what at most this many frames detect in an output pixel may be an outlier.").at_least(1).unit("frames").namelist("MOSAICDUALOUTLIERIN", "MAX_OUTL_IMAGE");
  s.field(&DualOptions::max_fraction, "dual_max_fraction", "Dual scheme: and at most this fraction of the frames that see the pixel.").range(0, 1).namelist("MOSAICDUALOUTLIERIN", "MAX_OUTL_FRAC");
  s.field(&DualOptions::difference, "dual_difference", "Dual scheme: a frame without a detection speaks against one with it where their values differ by this many sigma and it shows no light there; 0: wherever it has no detection, as in MOPEX.")
      .at_least(0).unit("sigma");
  s.field(&DualOptions::level_ratio, "dual_level_ratio", "Dual scheme: a minority of outliers or of sources below this fraction of a cluster's pixels follows the majority.").range(0, 1).namelist("LEVEL", "Threshold_Ratio");
  s.field(&DualOptions::max_coverage, "dual_max_coverage", "Dual scheme: pixels of more coverage than this have no outliers.").at_least(0).unit("frames").namelist("MOSAICRMASKIN", "MAX_COVERAGE");
}

namespace {

constexpr std::uint8_t detects = 128;
constexpr int brightest = 31, least_share = 2;  // of light, in powers of two: a quarter

/// Significance smoothed by (1 2 1) × (1 2 1), in units of its own noise; pixels beyond the border are 0 and noiseless.
float smoothed(View<const float> image, int x, int y) {
  const Box near = intersection(Box{x - 1, y - 1, x + 2, y + 2}, image.box());
  float sum = 0, squares = 0;
  for (int j = near.y0; j < near.y1; ++j)
    for (int i = near.x0; i < near.x1; ++i) {
      const auto weight = static_cast<float>((2 - std::abs(i - x)) * (2 - std::abs(j - y)));
      sum += weight * image(i, j);
      squares += weight * weight;
    }
  return sum / std::sqrt(squares);
}

/// 1 for light up to twice the least, 2 up to four times, …; 0 for none.
int brightness(float light) {
  constexpr auto least = static_cast<float>(faint_light);
  return light > least ? std::min(1 + std::ilogb(light / least), brightest) : 0;
}

}  // namespace

Clusters find_light(View<const float> significance) {
  Clusters light;
  light.count = brightest;
  const Box box = significance.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const int b = brightness(smoothed(significance, x, y));
      if (b == 0) continue;
      const int rank = brightest + 1 - b;
      auto& runs = light.runs;
      if (!runs.empty() && runs.back().y == y && runs.back().x + runs.back().length == x && runs.back().cluster == rank) ++runs.back().length;
      else runs.push_back({x, y, 1, rank});
    }
  return light;
}

DualComparison::DualComparison(const Stack& stack, const DualOptions& options) : stack_{stack}, options_{options}, seen_(stack.frames.size()) {}

void DualComparison::add(std::size_t k, const Clusters& detections, const Clusters& light, Box near, const wcs::PixelMap& frame_to_output) {
  auto& seen = seen_[k];
  seen.reset(stack_.box());
  Image<std::int32_t> labels{stack_.box()};
  project_clusters(light, near, frame_to_output, labels);
  for (std::size_t i = 0; i < labels.pixels().size(); ++i)
    if (const auto rank = labels.pixels()[i]) seen.pixels()[i] = static_cast<std::uint8_t>(brightest + 1 - rank);
  project_clusters(detections, near, frame_to_output, labels);
  for (std::size_t i = 0; i < labels.pixels().size(); ++i)
    if (labels.pixels()[i]) seen.pixels()[i] = static_cast<std::uint8_t>(seen.pixels()[i] | detects);
}

/// Whether a frame without a detection shows the light of one with it.
bool DualComparison::shows(std::uint8_t here, std::uint8_t detected) const { return here > 0 && here + least_share > (detected & ~detects); }

Finding DualComparison::find(std::size_t k, int x, int y) const {
  const auto& own = stack_.frames[k];
  const std::uint8_t light = seen_[k](x, y);
  const bool has_value = own.coverage(x, y) > 0;
  const double value = static_cast<double>(own.value(x, y)), variance = static_cast<double>(own.variance(x, y)), limit = options_.difference * options_.difference;
  int seen = 0, detected = 0, lit = 0, against = 0;
  for (std::size_t j = 0; j < stack_.frames.size(); ++j) {
    const auto& f = stack_.frames[j];
    const std::uint8_t there = seen_[j].box().empty() ? std::uint8_t{0} : seen_[j](x, y);
    if (there & detects) {
      ++seen, ++detected;
    } else if (f.coverage(x, y) > 0) {
      ++seen;
      if (shows(there, light)) {
        ++lit;
        continue;
      }
      const double excess = value - static_cast<double>(f.value(x, y));
      against += has_value && excess > 0 && excess * excess > limit * (variance + static_cast<double>(f.variance(x, y)));
    }
  }
  if (!few_detections(detected, seen, options_)) return Finding::source;
  if (options_.difference <= 0) return Finding::outlier;
  if (detected + lit > options_.max_fraction * seen) return Finding::source;
  return seen - against <= options_.max_fraction * seen ? Finding::outlier : Finding::open;
}

Verdict level(ClusterTally tally, const DualOptions& options) {
  if (tally.pixels == 0) return Verdict::as_found;
  const double negative = static_cast<double>(tally.negative) / tally.pixels;
  if (negative < options.level_ratio) return options.difference > 0 ? Verdict::as_found : Verdict::source;
  if (1 - negative < options.level_ratio) return Verdict::outlier;
  return Verdict::as_found;
}

}  // namespace tessera::outlier
