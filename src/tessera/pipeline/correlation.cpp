#include "tessera/pipeline/correlation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "tessera/base/error.h"
#include "tessera/coadd/votes.h"
#include "tessera/reproject/noise_block.h"
#include "tessera/reproject/wide_pixels.h"

namespace tessera::pipeline {
namespace {

// Frames of a block: more change its correlation no further. A wide kernel's variance hardly depends on the dither, and it costs much.
constexpr int most_frames = 24, most_frames_of_wide = 8, wide_patch = 5;
constexpr int least_blocks = 4, least_blocks_of_wide = 2, most_blocks = 256;
constexpr double share_of_work = 0.015;        // resampled pixels of the sample over those of the run; they are cheap ones
constexpr int draws_per_block = 30;
constexpr float negligible = 1e-5F;            // rims of the table below this are cut off

using reproject::NoiseSums;

double fraction(double x) { return x - std::floor(x); }

/// Frames on a pixel that any lies on.
double frames_per_pixel(const Plan& plan) {
  double work = 0;
  for (const auto& box : plan.on_grid) work += static_cast<double>(box.area());
  return std::max(1.0, work / (static_cast<double>(plan.grid.width) * plan.grid.height));
}

/// Whether the middle of the block lies in the frame.
bool lies_on(const Plan& plan, const FrameState& state, std::size_t f, Box block) {
  if (!state.usable || intersection(block, plan.on_grid[f]).empty()) return false;
  const double x = 0.5 * (block.x0 + block.x1 - 1), y = 0.5 * (block.y0 + block.y1 - 1);
  double u = 0, v = 0;
  state.output_to_frame->apply({&x, 1}, {&y, 1}, {&u, 1}, {&v, 1});
  return u > -0.5 && v > -0.5 && u < plan.frames[f].width - 0.5 && v < plan.frames[f].height - 0.5;
}

class Sampler {
 public:
  Sampler(const Plan& plan, const FramePass& pass, const FrameMasks& masks, const MosaicOptions& options, FrameCache& cache)
      : plan_{plan}, pass_{pass}, masks_{masks}, options_{options}, cache_{cache},
        reach_{reproject::noise_reach(options.interpolation, std::max(plan.input_over_output_pixel, plan.frame_pixel > 1 ? plan.frame_pixel : 0.0))},
        patch_{reproject::noise_patch(options.interpolation, 1 / plan.input_over_output_pixel)}, depth_{patch_ < wide_patch ? most_frames : most_frames_of_wide},
        side_{std::max(16, reach_ + 9)} {}

  /// Blocks with at least one frame, spread over the grid by the additive recurrence of the plastic number (Roberts 2018).
  std::vector<Box> blocks() const {
    std::vector<Box> all;
    const int width = std::min(side_, plan_.grid.width), height = std::min(side_, plan_.grid.height);
    const int wanted = count();
    for (int n = 0; n < wanted * draws_per_block && static_cast<int>(all.size()) < wanted; ++n) {
      const int x = static_cast<int>(fraction(0.5 + n * 0.7548776662466927) * (plan_.grid.width - width + 1));
      const int y = static_cast<int>(fraction(0.5 + n * 0.5698402909980532) * (plan_.grid.height - height + 1));
      const Box block{x, y, x + width, y + height};
      for (std::size_t f = 0; f < plan_.frames.size(); ++f)
        if (lies_on(plan_, pass_.frames[f], f, block)) {
          all.push_back(block);
          break;
        }
    }
    return all;
  }

  /// `number`: of the block. Blocks of deep stacks take different frames, so that all have their share in the mean.
  NoiseSums measure(Box block, std::int64_t number) const {
    std::vector<std::size_t> frames;
    for (std::size_t f = 0; f < plan_.frames.size(); ++f)
      if (pass_.frames[f].usable && !intersection(block, plan_.on_grid[f]).empty()) frames.push_back(f);
    reproject::NoiseBlock noise{block, reach_, options_.interpolation};
    Frame window;
    const std::size_t taken = std::min(frames.size(), static_cast<std::size_t>(depth_));
    for (std::size_t k = 0; k < taken; ++k) {
      const std::size_t f = frames[(k * frames.size() / taken + static_cast<std::size_t>(number)) % frames.size()];
      const auto& state = pass_.frames[f];
      const Box whole{0, 0, plan_.frames[f].width, plan_.frames[f].height};
      const Box needed = reproject::window_to_resample(*state.output_to_frame, block, whole, options_.interpolation);
      if (needed.empty()) continue;
      cache_.window(f, needed, window);
      masks_.drop(f, plan_.frames[f].width, options_.rejection.fatal(), window);
      noise.add(window.view(), {*state.output_to_frame, *state.frame_to_output},
                {state.weight, state.noise_scale * state.noise_scale, pass_.weighting == coadd::Weighting::sigma});
    }
    return noise.finish();
  }

