// The run again with artificial sources in its images.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "tessera/catalog/columns.h"
#include "tessera/extraction/extract_private.h"
#include "tessera/run/context.h"
#include "tessera/run/memory.h"
#include "tessera/wcs/tangent_plane.h"

namespace tessera::extraction {
namespace {

/// Threads and memory of another context, and none of its words: what the chain says of artificial sources is no news of this run.
class Quiet : public run::Context {
 public:
  explicit Quiet(run::Context& inner) : inner_{inner} {}
  const parallel::Pool& pool() override { return inner_.pool(); }
  std::int64_t memory_bytes() override { return inner_.memory_bytes(); }
  void log(run::Level, std::string_view) override {}
  void stage(std::string_view, std::int64_t) override {}
  void step(std::int64_t) override {}
  void caveat(std::string_view, std::string_view, std::int64_t) override {}
  void log_to(const std::string&) override {}

 private:
  run::Context& inner_;
};

int sight_window(const psf::PsfModel& psf) { return 2 * static_cast<int>(std::ceil(psf.reach_pix())) + 1; }

}  // namespace

void Extraction::inject() {
  joint_fit::FitImage image = mosaic_image();
  const double width = detection_psf_.tables().front().fwhm_pix();
  injected_ = plan_injection(found_, image, options_.injection.separation * width, detection_psf_, options_);
  if (static_cast<int>(injected_.size()) < options_.injection.number)
    context_.caveat("injection", fmt::format("{} of {} artificial sources found a place {} full widths from others of their round", injected_.size(), options_.injection.number, options_.injection.separation), 1);
  if (injected_.empty()) return;
  const int passes = injected_.back().pass + 1;
  context_.stage("artificial sources", passes);
  Quiet quiet{context_};
  for (int pass = 0; pass < passes; ++pass) {
    const auto first = std::find_if(injected_.begin(), injected_.end(), [&](const Injected& s) { return s.pass == pass; });
    const auto last = std::find_if(first, injected_.end(), [&](const Injected& s) { return s.pass != pass; });
    again(std::span<Injected>{first, last}, quiet);
    context_.step(1);
  }
}

void Extraction::again(std::span<Injected> injected, run::Context& quiet) {
  ExtractOptions options = options_;
  options.injection.number = 0;
  options.detection.check_psf = false;
  options.fit.per_frame = false;
  options.psf_use.of = PsfOf::image;  // psf_ is that of the image already
  if (names_.size() > 1 && options.detection.mosaic.empty()) options.detection.mosaic = (std::filesystem::path{request_.output} / "mosaic").string();
  Extraction run{request_, options, settings_, quiet};
  run.psf_ = psf_, run.names_ = names_, run.list_ = list_;
  run.before_ = this;
  for (const auto& s : injected) {
    joint_fit::Source& added = run.added_.emplace_back();
    added.start = s.position;
    added.flux = s.flux;
  }
  run.pass_ = static_cast<std::uint64_t>(injected.front().pass);
  if (by_list()) {
    for (const auto& s : sources_) run.sources_.emplace_back().start = s.start;
    for (const auto& s : injected) run.sources_.emplace_back().start = s.position;
  }
  run.open_and_find();
  run.measure();
  compare(injected, run);
}

std::string Extraction::fit_scratch() const { return before_ ? fmt::format("fit-{}", pass_) : "fit"; }

void Extraction::put_into_image(Frame& frame) {
  if (!before_) return;
  joint_fit::FitImage image = mosaic_image();
  std::vector<joint_fit::FitImage> one;
  one.push_back(std::move(image));
  std::vector<joint_fit::Source> there = added_;
  joint_fit::find_sights(one, there, sight_window(detection_psf_), 0, context_);
  add_light(one.front(), 0, joint_fit::SourceLists{1, there}, before_->found_.photons, frame.good, frame.value, &frame.variance, static_cast<std::uint64_t>(options_.injection.seed), pass_ << 32U);
}

void Extraction::put_into_frames() {
  if (!before_) return;
  std::vector<joint_fit::Source> there = added_;
  joint_fit::find_sights(images_, there, sight_window(psf_), 0, context_);
  const joint_fit::SourceLists lists{images_.size(), there};
  parallel::Budget budget{bytes_for_frames()};
  context_.pool().for_each(static_cast<std::int64_t>(images_.size()), [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    const run::HeldBytes read{budget, stored_frame_bytes(i), "a frame"};
    joint_fit::FitImage& image = images_[i];
    const auto add = [&](joint_fit::FitImage& to) { add_light(to, i, lists, to.photons, to.good, to.value, nullptr, static_cast<std::uint64_t>(options_.injection.seed), (pass_ << 32U) + i + 1); };
    if (!image.stored) return add(image);
    joint_fit::FitImage pixels = image.window(image.box());
    add(pixels);
    pixels.store(image.stored->file, image.stored->at);
  });
}

void Extraction::compare(std::span<Injected> injected, Extraction& run) {
  const auto lying = [&](const joint_fit::Source& s) {
    const auto p = s.position();
    const auto pixel = std::isfinite(p.ra_deg) && std::isfinite(p.dec_deg) ? mosaic_.wcs.sky_to_pixel(p) : wcs::PixelPoint{NAN, NAN};
    return Lying{pixel.x, pixel.y, s.flux};
  };
  // What was there before and is as bright comes first to its rows.
  std::vector<Lying> truth, rows;
  for (const auto& s : injected) truth.push_back({s.x, s.y, s.flux});
  for (const auto& s : sources_)
    if (s.status != joint_fit::Status::not_fitted && s.status != joint_fit::Status::twin && s.status != joint_fit::Status::no_data) truth.push_back(lying(s));
  std::set<std::int64_t> kept;
  Table table = run.catalogue(folder_request());
  if (!options_.catalog.where.empty()) table = run.chosen(table);
  for (const double n : table.numbers("number")) kept.insert(static_cast<std::int64_t>(n));
  std::vector<std::size_t> which;
  for (std::size_t k = 0; k < run.sources_.size(); ++k) {
    const joint_fit::Source& s = run.sources_[k];
    if (!joint_fit::measured(s) || !kept.contains(static_cast<std::int64_t>(k) + 1)) continue;
    which.push_back(k);
    rows.push_back(lying(s));
  }
  const double radius = std::max(1.0, 0.5 * detection_psf_.tables().front().fwhm_pix());
  const auto found = match_by_brightness(truth, rows, radius);
  for (std::size_t i = 0; i < injected.size(); ++i) {
    Injected& s = injected[i];
    s.neighbour = INFINITY;
    for (std::size_t k = injected.size(); k < truth.size(); ++k) s.neighbour = std::fmin(s.neighbour, std::hypot(truth[k].x - s.x, truth[k].y - s.y));
    if (found[i] < 0) continue;
    const joint_fit::Source& as = run.sources_[which[static_cast<std::size_t>(found[i])]];
    s.found = true, s.status = as.status;
    s.fitted = as.flux, s.error = as.covariance[8] > 0 ? std::sqrt(as.covariance[8]) : NAN;
    const auto at = wcs::to_tangent_plane(as.position(), s.position);
    s.east = 3600 * at[0], s.north = 3600 * at[1];
    s.east_error = as.forced || !(as.covariance[0] > 0) ? NAN : std::sqrt(as.covariance[0]);
    s.north_error = as.forced || !(as.covariance[4] > 0) ? NAN : std::sqrt(as.covariance[4]);
  }
}

}  // namespace tessera::extraction
