#include "tessera/background/frame_sky.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "tessera/background/panels.h"
#include "tessera/background/running_median.h"
#include "tessera/background/sky_mesh_private.h"
#include "tessera/base/error.h"

namespace tessera::background {
namespace {

Image<float> good_values(const FrameView& frame) {
  Image<float> values{frame.box(), std::numeric_limits<float>::quiet_NaN()};
  for (int y = frame.box().y0; y < frame.box().y1; ++y) {
    const auto value = frame.value.row(y);
    const auto good = frame.good.row(y);
    const auto out = values.row(y);
    for (std::size_t x = 0; x < out.size(); ++x)
      if (good[x]) out[x] = value[x];
  }
  return values;
}

}  // namespace

void describe(param::Schema<FrameSkyOptions>& s) {
  s.field(&FrameSkyOptions::method, "method",
          "The local sky above which objects and hits of single frames are found: mesh = clipped medians of about 32 x 32 pixels, bilinear between; median = of a window around every pixel, as MOPEX's MedFilter; "
          "panels = clipped modes of panels of the window's size, bilinear between, as MedFilter's SExtractor option.")
      .choices({{"mesh", SkyMethod::mesh}, {"median", SkyMethod::median}, {"panels", SkyMethod::panels}})
      .namelist("MEDFILTER", "Use_Sbkg_for_Med");
  s.field(&FrameSkyOptions::window_x, "window_x", "Width of the window (or panel).").unit("frame pixel").range(1, 1000).namelist("MEDFILTER", "Window_X");
  s.field(&FrameSkyOptions::window_y, "window_y", "Height of the window (or panel).").unit("frame pixel").range(1, 1000).namelist("MEDFILTER", "Window_Y");
  s.field(&FrameSkyOptions::dropped, "drop", "Brightest pixels of a full window that are left out before its median is taken; fewer in proportion where the window is not full.")
      .unit("frame pixel")
      .range(0, 999999)
      .namelist("MEDFILTER", "N_Outliers_Per_Window");
  s.field(&FrameSkyOptions::panel_filter, "panel_filter", "Panels per side of the median filter over them; below 2: none.").range(0, 1000).namelist("MEDFILTER", "Sbkg_Filt_Size_for_Med");
}

void check(const FrameSkyOptions& o) {
  if (o.method == SkyMethod::median && o.dropped >= o.window_x * o.window_y)
    throw UsageError{fmt::format("frame_sky.drop = {} leaves nothing of a window of {} × {} pixels", o.dropped, o.window_x, o.window_y)};
}

Image<float> frame_sky(const FrameView& frame, const FrameSkyOptions& options) {
  const Box box = frame.box();
  Image<float> sky{box};
  if (box.empty()) return sky;
  if (options.method == SkyMethod::mesh) {
    const SkyMesh mesh{frame};
    std::vector<float> row;
    for (int y = box.y0; y < box.y1; ++y) {
      mesh.row(y, row);
      std::copy(row.begin(), row.end(), sky.row(y).begin());
    }
    return sky;
  }
  const auto values = good_values(frame);
  if (options.method == SkyMethod::median) {
    running_median(std::as_const(values).view(), {options.window_x, options.window_y, options.dropped}, sky.view());
    return sky;
  }
  Panels panels{box.width(), box.height(), options.window_x, options.window_y};
  for (int y = box.y0; y < box.y1; ++y) panels.add_row(y - box.y0, std::as_const(values).row(y));
  panels.finish(options.panel_filter);
  for (int y = box.y0; y < box.y1; ++y) panels.sky(y - box.y0, sky.row(y));
  return sky;
}

}  // namespace tessera::background
