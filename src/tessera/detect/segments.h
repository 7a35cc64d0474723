/// detect/segments.h — pixels above a threshold as segments, and segments of several sources taken apart.
///
/// Connected pixels above the threshold form a parent. Inside a parent pixels are flooded from the brightest down: a component grows around
/// each local maximum, and where two meet, the lesser one stays a segment of its own if its light above the meeting level is at least
/// `contrast` of the parent's light above the threshold and its peak at least `prominence` above that level; otherwise the two are
/// one. This is the tree of thresholds of SExtractor (Bertin & Arnouts 1996, A&AS 117, 393, section 6) with every level in it, and at its end
/// each pixel of the parent belongs to a segment, as in a watershed.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/outlier/clusters.h"
#include "tessera/param/schema.h"

namespace tessera::detect {

struct SegmentOptions {
  double threshold = 5;
  int min_area = 1;
  double contrast = 0.005;
  double prominence = 1;
  bool deblend = true;
  outlier::Touch touch = outlier::Touch::corner;
};
void describe(param::Schema<SegmentOptions>& s);

/// Pixels (x, y) … (x + length − 1, y).
struct PixelRun {
  std::int32_t x = 0, y = 0, length = 0;
};

struct Segment {
  std::vector<PixelRun> runs;           ///< by rows
  std::int32_t parent = 0;         ///< from 0: which connected region above the threshold
  std::int32_t siblings = 1;       ///< segments of that parent, itself included (MOPEX's BlendSize where above 1)
  std::int32_t peak_x = 0, peak_y = 0;
  float peak = 0;
  std::int64_t area = 0;
};

/// Segments in the order of their parents' first pixels, then of their peaks. NaN is no detection. A parent of fewer than min_area pixels is dropped; a segment of
/// fewer is none.
std::vector<Segment> find_segments(View<const float> image, const SegmentOptions& options);

/// Clusters that another scheme found on `image` (outlier/detection.h) as segments: those of one connected region above `threshold` are siblings.
std::vector<Segment> segments_of(View<const float> image, const outlier::Clusters& clusters, double threshold, outlier::Touch touch = outlier::Touch::corner);

/// Flux-weighted centroid and second moments of a segment (the guide's 8.3.6 and 6.5.11). Pixels ≤ 0 do not count.
struct Moments {
  double flux = 0, x = 0, y = 0;
  double xx = 0, yy = 0, xy = 0;        ///< central second moments, square pixels
  double major = 0, minor = 0, angle = 0;  ///< 1σ along the axes of the ellipse, and the major one's direction from +x to +y, radians
};
Moments moments(const Segment& segment, View<const float> image);

}  // namespace tessera::detect
