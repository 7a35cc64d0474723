#include "tessera/pipeline/tile_pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tessera/base/clones.h"
#include "tessera/coadd/clipped.h"
#include "tessera/coadd/order.h"
#include "tessera/coadd/scatter.h"
#include "tessera/outlier/fix_coverage.h"
#include "tessera/outlier/frame_test.h"
#include "tessera/pipeline/backgrounds.h"
#include "tessera/pipeline/context_image.h"
#include "tessera/pipeline/tile_workspace.h"
#include "tessera/reproject/area.h"

namespace tessera::pipeline {
namespace {

constexpr int block_side = 8;  // output pixels resampled again together when rejection touched one of them
// Of a tile without a stack, in output pixels: pieces whose sums stay in the second-level cache.
constexpr int strip_rows = 32, trimmed_columns = 64, drops_side = 128;

/// What of a tile is best resampled at once. Drops of frame pixels across a border are made on both sides of it, so that pieces must not be narrow; some methods prepare
/// the whole window.
Box piece_of(Box tile, const reproject::InterpolationOptions& how) {
  using enum reproject::Interpolation;
  const bool whole = how.method == adaptive || (how.method == area && how.fineres > 1) || how.uncertainty != reproject::Uncertainty::variance;
  const bool drops = how.method == drizzle || how.method == grid;
  if (whole) return tile;
  return {tile.x0, tile.y0, drops ? std::min(tile.x1, tile.x0 + drops_side) : tile.x1, std::min(tile.y1, tile.y0 + (drops ? drops_side : strip_rows))};
}

}  // namespace

ResampledView window(ResampledView view, Box part) { return {view.value.window(part), view.variance.window(part), view.coverage.window(part)}; }

TilePass::TilePass(const Plan& plan, const FramePass& frames, const MosaicOptions& options, FrameCache& cache, const FrameMasks* masks)
    : plan_{plan}, frames_{frames}, options_{options}, cache_{cache}, masks_{masks} {
  if (masks || options.rejection.schemes() == 0) compared_ = options.interpolation;  // nothing is compared: at once as asked for
  const auto& asked = options.interpolation;
  const bool plain = asked.method == compared_.method && asked.fineres <= 1 && asked.uncertainty == compared_.uncertainty;
  once_ = masks || options.rejection.schemes() == 0 || plain;
  const bool errors = options.background.uncertainty == background::Uncertainty::include && frames.offsets.covariance.frames() > 0;
  const bool further = options.products.median || options.products.std || plan.context_planes > 0 || options.fix_coverage.enabled() || errors;
  const bool compared = !masks && options.rejection.schemes() != 0;
  stacked_ = compared || further || options.coadd.method != coadd::Method::mean;
}
TilePass::~TilePass() = default;

std::unique_ptr<TilePass::Workspace> TilePass::borrow() {
  const std::lock_guard lock{mutex_};
  if (idle_.empty()) return std::make_unique<Workspace>();
  auto w = std::move(idle_.back());
  idle_.pop_back();
  return w;
}

void TilePass::give_back(std::unique_ptr<Workspace> w) {
  const std::lock_guard lock{mutex_};
  idle_.push_back(std::move(w));
}

/// Frame k of the workspace on a part of the output.
void TilePass::resample(const Workspace& w, std::size_t k, const reproject::InterpolationOptions& how, ResampledView pixels) const {
  const auto& state = frames_.frames[static_cast<std::size_t>(w.frames[k])];
  reproject::resample(w.pixels[k], {*state.output_to_frame, *state.frame_to_output}, how, pixels);
  calibrate(plan_, frames_, w.frames[k], pixels);
}

/// On a part of its stack.
void TilePass::resample(Workspace& w, std::size_t k, const reproject::InterpolationOptions& how, Box part) { resample(w, k, how, window(w.stack[k].view(), part)); }

TESSERA_CLONES void calibrate(const Plan& plan, const FramePass& frames, int frame, const ResampledView& part) {
  const auto& state = frames.frames[static_cast<std::size_t>(frame)];
  const float offset = static_cast<float>(state.offset + state.zodi), scale = static_cast<float>(state.noise_scale * state.noise_scale);
  for (int y = part.box().y0; y < part.box().y1; ++y) {
    const auto value = part.value.row(y), variance = part.variance.row(y), coverage = part.coverage.row(y);
    for (std::size_t i = 0; i < value.size(); ++i) {
      value[i] = coverage[i] > 0 ? value[i] - offset : 0.0F;
      variance[i] *= scale;
    }
  }
  if (!state.surface.empty()) subtract_surface(state, plan.frames[static_cast<std::size_t>(frame)].box(), frames.offsets.order, part);
}

/// The pixels of a frame that a part of the output needs; empty where they do not meet.
Box TilePass::needed(std::size_t frame, Box part) const {
  return reproject::window_to_resample(*frames_.frames[frame].output_to_frame, part, plan_.frames[frame].box(), options_.interpolation);
}

/// The pixels of the frames on a tile with its halo, without those that are masked, and what of it each can touch.
void TilePass::read_windows(Workspace& w, Box grown) {
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    const auto f = static_cast<std::size_t>(w.frames[k]);
    const Box box = intersection(grown, plan_.on_grid[f]);
    const Box needed = this->needed(f, box);
    if (!masks_ && options_.rejection.schemes() == 0) {
      w.pixels[k] = cache_.view(f, needed, w.windows[k], w.held[k]);
    } else {
      cache_.window(f, needed, w.windows[k]);
      w.pixels[k] = w.windows[k].view();
      if (masks_) masks_->drop(f, plan_.frames[f].width, fatal_, w.windows[k]);
      else if (fatal_ & bit_of(outlier::Scheme::radhit)) outlier::drop_clusters(frames_.frames[f].radhits, w.windows[k]);
    }
    w.covered[k] = needed.empty() ? Box{} : box;
  }
}

