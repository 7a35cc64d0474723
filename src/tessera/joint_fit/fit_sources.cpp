#include "tessera/joint_fit/fit_sources.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "tessera/joint_fit/batches.h"
#include "tessera/joint_fit/settling.h"
#include "tessera/run/memory.h"

namespace tessera::joint_fit {
namespace {

constexpr std::int64_t share_of_memory = 3;  // of the ceiling at most, the windows of a batch of blocks
constexpr std::int64_t least_batch = std::int64_t{2} << 20, spare = std::int64_t{4} << 20, bytes_per_result = sizeof(Fitted) + 64;
constexpr int noise_rounds = 4;                // after these the noise is that of the sources as they stand: weights that follow every step would never let the sums come to rest

bool stored(std::span<const FitImage> images) {
  return std::any_of(images.begin(), images.end(), [](const FitImage& i) { return i.stored.has_value(); });
}

/// Parts of images whose models are to be made again, all of them or those of the sources that changed.
class Stale {
 public:
  explicit Stale(std::span<const FitImage> images) : images_{images} {
    for (const auto& image : images) parts_.emplace_back(static_cast<std::size_t>(across(image.box()) * down(image.box())), true);
  }
  void add(const Source& s, double from_u, double from_v) {
    for (const auto& sight : s.sights) {
      const auto i = static_cast<std::size_t>(sight.frame);
      const double reach = images_[i].psf->reach_pix() + 1;
      for (const auto& at : {moved(sight, from_u, from_v), moved(sight, s.u, s.v)}) mark(i, at.x, at.y, reach);
    }
  }
  /// The stale ones, which are no more: image, and box of its pixels.
  std::vector<std::pair<std::size_t, Box>> take() {
    std::vector<std::pair<std::size_t, Box>> taken;
    for (std::size_t i = 0; i < parts_.size(); ++i)
      for (std::size_t p = 0; p < parts_[i].size(); ++p) {
        if (!parts_[i][p]) continue;
        parts_[i][p] = false;
        const Box box = images_[i].box();
        const int x = box.x0 + static_cast<int>(p) % across(box) * part_width, y = box.y0 + static_cast<int>(p) / across(box) * part_height;
        taken.push_back({i, intersection(box, {x, y, x + part_width, y + part_height})});
      }
    return taken;
  }

 private:
  static constexpr int part_width = 256, part_height = 64;
  static int across(const Box& box) { return (box.width() + part_width - 1) / part_width; }
  static int down(const Box& box) { return (box.height() + part_height - 1) / part_height; }
  void mark(std::size_t i, double x, double y, double reach) {
    const Box box = images_[i].box();
    const auto index = [&](double v, int extent, int part) { return static_cast<int>(std::clamp(v, 0.0, extent - 1.0)) / part; };
    const int x0 = index(x - reach - box.x0, box.width(), part_width), x1 = index(x + reach - box.x0, box.width(), part_width);
    const int y0 = index(y - reach - box.y0, box.height(), part_height), y1 = index(y + reach - box.y0, box.height(), part_height);
    for (int row = y0; row <= y1; ++row)
      for (int column = x0; column <= x1; ++column) parts_[i][static_cast<std::size_t>(row * across(box) + column)] = true;
  }
  std::span<const FitImage> images_;
  std::vector<std::vector<bool>> parts_;
};

void rebuild_models(std::span<FitImage> images, std::span<const Source> sources, Stale& stale, run::Context& context) {
  if (stored(images)) return;  // every batch makes its own
  const SourceLists lists{images.size(), sources};
  const auto parts = stale.take();
  context.pool().for_each(static_cast<std::int64_t>(parts.size()), [&](std::int64_t k) {
    const auto& [i, box] = parts[static_cast<std::size_t>(k)];
    const auto part = images[i].model.view().window(box);
    for (int y = box.y0; y < box.y1; ++y) std::fill_n(&part(box.x0, y), box.width(), 0.0F);
    lists.add_to(images[i], i, part);
  });
}

/// From now on the photons whose noise counts are those of the sources as they stand.
void hold_noise(std::span<FitImage> images, std::span<Source> sources) {
  for (auto& image : images)
    if (!image.photons.empty()) image.light = image.model.copy();
  for (Source& s : sources) s.light = Light{s.u, s.v, s.flux};
}

/// … and no more.
void free_noise(std::span<FitImage> images, std::span<Source> sources) {
  for (auto& image : images) image.light = {};
  for (Source& s : sources) s.light.reset();
}

/// Places where sources moved, as cells of the detection image.
class Moved {
 public:
  explicit Moved(double cell) : cell_{std::max(cell, 1.0)} {}
  void add(const Source& s) { cells_.insert({index(s.ref_x), index(s.ref_y)}); }
  bool near(const Source& s) const {
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx)
        if (cells_.contains({index(s.ref_x) + dx, index(s.ref_y) + dy})) return true;
    return false;
  }

