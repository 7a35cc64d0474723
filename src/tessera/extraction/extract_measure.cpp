#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tessera/base/error.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/conditions.h"
#include "tessera/extraction/corrections.h"
#include "tessera/extraction/detection_list.h"
#include "tessera/extraction/extract_private.h"
#include "tessera/extraction/fit_radius.h"
#include "tessera/extraction/flags.h"
#include "tessera/extraction/mopex_tables.h"
#include "tessera/extraction/shapes.h"
#include "tessera/extraction/snr.h"
#include "tessera/io/tables.h"
#include "tessera/joint_fit/source_model.h"
#include "tessera/joint_fit/split.h"
#include "tessera/run/context.h"
#include "tessera/run/memory.h"

namespace tessera::extraction {
namespace {

constexpr double nearest_widths = 0.4;  // full widths: what a fit leaves nearer to a source is its own
constexpr double doubtful_beyond = 3;   // sigma of the chi square of a source's own pixels, in which the frames' own response is met or not: beyond it, what is left is no fault of the coadd's mean response
constexpr double nearest_to_doubtful = 0.2, when_doubtful = 0.01, doubtful_widths = 1.5, around_widths = 1.2;
constexpr int most_place_rounds = 5;
constexpr double most_settling = 0.3;  // pixels of the mosaic that a source may lie off the place whose response it is fitted with
constexpr double too_wide = 1.7, too_narrow = 0.6;  // of the light in one of 9 × 9 pixels: a width wrong by some 30 %

/// Whether the frames meet the source's model worse than their noise allows.
bool doubtful(const joint_fit::Source& s) {
  const double dof = s.pixels - (s.forced ? 1.0 : 3.0);
  return dof > 0 && s.chi2 - dof > doubtful_beyond * std::sqrt(2 * dof);
}

}  // namespace

void Extraction::measure() {
  check_width();
  if (by_list()) {
    place_list();
  } else {
    settle_detections();
    detections_ = detection_table(found_, mosaic_.wcs, mosaic_.unit);
    from_detections();
  }
  const double fwhm = psf_.tables().front().fwhm_pix();
  const int window = joint_fit::fit_window(options_.fit, fwhm);
  joint_fit::find_sights(images_, sources_, window, options_.fit.edge, context_);
  const double scale = images_.empty() ? 1 : frame_pixels_on_mosaic(*images_.front().file);
  const double pixel = mosaic_.wcs.pixel_scale_arcsec({mosaic_.width / 2.0, mosaic_.height / 2.0});
  link_ = options_.fit.group_radius > 0 ? options_.fit.group_radius / pixel : options_.fit.group_distance * fwhm * scale;
  joint_fit::FitOptions how = options_.fit;
  if (how.skip) how.max_rounds = 0;
  fit_ = joint_fit::fit_sources(images_, sources_, how, positions(), window, link_, context_);
  const bool at_places = coadd_ && !how.skip;
  if (at_places) fit_at_places(window);  // what the mean response leaves of a star is no companion
  const std::size_t found = sources_.size();
  for (int round = 1; round < options_.detection.rounds && !how.skip && !by_list() && options_.detection.image == DetectionImage::significance; ++round)
    if (!deblend(window)) break;
  if (options_.fit.max_sources > 1 && !how.skip && positions()) split_poor(window);
  if (at_places && sources_.size() > found) fit_at_places(window);
  tell_fits();
  mark_poor_fits();
  joint_fit::FitImage on_mosaic;
  const joint_fit::FitImage& measured = images_.size() == 1 && names_.size() == 1 ? images_.front() : (on_mosaic = mosaic_image(), on_mosaic);
  {
    const Image<float> original = options_.aperture.image == ApertureImage::original ? on_its_sky() : Image<float>{};
    FrameView whole = found_.frame.view();
    if (!original.empty()) whole.value = original;
    apertures_ = measure_apertures(whole, measured, sources_, options_.aperture, context_);
  }
  left_ = residual();
  more_ = further_columns(measured);
  if (options_.fit.per_frame && !how.skip) light_curves(window);
}

catalog::ColumnSet Extraction::further_columns(const joint_fit::FitImage& measured) {
  catalog::ColumnSet columns;
  if (options_.catalog.flags) columns.append(count_flags(images_, sources_, fit_.window, context_));
  if (options_.shape.measure) columns.append(measure_shapes(found_, left_, measured, sources_, options_.shape, context_));
  columns.append(flux_corrections(images_, sources_, options_.correction));
  if (options_.fit.snr != joint_fit::SnrRule::fit) columns.numbers("snr", snr_by_rule(found_, coverage_, measured, sources_, options_.fit));
  return columns;
}

bool Extraction::deblend(int window) {
  const double width = detection_psf_.tables().front().fwhm_pix();
  std::vector<Taken> taken;
  for (const auto& s : sources_) {
    const auto p = mosaic_.wcs.sky_to_pixel(s.position());
    taken.push_back({{p.x, p.y, std::isfinite(p.x)}, (doubtful(s) ? nearest_to_doubtful : nearest_widths) * width});
  }
  // On frames it is theirs; in their mosaic it is averaged.
  const Image<float> scatter = names_.size() == 1 ? joint_fit::SourceLists{1, sources_}.scatter(images_.front(), 0) : Image<float>{};
  const auto more = find_more(found_, residual(), taken, around_widths * width, model_errors(taken, width), scatter, detection_psf_, options_, context_);
  if (more.empty()) return false;
  const std::size_t before = sources_.size();
  add_detections(more, true);
  joint_fit::find_sights(images_, sources_, window, options_.fit.edge, context_);
  fit_ = joint_fit::fit_sources(images_, sources_, options_.fit, positions(), window, link_, context_);
  const auto weak = [&](const joint_fit::Source& s) { return s.active && !(s.status == joint_fit::Status::fitted && s.flux > options_.segments.threshold * std::sqrt(s.covariance[8])); };
  if (std::erase_if(sources_, weak) > 0) fit_ = joint_fit::fit_sources(images_, sources_, options_.fit, positions(), window, link_, context_);
  return sources_.size() > before;
}

void Extraction::split_poor(int window) {
  const std::size_t before = sources_.size();
  const auto split = joint_fit::split_poor_groups(images_, sources_, options_.fit, window, link_, context_);
  if (split.poor > 0) context_.log(run::Level::info, fmt::format("{} of {} groups with more χ² per degree of freedom than {} got {} further sources", split.split, split.poor, options_.fit.max_chi2, split.added));
  if (split.added == 0) return;
  fit_ = joint_fit::fit_sources(images_, sources_, options_.fit, true, window, link_, context_);
  // What the fit of all does not bear out goes again.
  std::size_t k = 0;
  const auto refuted = [&](const joint_fit::Source& s) { return k++ >= before && !(s.status == joint_fit::Status::fitted && s.flux > 0); };
  if (std::erase_if(sources_, refuted) > 0) fit_ = joint_fit::fit_sources(images_, sources_, options_.fit, true, window, link_, context_);
  for (auto& s : sources_)
    if (s.members <= s.passive) s.passive = 0;
}

void Extraction::fit_at_places(int window) {
  const std::vector<joint_fit::Source> before = sources_;
  std::vector<bool> at_place(sources_.size());
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const joint_fit::Source& s = sources_[i];
    at_place[i] = joint_fit::measured(s) && !s.sights.empty() && s.flux >= options_.psf_use.place_snr * std::sqrt(s.covariance[8]);
  }
  // With the mean response a star comes to lie some hundredths of a pixel off; the second time its response is that of where it lies. What moves on is no star (a hit at an edge), and goes back to the mean response.
  bool settled = false;
  for (int round = 0; round < most_place_rounds && !(settled && (round > 1 || !positions())); ++round) {
    std::vector<std::pair<double, double>> places;
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (at_place[i]) {
        const auto at = joint_fit::moved(sources_[i].sights.front(), sources_[i].u, sources_[i].v);
        places.push_back({at.x, at.y});
      }
    if (places.empty() && round == 0) return;
    psf_ = with_places(mean_psf_, *coadd_, places, std::max(options_.fit.max_shift, options_.fit.max_shift_y) + 0.5, context_);
    fit_ = joint_fit::fit_sources(images_, sources_, options_.fit, positions(), window, link_, context_);
    settled = true;
    std::size_t next = 0;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (!at_place[i]) continue;
      const auto [x, y] = places[next++];
      const auto at = joint_fit::moved(sources_[i].sights.front(), sources_[i].u, sources_[i].v);
      if (std::hypot(at.x - x, at.y - y) <= most_settling) continue;
      at_place[i] = settled = false;
      sources_[i].u = before[i].u, sources_[i].v = before[i].v, sources_[i].flux = before[i].flux;
    }
  }
}