void TilePass::resample_stack(Workspace& w, Box grown) {
  read_windows(w, grown);
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    if (w.covered[k] == grown)
      w.stack[k].reshape(grown);
    else
      w.stack[k].reset(grown);
    if (!w.covered[k].empty()) resample(w, k, compared_, w.covered[k]);
  }
}

/// Resamples the marked blocks of the tile again, now without the rejected frame pixels.
void TilePass::resample_again(Workspace& w, std::size_t k, View<const std::uint8_t> marked, Box tile) {
  for (int by = 0; by < marked.box().y1; ++by)
    for (int bx = 0; bx < marked.box().x1; ++bx) {
      if (!marked(bx, by)) continue;
      const int x = tile.x0 + bx * block_side, y = tile.y0 + by * block_side;
      const Box block = intersection({x, y, x + block_side, y + block_side}, intersection(tile, w.covered[k]));
      if (!block.empty()) resample(w, k, compared_, block);
    }
}

/// The whole tile as asked for, from windows that rejection has cleaned.
void TilePass::resample_finally(Workspace& w, Box tile) {
  for (std::size_t k = 0; k < w.frames.size(); ++k)
    if (const Box part = intersection(tile, w.covered[k]); !part.empty()) resample(w, k, options_.interpolation, part);
}

/// Takes the rejected pixels out of the window, marks the blocks of the tile they touch; returns those whose centre lies in the tile.
RejectedRuns TilePass::drop_pixels(int f, Frame& frame, View<const std::uint8_t> rejected, Box tile, View<std::uint8_t> marked) const {
  const auto& to_output = *frames_.frames[static_cast<std::size_t>(f)].frame_to_output;
  const std::int64_t width = plan_.frames[static_cast<std::size_t>(f)].width;
  RejectedRuns at_home{f, {}};
  double u = 0, v = 0;
  for (int y = frame.box().y0; y < frame.box().y1; ++y) {
    const auto row = rejected.row(y);
    const auto next = [&](std::size_t from) { return static_cast<const std::uint8_t*>(std::memchr(row.data() + from, 1, row.size() - from)); };
    for (const std::uint8_t* found = next(0); found; found = next(static_cast<std::size_t>(found - row.data()) + 1)) {
      const int x = frame.box().x0 + static_cast<int>(found - row.data());
      if (!frame.good(x, y)) continue;
      frame.value(x, y) = frame.variance(x, y) = 0;
      frame.good(x, y) = 0;
      to_output.apply_row(x, y, {&u, 1}, {&v, 1});
      if (!std::isfinite(u) || !std::isfinite(v)) continue;
      const int cx = static_cast<int>(std::floor(u + 0.5)), cy = static_cast<int>(std::floor(v + 0.5));
      if (tile.contains(cx, cy)) at_home.add(y * width + x);
      const Box touched = intersection(Box{cx, cy, cx + 1, cy + 1}.grown(plan_.reach), tile);
      if (touched.empty()) continue;
      for (int by = (touched.y0 - tile.y0) / block_side; by <= (touched.y1 - 1 - tile.y0) / block_side; ++by)
        for (int bx = (touched.x0 - tile.x0) / block_side; bx <= (touched.x1 - 1 - tile.x0) / block_side; ++bx) marked(bx, by) = 1;
    }
  }
  return at_home;
}

/// Steepness of the stack as it is, for clipping.
Image<float> TilePass::sky_gradient(Workspace& w, Box tile) const {
  std::vector<ResampledView> stack;
  for (std::size_t k = 0; k < w.frames.size(); ++k)
    if (!w.covered[k].empty()) stack.push_back(w.stack[k].view());
  return coadd::steepness(stack, tile, plan_.frame_pixel);
}

