#include "tessera/pipeline/outlier_mosaics.h"

#include <cmath>

#include "tessera/io/fits.h"
#include "tessera/pipeline/products.h"

namespace tessera::pipeline {

OutlierMosaics::OutlierMosaics(const Plan& plan, const std::filesystem::path& scratch) : plan_{plan}, file_{scratch / "outlier_mosaics", "an outlier mosaic"} {}

namespace {

std::int64_t place_of(const Plan& plan, OutlierMosaics::Plane plane, int x, int y) { return (static_cast<std::int64_t>(plane) * plan.grid.height + y) * plan.grid.width + x; }

}  // namespace

void OutlierMosaics::put(Plane plane, View<const float> mean, Box part) const {
  for (int y = part.y0; y < part.y1; ++y) file_.write(mean.window(part).row(y), place_of(plan_, plane, part.x0, y));
}

void OutlierMosaics::read_row(Plane plane, int y, std::span<float> row) const { file_.read(row, place_of(plan_, plane, 0, y)); }

Image<float> mean_of_maps(std::span<const ResampledView> frames, std::span<const Image<float>> maps, double least, Box part) {
  Image<float> mean{part};
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x) {
      double sum = 0, weight = 0;
      for (std::size_t k = 0; k < frames.size(); ++k) {
        const auto c = static_cast<double>(frames[k].coverage(x, y));
        if (!(c > 0 && c >= least)) continue;
        sum += c * static_cast<double>(maps[k](x, y));
        weight += c;
      }
      mean(x, y) = weight > 0 ? static_cast<float>(sum / weight) : NAN;
    }
  return mean;
}

std::vector<run::ProductRecord> write_outlier_mosaics(const Plan& plan, const FramePass& pass, const MosaicOptions& options, const param::OptionSet& settings, double mean_exposure_s, run::OutputFolder& folder) {
  std::vector<run::ProductRecord> records;
  if (!options.products.outlier_mosaic && !options.products.dual_outlier_mosaic) return records;
  const OutlierMosaics mosaics{plan, folder.scratch()};
  std::vector<char> has_frames(static_cast<std::size_t>(plan.lattice.count()));
  for (std::size_t t = 0; t < has_frames.size(); ++t) has_frames[t] = !plan.tile_frames[t].empty();
  const auto write = [&](const char* file, const char* title, OutlierMosaics::Plane plane) {
    const auto path = folder.product(file);
    io::FitsWriter writer{path};
    writer.add_image("", product_header({"", title, {}}, plan, pass, settings, mean_exposure_s), plan.grid.width, plan.grid.height, [&](int y, std::span<float> row) {
      mosaics.read_row(plane, y, row);
      for (std::int64_t t = 0; t < plan.lattice.count(); ++t)  // tiles no frame touches were never looked at
        if (const Box box = plan.lattice.box(t); y >= box.y0 && y < box.y1 && !has_frames[static_cast<std::size_t>(t)]) std::fill(row.begin() + box.x0, row.begin() + box.x1, NAN);
    });
    writer.close();
    records.push_back({file, run::datasums(path)});
  };
  if (options.products.outlier_mosaic) write("mosaic_outlier.fits", "mean deviation of the frames from their median, in units of the scatter", OutlierMosaics::deviation);
  if (options.products.dual_outlier_mosaic) write("mosaic_dual_outlier.fits", "mean of -1 for an outlier, 1 for a source (dual scheme)", OutlierMosaics::sign);
  return records;
}

}  // namespace tessera::pipeline
