#include "tessera/detect/segments.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/outlier/clusters.h"

namespace tessera::detect {

void describe(param::Schema<SegmentOptions>& s) {
  s.field(&SegmentOptions::threshold, "threshold", "Pixels more significant than this are detected.").at_least(0).unit("sigma").namelist("DETECT", "Detection_Threshold");
  s.field(&SegmentOptions::min_area, "min_area", "Smaller groups of detected pixels are dropped.").at_least(1).unit("pixel").namelist("DETECT", "Detection_Min_Area");
  s.field(&SegmentOptions::contrast, "deblend_contrast", "A part of a group is a source of its own when its light above the saddle is at least this share of the group's.").range(0, 1);
  s.field(&SegmentOptions::prominence, "deblend_prominence", "And when its peak rises above the saddle by this much.").at_least(0).unit("sigma");
  s.field(&SegmentOptions::deblend, "deblend", "Take groups of sources apart.");
  s.field(&SegmentOptions::touch, "neighbours", "Detected pixels hang together that meet at an edge or at a corner, or at an edge alone.")
      .choices({{"corner", outlier::Touch::corner}, {"edge", outlier::Touch::edge}}).namelist("DETECT", "Neighbor_Type");
}

namespace {

bool touches(int dx, int dy, outlier::Touch touch) { return touch == outlier::Touch::corner || dx == 0 || dy == 0; }

struct Pixel {
  float value;
  std::int32_t x, y;
};

/// Floods one parent from the top. Components are kept in a union-find forest over the pixels in order of brightness, so a component's number is its peak's.
class Flood {
 public:
  Flood(std::vector<Pixel>& pixels, const SegmentOptions& options) : pixels_{pixels}, options_{options} {
    std::sort(pixels_.begin(), pixels_.end(), [](const Pixel& a, const Pixel& b) { return a.value != b.value ? a.value > b.value : a.y != b.y ? a.y < b.y : a.x < b.x; });
    for (const Pixel& p : pixels_) {
      box_ = hull(box_, Box{p.x, p.y, p.x + 1, p.y + 1});
      total_ += static_cast<double>(p.value) - options.threshold;
    }
    box_ = box_.grown(1);
    rank_.assign(static_cast<std::size_t>(box_.area()), -1);
  }

  /// Component of each pixel, as the index of its peak in pixels().
  std::vector<std::int32_t> run() {
    const auto n = static_cast<std::int32_t>(pixels_.size());
    owner_.resize(pixels_.size());
    merged_.resize(pixels_.size());
    sum_.assign(pixels_.size(), 0.0);
    count_.assign(pixels_.size(), 0.0);
    std::iota(merged_.begin(), merged_.end(), 0);
    for (std::int32_t k = 0; k < n; ++k) {
      const Pixel& p = pixels_[static_cast<std::size_t>(k)];
      std::int32_t touching[8];
      int found = 0;
      std::int32_t brightest = n;
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
          const std::int32_t neighbour = rank(p.x + dx, p.y + dy);
          if (neighbour < 0 || !touches(dx, dy, options_.touch)) continue;
          brightest = std::min(brightest, neighbour);
          const std::int32_t c = root(owner_[static_cast<std::size_t>(neighbour)]);
          int at = 0;  // brightest peak first
          while (at < found && touching[at] < c) ++at;
          if (at < found && touching[at] == c) continue;
          for (int i = std::min(found, 7); i > at; --i) touching[i] = touching[i - 1];
          touching[at] = c, ++found;
        }
      rank(p.x, p.y) = k;
      std::int32_t own = k;
      if (found > 0) {
        // Those that are no sources join the brightest that is one: also a spike on the flank of something larger.
        bool source[8] = {};
        int first = 0;
        for (int i = found - 1; i >= 0; --i)
          if ((source[i] = found > 1 && stands(touching[i], p.value))) first = i;
        for (int i = 0; i < found; ++i)
          if (!source[i]) join(touching[first], touching[i]);
        own = root(owner_[static_cast<std::size_t>(brightest)]);
      }
      owner_[static_cast<std::size_t>(k)] = own;
      sum_[static_cast<std::size_t>(own)] += static_cast<double>(p.value);
      count_[static_cast<std::size_t>(own)] += 1;
    }
    for (auto& owner : owner_) owner = root(owner);
    return owner_;
  }

