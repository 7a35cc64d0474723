/// pipeline/report_figures.h — pictures and plots of report.html, and the numbers that reading the planes for them gives.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/picture/picture.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/plan.h"
#include "tessera/pipeline/repeatability.h"
#include "tessera/pipeline/tile_store.h"
#include "tessera/report/figure.h"
#include "tessera/report/svg.h"

namespace tessera::pipeline {

struct SkyFigures {
  report::SkyFigure mosaic, coverage, uncertainty;
  std::vector<std::int64_t> depth;   ///< output pixels by coverage, rounded to whole frames; those without any are left out
  double median_uncertainty = 0;     ///< over the covered pixels of the averaged picture; NaN when there is none
  std::int64_t covered() const;
  int median_depth() const;          ///< frames
};
/// Reads three planes of the store, row by row. `full_pictures`: mosaic.png and coverage.png are among the products.
SkyFigures sky_figures(const Plan& plan, const TileStore& store, bool full_pictures);

/// A plot of one number per usable frame and what the caption must say of its marks ("" when every frame has one, and all are alike).
struct FramePlot {
  report::Markup plot;
  std::string marks;
};
FramePlot offset_plot(const Plan& plan, const FramePass& pass);
FramePlot noise_plot(const Plan& plan, const FramePass& pass);
FramePlot rejection_plot(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected);
/// Distance and flux ratio of the frames' stars; only frames with enough of them.
FramePlot star_position_plot(const Plan& plan, const FramePass& pass, const Repeatability& stars);
FramePlot star_flux_plot(const Plan& plan, const FramePass& pass, const Repeatability& stars);
report::Markup depth_plot(const SkyFigures& figures);

/// Rejected over good pixels of a frame; NaN without good pixels.
double rejected_fraction(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected, std::size_t frame);
/// File name of a frame, with "[SCI,2]" when the file holds more than one.
std::string frame_name(const instrument::FrameFile& frame);

}  // namespace tessera::pipeline
