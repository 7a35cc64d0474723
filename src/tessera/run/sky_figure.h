/// run/sky_figure.h — pictures of the sky for report.html.
#pragma once
#include <string>

#include "tessera/picture/picture.h"
#include "tessera/report/figure.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::run {

/// A picture with its colour bar; `id` as in SkyFigure.
report::SkyFigure sky_figure(const std::string& id, const picture::Preview& preview, const picture::PictureOptions& options);
/// North, east and a scale bar of an image of width × height pixels.
void add_sky_marks(report::SkyFigure& figure, const wcs::SkyWcs& sky, int width, int height);

}  // namespace tessera::run
