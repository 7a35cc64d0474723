#include "tessera/outlier/clusters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "tessera/geometry/quad_overlap.h"

namespace tessera::outlier {

void describe(param::Schema<RadhitOptions>& s) {
  s.field(&RadhitOptions::segmentation, "radhit_segmentation", "Radhit scheme: pixels above the local sky by this many sigma form clusters.").at_least(0.5).unit("sigma").namelist("DETECT_RADHIT", "Segmentation_Threshold");
  s.field(&RadhitOptions::threshold, "radhit_threshold", "Radhit scheme: a hit has at least one pixel this many sigma above the local sky.").at_least(0).unit("sigma").namelist("DETECT_RADHIT", "Radhit_Threshold");
  s.field(&RadhitOptions::max_area, "radhit_max_area", "Radhit scheme: a hit has at most this many pixels.").at_least(1).unit("pixel").namelist("DETECT_RADHIT", "Detection_Max_Area");
}

void describe(param::Schema<DualOptions>& s) {
  s.field(&DualOptions::threshold, "dual_threshold", "Dual scheme: pixels above the local sky by this many sigma are detected.").at_least(0.5).unit("sigma").namelist("DETECT", "Detection_Threshold");
  s.field(&DualOptions::min_area, "dual_min_area", "Dual scheme: smaller clusters of detected pixels are dropped.").at_least(0).unit("pixel").namelist("DETECT", "Detection_Min_Area");
  s.field(&DualOptions::max_area, "dual_max_area", "Dual scheme: larger clusters of detected pixels are cut by a higher threshold.").at_least(1).unit("pixel").namelist("DETECT", "Detection_Max_Area");
  s.field(&DualOptions::min_peak_fraction, "dual_min_peak_fraction", "Dual scheme: a part cut from a cluster rises above the cut by at least this fraction of the cluster's peak.")
      .range(0, 1).namelist("DETECT", "Detect_Min_Peak_Fraction").namelist("DETECT", "Detection_Min_Peak_Fraction");
  s.field(&DualOptions::max_images, "dual_max_images", "Dual scheme: what at most this many frames detect in an output pixel may be an outlier.").at_least(1).unit("frames").namelist("MOSAICDUALOUTLIERIN", "MAX_OUTL_IMAGE");
  s.field(&DualOptions::max_fraction, "dual_max_fraction", "Dual scheme: and at most this fraction of the frames that see the pixel.").range(0, 1).namelist("MOSAICDUALOUTLIERIN", "MAX_OUTL_FRAC");
  s.field(&DualOptions::level_ratio, "dual_level_ratio", "Dual scheme: a minority of outliers or of sources below this fraction of a cluster's pixels follows the majority.").range(0, 1).namelist("LEVEL", "Threshold_Ratio");
  s.field(&DualOptions::max_coverage, "dual_max_coverage", "Dual scheme: pixels of more coverage than this have no outliers.").at_least(0).unit("frames").namelist("MOSAICRMASKIN", "MAX_COVERAGE");
}

namespace {

/// Labels of runs that grow together; the smaller one stands for both.
class Joined {
 public:
  int add() {
    parent_.push_back(static_cast<int>(parent_.size()));
    return parent_.back();
  }
  int root(int a) {
    while (parent_[static_cast<std::size_t>(a)] != a) a = parent_[static_cast<std::size_t>(a)] = parent_[static_cast<std::size_t>(parent_[static_cast<std::size_t>(a)])];
    return a;
  }
  void join(int a, int b) {
    a = root(a), b = root(b);
    parent_[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
  }

 private:
  std::vector<int> parent_;
};

/// Gives the runs, which are in order, the numbers of their clusters; runs of neighbouring rows touch when they overlap or meet at a corner.
Clusters joined_runs(std::vector<ClusterRun> runs) {
  Joined joined;
  std::size_t above = 0, row = 0;  // first runs of the row below this one, and of this one
  for (std::size_t i = 0; i < runs.size(); ++i) {
    joined.add();
    if (i > 0 && runs[i].y != runs[row].y) {
      above = row;
      row = i;
    }
    while (above < row && (runs[above].y != runs[i].y - 1 || runs[above].x + runs[above].length < runs[i].x)) ++above;
    for (std::size_t j = above; j < row && runs[j].x <= runs[i].x + runs[i].length; ++j) joined.join(static_cast<int>(i), static_cast<int>(j));
  }
  Clusters clusters{std::move(runs), 0};
  for (std::size_t i = 0; i < clusters.runs.size(); ++i) {
    const int root = joined.root(static_cast<int>(i));  // never after i
    clusters.runs[i].cluster = root == static_cast<int>(i) ? ++clusters.count : clusters.runs[static_cast<std::size_t>(root)].cluster;
  }
  return clusters;
}

/// Of each cluster, from index 1: area and brightest pixel.
struct Shape {
  long area = 0;
  float peak = -INFINITY;
};
std::vector<Shape> shapes(const Clusters& clusters, View<const float> significance) {
  std::vector<Shape> all(static_cast<std::size_t>(clusters.count) + 1);
  for (const auto& run : clusters.runs) {
    Shape& shape = all[static_cast<std::size_t>(run.cluster)];
    shape.area += run.length;
    for (int x = run.x; x < run.x + run.length; ++x) shape.peak = std::max(shape.peak, significance(x, run.y));
  }
  return all;
}

Clusters kept(const Clusters& clusters, const std::function<bool(std::int32_t)>& keep) {
  std::vector<std::int32_t> number(static_cast<std::size_t>(clusters.count) + 1);
  Clusters result;
  for (std::int32_t c = 1; c <= clusters.count; ++c)
    if (keep(c)) number[static_cast<std::size_t>(c)] = ++result.count;
  for (auto run : clusters.runs)
    if ((run.cluster = number[static_cast<std::size_t>(run.cluster)]) > 0) result.runs.push_back(run);
  return result;
}

/// Parts of the runs of one cluster above `threshold`.
std::vector<ClusterRun> runs_above(std::span<const ClusterRun> runs, View<const float> significance, float threshold) {
  std::vector<ClusterRun> parts;
  for (const auto& run : runs) {
    const int end = run.x + run.length;
    for (int x = run.x; x < end; ++x) {
      if (!(significance(x, run.y) > threshold)) continue;
      const int first = x;
      while (x < end && significance(x, run.y) > threshold) ++x;
      parts.push_back({first, run.y, x - first, 0});
    }
  }
  return parts;
}

float own_threshold(std::span<const ClusterRun> runs, View<const float> significance, double deviations) {
  double sum = 0, squares = 0, n = 0;
  for (const auto& run : runs)
    for (int x = run.x; x < run.x + run.length; ++x) sum += static_cast<double>(significance(x, run.y)), ++n;
  const double mean = sum / n;
  for (const auto& run : runs)
    for (int x = run.x; x < run.x + run.length; ++x) squares += std::pow(static_cast<double>(significance(x, run.y)) - mean, 2);
  return static_cast<float>(mean + deviations * std::sqrt(squares / n));
}

/// Cuts one cluster until its parts are small enough or the cut changes nothing; appends what is left to `out`.
void cut(std::vector<ClusterRun> runs, View<const float> significance, const DualOptions& options, std::vector<ClusterRun>& out) {
  long area = 0;
  float peak = -INFINITY;
  for (const auto& run : runs) {
    area += run.length;
    for (int x = run.x; x < run.x + run.length; ++x) peak = std::max(peak, significance(x, run.y));
  }
  if (area <= options.max_area) return void(out.insert(out.end(), runs.begin(), runs.end()));
  const float threshold = own_threshold(runs, significance, options.threshold);
  Clusters parts = joined_runs(runs_above(runs, significance, threshold));
  const auto shape = shapes(parts, significance);
  parts = kept(parts, [&](std::int32_t c) { return shape[static_cast<std::size_t>(c)].peak - threshold >= static_cast<float>(options.min_peak_fraction) * peak; });
  if (parts.count == 0) return void(out.insert(out.end(), runs.begin(), runs.end()));
  std::vector<std::vector<ClusterRun>> of(static_cast<std::size_t>(parts.count));
  for (const auto& run : parts.runs) of[static_cast<std::size_t>(run.cluster - 1)].push_back(run);
  for (auto& part : of) cut(std::move(part), significance, options, out);
}

}  // namespace

Clusters find_clusters(View<const float> significance, double threshold) {
  const Box box = significance.box();
  const auto limit = static_cast<float>(threshold);
  std::vector<ClusterRun> runs;
  for (int y = box.y0; y < box.y1; ++y) {
    const auto row = significance.row(y);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!(row[i] > limit)) continue;
      const std::size_t first = i;
      while (i < row.size() && row[i] > limit) ++i;
      runs.push_back({box.x0 + static_cast<std::int32_t>(first), y, static_cast<std::int32_t>(i - first), 0});
    }
  }
  return joined_runs(std::move(runs));
}

