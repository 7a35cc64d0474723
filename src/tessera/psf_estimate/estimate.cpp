#include "tessera/psf_estimate/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/base/error.h"
#include "tessera/io/tables.h"
#include "tessera/joint_fit/source_table.h"
#include "tessera/pipeline/grid_from_file.h"
#include "tessera/psf_estimate/estimate_private.h"
#include "tessera/run/record.h"

namespace tessera::psf_estimate {

using extraction::Detection;
using run::Level;

namespace {

constexpr double widest_table = 40;     // pixels of the images: windows are cut before the table's radius is known
constexpr int rounds_in_crowds = 2;

}  // namespace

run::Request Estimation::folder_request() const {
  std::vector<std::string> files;
  for (const auto& n : names_) files.push_back(n.image.string());
  return run::table_request(request_.verb, request_.recorded_arguments(), files, settings_);
}

run::Outcome Estimation::run() {
  psf_ = instrument::read_psf(options_.psf);
  names_ = extraction::image_names(request_.inputs, options_.mosaic.input, profiles_, context_);
  if (request_.dry_run) {
    context_.log(Level::info, fmt::format("the point response would be estimated from {} image{}", names_.size(), names_.size() == 1 ? "" : "s, whose mosaic stars are chosen on"));
    return run::Outcome::done;
  }
  run::OutputFolder folder{request_.output, folder_request(), request_.overwrite, request_.place};
  context_.log_to(folder.product("tessera.log").string());
  open_and_find();
  detection_fwhm_ = detection_psf_.tables().front().fwhm_pix();
  if (choice_.sources.empty())
    choose_stars();
  else
    stars_of_list();
  cut_stars();
  return write(by_stamps() ? fit_stamps() : fit(), folder);
}

/// The brightest detections without a neighbour that matters.
void Estimation::choose_stars() {
  const auto& all = found_.detections;
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return !(all[i].peak >= own_.min_snr); });
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return all[a].peak > all[b].peak; });
  const double apart = own_.isolation * detection_fwhm_;
  for (const std::size_t i : order) {
    const Detection& d = all[i];
    const bool crowded = std::any_of(all.begin(), all.end(), [&](const Detection& other) { return &other != &d && other.peak > own_.contamination * d.peak && std::hypot(other.x - d.x, other.y - d.y) < apart; });
    if (crowded) continue;
    joint_fit::Source s;
    s.start = mosaic_.wcs.pixel_to_sky({d.x, d.y});
    s.ref_x = d.x, s.ref_y = d.y, s.detection = static_cast<int>(i);
    if (!std::isfinite(s.start.ra_deg)) continue;
    sources_.push_back(std::move(s));
    if (static_cast<int>(sources_.size()) == own_.max_stars) break;
  }
  if (sources_.size() < EffectiveFit::least_stars)
    throw DataError{fmt::format("{}: {} of {} detections are above S/N {} and alone within {} full widths; lower estimate.min_snr or estimate.isolation, or name stars with --sources", mosaic_.label(), sources_.size(), all.size(), own_.min_snr,
                                own_.isolation)};
}

void Estimation::stars_of_list() {
  files_.push_back(choice_.sources);
  const Table list = io::read_table(choice_.sources);
  if (!own_.flux_column.empty()) {
    if (!list.find(own_.flux_column)) throw DataError{fmt::format("{}: there is no column {} (estimate.flux_column)", choice_.sources, own_.flux_column)};
    listed_flux_ = list.numbers(own_.flux_column);
  }
  const bool pixels = own_.places == extraction::ListPositions::pixels;
  if (pixels && !own_.grid.empty()) files_.push_back(own_.grid);
  const auto places = !pixels ? joint_fit::positions_of(list, choice_.sources, own_.ra_column, own_.dec_column)
                              : joint_fit::positions_in_pixels(list, choice_.sources, own_.grid.empty() ? mosaic_.wcs : pipeline::grid_from_file(own_.grid).wcs(), own_.ra_column, own_.dec_column);
  for (const auto& at : places) {
    joint_fit::Source s;
    s.start = at;
    const auto p = mosaic_.wcs.sky_to_pixel(at);
    s.ref_x = p.x, s.ref_y = p.y;
    sources_.push_back(std::move(s));
  }
}

