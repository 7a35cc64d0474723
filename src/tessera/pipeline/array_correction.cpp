// mosaic_arraycorr.fits: the array-location-dependent correction as it stands in the mosaic. MOPEX guide 5.6.23, 5.6.24; IRAC Instrument
// Handbook 4.5. The correction image is put in the place of every frame's pixels, resampled with that frame's map and bad pixels (rejected
// ones included) and averaged with that frame's weights: what the mosaic did to the light of a source is done to its correction.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/coadd/sums.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/reproject/area.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {
namespace {

constexpr int block_side = 256;  // output pixels

Image<float> read_image(const std::string& path) {
  const io::FitsFile file{path};
  const auto hdu = file.first_image();
  if (!hdu) throw DataError{fmt::format("{}: no image in it; an image of the size of the frames was expected", path)};
  return file.read_float(*hdu);
}

void refuse_other_size(const Image<float>& image, const std::string& path, const instrument::FrameFile& frame) {
  if (image.box() == frame.box()) return;
  throw DataError{fmt::format("{}: {} × {} pixels, but {} has {} × {}; a correction belongs to frames of its own size", path, image.box().width(), image.box().height(),
                              frame.label(), frame.width, frame.height)};
}

class CorrectionBlock {
 public:
  CorrectionBlock(const Finished& mosaic, const Image<float>& correction) : m_{mosaic}, correction_{correction} {}

  /// The mosaic of the correction in `block`; NaN where no frame gives one.
  Image<float> make(Box block) {
    coadd::Sums sums;
    sums.reset(block);
    for (std::size_t f = 0; f < m_.plan.frames.size(); ++f)
      if (m_.pass.frames[f].usable) add(f, intersection(block, m_.plan.on_grid[f]), sums);
    Image<float> mean{block}, unused[3]{Image<float>{block}, Image<float>{block}, Image<float>{block}};
    sums.finish(m_.options.coadd.min_coverage, mean, unused[0], unused[1], unused[2]);
    return mean;
  }

 private:
  void add(std::size_t f, Box part, coadd::Sums& sums) {
    if (part.empty()) return;
    const auto& state = m_.pass.frames[f];
    const Box whole = m_.plan.frames[f].box();
    Box needed = reproject::needed_window(*state.output_to_frame, part, whole);
    if (needed.empty()) return;
    needed = intersection(needed.grown(reproject::window_margin(m_.options.interpolation)), whole);
    m_.cache.window(f, needed, frame_);
    replace(f, static_cast<float>(state.noise_scale * state.noise_scale));
    resampled_.reset(part);
    reproject::resample(frame_.view(), {*state.output_to_frame, *state.frame_to_output}, m_.options.interpolation, resampled_.view());
    if (m_.pass.weighting == coadd::Weighting::sigma)
      sums.add_by_variance(resampled_.view(), 0);
    else
      sums.add(resampled_.view(), state.weight, 0, 0.0, 1.0);
  }

  /// The correction in the place of the frame's values; the rest of the frame stays, but for pixels that rejection took out.
  void replace(std::size_t f, float variance_scale) {
    m_.masks.drop(f, m_.plan.frames[f].width, m_.options.rejection.fatal(), frame_);
    const Box box = frame_.box();
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const bool good = frame_.good(x, y) && std::isfinite(correction_(x, y));
        frame_.good(x, y) = good;
        frame_.value(x, y) = good ? correction_(x, y) : 0;
        frame_.variance(x, y) = good ? frame_.variance(x, y) * variance_scale : 0;
      }
  }

  const Finished& m_;
  const Image<float>& correction_;
  Frame frame_;
  Resampled resampled_;
};

}  // namespace

Image<float> array_correction(const Plan& plan, const ExtraOptions& options) {
  auto image = read_image(options.array_correction);
  for (const auto& frame : plan.frames) refuse_other_size(image, options.array_correction, frame);
  if (options.array_pixel_area.empty()) return image;
  const auto area = read_image(options.array_pixel_area);
  refuse_other_size(area, options.array_pixel_area, plan.frames.front());
  for (std::size_t i = 0; i < image.pixels().size(); ++i) image.pixels()[i] /= area.pixels()[i];
  return image;
}

void write_array_correction(const Finished& m, double mean_exposure_s, const std::filesystem::path& path, run::Context& context) {
  const Image<float> image = array_correction(m.plan, m.options.extra);
  Header header = product_header({"", "array-location-dependent correction", {}}, m.plan, m.pass, m.settings, mean_exposure_s);
  header.add_comment("factor for the flux of a point source there; made with the weights and the rejected pixels of mosaic.fits");
  const auto& grid = m.plan.grid;
  Image<float> band;
  io::FitsWriter writer{path};
  writer.add_image("", header, grid.width, grid.height, [&](int y, std::span<float> out) {
    if (y % block_side == 0) {
      band.reset({0, y, grid.width, std::min(grid.height, y + block_side)}, NAN);
      context.pool().for_each((grid.width + block_side - 1) / block_side, [&](std::int64_t i) {
        const int x = static_cast<int>(i) * block_side;
        const auto block = CorrectionBlock{m, image}.make(intersection({x, y, x + block_side, y + block_side}, band.box()));
        for (int v = block.box().y0; v < block.box().y1; ++v) std::ranges::copy(block.row(v), &band(block.box().x0, v));
      });
    }
    std::ranges::copy(std::as_const(band).row(y), out.begin());
  });
  writer.close();
}

}  // namespace tessera::pipeline
