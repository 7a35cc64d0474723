/// images/rgb.h — a colour picture from three images of the sky, on the grid of the first.
#pragma once
#include <array>
#include <filesystem>
#include <string>

#include "tessera/param/schema.h"
#include "tessera/run/context.h"

namespace tessera::images {

struct RgbOptions {
  std::string minimum = "auto", scale = "auto";
  double stretch = 0, q = 8;  // stretch 0: from the noise
};
void describe(param::Schema<RgbOptions>& s);

/// Images whose pixels do not lie on those of the first are resampled to them by area overlap. Works in blocks, from the top down, so that
/// images larger than memory can be drawn. The brightness scale that was used is logged and stands in the picture as text.
/// Throws UsageError (options), DataError (no image, no WCS where grids differ, no common sky), SystemError (writing).
void make_rgb(const std::array<std::filesystem::path, 3>& images, const RgbOptions& options, const std::filesystem::path& out, run::Context& context);

}  // namespace tessera::images
