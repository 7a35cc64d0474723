#include "tessera/cube/cube_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tessera/core/statistics.h"
#include "tessera/cube/cube_file.h"
#include "tessera/images/rgb.h"
#include "tessera/picture/contact_sheet.h"
#include "tessera/run/context.h"

namespace tessera::cube {
namespace {

constexpr int rows_at_once = 64, longest_side = 1200, few_planes = 34, sheet_columns = 17, few_columns = 9;
constexpr double depth_samples = 1e5;

/// A name that a file can have.
std::string file_name(const PlannedPlane& plane) {
  std::string name = plane.channel.channel ? fmt::format("channel_{:03}", plane.channel.channel) : plane.name;
  for (char& c : name)
    if (!(std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.')) c = '_';
  return "planes/" + name + ".png";
}

struct Drawn {
  PlaneLook look;
  picture::Preview preview;
};

picture::Preview smaller(const picture::Preview& from, int side) {
  const Box box = from.pixels.box();
  picture::PreviewBuilder builder{box.width(), box.height(), side};
  for (int y = 0; y < box.height(); ++y) builder.add_row(y, from.pixels.row(y));
  return builder.finish();
}

Drawn look_at(const CubeFile& cube, int plane) {
  const Box box = cube.box();
  picture::PreviewBuilder builder{box.width(), box.height(), longest_side};
  std::int64_t data = 0;
  for (int y = 0; y < box.y1; y += rows_at_once) {
    const auto rows = cube.image(plane, {0, y, box.x1, std::min(box.y1, y + rows_at_once)});
    for (int r = rows.box().y0; r < rows.box().y1; ++r) {
      builder.add_row(r, rows.row(r));
      data += std::ranges::count_if(rows.row(r), [](float v) { return std::isfinite(v); });
    }
  }
  Drawn drawn{{static_cast<double>(data) / static_cast<double>(box.area()), NAN, NAN}, builder.finish()};
  if (data == 0) return drawn;
  const int step = std::max(1, static_cast<int>(static_cast<double>(box.area()) / depth_samples));
  std::vector<float> sigma;
  for (int y = 0; y < box.y1; y += std::max(1, step / 2)) {
    const auto variance = cube.variance(plane, {0, y, box.x1, y + 1});
    for (const float v : variance.pixels())
      if (std::isfinite(v)) sigma.push_back(std::sqrt(v));
  }
  drawn.look.depth = statistics::median_inplace(std::span{sigma});
  drawn.look.level = statistics::median(std::span<const float>{drawn.preview.pixels.pixels()});
  return drawn;
}

/// Means over planes [first, last) of `order`, row by row, as an image beside the products.
void write_mean(const CubeFile& cube, const CubePlan& plan, const std::vector<int>& order, std::size_t first, std::size_t last, const std::filesystem::path& path) {
  const Box box = cube.box();
  io::FitsWriter writer{path};
  Image<float> mean;
  writer.add_image("", plan.setting.grid.header(), box.width(), box.height(), [&](int y, std::span<float> out) {
    if (y % rows_at_once == 0) {
      const Box band{0, y, box.x1, std::min(box.y1, y + rows_at_once)};
      Image<double> sum{band};
      Image<std::int32_t> count{band};
      for (std::size_t k = first; k < last; ++k) {
        const auto rows = cube.image(order[k], band);
        for (std::size_t i = 0; i < rows.pixels().size(); ++i)
          if (std::isfinite(rows.pixels()[i])) sum.pixels()[i] += rows.pixels()[i], ++count.pixels()[i];
      }
      mean.reshape(band);
      for (std::size_t i = 0; i < mean.pixels().size(); ++i) mean.pixels()[i] = count.pixels()[i] ? static_cast<float>(sum.pixels()[i] / count.pixels()[i]) : NAN;
    }
    std::ranges::copy(mean.row(y), out.begin());
  });
  writer.close();
}

void draw_colours(const CubeFile& cube, const CubePlan& plan, const std::vector<PlaneLook>& looks, run::OutputFolder& folder, run::Context& context) {
  std::vector<int> order;
  for (std::size_t z = 0; z < looks.size(); ++z)
    if (looks[z].coverage > 0) order.push_back(static_cast<int>(z));
  if (order.size() < 3) return;
  std::ranges::stable_sort(order, {}, [&](int z) { return plan.planes[static_cast<std::size_t>(z)].channel.centre_um; });
  const std::size_t n = order.size();
  const std::array<std::size_t, 4> cuts{0, n / 3, 2 * n / 3, n};
  std::array<std::filesystem::path, 3> images;
  for (std::size_t k = 0; k < 3; ++k) {  // red is the longest third
    images[2 - k] = folder.scratch() / fmt::format("third{}.fits", k);
    write_mean(cube, plan, order, cuts[k], cuts[k + 1], images[2 - k]);
  }
  images::make_rgb(images, {}, folder.product("rgb.png"), context);
  std::error_code ignored;
  for (const auto& image : images) std::filesystem::remove(image, ignored);
}

}  // namespace

std::vector<PlaneLook> draw_cube(const CubePlan& plan, run::OutputFolder& folder, run::Context& context) {
  const auto path = folder.product("cube.fits");
  const auto planes = plan.planes.size();
  std::vector<PlaneLook> looks(planes);
  std::vector<picture::SheetItem> items(planes);
  std::vector<std::filesystem::path> pictures(planes);
  std::set<std::string> taken;
  for (std::size_t z = 0; z < planes; ++z) {
    const auto name = file_name(plan.planes[z]);
    if (plan.exposures[z] > 0 && taken.insert(name).second) pictures[z] = folder.product(name);
  }
  context.stage("drawing planes", static_cast<std::int64_t>(planes));
  context.pool().for_each(static_cast<std::int64_t>(planes), [&](std::int64_t i) {
    const auto z = static_cast<std::size_t>(i);
    const auto& plane = plan.planes[z];
    items[z].label = fmt::format("{} {:.3f} µm", plane.channel.channel ? fmt::format("{}", plane.channel.channel) : plane.name, plane.channel.centre_um);
    if (plan.exposures[z] > 0) {
      auto drawn = look_at(CubeFile{path}, static_cast<int>(i));
      looks[z] = drawn.look;
      const auto title = fmt::format("{}, {:.4f} µm", plane.name, plane.channel.centre_um);
      picture::write_png(drawn.preview, plan.setting.grid, {.title = title, .unit = "MJy/sr", .max_side = longest_side}, pictures[z].empty() ? folder.scratch() / "unnamed.png" : pictures[z]);
      items[z].preview = smaller(drawn.preview, picture::sheet_cell);
    } else {
      looks[z] = {0, NAN, NAN};
    }
    context.step();
  });
  const int columns = static_cast<int>(planes) > few_planes ? sheet_columns : few_columns;
  picture::write_contact_sheet(items, columns, fmt::format("{} planes about {:.4f} {:+.4f}, each stretched for itself", planes, plan.setting.grid.crval1_deg, plan.setting.grid.crval2_deg), {},
                               folder.product("contact_sheet.png"));
  draw_colours(CubeFile{path}, plan, looks, folder, context);
  return looks;
}

}  // namespace tessera::cube