/// The window of frame k without the surface of its background; its constant stays.
FrameView TilePass::flattened(Workspace& w, std::size_t k) const {
  const auto f = static_cast<std::size_t>(w.frames[k]);
  const FrameView window = w.windows[k].view();
  if (frames_.frames[f].surface.empty() || window.box().empty()) return window;
  w.flat.resize(std::max(w.flat.size(), w.frames.size()));
  w.flat[k].reshape(window.box());
  std::ranges::copy(w.windows[k].value.pixels(), w.flat[k].pixels().begin());
  subtract_surface(frames_.frames[f], plan_.frames[f].box(), frames_.offsets.order, w.flat[k].view());
  return {w.flat[k].view(), window.variance, window.good};
}

/// Outliers of all frames, before any is taken out: a frame is held against the others as they were read. `rejected` lies on the windows.
void TilePass::reject_by_time(Workspace& w, const outlier::TemporalOptions& options, std::vector<Image<std::uint8_t>>& rejected) const {
  std::vector<ResampledView> stack;
  std::vector<outlier::StackFrame> frames;
  std::vector<View<std::uint8_t>> views;
  rejected.resize(std::max(rejected.size(), w.frames.size()));
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    const auto& state = frames_.frames[static_cast<std::size_t>(w.frames[k])];
    stack.push_back(w.stack[k].view());
    frames.push_back({flattened(w, k), state.output_to_frame.get(), state.frame_to_output.get(), static_cast<float>(state.offset + state.zodi),
                      static_cast<float>(state.noise_scale * state.noise_scale), static_cast<float>(state.sky_variance)});
    rejected[k].reset(w.windows[k].box());
    views.push_back(rejected[k].view());
  }
  outlier::reject_outliers(stack, frames, options, plan_.frame_pixel, views);
}

void TilePass::reject(Workspace& w, Box tile, TileResult& result) {
  reject_by_time(w, options_.temporal, w.rejected);
  Image<std::uint8_t> marked;
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    auto& frame = w.windows[k];
    if (frame.box().empty() || !std::memchr(w.rejected[k].pixels().data(), 1, w.rejected[k].pixels().size())) continue;
    marked.reset({0, 0, (tile.width() + block_side - 1) / block_side, (tile.height() + block_side - 1) / block_side});
    auto at_home = drop_pixels(w.frames[k], frame, w.rejected[k], tile, marked);
    if (!at_home.runs.empty()) result.rejected.push_back(std::move(at_home));
    if (once_) resample_again(w, k, marked, tile);
  }
  if (!once_) resample_finally(w, tile);
}

/// Adds a frame's pixels, fresh from the resampler, to the sums of the mean.
void TilePass::add(Workspace& w, std::size_t frame, const ResampledView& pixels) const {
  const double seconds = plan_.frames[frame].exposure_s;
  if (frames_.weighting == coadd::Weighting::sigma)
    w.sums.add_by_variance(pixels, seconds);
  else
    w.sums.add(pixels, frames_.frames[frame].weight, seconds, 0.0, 1.0);
}

/// A mean that nothing but its frames' sums is needed for: each frame is added piece by piece as it leaves the resampler. The bits are those of coadd(), as each pixel's
/// sums take the frames in the same order, and a frame adds nothing where it does not reach.
void TilePass::coadd_without_stack(Workspace& w, TileResult& result) {
  auto& plane = result.plane;
  const Box box = plane[TileResult::mosaic].box();
  read_windows(w, box);
  w.sums.reset(box);
  const Box piece = piece_of(box, options_.interpolation);
  for (int y = box.y0; y < box.y1; y += piece.height())
    for (int x = box.x0; x < box.x1; x += piece.width())
      for (std::size_t k = 0; k < w.frames.size(); ++k) {
        const auto f = static_cast<std::size_t>(w.frames[k]);
        const Box part = trimmed(f, intersection(w.covered[k], {x, y, x + piece.width(), y + piece.height()}));
        if (part.empty()) continue;
        w.piece.reshape(part);
        resample(w, k, options_.interpolation, w.piece.view());
        add(w, f, w.piece.view());
      }
  w.sums.finish(options_.coadd.min_coverage, plane[TileResult::mosaic], plane[TileResult::uncertainty], plane[TileResult::coverage], plane[TileResult::exposure]);
}

/// The part without the columns at either end that the frame does not reach.
Box TilePass::trimmed(std::size_t frame, Box part) const {
  const auto beside = [&](int x0, int x1) { return needed(frame, {x0, part.y0, x1, part.y1}).empty(); };
  while (!part.empty()) {
    const int next = std::min(part.x1, part.x0 + trimmed_columns);
    if (!beside(part.x0, next)) break;
    part.x0 = next;
  }
  while (!part.empty()) {
    const int next = std::max(part.x0, part.x1 - trimmed_columns);
    if (!beside(next, part.x1)) break;
    part.x1 = next;
  }
  return part;
}

