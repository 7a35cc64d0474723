#include "tessera/extraction/corrections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/io/fits.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::extraction {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double mean_phase = 0.3989422804014327;  // 1/√(2π)

double phase_factor(const photometry::Sight& s, double amplitude) {
  const double p = std::hypot(s.x - std::round(s.x), s.y - std::round(s.y));
  return 1 / (1 + amplitude * (mean_phase - p));
}

Image<float> read_correction(const std::string& path, std::span<const joint_fit::FitImage> images) {
  const io::FitsFile file{path};
  const auto hdu = file.first_image();
  if (!hdu) throw DataError{fmt::format("{}: no image in it; a correction image of the frames' size was expected", path)};
  auto image = file.read_float(*hdu);
  for (const auto& frame : images)
    if (frame.file->box() != image.box()) throw DataError{fmt::format("{}: {} × {} pixels, but {} has {} × {}; a correction belongs to frames of its own size", path, image.box().width(), image.box().height(), frame.file->label(), frame.file->width, frame.file->height)};
  return image;
}

double value_at(const Image<float>& image, double x, double y) {
  const Box box = image.box();
  const double a = std::clamp(x, box.x0 + 0.0, box.x1 - 1.0), b = std::clamp(y, box.y0 + 0.0, box.y1 - 1.0);
  const int i = std::min(static_cast<int>(a), box.x1 - 2), j = std::min(static_cast<int>(b), box.y1 - 2);
  const double p = a - i, q = b - j;
  const auto at = [&](int u, int v) { return static_cast<double>(image(u, v)); };
  return (1 - q) * ((1 - p) * at(i, j) + p * at(i + 1, j)) + q * ((1 - p) * at(i, j + 1) + p * at(i + 1, j + 1));
}

template <class F>
std::vector<double> mean_over_sights(std::span<const joint_fit::Source> sources, F factor) {
  std::vector<double> means;
  for (const joint_fit::Source& s : sources) {
    double sum = 0;
    for (const auto& sight : s.sights) sum += factor(joint_fit::moved(sight, s.u, s.v));
    means.push_back(s.sights.empty() ? nan : sum / static_cast<double>(s.sights.size()));
  }
  return means;
}

}  // namespace

catalog::ColumnSet flux_corrections(std::span<const joint_fit::FitImage> images, std::span<const joint_fit::Source> sources, const CorrectionOptions& options) {
  catalog::ColumnSet columns;
  if (options.pixel_phase != 0) columns.numbers("pixel_phase_correction", mean_over_sights(sources, [&](const photometry::Sight& s) { return phase_factor(s, options.pixel_phase); }));
  if (!options.array_location.empty()) {
    const auto image = read_correction(options.array_location, images);
    if (image.box().width() < 2 || image.box().height() < 2) throw DataError{fmt::format("{}: a correction image of fewer than 2 × 2 pixels", options.array_location)};
    columns.numbers("array_location_correction", mean_over_sights(sources, [&](const photometry::Sight& s) { return value_at(image, s.x, s.y); }));
  }
  if (options.colour != 1) columns.numbers("colour_correction", std::vector<double>(sources.size(), options.colour));
  return columns;
}

}  // namespace tessera::extraction