 private:
  int count() const {
    double work = 0;
    for (const auto& box : plan_.on_grid) work += static_cast<double>(box.area());
    const double depth = std::clamp(work / (static_cast<double>(plan_.grid.width) * plan_.grid.height), 1.0, 1.0 * depth_);
    const double patch = reproject::noise_patch(options_.interpolation, 1 / plan_.input_over_output_pixel);
    return static_cast<int>(std::clamp(share_of_work * work / (depth * side_ * side_ * (patch * patch + 4)), 1.0 * (patch_ < wide_patch ? least_blocks : least_blocks_of_wide), 1.0 * most_blocks));
  }

  const Plan& plan_;
  const FramePass& pass_;
  const FrameMasks& masks_;
  const MosaicOptions& options_;
  FrameCache& cache_;
  int reach_, patch_, depth_, side_;
};

/// ρ of the sums, both halves of the plane; lags no pair of pixels had are 0.
Image<float> table_of(const std::vector<double>& covariance, const std::vector<double>& sigmas, int reach) {
  Image<float> rho{Box{-reach, -reach, reach + 1, reach + 1}};
  for (int dy = 0; dy <= reach; ++dy)
    for (int dx = dy == 0 ? 0 : -reach; dx <= reach; ++dx) {
      const auto k = static_cast<std::size_t>(dy * (2 * reach + 1) + dx + reach);
      rho(dx, dy) = rho(-dx, -dy) = sigmas[k] > 0 ? static_cast<float>(covariance[k] / sigmas[k]) : 0.0F;
    }
  rho(0, 0) = 1;
  return rho;
}

/// Without the rims where nothing is.
Image<float> trimmed(const Image<float>& rho) {
  int reach = 0;
  for (int y = rho.box().y0; y < rho.box().y1; ++y)
    for (int x = rho.box().x0; x < rho.box().x1; ++x)
      if (std::abs(rho(x, y)) > negligible) reach = std::max({reach, std::abs(x), std::abs(y)});
  Image<float> part{Box{-reach, -reach, reach + 1, reach + 1}};
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x) part(x, y) = rho(x, y);
  return part;
}

constexpr double two_over_pi = 2 / std::numbers::pi;

/// The same through g.
NoiseCorrelation of_median(const NoiseCorrelation& rho, std::size_t n) {
  Image<float> table = rho.table().copy();
  for (float& v : table.pixels()) v = static_cast<float>(correlation_of_median(static_cast<double>(v), n));
  return NoiseCorrelation{std::move(table)};
}

MeasuredCorrelation mean_of(const std::vector<Box>& blocks, const std::vector<NoiseSums>& sums) {
  MeasuredCorrelation result;
  std::vector<double> covariance, sigmas;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const auto& s = sums[b];
    if (!(s.covered > 0) || !(s.variance > 0)) continue;
    covariance.resize(s.covariance.size());
    sigmas.resize(s.sigmas.size());
    const double coverage = s.coverage / s.covered, scale = coverage * s.covered / s.variance;
    for (std::size_t k = 0; k < covariance.size(); ++k) {
      covariance[k] += scale * s.covariance[k];
      sigmas[k] += scale * s.sigmas[k];
    }
    const NoiseCorrelation here{table_of(s.covariance, s.sigmas, s.reach)};
    result.samples.push_back({blocks[b], coverage, static_cast<double>(here(1, 0)), static_cast<double>(here(0, 1)), std::sqrt(std::max(0.0, here.large_aperture_variance()))});
  }
  if (result.samples.empty()) return result;
  result.frames = 0;
  for (const auto& s : result.samples) result.frames += s.coverage / static_cast<double>(result.samples.size());
  result.mean.emplace(trimmed(table_of(covariance, sigmas, sums.front().reach)));
  return result;
}

}  // namespace

MeasuredCorrelation measure_correlation(const Plan& plan, const FramePass& pass, const FrameMasks& masks, const MosaicOptions& options, FrameCache& cache, run::Context& context) {
  if (options.coadd.method == coadd::Method::minimum) return {};
  if (const double span = 1 / plan.input_over_output_pixel; reproject::noise_patch(options.interpolation, span) > reproject::largest_noise_patch) {
    MeasuredCorrelation wide;
    wide.mean.emplace(trimmed(reproject::wide_pixel_correlation(options.interpolation, span)));
    wide.frames = frames_per_pixel(plan);
    if (options.coadd.method == coadd::Method::median) return median_of(wide);
    return wide;
  }
  const Sampler sampler{plan, pass, masks, options, cache};
  const auto blocks = sampler.blocks();
  std::vector<NoiseSums> sums(blocks.size());
  context.stage("noise correlation", static_cast<std::int64_t>(blocks.size()));
  context.pool().for_each(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t b) {
    sums[static_cast<std::size_t>(b)] = sampler.measure(blocks[static_cast<std::size_t>(b)], b);
    context.step();
  });
  auto mean = mean_of(blocks, sums);
  if (options.coadd.method == coadd::Method::median) return median_of(mean);
  return mean;
}