void Estimation::cut_stars() {
  const double wanted = own_.radius > 0 ? own_.radius : std::min(widest_table, std::max(5.0, std::ceil(7.5 * detection_fwhm_)));
  const int half = by_stamps() ? std::max(stamp_side(), own_.stamp_y) / 2 + stamp_margin : static_cast<int>(std::ceil(wanted)) + 2, side = 2 * half + 1;
  find_sights(images_, sources_, side, 0, context_);
  stars_.assign(sources_.size(), {});
  shifts_.resize(images_.size());
  for (std::size_t k = 0; k < images_.size(); ++k) shifts_[k].width = images_[k].box().width(), shifts_[k].height = images_[k].box().height();
  // Others on the sky, brighter than what is let alone.
  std::vector<double> ra, dec, x, y;
  for (const Detection& d : found_.detections) x.push_back(d.x), y.push_back(d.y);
  ra.resize(x.size()), dec.resize(x.size());
  mosaic_.wcs.pixel_to_sky(x, y, ra, dec);
  std::vector<std::vector<StarPixels>> of_image(images_.size());
  std::vector<std::vector<std::size_t>> seen(images_.size());
  for (std::size_t s = 0; s < sources_.size(); ++s)
    for (std::size_t i = 0; i < sources_[s].sights.size(); ++i) seen[static_cast<std::size_t>(sources_[s].sights[i].frame)].push_back(s);
  context_.pool().for_each(static_cast<std::int64_t>(images_.size()), [&](std::int64_t index) {
    const auto k = static_cast<std::size_t>(index);
    const auto& whole = images_[k];
    std::vector<double> px(ra.size()), py(ra.size());
    whole.file->wcs.sky_to_pixel(ra, dec, px, py);
    const double around = masked_widths * detection_fwhm_ / frame_pixels_on_mosaic(*whole.file);
    for (const std::size_t s : seen[k]) {
      const auto sight = std::find_if(sources_[s].sights.begin(), sources_[s].sights.end(), [&](const auto& one) { return one.frame == static_cast<int>(k); });
      StarPixels p;
      p.star = static_cast<int>(s), p.image = static_cast<int>(k);
      p.x = sight->x, p.y = sight->y, p.x_u = sight->x_u, p.x_v = sight->x_v, p.y_u = sight->y_u, p.y_v = sight->y_v, p.scale = sight->scale;
      const int cx = static_cast<int>(std::lround(p.x)), cy = static_cast<int>(std::lround(p.y));
      p.window = intersection(whole.box(), {cx - half, cy - half, cx + half + 1, cy + half + 1});
      if (p.window.empty()) continue;
      const auto image = whole.window(p.window);
      std::vector<std::pair<double, double>> others;
      for (std::size_t i = 0; i < px.size(); ++i) {
        const bool itself = std::hypot(px[i] - p.x, py[i] - p.y) < around / 2;
        const double own_peak = sources_[s].detection >= 0 ? found_.detections[static_cast<std::size_t>(sources_[s].detection)].peak : 0;
        if (!itself && std::abs(px[i] - p.x) < half + around && std::abs(py[i] - p.y) < half + around && found_.detections[i].peak > own_.contamination / 4 * own_peak) others.emplace_back(px[i], py[i]);
      }
      bool beyond = false;
      int good_core = 0;
      for (int j = p.window.y0; j < p.window.y1; ++j)
        for (int i = p.window.x0; i < p.window.x1; ++i) {
          const bool taken = !by_stamps() && std::any_of(others.begin(), others.end(), [&](const auto& o) { return std::hypot(o.first - i, o.second - j) < around; });
          const bool good = image.good(i, j) && !taken;
          p.taken += image.good(i, j) && taken;
          beyond = beyond || (image.good(i, j) && own_.max_value > 0 && image.value(i, j) > own_.max_value && std::hypot(i - p.x, j - p.y) < around);
          p.value.push_back(good ? image.value(i, j) : 0);
          p.variance.push_back(good ? image.variance(i, j) : 0);
          p.photons.push_back(good && !image.photons.empty() ? image.photons(i, j) : 0);
          if (good && std::abs(i - cx) <= 1 && std::abs(j - cy) <= 1) ++good_core;
        }
      p.used = !beyond && (by_stamps() || good_core >= 8);  // one pixel of the core may be masked
      of_image[k].push_back(std::move(p));
    }
  });
  for (auto& list : of_image)
    for (auto& p : list)
      if (p.used || by_stamps()) pixels_.push_back(std::move(p));
}

EffectiveOptions Estimation::fit_options() const {
  EffectiveOptions how;
  how.samples_per_pixel = own_.samples_per_pixel, how.radius_pix = own_.radius, how.rounds = own_.rounds, how.model_error = own_.model_error, how.reject = own_.reject, how.positions = own_.positions,
  how.shift_images = own_.shift_images, how.degree = own_.degree;
  return how;
}

EffectiveTable Estimation::fit() {
  if (own_.samples_per_pixel_y > 0) throw UsageError{"estimate.samples_per_pixel_y needs estimate.method = mopex; the effective response is sampled alike along both axes"};
  if (own_.degree > 0 && has_sectors()) throw UsageError{"estimate.degree and sectors (estimate.sectors_x, sectors_y, map) are two ways to let the table vary; choose one"};
  const auto how = fit_options();
  EffectiveTable table;
  for (int round = 0, last = crowded() ? rounds_in_crowds : 0; round <= last; ++round) {
    if (round > 0) take_off_neighbours(table);
    context_.stage(round > 0 ? "fitting the point response without its neighbours" : "fitting the point response", 1);
    table = EffectiveFit{pixels_, stars_, shifts_, how, context_.pool()}.run();
    context_.step();
  }
  const auto used = std::count_if(stars_.begin(), stars_.end(), [](const Star& s) { return s.used(); });
  if (const auto lost = static_cast<long>(stars_.size()) - used; lost > 0) context_.caveat("stars-left-out", fmt::format("{} of {} stars were not used; stars.fits says why", lost, stars_.size()), lost);
  if (table.last_change > how.tolerance / 100 && table.rounds >= how.rounds)
    context_.caveat("rounds", fmt::format("after {} rounds the table still changed by {:.2g} of its peak; raise estimate.rounds", table.rounds, table.last_change));
  if (used < 20) context_.caveat("few-stars", fmt::format("{} stars are few: the table has their noise and, where frames are not dithered, their phases", used), used);
  if (has_sectors()) fit_sectors(table);
  return table;
}

run::Outcome estimate(const extraction::ExtractRequest& request, const PsfOptions& options, param::OptionSet& settings, run::Context& context) { return Estimation{request, options, settings, context}.run(); }

}  // namespace tessera::psf_estimate
