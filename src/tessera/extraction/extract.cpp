#include "tessera/extraction/extract.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>

#include "tessera/background/noise.h"
#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"
#include "tessera/extraction/extract_private.h"
#include "tessera/io/tables.h"
#include "tessera/psf/coadded.h"

namespace tessera::extraction {

namespace fs = std::filesystem;
using pipeline::Level;

namespace {

constexpr std::size_t most_lies = 12;

}  // namespace

pipeline::Outcome Extraction::run() {
  if (options_.psf.file.empty()) throw UsageError{"no point response given; add --psf FILE, or --psf gaussian:fwhm_pix=2 with the width of stars"};
  radii_of(options_.aperture);
  psf_ = instrument::read_psf(options_.psf);
  names_ = image_names(request_.inputs, options_, profiles_, context_);
  read_list();
  if (request_.dry_run) {
    context_.log(Level::info, fmt::format("{} image{} would be {}; point response: {}", names_.size(), names_.size() == 1 ? "" : "s", names_.size() == 1 ? "searched and fitted" : "made into a mosaic and fitted together", psf_.description()));
    return pipeline::Outcome::done;
  }
  pipeline::OutputFolder folder{request_.output, folder_request(), request_.overwrite};
  context_.log_to(folder.product("tessera.log").string());
  if (names_.size() == 1)
    on_one_image();
  else
    on_frames();
  measure();
  return write(folder);
}

pipeline::Request Extraction::folder_request() const {
  std::vector<std::string> files;
  for (const auto& n : names_) files.push_back(n.image.string());
  return pipeline::table_request("extract", request_.inputs, files, settings_);
}

void Extraction::read_list() {
  if (options_.catalog.sources.empty()) return;
  list_ = io::read_table(options_.catalog.sources);
  const auto* ra = catalog::find_column(list_, "ra");
  const auto* dec = catalog::find_column(list_, "dec");
  if (!ra || !dec) {
    std::vector<std::string> there;
    for (const auto& c : list_.columns) there.push_back(c.name);
    throw DataError{fmt::format("{}: a list of sources needs columns ra and dec (degrees, ICRS); it has {}", options_.catalog.sources, text::join(there, ", "))};
  }
  const auto x = list_.numbers(ra->name), y = list_.numbers(dec->name);
  for (std::size_t i = 0; i < x.size(); ++i) {
    Source s;
    s.start = {x[i], std::abs(y[i]) <= 90 ? y[i] : std::nan("")};
    sources_.push_back(s);
  }
  files_.push_back(options_.catalog.sources);
}

void Extraction::on_one_image() {
  OpenedImage opened = open_image(names_.front(), options_, profiles_, context_);
  mosaic_ = std::move(opened.file);
  files_.insert(files_.end(), opened.read.begin(), opened.read.end());
  refuse_empty(opened.frame);
  if (mosaic_.empirical_noise) context_.caveat("no-uncertainty", fmt::format("{}: no uncertainty beside it; the noise was measured from its pixels{}", mosaic_.label(), opened.coverage.empty() ? "" : " and goes down with the coverage"));
  if (!opened.resampled && options_.mosaic.input.scale_noise) scale(opened.frame, background::measure_noise(opened.frame.view()).scale);
  if (options_.psf_use.of == PsfOf::frames) psf_ = response_of_mosaic();
  detection_psf_ = psf_;
  if (!options_.detection.psf.empty()) detection_psf_ = detection_response(options_.detection.psf);
  found_ = find_sources(std::move(opened.frame), opened.coverage, detection_psf_, options_, true, context_);
  if (opened.resampled && !opened.correlation && options_.mosaic.input.scale_noise) {
    context_.caveat("noise-scale", fmt::format("{}: how its pixels' noise hangs together is not known; errors were multiplied by {:.3f}, the width of the filtered image", mosaic_.label(), found_.median_noise));
    scale(found_.frame, found_.median_noise);
  }
  FitImage image;
  image.file = &mosaic_, image.psf = &psf_, image.unit = flux_unit(mosaic_.unit), image.mjd = mosaic_.mjd_begin;
  image.value = found_.frame.value.copy(), image.good = found_.frame.good.copy();
  if (options_.fit.noise == FitNoise::smooth)
    smooth_noise(found_.frame.view(), opened.coverage, found_.sources, image.variance, image.photons);
  else
    image.variance = found_.frame.variance.copy();
  image.correlation = std::move(opened.correlation);
  images_.push_back(std::move(image));
}

psf::PsfModel Extraction::response_of_mosaic() {
  const auto record = recorded_mosaic(mosaic_.image.path);
  files_.insert(files_.end(), record.read.begin(), record.read.end());
  std::vector<instrument::FrameFile> frames;
  for (const auto& f : record.frames)
    if (f.used) frames.push_back(instrument::open_frame({f.image, {}, {}, f.hdu, {}, {}}, {}, profiles_));
  if (frames.empty()) throw DataError{fmt::format("{}: its record names no frame, so psf.of = frames cannot be", mosaic_.label())};
  return coadded_response(frames);
}

void Extraction::on_frames() {
  if (options_.detection.mosaic.empty()) make_mosaic();
  const auto record = recorded_mosaic(options_.detection.mosaic.empty() ? fs::path{request_.output} / "mosaic" : fs::path{options_.detection.mosaic});
  OpenedImage opened = open_image({record.image, {}, {}, -1, {}, {}}, mosaic_options(), profiles_, context_);
  mosaic_ = std::move(opened.file);
  refuse_empty(opened.frame);
  open_files(record);
  detection_psf_ = options_.detection.psf.empty() ? coadded_response(frames_) : detection_response(options_.detection.psf);
  found_ = find_sources(std::move(opened.frame), opened.coverage, detection_psf_, options_, true, context_);
  if (record.surfaces) throw DataError{fmt::format("{}: planes or surfaces were subtracted from its frames, which its record does not hold; use background.method = constant for extract", record.image.string())};
  images_ = open_frames(frames_, record, found_, mosaic_.wcs, psf_, options_, context_);
  correlation_ = std::move(opened.correlation);
  if (!options_.detection.mosaic.empty()) {
    files_.insert(files_.end(), record.read.begin(), record.read.end());
    files_.insert(files_.end(), opened.read.begin(), opened.read.end());
    add_files(mosaic_);
  }
}

ExtractOptions Extraction::mosaic_options() const {
  ExtractOptions o = options_;
  o.mosaic.input = {};
  return o;
}

void Extraction::make_mosaic() {
  pipeline::MosaicRequest r{request_.inputs, (fs::path{request_.output} / "mosaic").string(), true};
  auto how = options_.mosaic;
  how.products.rmasks = true;
  if (pipeline::make_mosaic(r, how, settings_, context_) == pipeline::Outcome::nothing_to_do) throw DataError{"the frames make no mosaic"};
}

void Extraction::open_files(const RecordedMosaic& record) {
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

psf::PsfModel Extraction::detection_response(const std::string& file) const {
  instrument::PsfFileOptions o;
  o.file = file;
  return instrument::read_psf(o);
}

psf::PsfModel Extraction::coadded_response(const std::vector<instrument::FrameFile>& frames) const {
  std::map<std::array<long, 4>, psf::FrameLie> lies;  // frames that lie alike to a hundredth of a pixel over ten count together
  const wcs::PixelPoint middle{(mosaic_.width - 1) / 2.0, (mosaic_.height - 1) / 2.0};
  const auto m = mosaic_.wcs.jacobian(middle);
  for (const auto& f : frames) {
    const auto j = f.wcs.jacobian({(f.width - 1) / 2.0, (f.height - 1) / 2.0});
    const double det = j[0] * j[3] - j[1] * j[2];
    const std::array<double, 4> lie{(j[3] * m[0] - j[1] * m[2]) / det, (j[3] * m[1] - j[1] * m[3]) / det, (j[0] * m[2] - j[2] * m[0]) / det, (j[0] * m[3] - j[2] * m[1]) / det};
    if (!std::isfinite(lie[0] + lie[1] + lie[2] + lie[3])) continue;
    std::array<long, 4> key{};
    for (std::size_t k = 0; k < 4; ++k) key[k] = std::lround(1000 * lie[k]);
    const auto [place, fresh] = lies.try_emplace(key, psf::FrameLie{lie, 0});
    place->second.weight += 1;
  }
  std::vector<psf::FrameLie> all;
  for (const auto& [key, lie] : lies) all.push_back(lie);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
  all.resize(std::min<std::size_t>(all.size(), most_lies));
  psf::PointResponse workspace;
  const auto& f = frames.front();
  auto model = psf::PsfModel::constant(psf::coadded(psf_.at(f.width / 2.0, f.height / 2.0, workspace), all));
  model.describe(psf_.description() + ", on the mosaic");
  return model;
}

void Extraction::scale(Frame& frame, double factor) {
  if (!(factor > 0) || !std::isfinite(factor)) return;
  for (float& v : frame.variance.pixels()) v *= static_cast<float>(factor * factor);
}

void Extraction::refuse_empty(const Frame& frame) const {
  const auto good = std::count(frame.good.pixels().begin(), frame.good.pixels().end(), 1);
  if (good == 0) context_.caveat("no-good-pixel", fmt::format("{}: every pixel is masked, not a number, or without uncertainty", mosaic_.label()));
}

void Extraction::add_files(const instrument::FrameFile& f) {
  files_.push_back(f.image.path.string());
  if (f.uncertainty) files_.push_back(f.uncertainty->path.string());
  if (f.mask) files_.push_back(f.mask->path.string());
}

pipeline::Outcome extract(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, pipeline::Context& context) { return Extraction{request, options, settings, context}.run(); }

}  // namespace tessera::extraction
