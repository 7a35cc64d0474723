#include "tessera/outlier/detection.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "tessera/outlier/clusters_private.h"

namespace tessera::outlier {

void describe(param::Schema<DetectionOptions>& s) {
  using O = DetectionOptions;
  s.field(&O::threshold, "dual_threshold", "Dual scheme: pixels above the local sky by this many sigma are detected.").at_least(0.5).unit("sigma").namelist("DETECT", "Detection_Threshold");
  s.field(&O::min_area, "dual_min_area", "Dual scheme: smaller clusters of detected pixels are dropped.").at_least(0).unit("pixel").namelist("DETECT", "Detection_Min_Area");
  s.field(&O::max_area, "dual_max_area", "Dual scheme: larger clusters of detected pixels are cut by a higher threshold.").at_least(1).unit("pixel").namelist("DETECT", "Detection_Max_Area");
  s.field(&O::min_peak_fraction, "dual_min_peak_fraction", "Dual scheme: a part cut from a cluster rises above the cut by at least this fraction of the cluster's peak.")
      .range(0, 1).namelist("DETECT", "Detect_Min_Peak_Fraction").namelist("DETECT", "Detection_Min_Peak_Fraction");
  s.field(&O::splitting, "dual_splitting", "Dual scheme: the threshold that cuts a cluster: simple = mean + dual_threshold × deviation of its pixels; combo = raised from its lowest pixel until it changes; "
                                           "peak = just below its lowest peak, and clusters of several peaks are cut too.")
      .choices({{"simple", Splitting::simple}, {"combo", Splitting::combo}, {"peak", Splitting::peak}}).namelist("DETECT", "Threshold_Type");
  s.field(&O::peaks_radius, "dual_peaks_radius", "Dual scheme, splitting by peaks: a peak exceeds all pixels this near.").range(1, 100).unit("pixel").namelist("DETECT", "Peaks_Radius");
  s.field(&O::max_level, "dual_max_level", "Dual scheme, splitting by peaks: how often the threshold is raised before a cluster stays as it is.").range(1, 100000).namelist("DETECT", "Max_Segmentation_Level");
  s.field(&O::extended_area, "dual_extended_area", "Dual scheme, splitting by peaks: a cluster larger than this that the first threshold does not change stays as it is.").at_least(1).unit("pixel")
      .namelist("DETECT", "Extended_Object_Area");
}

bool is_peak(View<const float> significance, int x, int y, int radius) {
  const float v = significance(x, y);
  const Box near = intersection(Box{x - radius, y - radius, x + radius + 1, y + radius + 1}, significance.box());
  for (int j = near.y0; j < near.y1; ++j)
    for (int i = near.x0; i < near.x1; ++i) {
      const bool before = j < y || (j == y && i < x);
      if ((i != x || j != y) && (before ? significance(i, j) >= v : significance(i, j) > v)) return false;
    }
  return true;
}

namespace {

using Runs = std::vector<ClusterRun>;

/// What a cluster's cut depends on.
struct Content {
  long area = 0;
  double mean = 0, deviation = 0;
  float lowest = INFINITY, highest = -INFINITY, lowest_peak = INFINITY;
  long peaks = 0;
};

long area_of(const Runs& runs) {
  long area = 0;
  for (const auto& run : runs) area += run.length;
  return area;
}

/// Cuts clusters until nothing more is to be done.
class Splitter {
 public:
  Splitter(View<const float> significance, const DetectionOptions& options) : image_{significance}, options_{options} {
    float lowest = INFINITY;
    for (int y = image_.box().y0; y < image_.box().y1; ++y)
      for (const float v : image_.row(y)) lowest = std::min(lowest, v);
    span_ = static_cast<float>(options.threshold) - lowest;
  }

  /// Appends what is left of a cluster to `out`.
  void split(Runs cluster, Runs& out) const {
    std::vector<Runs> todo;
    todo.push_back(std::move(cluster));
    while (!todo.empty()) {
      const Runs runs = std::move(todo.back());
      todo.pop_back();
      const Content c = content(runs);
      auto parts = must_cut(c) ? cut(runs, c) : std::vector<Runs>{};
      if (parts.empty()) out.insert(out.end(), runs.begin(), runs.end());
      for (auto& part : parts) todo.push_back(std::move(part));
    }
  }