Image<float> Extraction::model_errors(std::span<const Taken> taken, double width) const {
  const auto usual = static_cast<float>(options_.detection.model_error), little = std::min(usual, static_cast<float>(when_doubtful));
  Image<float> share{found_.frame.box(), usual};
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!taken[i].place.usable || !doubtful(sources_[i])) continue;
    const joint_fit::Place& p = taken[i].place;
    const int reach = static_cast<int>(std::ceil(doubtful_widths * width)), x = static_cast<int>(std::lround(p.x)), y = static_cast<int>(std::lround(p.y));
    const Box near = intersection(share.box(), {x - reach, y - reach, x + reach + 1, y + reach + 1});
    for (int j = near.y0; j < near.y1; ++j) std::fill_n(&share(near.x0, j), near.width(), little);
  }
  return share;
}

void Extraction::settle_detections() {
  if (!options_.detection.table.empty()) {
    found_.detections = read_detections(io::read_table(options_.detection.table), options_.detection.table);
    found_.segments.clear();
  }
  const bool for_all = options_.fit.window > 0 || options_.fit.window_y > 0;
  if (!for_all && options_.fit.window_from == joint_fit::WindowFrom::light) {
    const auto reach = [](const psf::PsfModel& model) { return 2 * static_cast<int>(std::ceil(model.reach_pix())) + 1; };
    measure_fit_radii(found_, coverage_, reach(detection_psf_));
  } else if (for_all) {
    for (auto& d : found_.detections) d.fit_x = d.fit_y = 0;  // of the two the option counts (guide 6.5.15)
  }
}

