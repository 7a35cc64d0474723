/// outlier/clusters.h — connected bright pixels of one frame, as run lengths, and the scheme that rests on them alone: radhit takes small
/// bright clusters of one frame for hits (MOPEX guide 5.6.7, 8.2.1).
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

/// Which pixels hang together: also those that meet at a corner, or those with a common edge alone.
enum class Touch { corner, edge };

/// Pixels (x, y) … (x + length − 1, y) of cluster `cluster`, which counts from 1.
struct ClusterRun {
  std::int32_t x = 0, y = 0, length = 0, cluster = 0;
};

/// Clusters of one frame, numbered from 1 in the order of their first pixels; runs by rows.
struct Clusters {
  std::vector<ClusterRun> runs;
  std::int32_t count = 0;
};

/// Pixels with significance > threshold, joined where they touch. NaN is no detection.
Clusters find_clusters(View<const float> significance, double threshold, Touch touch = Touch::corner);

/// Small clusters with a bright pixel: above options.segmentation, of at most options.max_area pixels, one above options.threshold.
/// `significance`: the background-subtracted frame in units of each pixel's σ.
Clusters find_radhits(View<const float> significance, const RadhitOptions& options);

/// Cluster numbers on the pixels of `out`: every output pixel that a cluster's pixel overlaps gets its number, without weighting; of
/// several clusters the first. 0 elsewhere. A pixel's number depends on neither the box nor a tile. `near`: frame pixels outside of which no
/// run touches the box of `out`.
void project_clusters(const Clusters& clusters, Box near, const wcs::PixelMap& frame_to_output, View<std::int32_t> out);

/// Makes the clusters' pixels bad in a window of their frame.
void drop_clusters(const Clusters& clusters, Frame& window);

}  // namespace tessera::outlier
