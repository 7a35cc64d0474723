/// outlier/dual.h — the dual scheme: the detections of all frames are compared pixel by pixel, then each cluster is judged as a whole (MOPEX guide
/// 5.6.11 to 5.6.13, 8.2.3), with one addition that the guide lacks and faint stars need.
///
/// In the guide a frame either detects a pixel or does not, so a star at the threshold, which noise lifts above it in one of two frames, is an outlier. Here a frame that does
/// not detect a pixel speaks against those that do only where it says something else. It does not when it shows light there as well:
/// smoothed over 3 × 3 pixels, which is four times deeper for a star, at least `faint_light` σ, and not less than a quarter of what the other has (dithers change single pixels of undersampled
/// stars by as much, sums little); nor when the two values, resampled, differ by less than `difference` σ of both. A pixel is an outlier when few frames
/// detect it (the guide's rule) and all but few speak against it; a source when many detect it or show light; else open, and it follows its cluster.
/// The rims of stars are open or sources then, so a minority of outliers in a cluster is a hit that touches a star, and stays one.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/outlier/clusters.h"

namespace tessera::outlier {

struct DualOptions {
  int max_images = 2;
  double max_fraction = 0.5;
  double difference = 4;
  double level_ratio = 0.5;
  double max_coverage = 100;
};
void describe(param::Schema<DualOptions>& s);

constexpr double faint_light = 3;  ///< σ of a pixel smoothed by (1 2 1) × (1 2 1)

/// Where a frame shows light: pixels whose smoothed significance exceeds `faint_light`. Runs by rows; the number of a run's cluster is a rank, one lower for twice
/// the light, so that project_clusters() keeps the brightest of those that meet.
Clusters find_light(View<const float> significance);

/// What the stack says of a detected pixel.
enum class Finding : std::uint8_t { open, source, outlier };

/// The detections of all frames on the pixels of a stack.
class DualComparison {
 public:
  /// `stack` must outlive the comparison.
  DualComparison(const Stack& stack, const DualOptions& options);

  /// Frame `k` of the stack detected and showed this. `near`: as project_clusters()'s. Frames that are not added show nothing.
  void add(std::size_t k, const Clusters& detections, const Clusters& light, Box near, const wcs::PixelMap& frame_to_output);

  /// Of a pixel that frame `k` detects.
  Finding find(std::size_t k, int x, int y) const;

 private:
  bool shows(std::uint8_t here, std::uint8_t detected) const;

  const Stack& stack_;
  DualOptions options_;
  std::vector<Image<std::uint8_t>> seen_;  ///< by frame: 128 where it detects, plus its light, 0 for none and one more for twice as much
};

/// The guide's rule: so few frames detect a pixel that the detections may be outliers. `detected`: frames whose clusters cover the pixel; `seen`: frames
/// that cover it at all.
inline bool few_detections(int detected, int seen, const DualOptions& options) {
  return detected <= options.max_images && detected <= options.max_fraction * seen;
}

/// Output pixels of one cluster that are outliers or sources, and how many of them are outliers.
struct ClusterTally {
  std::int32_t pixels = 0, negative = 0;
  void add(Finding f) {
    pixels += f != Finding::open;
    negative += f == Finding::outlier;
  }
};

/// The verdict of Level on a cluster: all its pixels outliers, none (only with options.difference = 0, as in the guide), or each as it was found.
enum class Verdict : std::uint8_t { as_found, outlier, source };
Verdict level(ClusterTally tally, const DualOptions& options);

}  // namespace tessera::outlier