Clusters find_radhits(View<const float> significance, const RadhitOptions& options) {
  const Clusters all = find_clusters(significance, options.segmentation);
  const auto shape = shapes(all, significance);
  return kept(all, [&](std::int32_t c) {
    const auto& s = shape[static_cast<std::size_t>(c)];
    return s.area <= options.max_area && s.peak > static_cast<float>(options.threshold);
  });
}

Clusters detect(View<const float> significance, const DualOptions& options) {
  Clusters all = find_clusters(significance, options.threshold);
  const auto shape = shapes(all, significance);
  const auto large = [&](std::int32_t c) { return shape[static_cast<std::size_t>(c)].area > options.max_area; };
  std::vector<std::vector<ClusterRun>> oversized(static_cast<std::size_t>(all.count) + 1);
  std::vector<ClusterRun> runs;
  for (const auto& run : all.runs) (large(run.cluster) ? oversized[static_cast<std::size_t>(run.cluster)] : runs).push_back(run);
  for (auto& cluster : oversized)
    if (!cluster.empty()) cut(std::move(cluster), significance, options, runs);
  std::sort(runs.begin(), runs.end(), [](const ClusterRun& a, const ClusterRun& b) { return a.y != b.y ? a.y < b.y : a.x < b.x; });
  all = joined_runs(std::move(runs));
  const auto final_shape = shapes(all, significance);
  return kept(all, [&](std::int32_t c) { return final_shape[static_cast<std::size_t>(c)].area >= options.min_area; });
}