void Extraction::take_options(joint_fit::Source& s) const {
  if (options_.fit.window_y > 0) s.window_y = joint_fit::fit_window_y(options_.fit);
  if (options_.fit.max_shift_y > 0) s.turn = joint_fit::direction_of_x(mosaic_.wcs, {s.ref_x, s.ref_y});
}

void Extraction::add_detections(const std::vector<Detection>& list, bool active) {
  std::vector<double> x, y;
  for (const auto& d : list) x.push_back(d.x), y.push_back(d.y);
  std::vector<double> ra(x.size()), dec(x.size());
  mosaic_.wcs.pixel_to_sky(x, y, ra, dec);
  const double scale = images_.empty() ? 1 : frame_pixels_on_mosaic(*images_.front().file);
  const auto on_frames = [scale](int side) {
    const int whole = static_cast<int>(std::ceil(side / scale));
    return side == 0 ? 0 : std::max(3, whole % 2 == 1 ? whole : whole + 1);
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    joint_fit::Source s;
    s.start = {ra[i], dec[i]};
    s.ref_x = x[i], s.ref_y = y[i];
    s.active = active;
    if (!active) s.detection = static_cast<int>(i);
    s.window_x = on_frames(list[i].fit_x), s.window_y = on_frames(list[i].fit_y);
    take_options(s);
    sources_.push_back(s);
  }
}

