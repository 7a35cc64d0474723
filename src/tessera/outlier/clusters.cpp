#include "tessera/outlier/clusters.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/geometry/quad_overlap.h"
#include "tessera/outlier/clusters_private.h"

namespace tessera::outlier {

void describe(param::Schema<RadhitOptions>& s) {
  s.field(&RadhitOptions::segmentation, "radhit_segmentation", "Radhit scheme: pixels above the local sky by this many sigma form clusters.").at_least(0.5).unit("sigma").namelist("DETECT_RADHIT", "Segmentation_Threshold");
  s.field(&RadhitOptions::threshold, "radhit_threshold", "Radhit scheme: a hit has at least one pixel this many sigma above the local sky.").at_least(0).unit("sigma").namelist("DETECT_RADHIT", "Radhit_Threshold");
  s.field(&RadhitOptions::max_area, "radhit_max_area", "Radhit scheme: a hit has at most this many pixels.").at_least(1).unit("pixel").namelist("DETECT_RADHIT", "Detection_Max_Area");
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

}  // namespace

Clusters joined_runs(std::vector<ClusterRun> runs, Touch touch) {
  Joined joined;
  const int overlap = touch == Touch::edge ? 1 : 0;  // least number of columns that two runs share
  std::size_t above = 0, row = 0;  // first runs of the row below this one, and of this one
  for (std::size_t i = 0; i < runs.size(); ++i) {
    joined.add();
    if (i > 0 && runs[i].y != runs[row].y) {
      above = row;
      row = i;
    }
    while (above < row && (runs[above].y != runs[i].y - 1 || runs[above].x + runs[above].length < runs[i].x + overlap)) ++above;
    for (std::size_t j = above; j < row && runs[j].x + overlap <= runs[i].x + runs[i].length; ++j) joined.join(static_cast<int>(i), static_cast<int>(j));
  }
  Clusters clusters{std::move(runs), 0};
  for (std::size_t i = 0; i < clusters.runs.size(); ++i) {
    const int root = joined.root(static_cast<int>(i));  // never after i
    clusters.runs[i].cluster = root == static_cast<int>(i) ? ++clusters.count : clusters.runs[static_cast<std::size_t>(root)].cluster;
  }
  return clusters;
}

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

Clusters find_clusters(View<const float> significance, double threshold, Touch touch) {
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
  return joined_runs(std::move(runs), touch);
}

Clusters find_radhits(View<const float> significance, const RadhitOptions& options) {
  const Clusters all = find_clusters(significance, options.segmentation);
  const auto shape = shapes(all, significance);
  return kept(all, [&](std::int32_t c) {
    const auto& s = shape[static_cast<std::size_t>(c)];
    return s.area <= options.max_area && s.peak > static_cast<float>(options.threshold);
  });
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

}  // namespace tessera::outlier
