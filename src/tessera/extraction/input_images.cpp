#include "tessera/extraction/input_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "tessera/background/noise.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/extraction/coadded_response.h"
#include "tessera/extraction/fit_sky.h"
#include "tessera/extraction/memory_needs.h"
#include "tessera/pipeline/mosaic.h"
#include "tessera/run/context.h"
#include "tessera/run/memory.h"

namespace tessera::extraction {

namespace fs = std::filesystem;

void InputImages::open_and_find() {
  if (names_.size() == 1)
    on_one_image();
  else
    on_frames();
}

std::int64_t InputImages::sources_to_fit() const { return listed_sources() > 0 ? listed_sources() : static_cast<std::int64_t>(found_.detections.size()); }

std::int64_t InputImages::stored_frame_bytes(std::size_t i) const { return images_[i].stored ? images_[i].box().area() * frame_bytes_per_pixel : 0; }

std::int64_t InputImages::bytes_for_frames() {
  std::int64_t largest = 0;
  for (std::size_t i = 0; i < images_.size(); ++i) largest = std::max(largest, stored_frame_bytes(i));
  return std::max(largest, run::memory_left(context_));
}

std::vector<std::string> InputImages::read_files() {
  if (names_.size() == 1)
    add_files(mosaic_);
  else
    for (const auto& f : frames_) add_files(f);
  if (files::exists(options_.psf.file)) files_.push_back(options_.psf.file);
  if (files::exists(options_.detection.psf)) files_.push_back(options_.detection.psf);
  if (!options_.detection.table.empty()) files_.push_back(options_.detection.table);
  files_.insert(files_.end(), request_.other_inputs.begin(), request_.other_inputs.end());
  return files_;
}

void InputImages::on_one_image() {
  OpenedImage opened = open_image(names_.front(), options_, profiles_, context_);
  mosaic_ = std::move(opened.file);
  files_.insert(files_.end(), opened.read.begin(), opened.read.end());
  refuse_empty(opened.frame);
  if (mosaic_.empirical_noise) context_.caveat("no-uncertainty", fmt::format("{}: no uncertainty beside it; the noise was measured from its pixels{}", mosaic_.label(), opened.coverage.empty() ? "" : " and goes down with the coverage"));
  if (!opened.resampled && options_.mosaic.input.scale_noise) scale(opened.frame, background::measure_noise(opened.frame.view()).scale);
  if (options_.psf_use.of == PsfOf::frames) response_of_coadd();
  detection_psf_ = psf_;
  if (!options_.detection.psf.empty()) detection_psf_ = detection_response(options_.detection.psf);
  auto saturated = opened.resampled ? std::vector<std::pair<int, int>>{} : joint_fit::saturated_pixels(opened.frame.view(), mosaic_, options_.fit.saturation);
  put_into_image(opened.frame);
  found_ = find_on(opened);
  detect_on_bands();
  const std::int64_t sources = sources_to_fit();
  const std::int64_t pixels = mosaic_.box().area(), later = pixels * (measuring_bytes_per_pixel + fitted_alone_bytes_per_pixel) + source_bytes(sources, 1);
  run::need_memory(with_injection(later, pixels, options_.injection.number), fmt::format("{} with {} sources", mosaic_.label(), sources), context_);
  if (opened.resampled && !opened.correlation && options_.mosaic.input.scale_noise) {
    context_.caveat("noise-scale", fmt::format("{}: how its pixels' noise hangs together is not known; errors were multiplied by {:.3f}, the width of the filtered image", mosaic_.label(), found_.median_noise));
    scale(found_.frame, found_.median_noise);
  }
  joint_fit::FitImage image;
  image.file = &mosaic_, image.psf = &psf_, image.unit = joint_fit::flux_unit(mosaic_.unit), image.mjd = mosaic_.mjd_begin;
  Frame frame{found_.frame.box()};
  frame.value = value_for_fit(), frame.good = found_.frame.good.copy(), frame.variance = found_.frame.variance.copy();
  if (options_.fit.noise == joint_fit::FitNoise::smooth)
    joint_fit::smooth_noise(frame.view(), opened.coverage, found_.sources, image.variance, image.photons);
  else
    image.variance = std::move(frame.variance);
  image.value = std::move(frame.value), image.good = std::move(frame.good);
  image.correlation = std::move(opened.correlation);
  joint_fit::mask_saturated(image, std::move(saturated));
  images_.push_back(std::move(image));
  coverage_ = std::move(opened.coverage);
}

Found InputImages::find_on(OpenedImage& opened) {
  const std::string& by = options_.detection.uncertainty;
  if (by.empty()) return find_sources(std::move(opened.frame), opened.coverage, detection_psf_, options_, true, context_);
  Image<float> stated = opened.frame.variance.copy();
  opened.frame.variance = variance_to_detect(opened.frame, opened.coverage, mosaic_, by);
  Found found = find_sources(std::move(opened.frame), opened.coverage, detection_psf_, options_, true, context_);
  for (std::size_t i = 0; i < stated.pixels().size(); ++i)
    if (found.frame.good.pixels()[i]) found.frame.variance.pixels()[i] = stated.pixels()[i];
  return found;
}

void InputImages::response_of_coadd() {
  const auto frames = recorded_frames(mosaic_, profiles_, context_);
  files_.insert(files_.end(), frames.record.read.begin(), frames.record.read.end());
  const auto of_frames = std::move(psf_);
  psf_ = mean_psf_ = coadded_response(of_frames, mosaic_, frames.files);
  if (const auto why = places_unknown(frames.record); !why.empty())
    context_.caveat("mean-response", fmt::format("{}: {}; all sources are fitted with the response averaged over dithers", mosaic_.label(), why));
  else
    coadd_.emplace(coadd_response(of_frames, mosaic_, frames, 0, context_));
}

Image<float> InputImages::value_for_fit() const {
  Image<float> value = found_.frame.value.copy();
  if (options_.fit_sky.method == FitSky::detection) return value;
  Frame whole{found_.frame.box()};
  whole.good = found_.frame.good.copy(), whole.variance = found_.frame.variance.copy(), whole.value = on_its_sky();
  const Image<float> sky = sky_for_fit(whole.view(), found_.sources, options_.fit_sky);
  for (std::size_t i = 0; i < value.pixels().size(); ++i) value.pixels()[i] = whole.good.pixels()[i] ? whole.value.pixels()[i] - sky.pixels()[i] : 0.0F;
  return value;
}

Image<float> InputImages::on_its_sky() const {
  Image<float> value = found_.frame.value.copy();
  for (std::size_t i = 0; i < value.pixels().size(); ++i)
    if (found_.frame.good.pixels()[i]) value.pixels()[i] += found_.background.pixels()[i];
  return value;
}

double InputImages::frame_pixels_on_mosaic(const instrument::FrameFile& f) const {
  const auto scale = f.wcs.pixel_scale_arcsec({f.width / 2.0, f.height / 2.0}) / mosaic_.wcs.pixel_scale_arcsec({mosaic_.width / 2.0, mosaic_.height / 2.0});
  return std::isfinite(scale) && scale > 0 ? scale : 1;
}

void InputImages::on_frames() {
  if (options_.detection.mosaic.empty()) make_mosaic();
  const auto record = recorded_mosaic(options_.detection.mosaic.empty() ? fs::path{request_.output} / request_.mosaic_folder : fs::path{options_.detection.mosaic}, options_.fit_sky.method == FitSky::detection);
  if (!record.recorded) context_.caveat("no-record", fmt::format("{}: no record beside it; the frames are taken as they are, each with a sky of its own", record.image.string()));
  OpenedImage opened = open_image({record.image, {}, {}, -1, {}, {}}, mosaic_options(), profiles_, context_);
  mosaic_ = std::move(opened.file);
  refuse_empty(opened.frame);
  open_files(record);
  detection_psf_ = options_.detection.psf.empty() ? coadded_response(psf_, mosaic_, frames_) : detection_response(options_.detection.psf);
  put_into_image(opened.frame);
  found_ = find_on(opened);
  detect_on_bands();
  if (record.surfaces) throw DataError{fmt::format("{}: planes or surfaces were subtracted from its frames, which its record does not hold; use background.method = constant for extract", record.image.string())};
  images_ = open_frames(frames_, record, found_, mosaic_.wcs, psf_, sources_to_fit(), options_, fs::path{request_.output} / ".tessera" / fit_scratch(), context_);
  put_into_frames();
  correlation_ = std::move(opened.correlation);
  coverage_ = std::move(opened.coverage);
  if (!options_.detection.mosaic.empty()) {
    files_.insert(files_.end(), record.read.begin(), record.read.end());
    files_.insert(files_.end(), opened.read.begin(), opened.read.end());
    add_files(mosaic_);
  }
}

ExtractOptions InputImages::mosaic_options() const {
  ExtractOptions o = options_;
  o.mosaic.input = {};
  return o;
}

void InputImages::make_mosaic() {
  pipeline::MosaicRequest r{request_.inputs, (fs::path{request_.output} / request_.mosaic_folder).string(), true};
  auto how = options_.mosaic;
  how.products.rmasks = true;
  if (pipeline::make_mosaic(r, how, settings_, context_) == run::Outcome::nothing_to_do) throw DataError{"the frames make no mosaic"};
}

void InputImages::open_files(const RecordedMosaic& record) {
  std::map<std::string, const RecordedFrame*> masks;
  for (const auto& f : record.frames) masks[f.image] = &f;
  frames_.resize(names_.size());
  long without = 0;
  for (auto& n : names_) {
    const auto found = masks.find(fs::weakly_canonical(n.image).string());
    if (found == masks.end() || !n.rmask.empty()) continue;
    if (found->second->rmask.empty()) ++without;
    else n.rmask = found->second->rmask;
  }
  if (without > 0) context_.caveat("no-rmask", fmt::format("{} frames have no mask of outliers beside the mosaic (make it with --rmasks): hits may be fitted as light", without), without);
  context_.pool().for_each(static_cast<std::int64_t>(names_.size()), [&](std::int64_t i) {
    frames_[static_cast<std::size_t>(i)] = instrument::open_frame(names_[static_cast<std::size_t>(i)], options_.mosaic.input, profiles_);
  });
  instrument::read_counts_as_rates(frames_);
  instrument::share_pixel_area(frames_);
  if (!options_.mosaic.rejection.fatal_bits.empty())
    for (auto& f : frames_)
      if (f.rmask) f.rmask->fatal_bits = options_.mosaic.rejection.fatal();
}

psf::PsfModel InputImages::detection_response(const std::string& file) const {
  instrument::PsfFileOptions o;
  o.file = file;
  o.samples_per_pixel = options_.detection.psf_samples, o.samples_per_pixel_y = options_.detection.psf_samples_y;
  if (o.samples_per_pixel > 0) o.response = options_.psf.response, o.normalisation = options_.psf.normalisation;
  return instrument::read_psf(o);
}

void InputImages::scale(Frame& frame, double factor) {
  if (!(factor > 0) || !std::isfinite(factor)) return;
  for (float& v : frame.variance.pixels()) v *= static_cast<float>(factor * factor);
}

void InputImages::refuse_empty(const Frame& frame) const {
  const auto good = std::count(frame.good.pixels().begin(), frame.good.pixels().end(), 1);
  if (good == 0) context_.caveat("no-good-pixel", fmt::format("{}: every pixel is masked, not a number, or without uncertainty", mosaic_.label()));
}

void InputImages::add_files(const instrument::FrameFile& f) {
  files_.push_back(f.image.path.string());
  if (f.uncertainty) files_.push_back(f.uncertainty->path.string());
  if (f.mask) files_.push_back(f.mask->path.string());
}

}  // namespace tessera::extraction
