#include "tessera/extraction/threshold_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/detect/matched_filter.h"
#include "tessera/detect/noise_map.h"
#include "tessera/detect/segments.h"

namespace tessera::extraction {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr int smallest_cell = 8, most_rounds = 1000;

/// What the frame itself shows: its filtered flux, or its pixels.
Image<float> own_image(const Frame& frame, const Image<float>& significance, const psf::PsfModel& psf, const ExtractOptions& options) {
  Image<float> image{frame.box()};
  if (options.detection.image == DetectionImage::filtered) detect::matched_filter(frame.view(), psf, options.filter, {{}, image, {}});
  else image = frame.value.copy();
  for (std::size_t i = 0; i < image.pixels().size(); ++i)
    if (!frame.good.pixels()[i] || std::isnan(significance.pixels()[i])) image.pixels()[i] = nan;
  return image;
}

void weigh_by_coverage(Image<float>& image, const Image<float>& coverage) {
  for (std::size_t i = 0; i < image.pixels().size(); ++i) image.pixels()[i] *= std::sqrt(std::max(0.0F, coverage.pixels()[i]));
}

/// Objects of MOPEX's Bright Detect: clusters above bright_limit, and what of them is above the threshold of detection.
void leave_out_bright(Image<float>& image, const DetectionOptions& options, double threshold) {
  detect::SegmentOptions how;
  how.threshold = options.bright_limit, how.min_area = options.bright_area, how.deblend = false;
  const auto bright = detect::find_segments(image, how);
  if (bright.empty()) return;
  const auto erase = [&](const detect::Segment& s) {
    for (const auto& run : s.runs) std::fill_n(&image(run.x, run.y), run.length, nan);
  };
  if (options.bright_whole && threshold < options.bright_limit) {
    how.threshold = threshold, how.min_area = 1;
    Image<std::uint8_t> core{image.box()};
    for (const auto& s : bright)
      for (const auto& run : s.runs) std::fill_n(&core(run.x, run.y), run.length, std::uint8_t{1});
    for (const auto& s : detect::find_segments(image, how))
      if (std::ranges::any_of(s.runs, [&](const auto& run) { return std::any_of(&core(run.x, run.y), &core(run.x, run.y) + run.length, [](std::uint8_t c) { return c > 0; }); })) erase(s);
  }
  for (const auto& s : bright) erase(s);
}

/// NaN on what is not searched.
void leave_out(Image<float>& image, const Image<float>& coverage, const DetectionOptions& options, double threshold) {
  if (options.min_coverage > 0 && !coverage.empty())
    for (std::size_t i = 0; i < image.pixels().size(); ++i)
      if (!(static_cast<double>(coverage.pixels()[i]) >= options.min_coverage)) image.pixels()[i] = nan;
  if (options.bright_limit > 0) leave_out_bright(image, options, threshold);
  if (options.edge == 0) return;
  const Box box = image.box(), inner = box.grown(-options.edge);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (!inner.contains(x, y)) image(x, y) = nan;
}

}  // namespace

detect::NoiseWindows noise_windows(const DetectionOptions& options) {
  return {options.noise_cell, options.noise_cell_y > 0 ? options.noise_cell_y : options.noise_cell, options.noise_min_pixels};
}

Image<float> normalise(Image<float>& image, detect::NoiseWindows windows) {
  if (windows.cell_x == 0) return Image<float>{image.box(), 1.0F};
  windows.cell_x = std::max(smallest_cell, windows.cell_x), windows.cell_y = std::max(smallest_cell, windows.cell_y);
  Image<float> noise = detect::noise_map(image, windows);
  for (std::size_t i = 0; i < noise.pixels().size(); ++i) {
    const float n = noise.pixels()[i];
    if (n > 0) image.pixels()[i] /= n;
  }
  return noise;
}

double standardise(Image<float>& image, double threshold, double limit) {
  double cut = std::numeric_limits<double>::infinity(), mean = 0, deviation = 0;
  long before = -1;
  for (int round = 0; round < most_rounds; ++round) {
    long n = 0;
    double sum = 0, squares = 0;
    const auto counts = [&](double v) { return std::isfinite(v) && v <= cut && v <= limit; };
    for (const float v : image.pixels())
      if (counts(static_cast<double>(v))) ++n, sum += static_cast<double>(v);
    if (n == 0 || n == before) break;
    mean = sum / static_cast<double>(n);
    for (const float v : image.pixels())
      if (counts(static_cast<double>(v))) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
    deviation = std::sqrt(squares / static_cast<double>(n));
    cut = mean + threshold * deviation;
    before = n;
  }
  for (float& v : image.pixels()) v = deviation > 0 ? static_cast<float>((static_cast<double>(v) - mean) / deviation) : std::isnan(v) ? v : 0.0F;
  return mean + threshold * deviation;
}

Image<float> threshold_image(const Frame& frame, Image<float> significance, const Image<float>& coverage, const psf::PsfModel& psf, const ExtractOptions& options, run::Context& context) {
  const auto& o = options.detection;
  const bool own_pixels = o.image == DetectionImage::filtered || o.image == DetectionImage::pixels;
  Image<float> image = own_pixels ? own_image(frame, significance, psf, options) : std::move(significance);
  Image<float> significant = o.image == DetectionImage::probability && o.unit == ThresholdUnit::whole ? image.copy() : Image<float>{};
  if (o.image == DetectionImage::probability)
    for (float& s : image.pixels()) s = detect::point_source_probability(s, o.prior, o.probability_scale);
  if (o.unit == ThresholdUnit::local || (o.unit == ThresholdUnit::own && own_pixels)) normalise(image, {std::max(smallest_cell, o.noise_cell), std::max(smallest_cell, noise_windows(o).cell_y), o.noise_min_pixels});
  if (o.unit == ThresholdUnit::whole) {
    if (own_pixels && !coverage.empty()) weigh_by_coverage(image, coverage);
    const bool probability = o.image == DetectionImage::probability, limited = probability && o.probability_limit > 0;
    const double cut = standardise(image, options.segments.threshold, limited ? o.probability_limit : std::numeric_limits<double>::infinity());
    if (probability && cut >= 1) {
      image = std::move(significant);
      context.caveat("threshold-beyond-one", fmt::format("mean and deviation of the probability put the threshold at {:.3g}, which none exceeds; the signal to noise was searched by the same {} sigma instead (detection.probability_limit leaves out high probabilities)", cut, options.segments.threshold), 1);
    }
  }
  leave_out(image, coverage, o, options.segments.threshold);
  return image;
}

}  // namespace tessera::extraction