/// From the stack, cleaned by now, to the planes of the tile.
void TilePass::coadd(Workspace& w, const Image<float>& steep, TileResult& result) {
  auto& plane = result.plane;
  const Box box = plane[TileResult::mosaic].box();
  std::vector<ResampledView> stack;  // of the frames that lie on the tile, each on all of it
  std::vector<std::size_t> frame;
  std::vector<Box> touched;          // what of the tile it can touch
  std::vector<double> exposure;      // the standard deviation's weights
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    const Box part = intersection(box, w.covered[k]);
    if (part.empty()) continue;
    touched.push_back(part);
    stack.push_back(window(w.stack[k].view(), box));
    frame.push_back(static_cast<std::size_t>(w.frames[k]));
    exposure.push_back(plan_.timed ? plan_.frames[frame.back()].exposure_s : 1.0);
  }
  const auto method = options_.coadd.method;
  if (method == coadd::Method::clipped) coadd::clip(stack, steep, options_.coadd);
  w.sums.reset(box);
  for (std::size_t k = 0; k < stack.size(); ++k) add(w, frame[k], window(stack[k], touched[k]));
  w.sums.finish(options_.coadd.min_coverage, plane[TileResult::mosaic], plane[TileResult::uncertainty], plane[TileResult::coverage], plane[TileResult::exposure]);
  if (method == coadd::Method::median) coadd::median(stack, plane[TileResult::mosaic], plane[TileResult::uncertainty]);
  if (method == coadd::Method::minimum) coadd::absolute_minimum(stack, plane[TileResult::mosaic], plane[TileResult::uncertainty]);
  if (options_.products.median) {
    plane[TileResult::median] = plane[TileResult::mosaic].copy();
    plane[TileResult::median_uncertainty] = plane[TileResult::uncertainty].copy();
    coadd::median(stack, plane[TileResult::median], plane[TileResult::median_uncertainty]);
  }
  if (options_.background.uncertainty == background::Uncertainty::include) {
    add_background_error(plan_, frames_, method, stack, frame, touched, plane[TileResult::uncertainty]);
    if (options_.products.median) add_background_error(plan_, frames_, coadd::Method::median, stack, frame, touched, plane[TileResult::median_uncertainty]);
  }
  if (!result.context.empty())
    for (std::size_t k = 0; k < stack.size(); ++k) mark_context(static_cast<int>(frame[k]), stack[k].coverage, plane[TileResult::coverage], result.context);
  if (options_.products.std) coadd::standard_deviation(stack, exposure, plane[TileResult::mosaic], plane[TileResult::deviation]);
}

/// A workspace with the frames of a tile and room for their pixels.
std::unique_ptr<TilePass::Workspace> TilePass::prepare(std::int64_t tile) {
  auto w = borrow();
  w->frames.clear();
  for (const int f : plan_.tile_frames[static_cast<std::size_t>(tile)])
    if (frames_.frames[static_cast<std::size_t>(f)].usable) w->frames.push_back(f);
  const std::size_t depth = w->frames.size();
  w->windows.resize(std::max(depth, w->windows.size()));
  w->pixels.resize(w->windows.size());
  w->held.resize(w->windows.size());
  w->stack.resize(w->windows.size());
  w->outliers.resize(w->windows.size());
  w->rejected.resize(w->windows.size());
  w->covered.assign(w->windows.size(), {});
  return w;
}

TileResult TilePass::run(std::int64_t tile) {
  const Box box = plan_.lattice.box(tile);
  TileResult result{box, plan_.planes, plan_.context_planes};
  auto w = prepare(tile);
  if (!stacked_) {
    coadd_without_stack(*w, result);
    give_back(std::move(w));
    return result;
  }
  resample_stack(*w, box.grown(masks_ ? plan_.coadd_halo : plan_.halo));
  // Before rejection, which cleans the tile and not the halo: else the gradient next to a tile's border would depend on the border.
  Image<float> steep;
  if (options_.coadd.method == coadd::Method::clipped) steep = sky_gradient(*w, box);
  if (!masks_ && options_.rejection.schemes() != 0) reject(*w, box, result);
  if (options_.fix_coverage.enabled())
    for (std::size_t k = 0; k < w->frames.size(); ++k)
      if (!w->covered[k].empty()) outlier::fix_coverage(w->stack[k].view(), box, options_.fix_coverage);
  coadd(*w, steep, result);
  give_back(std::move(w));
  return result;
}

}  // namespace tessera::pipeline