 private:
  long index(double v) const { return static_cast<long>(std::floor(v / cell_)); }
  double cell_;
  std::set<std::pair<long, long>> cells_;
};

int odd_side(int pixels) { return std::max(3, pixels % 2 == 1 ? pixels : pixels + 1); }

/// `share`: of the way to the new values that is gone.
void take(Source& s, const Fitted& f, const Block& block, bool positions, double share) {
  s.u += share * (f.u - s.u), s.v += share * (f.v - s.v), s.flux += share * (f.flux - s.flux);
  std::copy_n(f.covariance, 9, s.covariance);
  s.status = f.status;
  s.forced = !positions;
  s.members = block.group_size, s.group = block.group;
  s.group_chi2 = f.group_chi2, s.chi2 = f.chi2, s.group_dof = f.dof;
  s.pixels = f.pixels, s.bad_pixels = f.bad_pixels, s.frames = f.frames, s.portion = f.portion;
  s.correlations = f.correlations;
  s.background = f.background, s.correlation = f.correlation, s.neighbour = f.neighbour;
}

/// One round: every block of `todo` from the sources as they stand.
std::vector<std::vector<Fitted>> fit_blocks(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, const std::vector<std::size_t>& todo, const BlockOptions& how, bool tell,
                                            run::Context& context) {
  std::vector<std::vector<Fitted>> results(blocks.size());
  on_pixels(images, sources, blocks, todo, how, context, [&](std::span<const FitImage> on, std::size_t b) {
    results[b] = fit_block(on, sources, blocks[b], how);
    if (tell) context.step();
  });
  return results;
}

}  // namespace

std::vector<Place> places_of(std::span<const Source> sources) {
  std::vector<Place> places;
  for (const Source& s : sources) places.push_back({s.ref_x, s.ref_y, !s.sights.empty() && s.status != Status::twin});
  return places;
}

BlockOptions block_options(const FitOptions& options, bool positions, int window) {
  BlockOptions how;
  how.fit.window = window;
  how.fit.positions = positions;
  how.fit.background = options.background;
  how.fit.method = options.minimiser;
  how.fit.correlations = options.covariance;
  how.max_shift_pix = options.max_shift;
  how.max_shift_y_pix = options.max_shift_y > 0 ? options.max_shift_y : options.max_shift;
  return how;
}

void on_pixels(std::span<const FitImage> images, std::span<const Source> sources, std::span<const Block> blocks, const std::vector<std::size_t>& todo, const BlockOptions& how, run::Context& context,
               const std::function<void(std::span<const FitImage>, std::size_t)>& f) {
  const auto all = [&](std::span<const FitImage> on, const std::vector<std::size_t>& which) {
    context.pool().for_each(static_cast<std::int64_t>(which.size()), [&](std::int64_t k) { f(on, which[static_cast<std::size_t>(k)]); });
  };
  if (!stored(images)) return all(images, todo);
  const SourceLists lists{images.size(), sources};
  std::int64_t own = 0;
  for (const auto b : todo) own += static_cast<std::int64_t>(blocks[b].own.size());
  const std::int64_t left = run::memory_left(context) - own * bytes_per_result - spare;
  for (const auto& batch : batches_of(images, sources, blocks, todo, how, std::clamp(left, least_batch, std::max(least_batch, context.memory_bytes() / share_of_memory)))) all(load(images, windows_of(images, sources, blocks, batch, how), lists, context.pool()), batch);
}

