/// outlier/clusters.h — connected bright pixels of one frame, as run lengths: the detection maps of MOPEX (guide 5.6.9, 8.3), and the two
/// schemes that rest on them. Radhit takes small bright clusters of one frame for hits (5.6.7, 8.2.1). Dual compares the clusters of all
/// frames pixel by pixel and then judges each cluster as a whole (5.6.12, 5.6.13, 8.2.3).
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/outlier/schemes.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::outlier {

struct RadhitOptions {
  double segmentation = 3;
  double threshold = 10;
  int max_area = 3;
};
void describe(param::Schema<RadhitOptions>& s);

struct DualOptions {
  double threshold = 4;
  int min_area = 1;
  int max_area = 1000;
  double min_peak_fraction = 0;
  int max_images = 2;
  double max_fraction = 0.5;
  double level_ratio = 0.5;
  double max_coverage = 100;
};
void describe(param::Schema<DualOptions>& s);

/// Pixels (x, y) … (x + length − 1, y) of cluster `cluster`, which counts from 1.
struct ClusterRun {
  std::int32_t x = 0, y = 0, length = 0, cluster = 0;
};

/// Clusters of one frame, numbered from 1 in the order of their first pixels; runs by rows.
struct Clusters {
  std::vector<ClusterRun> runs;
  std::int32_t count = 0;
};

/// Pixels with significance > threshold, joined where they touch, corners too. NaN is no detection.
Clusters find_clusters(View<const float> significance, double threshold);


/// Small clusters with a bright pixel: above options.segmentation, of at most options.max_area pixels, one above options.threshold.
/// `significance`: the background-subtracted frame in units of each pixel's σ.
Clusters find_radhits(View<const float> significance, const RadhitOptions& options);

/// The detection map: clusters above options.threshold of at least options.min_area pixels. Larger ones than options.max_area are cut
/// by their own threshold mean + options.threshold · deviation (the guide's "simple" type) until they are small enough or do not change;
/// a part that does not rise above that threshold by options.min_peak_fraction of its parent's peak is no part.
Clusters detect(View<const float> significance, const DualOptions& options);

/// Cluster numbers on the pixels of `out`: every output pixel that a cluster's pixel overlaps gets its number, without weighting; of
/// several clusters the first. 0 elsewhere. A pixel's number depends on neither the box nor a tile. `near`: frame pixels outside of which no
/// run touches the box of `out`.
void project_clusters(const Clusters& clusters, Box near, const wcs::PixelMap& frame_to_output, View<std::int32_t> out);

/// Makes the clusters' pixels bad in a window of their frame.
void drop_clusters(const Clusters& clusters, Frame& window);

/// What the stack says of the clusters' pixels: whether so few frames detect a pixel that the detections there are outliers.
/// `detected`: frames whose clusters cover the pixel; `seen`: frames that cover it at all.
inline bool few_detections(int detected, int seen, const DualOptions& options) {
  return detected <= options.max_images && detected <= options.max_fraction * seen;
}

/// Output pixels of one cluster, and how many of them are outliers by few_detections().
struct ClusterTally {
  std::int32_t pixels = 0, negative = 0;
};

/// The verdict of Level on a cluster: all its pixels outliers, none, or each as it was found.
enum class Verdict : std::uint8_t { as_found, outlier, source };
Verdict level(ClusterTally tally, const DualOptions& options);

}  // namespace tessera::outlier
