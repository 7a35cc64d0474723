/// outlier/detection.h — the detection map of one frame: image segmentation after the MOPEX guide (5.6.9, 8.3). Clusters above a threshold;
/// too large ones are cut by a threshold of their own.
#pragma once
#include "tessera/outlier/clusters.h"

namespace tessera::outlier {

/// How the threshold of a cluster that must be cut is found. With T_min = threshold − lowest pixel of the frame:
/// simple  mean + threshold · deviation of the cluster's pixels; a cluster it does not change stays as it is.
/// combo   lowest pixel of the cluster + level · T_min, level = 1, 2, … until the cluster changes (the guide's equation 8.7 is garbled; this is what its text describes).
/// peak    lowest peak − T_min, then lowest peak − T_min/level up to max_level, until the cluster changes. Clusters with more than one peak are cut too. A cluster of which no part would have min_area pixels stays whole (a choice: the guide's words lose bright stars).
enum class Splitting { simple, combo, peak };

struct DetectionOptions {
  double threshold = 4;
  int min_area = 1;
  int max_area = 1000;
  double min_peak_fraction = 0;
  Splitting splitting = Splitting::simple;
  int peaks_radius = 1;
  int max_level = 50;
  int extended_area = 1000000;
  Touch touch = Touch::corner;
};
void describe(param::Schema<DetectionOptions>& s);

/// Clusters above options.threshold of at least options.min_area pixels, cut where they are larger than options.max_area. A part that does not rise
/// above the cut by options.min_peak_fraction of its parent's peak is no part. `significance`: the background-subtracted frame in units of each pixel's σ.
Clusters detect(View<const float> significance, const DetectionOptions& options);

/// Pixels that exceed all others within `radius` (a square of 2 · radius + 1); of equal ones the first is the peak. One byte per pixel.
bool is_peak(View<const float> significance, int x, int y, int radius);

}  // namespace tessera::outlier