joint_fit::FitImage Extraction::mosaic_image() {
  joint_fit::FitImage image;
  image.file = &mosaic_, image.psf = &detection_psf_, image.unit = joint_fit::flux_unit(mosaic_.unit);
  for (const auto& i : images_) image.mjd += i.mjd / static_cast<double>(images_.size());
  if (correlation_) image.correlation = correlation_->copy();
  return image;
}

void Extraction::check_width() {
  if (!options_.detection.check_psf || by_list() || options_.detection.background == SkyChoice::none) return;  // light on a sky has another share
  const double ratio = concentration_ratio(found_, detection_psf_);
  if (!(ratio > too_wide) && !(ratio < too_narrow)) return;
  throw DataError{fmt::format("{}: bright isolated sources have {:.2f} times the share of their light in the brightest of 9 × 9 pixels that the point response has, so it is too {} for {}{}; check psf.samples_per_pixel, or say detection.check_psf=false",
                              options_.psf.file, ratio, ratio > 1 ? "wide" : "narrow", mosaic_.label(), ratio > 1 ? ", or they are hits of cosmic rays" : "")};
}

void Extraction::start_from_pixels() {
  auto x = list_.numbers(catalog::find_column(list_, "x")->name), y = list_.numbers(catalog::find_column(list_, "y")->name);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] -= 1, y[i] -= 1;
  std::vector<double> ra(x.size()), dec(x.size());
  mosaic_.wcs.pixel_to_sky(x, y, ra, dec);
  for (std::size_t i = 0; i < x.size(); ++i) sources_[i].start = {ra[i], dec[i]};
}

void Extraction::place_list() {
  if (options_.catalog.positions == ListPositions::pixels) start_from_pixels();
  std::vector<double> ra, dec;
  for (const auto& s : sources_) ra.push_back(s.start.ra_deg), dec.push_back(s.start.dec_deg);
  std::vector<double> x(ra.size()), y(ra.size());
  mosaic_.wcs.sky_to_pixel(ra, dec, x, y);
  std::set<std::pair<long, long>> seen;
  long twins = 0, nowhere = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    joint_fit::Source& s = sources_[i];
    s.ref_x = x[i], s.ref_y = y[i];
    take_options(s);
    if (!std::isfinite(s.start.ra_deg) || !std::isfinite(s.start.dec_deg)) {
      ++nowhere;
      continue;
    }
    if (!seen.insert({std::lround(s.start.ra_deg * 3.6e5), std::lround(s.start.dec_deg * 3.6e5)}).second) s.status = joint_fit::Status::twin, ++twins;  // the same to 0.01″
  }
  if (twins > 0) context_.caveat("twins", fmt::format("{} rows of {} repeat the position of an earlier one; they have status -5", twins, options_.catalog.sources), twins);
  if (nowhere > 0) context_.caveat("no-position", fmt::format("{} rows of {} have no position; they have status 0", nowhere, options_.catalog.sources), nowhere);
}

void Extraction::from_detections() {
  std::vector<bool> wanted(found_.detections.size(), true);
  detections_raw_ = detections_;
  if (!options_.catalog.detect_where.empty()) {
    // A condition in MOPEX's words: flux is the brightest pixel there.
    wanted = catalog::rows_where(options_.catalog.columns == ColumnNames::mopex ? mopex_detections(detections_) : detections_, options_.catalog.detect_where);
    detections_ = catalog::select_rows(detections_, wanted);
  }
  add_detections(found_.detections, false);
  std::size_t k = 0;
  std::erase_if(sources_, [&](const joint_fit::Source&) { return !wanted[k++]; });
}

