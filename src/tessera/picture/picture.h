/// picture/picture.h — PNG pictures of images: asinh stretch, colour bar, scale bar, north/east arrows. Drawn with cairo.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "tessera/core/image.h"
#include "tessera/wcs/grid.h"

namespace tessera::picture {

enum class Stretch { asinh, linear };
enum class Palette { gray, viridis };

struct PictureOptions {
  std::string title;              ///< one line at the top
  std::string unit;               ///< beside the colour bar
  Stretch stretch = Stretch::asinh;
  Palette palette = Palette::gray;
  int max_side = 1600;            ///< longer images are averaged down
  bool integer_levels = false;    ///< a coverage map: ticks at whole numbers
};

/// Averages `pixels` down by an integer factor so that the longer side is ≤ max_side (NaN left out). `factor` tells by how much.
struct Preview {
  Image<float> pixels;
  int factor = 1;
  int full_width = 0, full_height = 0;
};
/// Fed row by row, so that an image larger than memory can be drawn.
class PreviewBuilder {
 public:
  PreviewBuilder(int width, int height, int max_side);
  void add_row(int y, std::span<const float> row);   ///< rows in order from 0
  void add_constant(int y, float value);             ///< the same for a row of one value, quickly
  Preview finish();

 private:
  void end_row(int y);
  Preview preview_;
  std::vector<double> sum_;
  std::vector<int> count_;
  int max_side_ = 0;
};

/// y grows upwards as astronomers expect. Throws SystemError when the file cannot be written.
void write_png(const Preview& preview, const wcs::Grid& grid, const PictureOptions& options, const std::filesystem::path& path);

}  // namespace tessera::picture