 private:
  Content content(const Runs& runs) const {
    Content c;
    double sum = 0, squares = 0;
    for (const auto& run : runs) {
      c.area += run.length;
      for (int x = run.x; x < run.x + run.length; ++x) {
        const float v = image_(x, run.y);
        sum += static_cast<double>(v);
        c.lowest = std::min(c.lowest, v);
        c.highest = std::max(c.highest, v);
        if (options_.splitting != Splitting::peak || !is_peak(image_, x, run.y, options_.peaks_radius)) continue;
        ++c.peaks;
        c.lowest_peak = std::min(c.lowest_peak, v);
      }
    }
    c.mean = sum / static_cast<double>(c.area);
    for (const auto& run : runs)
      for (int x = run.x; x < run.x + run.length; ++x) squares += std::pow(static_cast<double>(image_(x, run.y)) - c.mean, 2);
    c.deviation = std::sqrt(squares / static_cast<double>(c.area));
    return c;
  }

  bool must_cut(const Content& c) const { return c.area > options_.max_area || c.peaks > 1; }

  /// The parts above a threshold of its own; none when no threshold changes the cluster.
  std::vector<Runs> cut(const Runs& runs, const Content& c) const {
    for (int level = 1; level <= (options_.splitting == Splitting::simple ? 1 : options_.max_level); ++level) {
      const float threshold = own_threshold(c, level);
      auto above = runs_above(runs, image_, threshold);
      if (area_of(above) == c.area) {
        if (options_.splitting == Splitting::peak && c.area > options_.extended_area) break;
        continue;
      }
      auto parts = parts_of(std::move(above), threshold, c.highest);
      // Just below the peak of a bright star lie fewer pixels than a detection must have: the star is not lost for that.
      if (options_.splitting == Splitting::peak && std::ranges::none_of(parts, [&](const Runs& part) { return area_of(part) >= options_.min_area; })) return {};
      return parts;
    }
    return {};
  }

  float own_threshold(const Content& c, int level) const {
    switch (options_.splitting) {
      case Splitting::combo: return c.lowest + static_cast<float>(level) * span_;
      case Splitting::peak: return (c.peaks > 0 ? c.lowest_peak : c.highest) - span_ / static_cast<float>(level);
      case Splitting::simple: break;
    }
    return static_cast<float>(c.mean + options_.threshold * c.deviation);
  }

  std::vector<Runs> parts_of(Runs above, float threshold, float highest) const {
    Clusters parts = joined_runs(std::move(above), options_.touch);
    const auto shape = shapes(parts, image_);
    const float least = static_cast<float>(options_.min_peak_fraction) * highest;
    parts = kept(parts, [&](std::int32_t k) { return shape[static_cast<std::size_t>(k)].peak - threshold >= least; });
    std::vector<Runs> of(static_cast<std::size_t>(parts.count));
    for (const auto& run : parts.runs) of[static_cast<std::size_t>(run.cluster - 1)].push_back(run);
    return of;
  }

  View<const float> image_;
  const DetectionOptions& options_;
  float span_ = 0;  ///< T_min
};

}  // namespace

Clusters detect(View<const float> significance, const DetectionOptions& options) {
  const Clusters all = find_clusters(significance, options.threshold, options.touch);
  const Splitter splitter{significance, options};
  std::vector<Runs> of(static_cast<std::size_t>(all.count));
  for (const auto& run : all.runs) of[static_cast<std::size_t>(run.cluster - 1)].push_back(run);
  Runs runs;
  for (auto& cluster : of) splitter.split(std::move(cluster), runs);
  std::sort(runs.begin(), runs.end(), [](const ClusterRun& a, const ClusterRun& b) { return a.y != b.y ? a.y < b.y : a.x < b.x; });
  const Clusters whole = joined_runs(std::move(runs), options.touch);
  const auto shape = shapes(whole, significance);
  return kept(whole, [&](std::int32_t c) { return shape[static_cast<std::size_t>(c)].area >= options.min_area; });
}

}  // namespace tessera::outlier
