/// outlier/clusters_private.h — handling of runs, for what finds clusters and what cuts them.
#pragma once
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "tessera/outlier/clusters.h"

namespace tessera::outlier {

/// Gives the runs, which are in order, the numbers of their clusters; runs of neighbouring rows touch when they overlap or, for Touch::corner, meet at one.
Clusters joined_runs(std::vector<ClusterRun> runs, Touch touch);

struct Shape {
  long area = 0;
  float peak = -INFINITY;
};
/// Of each cluster, from index 1: area and brightest pixel.
std::vector<Shape> shapes(const Clusters& clusters, View<const float> significance);

/// The clusters that `keep` accepts by number, numbered anew.
Clusters kept(const Clusters& clusters, const std::function<bool(std::int32_t)>& keep);

/// Parts of the runs of one cluster above `threshold`.
std::vector<ClusterRun> runs_above(std::span<const ClusterRun> runs, View<const float> significance, float threshold);

}  // namespace tessera::outlier