int fit_window(const FitOptions& options, double fwhm_pix) {
  if (options.window > 0) return odd_side(options.window);
  return std::max(5, 2 * static_cast<int>(std::ceil(1.6 * fwhm_pix)) + 1);
}

int fit_window_y(const FitOptions& options) { return options.window_y > 0 ? odd_side(options.window_y) : 0; }

void find_sights(std::span<const FitImage> images, std::span<Source> sources, int window, int edge, run::Context& context) {
  std::vector<double> ra, dec;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    sources[i].sights.clear();
    if (!std::isfinite(sources[i].start.ra_deg) || !std::isfinite(sources[i].start.dec_deg) || sources[i].status == Status::twin) continue;
    which.push_back(i);
    ra.push_back(sources[i].start.ra_deg), dec.push_back(sources[i].start.dec_deg);
  }
  std::vector<std::vector<std::pair<std::size_t, photometry::Sight>>> found(images.size());
  context.stage("placing sources on frames", static_cast<std::int64_t>(images.size()));
  context.pool().for_each(static_cast<std::int64_t>(images.size()), [&](std::int64_t k) {
    const FitImage& image = images[static_cast<std::size_t>(k)];
    const auto& sky = image.file->wcs;
    std::vector<double> x(ra.size()), y(ra.size());
    std::vector<double> at_ra = ra, at_dec = dec;  // when this image was taken
    for (std::size_t i = 0; i < which.size(); ++i)
      if (const Source& s = sources[which[i]]; s.moves()) {
        Source started = s;
        started.u = started.v = 0;
        const auto p = started.position(image.mjd);
        at_ra[i] = p.ra_deg, at_dec[i] = p.dec_deg;
      }
    sky.sky_to_pixel(at_ra, at_dec, x, y);
    const Box box = image.box();
    for (std::size_t i = 0; i < which.size(); ++i) {
      const Source& source = sources[which[i]];
      const double half_x = edge > 0 ? 0.5 - edge : source.side_x(window) / 2 + 0.5, half_y = edge > 0 ? 0.5 - edge : source.side_y(window) / 2 + 0.5;
      if (!(x[i] > box.x0 - half_x && x[i] < box.x1 - 1 + half_x && y[i] > box.y0 - half_y && y[i] < box.y1 - 1 + half_y)) continue;
      // A distortion polynomial may send a far point into the frame.
      const auto back = sky.pixel_to_sky({x[i], y[i]});
      if (!(std::abs(back.dec_deg - at_dec[i]) < 1e-3)) continue;
      const auto [x_u, x_v, y_u, y_v] = pixels_per_arcsec(sky, {x[i], y[i]});
      if (!std::isfinite(x_u)) continue;
      photometry::Sight s;
      s.frame = static_cast<int>(k);
      s.x = x[i], s.y = y[i], s.x_u = x_u, s.x_v = x_v, s.y_u = y_u, s.y_v = y_v;
      s.scale = image.value_of_unit_flux(x[i], y[i]);
      found[static_cast<std::size_t>(k)].push_back({which[i], s});
    }
    context.step();
  });
  std::vector<std::uint32_t> seen(sources.size());
  for (const auto& of_image : found)
    for (const auto& [source, sight] : of_image) ++seen[source];
  for (const auto i : which) sources[i].sights.reserve(seen[i]);
  for (auto& of_image : found) {
    for (const auto& [source, sight] : of_image) sources[source].sights.push_back(sight);
    of_image = {};
  }
}

