#include "tessera/pipeline/report_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "tessera/core/statistics.h"
#include "tessera/run/report_page.h"
#include "tessera/run/sky_figure.h"

namespace tessera::pipeline {
namespace {

constexpr int mosaic_side = 900, small_side = 420;   // pixels hold a byte at most, so pictures stay below 1.6 MB of text
constexpr std::size_t most_marks = 2000, most_columns = 60;

/// One pass over a plane: the picture's pixels, and `visit` for every row.
template <class Visit>
picture::Preview preview_of(const Plan& plan, const TileStore& store, TileResult::Plane plane, int side, Visit&& visit) {
  picture::PreviewBuilder builder{plan.grid.width, plan.grid.height, side};
  parallel::check_interrupt();
  PlaneRows rows{store, plane, NAN};
  for (int y = 0; y < plan.grid.height; ++y) {
    const auto row = rows.row(y);
    if (rows.empty(y)) {
      builder.add_constant(y, row.front());
      continue;
    }
    builder.add_row(y, row);
    visit(row);
  }
  return builder.finish();
}

/// Uncovered output pixels are 0 in the coverage plane: no data for the eye.
void blank_uncovered(picture::Preview& preview) {
  for (float& v : preview.pixels.pixels())
    if (!(v > 0)) v = NAN;
}

double median_of_covered(const picture::Preview& preview) { return statistics::median(preview.pixels.pixels()); }

/// Marks of the usable frames, in listed order; `value` may leave a frame out by adding no y.
struct Marks {
  report::Points points;
  std::size_t per_mark = 1;
  std::string thinning() const { return per_mark == 1 ? "" : fmt::format(" Each mark stands for {} frames in listed order: their median and range.", per_mark); }
};

template <class Value>
Marks frame_marks(const Plan& plan, const FramePass& pass, Value&& value) {
  Marks m;
  for (std::size_t i = 0; i < plan.frames.size(); ++i)
    if (pass.frames[i].usable) {
      m.points.x.push_back(static_cast<double>(i + 1));
      value(i, m.points);
      m.points.x.resize(m.points.y.size());
    }
  if (m.points.y.size() <= 200)
    for (std::size_t k = 0; k < m.points.y.size(); ++k) {
      const auto i = static_cast<std::size_t>(m.points.x[k]) - 1;
      m.points.names.push_back(fmt::format("{}: {}: {}", i + 1, report::shortened(frame_name(plan.frames[i]), 80), report::number_text(m.points.y[k], 4)));
    }
  m.points = report::thinned(std::move(m.points), most_marks, m.per_mark);
  return m;
}

}  // namespace

std::string frame_name(const instrument::FrameFile& frame) {
  const auto name = frame.image.path.filename().string();
  return frame.hdu_label.empty() ? name : name + "[" + frame.hdu_label + "]";
}

std::int64_t SkyFigures::covered() const { return std::accumulate(depth.begin(), depth.end(), std::int64_t{0}); }

int SkyFigures::median_depth() const {
  const auto half = covered() / 2;
  std::int64_t below = 0;
  for (std::size_t d = 0; d < depth.size(); ++d)
    if ((below += depth[d]) > half) return static_cast<int>(d);
  return 0;
}

SkyFigures sky_figures(const Plan& plan, const TileStore& store, bool full_pictures) {
  SkyFigures all;
  const auto ignore = [](std::span<const float>) {};
  picture::PictureOptions options;
  options.title = "Mosaic";
  options.unit = plan.unit;
  all.mosaic = run::sky_figure("mosaic", preview_of(plan, store, TileResult::mosaic, mosaic_side, ignore), options);
  all.mosaic.large = true;
  run::add_sky_marks(all.mosaic, plan.grid.wcs(), plan.grid.width, plan.grid.height);
  if (full_pictures) all.mosaic.full_picture = "mosaic.png";

  options.palette = picture::Palette::viridis;
  options.title = "Uncertainty";
  const auto uncertainty = preview_of(plan, store, TileResult::uncertainty, small_side, ignore);
  all.uncertainty = run::sky_figure("uncertainty", uncertainty, options);
  all.median_uncertainty = median_of_covered(uncertainty);

  options.stretch = picture::Stretch::linear;
  options.title = "Coverage";
  options.unit = "frames";
  options.integer_levels = true;
  std::vector<std::int64_t> depth(plan.frames.size() + 1);
  auto coverage = preview_of(plan, store, TileResult::coverage, small_side, [&](std::span<const float> row) {
    for (const float v : row)
      if (v > 0) ++depth[std::min(static_cast<std::size_t>(std::lround(v)), depth.size() - 1)];
  });
  blank_uncovered(coverage);
  all.coverage = run::sky_figure("coverage", coverage, options);
  if (full_pictures) all.coverage.full_picture = "coverage.png";
  while (depth.size() > 1 && depth.back() == 0) depth.pop_back();
  all.depth = std::move(depth);
  return all;
}

double rejected_fraction(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected, std::size_t i) {
  const double good = pass.frames[i].good_fraction * static_cast<double>(plan.frames[i].box().area());
  return good > 0 ? static_cast<double>(rejected[i]) / good : NAN;
}

FramePlot offset_plot(const Plan& plan, const FramePass& pass) {
  const auto m = frame_marks(plan, pass, [&](std::size_t i, report::Points& p) {
    const auto& f = pass.frames[i];
    p.y.push_back(f.offset), p.low.push_back(f.offset - f.offset_sigma), p.high.push_back(f.offset + f.offset_sigma);
    p.marked.push_back(f.offset_outlier);
  });
  report::PlotOptions options{"frame", "offset", plan.unit};
  options.reference = 0;
  options.description = "background offset of each frame with its standard error";
  const auto outliers = static_cast<std::size_t>(std::ranges::count_if(pass.frames, [](const FrameState& f) { return f.usable && f.offset_outlier; }));
  const auto note = outliers ? fmt::format(" {} in the warning colour did not count for the common level.", run::plural(outliers, "frame")) : "";
  return {report::point_plot(m.points, options), note + m.thinning()};
}

FramePlot noise_plot(const Plan& plan, const FramePass& pass) {
  const auto m = frame_marks(plan, pass, [&](std::size_t i, report::Points& p) { p.y.push_back(pass.frames[i].noise_scale); });
  report::PlotOptions options{"frame", "noise scale", ""};
  options.reference = 1;
  options.description = "measured noise over stated uncertainty of each frame";
  return {report::point_plot(m.points, options), m.thinning()};
}

FramePlot rejection_plot(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected) {
  const auto m = frame_marks(plan, pass, [&](std::size_t i, report::Points& p) { p.y.push_back(100 * rejected_fraction(plan, pass, rejected, i)); });
  report::PlotOptions options{"frame", "rejected", "% of good pixels"};
  options.from_zero = true;
  options.description = "share of each frame's good pixels that was rejected";
  return {report::point_plot(m.points, options), m.thinning()};
}

FramePlot star_position_plot(const Plan& plan, const FramePass& pass, const Repeatability& stars) {
  const auto m = frame_marks(plan, pass, [&](std::size_t i, report::Points& p) {
    const auto& s = stars.frames[i];
    if (!s.shown()) return;
    const double off = std::hypot(s.east, s.north);
    p.y.push_back(off), p.low.push_back(std::max(0.0, off - s.position_sigma)), p.high.push_back(off + s.position_sigma);
    p.marked.push_back(s.misplaced);
  });
  report::PlotOptions options{"frame", "distance", "arcsec"};
  options.from_zero = true;
  options.description = "distance of each frame's stars from their common places";
  return {report::point_plot(m.points, options), m.thinning()};
}

FramePlot star_flux_plot(const Plan& plan, const FramePass& pass, const Repeatability& stars) {
  const auto m = frame_marks(plan, pass, [&](std::size_t i, report::Points& p) {
    const auto& s = stars.frames[i];
    if (!s.shown()) return;
    p.y.push_back(s.flux_ratio), p.low.push_back(s.flux_ratio - s.flux_sigma), p.high.push_back(s.flux_ratio + s.flux_sigma);
    p.marked.push_back(s.off_flux);
  });
  report::PlotOptions options{"frame", "flux ratio", ""};
  options.reference = 1;
  options.description = "fluxes of each frame's stars over those of all frames";
  return {report::point_plot(m.points, options), m.thinning()};
}

report::Markup depth_plot(const SkyFigures& figures) {
  const auto& depth = figures.depth;
  const double all = static_cast<double>(std::max<std::int64_t>(1, figures.covered()));
  const std::size_t first = depth.size() > 1 && depth[0] == 0 ? 1 : 0, per_column = (depth.size() - first + most_columns - 1) / most_columns;
  std::vector<double> edges, heights;
  for (std::size_t d = first; d < depth.size(); d += per_column) {
    edges.push_back(static_cast<double>(d) - 0.5);
    const auto from = depth.begin() + static_cast<std::ptrdiff_t>(d), to = depth.begin() + static_cast<std::ptrdiff_t>(std::min(depth.size(), d + per_column));
    heights.push_back(100 * static_cast<double>(std::accumulate(from, to, std::int64_t{0})) / all);
  }
  edges.push_back(static_cast<double>(first + per_column * heights.size()) - 0.5);
  report::PlotOptions options{"coverage, frames", "area", "% of the covered sky"};
  options.description = "share of the covered area by number of frames";
  return report::bar_plot(edges, heights, options);
}

}  // namespace tessera::pipeline