double correlation_of_median(double r, std::size_t n) {
  if (n < 3) return r;
  const double linear = 1 / coadd::median_variance_factor(n), few = 3.0 / static_cast<double>(n), size = std::min(std::abs(r), 1.0);
  const double quadrants = two_over_pi * (std::asin(size) - size) / (1 - two_over_pi);
  return std::copysign(linear * size + (1 - linear) * ((1 - few) * quadrants + few * std::pow(size, 4)), r);
}

MeasuredCorrelation median_of(const MeasuredCorrelation& mean) {
  MeasuredCorrelation median;
  median.frames = mean.frames;
  const auto votes = [](double frames) { return static_cast<std::size_t>(std::max(1L, std::lround(frames))); };
  if (mean.mean) median.mean.emplace(of_median(*mean.mean, votes(mean.frames)));
  for (auto s : mean.samples) {
    const double scale = s.large_aperture * s.large_aperture;
    s.right = correlation_of_median(s.right, votes(s.coverage));
    s.up = correlation_of_median(s.up, votes(s.coverage));
    const double whole = mean.mean->large_aperture_variance();
    s.large_aperture = whole > 0 ? std::sqrt(std::max(0.0, scale * median.mean->large_aperture_variance() / whole)) : s.large_aperture;
    median.samples.push_back(s);
  }
  return median;
}

void add_correlation(const MeasuredCorrelation& noise, io::FitsWriter& writer) {
  if (!noise.mean) return;
  const int reach = noise.mean->reach();
  Header header;
  header.set("CTYPE1", std::string{"DX"}, "step along x");
  header.set("CTYPE2", std::string{"DY"}, "step along y");
  header.set("CUNIT1", std::string{"pixel"}, "");
  header.set("CUNIT2", std::string{"pixel"}, "");
  header.set("CRPIX1", reach + 1.0, "the pixel itself");
  header.set("CRPIX2", reach + 1.0, "the pixel itself");
  header.set("CRVAL1", 0.0, "[pixel]");
  header.set("CRVAL2", 0.0, "[pixel]");
  header.set("CDELT1", 1.0, "[pixel]");
  header.set("CDELT2", 1.0, "[pixel]");
  header.set("LARGEAPR", std::sqrt(std::max(0.0, noise.mean->large_aperture_variance())), "sigma of large sums over independent pixels'");
  header.set("NBLOCKS", static_cast<std::int64_t>(noise.samples.size()), "blocks of the mosaic it is the mean of");
  header.add_comment("mean correlation of the noise of pixels this far apart: variance of sum a I = sum_p sum_q a_p a_q unc_p unc_q RHO(q-p)");
  writer.add_image("CORRELATION", header, noise.mean->table().view());
  std::vector<double> x, y, coverage, right, up, large;
  for (const auto& s : noise.samples) {
    x.push_back(0.5 * (s.block.x0 + s.block.x1 + 1));
    y.push_back(0.5 * (s.block.y0 + s.block.y1 + 1));
    coverage.push_back(s.coverage), right.push_back(s.right), up.push_back(s.up), large.push_back(s.large_aperture);
  }
  Table t;
  t.name = "CORRELATION_SAMPLES";
  t.add("x", x, "pixel", "middle of the block, FITS pixels counted from 1");
  t.add("y", y, "pixel", "middle of the block, FITS pixels counted from 1");
  t.add("coverage", coverage, "", "mean number of frames");
  t.add("rho_x", right, "", "correlation with the next pixel along x");
  t.add("rho_y", up, "", "correlation with the next pixel along y");
  t.add("large_aperture", large, "", "sigma of large sums over that of independent pixels");
  writer.add_table(t);
}

NoiseCorrelation read_correlation(const io::FitsFile& file) {
  const auto hdu = file.find("CORRELATION");
  if (!hdu || file.hdus()[static_cast<std::size_t>(*hdu)].kind != io::HduInfo::Kind::image)
    throw DataError{fmt::format("{}: no image extension CORRELATION; mosaics have it in mosaic_unc.fits unless output.correlation was false", file.path().string())};
  const Image<float> table = file.read_float(*hdu);
  const int side = table.box().width(), reach = side / 2;
  if (table.box().height() != side || side % 2 == 0)
    throw DataError{fmt::format("{}: extension CORRELATION has {} × {} pixels, but must be square with an odd side", file.path().string(), side, table.box().height())};
  Image<float> rho{Box{-reach, -reach, reach + 1, reach + 1}};
  std::copy(table.pixels().begin(), table.pixels().end(), rho.pixels().begin());
  return NoiseCorrelation{std::move(rho)};
}

}  // namespace tessera::pipeline