void Extraction::tell_fits() {
  std::map<joint_fit::Status, long> ended;
  for (const auto& s : sources_) ++ended[s.status];
  const auto tell = [&](joint_fit::Status status, const char* kind, const char* what) {
    if (const long n = ended[status]; n > 0) context_.caveat(kind, fmt::format("{} of {} sources {}", n, sources_.size(), what), n);
  };
  tell(joint_fit::Status::at_limit, "fit-at-limit", "would move further than fit.max_shift from where they were found (status -2)");
  tell(joint_fit::Status::no_convergence, "fit-no-convergence", "did not converge (status -1); in crowded fields more do with a larger fit.max_rounds");
  tell(joint_fit::Status::degenerate, "fit-degenerate", "cannot be told from their neighbours (status -4)");
  tell(joint_fit::Status::no_data, "fit-no-data", "have no pixels to be fitted on (status -3)");
  if (by_list() && !options_.fit.skip) tell(joint_fit::Status::not_fitted, "out-of-field", "lie on no image, or nowhere (status 0)");
}

void Extraction::mark_poor_fits() {
  if (options_.fit.max_chi2 <= 0) return;
  long poor = 0;
  for (auto& s : sources_)
    if (s.status == joint_fit::Status::fitted && s.group_dof > 0 && s.group_chi2 > options_.fit.max_chi2 * static_cast<double>(s.group_dof)) s.status = joint_fit::Status::poor, ++poor;
  if (poor > 0) context_.caveat("fit-poor", fmt::format("{} of {} sources have more χ² per degree of freedom than fit.max_chi2 = {} (status -6, in MOPEX's tables -2)", poor, sources_.size(), options_.fit.max_chi2), poor);
}

void Extraction::light_curves(int window) {
  std::vector<std::vector<double>> flux(images_.size()), error(images_.size());
  context_.stage("light curves", static_cast<std::int64_t>(images_.size()));
  parallel::Budget budget{bytes_for_frames()};
  context_.pool().for_each(static_cast<std::int64_t>(images_.size()), [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    const run::HeldBytes read{budget, stored_frame_bytes(i), "a frame"};
    joint_fit::fluxes_on_image(images_, i, sources_, options_.fit, window, link_, flux[i], error[i]);
    context_.step();
  });
  std::vector<std::int64_t> number;
  std::vector<std::string> frame;
  std::vector<double> mjd, f, e;
  for (std::size_t s = 0; s < sources_.size(); ++s)
    for (std::size_t i = 0; i < images_.size(); ++i) {
      if (!std::isfinite(flux[i][s])) continue;
      number.push_back(static_cast<std::int64_t>(s) + 1);
      frame.push_back(images_[i].file->image.path.filename().string());
      mjd.push_back(images_[i].mjd), f.push_back(flux[i][s]), e.push_back(error[i][s]);
    }
  const std::string unit = images_.empty() ? "" : images_.front().unit.name;
  catalog::add(curves_, "number", std::move(number));
  catalog::add(curves_, "frame", std::move(frame));
  catalog::add(curves_, "mjd", std::move(mjd));
  catalog::add(curves_, "flux", std::move(f)).unit = unit;
  catalog::add(curves_, "flux_err", std::move(e)).unit = unit;
  curves_.name = "light_curve";
}

Image<float> Extraction::residual() {
  Image<float> left = found_.frame.value.copy();
  if (names_.size() == 1) {
    for (std::size_t i = 0; i < left.pixels().size(); ++i) left.pixels()[i] -= images_.front().model.pixels()[i];
    return left;
  }
  std::vector<joint_fit::FitImage> one;
  one.push_back(mosaic_image());
  one.front().value = found_.frame.value.copy();
  std::vector<joint_fit::Source> there = sources_;
  joint_fit::find_sights(one, there, fit_.window, 0, context_);
  const Image<float> model = joint_fit::SourceLists{1, there}.model(one.front(), 0);
  for (std::size_t i = 0; i < left.pixels().size(); ++i) left.pixels()[i] -= model.pixels()[i];
  return left;
}

}  // namespace tessera::extraction