 private:
  std::int32_t& rank(int x, int y) { return rank_[static_cast<std::size_t>(y - box_.y0) * static_cast<std::size_t>(box_.width()) + static_cast<std::size_t>(x - box_.x0)]; }
  std::int32_t root(std::int32_t c) {
    while (merged_[static_cast<std::size_t>(c)] != c) c = merged_[static_cast<std::size_t>(c)] = merged_[static_cast<std::size_t>(merged_[static_cast<std::size_t>(c)])];
    return c;
  }
  bool stands(std::int32_t c, float level) const {
    const auto i = static_cast<std::size_t>(c);
    const double above = sum_[i] - count_[i] * static_cast<double>(level);
    return count_[i] >= options_.min_area && above >= options_.contrast * total_ && static_cast<double>(pixels_[i].value) - static_cast<double>(level) >= options_.prominence;
  }
  /// The one with the brighter peak stands for both.
  void join(std::int32_t a, std::int32_t b) {
    a = root(a), b = root(b);
    if (a == b) return;
    const std::int32_t to = std::min(a, b), from = std::max(a, b);
    merged_[static_cast<std::size_t>(from)] = to;
    sum_[static_cast<std::size_t>(to)] += sum_[static_cast<std::size_t>(from)];
    count_[static_cast<std::size_t>(to)] += count_[static_cast<std::size_t>(from)];
  }

  std::vector<Pixel>& pixels_;
  const SegmentOptions& options_;
  Box box_;
  double total_ = 0;
  std::vector<std::int32_t> rank_, owner_, merged_;
  std::vector<double> sum_, count_;
};

Segment whole(const std::vector<PixelRun>& runs, View<const float> image, std::int32_t parent) {
  Segment s;
  s.runs = runs;
  s.parent = parent;
  s.peak = -INFINITY;
  for (const PixelRun& r : runs) {
    s.area += r.length;
    for (int x = r.x; x < r.x + r.length; ++x)
      if (image(x, r.y) > s.peak) s.peak = image(x, r.y), s.peak_x = x, s.peak_y = r.y;
  }
  return s;
}

/// More than one local maximum; most parents have one and need no flood.
bool has_two_peaks(const std::vector<PixelRun>& runs, View<const float> image, outlier::Touch touch) {
  const Box box = image.box();
  int peaks = 0;
  for (const PixelRun& r : runs)
    for (int x = r.x; x < r.x + r.length; ++x) {
      const float v = image(x, r.y);
      bool peak = true;
      for (int dy = -1; dy <= 1 && peak; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
          if (!touches(dx, dy, touch) || !box.contains(x + dx, r.y + dy)) continue;
          const float w = image(x + dx, r.y + dy);
          // Of equal neighbours the first is the peak.
          if (w > v || (w == v && (dy < 0 || (dy == 0 && dx < 0)))) peak = false;
        }
      if (peak && ++peaks > 1) return true;
    }
  return false;
}

void take_apart(const std::vector<PixelRun>& runs, View<const float> image, const SegmentOptions& options, std::int32_t parent, std::vector<Segment>& out) {
  std::vector<Pixel> pixels;
  for (const PixelRun& r : runs)
    for (int x = r.x; x < r.x + r.length; ++x) pixels.push_back({image(x, r.y), x, r.y});
  Flood flood{pixels, options};
  const auto owner = flood.run();
  std::vector<std::int32_t> peaks;
  for (std::size_t k = 0; k < owner.size(); ++k)
    if (owner[k] == static_cast<std::int32_t>(k)) peaks.push_back(owner[k]);
  const std::size_t first = out.size();
  std::vector<std::size_t> order(pixels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return pixels[a].y != pixels[b].y ? pixels[a].y < pixels[b].y : pixels[a].x < pixels[b].x; });
  for (const std::int32_t p : peaks) {
    const Pixel& top = pixels[static_cast<std::size_t>(p)];
    Segment s;
    s.parent = parent;
    s.siblings = static_cast<std::int32_t>(peaks.size());
    s.peak = top.value, s.peak_x = top.x, s.peak_y = top.y;
    out.push_back(std::move(s));
  }
  for (const std::size_t k : order) {
    const auto which = static_cast<std::size_t>(std::lower_bound(peaks.begin(), peaks.end(), owner[k]) - peaks.begin());
    Segment& s = out[first + which];
    ++s.area;
    const Pixel& p = pixels[k];
    if (!s.runs.empty() && s.runs.back().y == p.y && s.runs.back().x + s.runs.back().length == p.x)
      ++s.runs.back().length;
    else
      s.runs.push_back({p.x, p.y, 1});
  }
}

}  // namespace