void project_clusters(const Clusters& clusters, Box near, const wcs::PixelMap& frame_to_output, View<std::int32_t> out) {
  constexpr double least_area = 1e-9;  // what rounding leaves where pixels only meet
  const Box box = out.box();
  for (int y = box.y0; y < box.y1; ++y) std::ranges::fill(out.row(y), 0);
  geometry::OverlapTable table;
  std::vector<double> u, v;
  const auto first = std::lower_bound(clusters.runs.begin(), clusters.runs.end(), near.y0, [](const ClusterRun& run, int y) { return run.y < y; });
  for (auto it = first; it != clusters.runs.end() && it->y < near.y1; ++it) {
    const ClusterRun& run = *it;
    if (run.x >= near.x1 || run.x + run.length <= near.x0) continue;
    const auto corners = static_cast<std::size_t>(run.length) + 1;
    u.resize(2 * corners);
    v.resize(2 * corners);
    frame_to_output.apply_row(run.x - 0.5, run.y - 0.5, {u.data(), corners}, {v.data(), corners});
    frame_to_output.apply_row(run.x - 0.5, run.y + 0.5, {u.data() + corners, corners}, {v.data() + corners, corners});
    for (std::size_t i = 0; i + 1 < corners; ++i) {
      const geometry::Quad q{{u[i], u[i + 1], u[corners + i + 1], u[corners + i]}, {v[i], v[i + 1], v[corners + i + 1], v[corners + i]}};
      const Box under = geometry::pixels_under(q), inside = intersection(under, box);
      if (inside.empty()) continue;
      table.compute(q, under.area() <= (1 << 16) ? under : inside);  // small ones whole: bits must not depend on the window
      const Box touched = intersection(table.box(), inside);
      for (int y = touched.y0; y < touched.y1; ++y)
        for (int x = touched.x0; x < touched.x1; ++x) {
          std::int32_t& label = out(x, y);
          if (table(x, y) > least_area && (label == 0 || run.cluster < label)) label = run.cluster;
        }
    }
  }
}

void drop_clusters(const Clusters& clusters, Frame& window) {
  for (const auto& run : clusters.runs) {
    const Box part = intersection({run.x, run.y, run.x + run.length, run.y + 1}, window.box());
    if (part.empty()) continue;
    for (int x = part.x0; x < part.x1; ++x) {
      window.value(x, part.y0) = window.variance(x, part.y0) = 0;
      window.good(x, part.y0) = 0;
    }
  }
}

Verdict level(ClusterTally tally, const DualOptions& options) {
  if (tally.pixels == 0) return Verdict::as_found;
  const double negative = static_cast<double>(tally.negative) / tally.pixels;
  if (negative < options.level_ratio) return Verdict::source;
  if (1 - negative < options.level_ratio) return Verdict::outlier;
  return Verdict::as_found;
}

}  // namespace tessera::outlier