FitSummary fit_sources(std::span<FitImage> images, std::span<Source> sources, const FitOptions& options, bool positions, int window, double link_pix, run::Context& context) {
  const auto places = places_of(sources);
  const auto blocks = group_sources(places, link_pix, options.max_group);
  FitSummary summary;
  summary.window = window;
  summary.blocks = static_cast<long>(blocks.size());
  for (const Block& b : blocks) {
    summary.groups = std::max(summary.groups, static_cast<long>(b.group) + 1);
    summary.largest_group = std::max(summary.largest_group, static_cast<long>(b.group_size));
  }
  const auto how = block_options(options, positions, window), fixed = block_options(options, false, window);
  Stale stale{images};
  if (!stored(images))
    for (auto& image : images) image.model.reset(image.box());
  rebuild_models(images, sources, stale, context);
  int widest = window;
  for (const Source& s : sources) widest = std::max({widest, s.window_x, s.window_y});
  Settling settling{sources.size()};
  std::vector<std::size_t> todo(blocks.size());
  for (std::size_t i = 0; i < todo.size(); ++i) todo[i] = i;
  std::vector<int> restless;
  for (summary.rounds = 0; summary.rounds < options.max_rounds && !todo.empty();) {
    if (summary.rounds == 0) context.stage("fitting sources", static_cast<std::int64_t>(todo.size()));
    if (summary.rounds == 1) context.stage("fitting sources again, others taken off", options.max_rounds - 1);
    const auto results = fit_blocks(images, sources, blocks, todo, summary.rounds == 0 && options.max_rounds > 1 ? fixed : how, summary.rounds == 0, context);  // with the light of all others still there places would be led astray
    if (summary.rounds > 0) context.step();
    Moved places_moved{2.0 * widest};
    summary.last_change = 0;
    restless.clear();
    for (std::size_t k = 0; k < todo.size(); ++k)
      for (const Fitted& f : results[todo[k]]) {
        Source& s = sources[static_cast<std::size_t>(f.source)];
        const double moved_by = largest(change(s, f), f), from_u = s.u, from_v = s.v;
        take(s, f, blocks[todo[k]], positions, settling.share(summary.rounds, s, f));
        stale.add(s, from_u, from_v);
        if (f.status != Status::fitted && summary.rounds > noise_rounds) continue;  // what the data do not settle would never rest
        summary.last_change = std::max(summary.last_change, moved_by);
        if (moved_by <= options.tolerance) continue;
        places_moved.add(s);
        restless.push_back(f.source);
      }
    rebuild_models(images, sources, stale, context);
    ++summary.rounds;
    if (summary.rounds == noise_rounds) hold_noise(images, sources);
    if (summary.rounds < 2) continue;  // the second knows the photons of the sources
    todo.clear();
    for (std::size_t i = 0; i < blocks.size(); ++i)
      if (std::any_of(blocks[i].own.begin(), blocks[i].own.end(), [&](int s) { return places_moved.near(sources[static_cast<std::size_t>(s)]); })) todo.push_back(i);
  }
  for (Source& s : sources)
    if (s.status == Status::degenerate && s.flux != 0) {  // it has no flux, and takes none off
      stale.add(s, s.u, s.v);
      s.flux = 0;
    }
  rebuild_models(images, sources, stale, context);
  free_noise(images, sources);
  for (const int i : restless)
    if (Source& s = sources[static_cast<std::size_t>(i)]; s.status == Status::fitted) s.status = Status::no_convergence;
  return summary;
}

void fluxes_on_image(std::span<FitImage> images, std::size_t image, std::span<const Source> sources, const FitOptions& options, int window, double link_pix, std::vector<double>& fluxes, std::vector<double>& errors) {
  fluxes.assign(sources.size(), std::numeric_limits<double>::quiet_NaN());
  errors = fluxes;
  auto how = block_options(options, false, window);
  how.only_image = static_cast<int>(image);
  std::vector<FitImage> alone;
  std::span<const FitImage> on = images;
  if (images[image].stored) {
    std::vector<Box> windows(images.size());
    windows[image] = images[image].box();
    alone = load(images, windows, SourceLists{images.size(), sources}, parallel::Pool{1});
    on = alone;
  }
  for (const Block& block : group_sources(places_of(sources), link_pix, options.max_group))
    for (const Fitted& f : fit_block(on, sources, block, how))
      if (f.status == Status::fitted) fluxes[static_cast<std::size_t>(f.source)] = f.flux, errors[static_cast<std::size_t>(f.source)] = std::sqrt(f.covariance[8]);
}

}  // namespace tessera::joint_fit