std::vector<Segment> find_segments(View<const float> image, const SegmentOptions& options) {
  const outlier::Clusters clusters = outlier::find_clusters(image, options.threshold, options.touch);
  std::vector<std::vector<PixelRun>> parents(static_cast<std::size_t>(clusters.count));
  for (const auto& run : clusters.runs) parents[static_cast<std::size_t>(run.cluster - 1)].push_back({run.x, run.y, run.length});
  std::vector<Segment> segments;
  std::int32_t number = 0;
  for (const auto& runs : parents) {
    std::int64_t area = 0;
    for (const PixelRun& r : runs) area += r.length;
    if (area < options.min_area) continue;
    if (options.deblend && area > 2 && has_two_peaks(runs, image, options.touch))
      take_apart(runs, image, options, number, segments);
    else
      segments.push_back(whole(runs, image, number));
    ++number;
  }
  return segments;
}

std::vector<Segment> segments_of(View<const float> image, const outlier::Clusters& clusters, double threshold, outlier::Touch touch) {
  std::vector<std::vector<PixelRun>> parts(static_cast<std::size_t>(clusters.count));
  for (const auto& run : clusters.runs) parts[static_cast<std::size_t>(run.cluster - 1)].push_back({run.x, run.y, run.length});
  const outlier::Clusters regions = outlier::find_clusters(image, threshold, touch);
  Image<std::int32_t> region{image.box()};
  for (const auto& run : regions.runs) std::fill_n(&region(run.x, run.y), run.length, run.cluster);
  std::vector<std::int32_t> siblings(static_cast<std::size_t>(regions.count) + 1, 0);
  std::vector<Segment> segments;
  for (const auto& runs : parts) {
    if (runs.empty()) continue;
    const std::int32_t parent = region(runs.front().x, runs.front().y);
    segments.push_back(whole(runs, image, parent));
    ++siblings[static_cast<std::size_t>(parent)];
  }
  for (Segment& s : segments) s.siblings = siblings[static_cast<std::size_t>(s.parent)];
  return segments;
}

Moments moments(const Segment& segment, View<const float> image) {
  Moments m;
  double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  for (const PixelRun& r : segment.runs)
    for (int x = r.x; x < r.x + r.length; ++x) {
      const auto v = static_cast<double>(image(x, r.y));
      if (!(v > 0)) continue;
      const double dx = x - segment.peak_x, dy = r.y - segment.peak_y;  // about the peak: no digits lost far from the origin
      m.flux += v;
      sx += v * dx, sy += v * dy;
      sxx += v * dx * dx, syy += v * dy * dy, sxy += v * dx * dy;
    }
  if (!(m.flux > 0)) {
    m.x = segment.peak_x, m.y = segment.peak_y;
    return m;
  }
  const double cx = sx / m.flux, cy = sy / m.flux;
  m.x = segment.peak_x + cx;
  m.y = segment.peak_y + cy;
  m.xx = sxx / m.flux - cx * cx;
  m.yy = syy / m.flux - cy * cy;
  m.xy = sxy / m.flux - cx * cy;
  const double mean = 0.5 * (m.xx + m.yy), half = 0.5 * (m.xx - m.yy), root = std::hypot(half, m.xy);
  m.major = std::sqrt(std::max(0.0, mean + root));
  m.minor = std::sqrt(std::max(0.0, mean - root));
  m.angle = 0.5 * std::atan2(2 * m.xy, m.xx - m.yy);
  return m;
}

}  // namespace tessera::detect
