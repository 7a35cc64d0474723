#include "tessera/extraction/open_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/background/noise.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/base/utf8.h"
#include "tessera/core/statistics.h"
#include "tessera/extraction/fit_sky.h"
#include "tessera/extraction/memory_needs.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/correlation.h"
#include "tessera/run/memory.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::extraction {
namespace {

namespace fs = std::filesystem;

bool is_fits(const std::string& path) {
  if (!files::exists(path) || files::is_folder(path)) return false;
  try {
    return io::FitsFile{path}.first_image().has_value();
  } catch (const DataError&) {
    return false;
  }
}

/// NAME_cov.fits for NAME.fits.
fs::path beside(const fs::path& image, const char* suffix) { return image.parent_path() / (image.stem().string() + suffix); }

/// A plane of the size of an image; `what` it is, `hint`: what to do about another one.
Image<float> plane_of(const fs::path& path, const instrument::FrameFile& file, const char* what, const char* hint) {
  const io::FitsFile fits{path};
  const auto hdu = fits.first_image();
  if (!hdu) throw DataError{fmt::format("{}: no image in it; {} was expected", path.string(), what)};
  const auto& axes = fits.hdus()[static_cast<std::size_t>(*hdu)].axes;
  if (axes[0] != file.width || axes[1] != file.height)
    throw DataError{fmt::format("{}: {} × {} pixels, but {} has {} × {}; {} has the size of its mosaic ({})", path.string(), axes[0], axes[1], file.label(), file.width, file.height, what, hint)};
  return fits.read_float(*hdu);
}

Image<float> read_coverage(const fs::path& path, const instrument::FrameFile& file) {
  Image<float> coverage = plane_of(path, file, "a coverage map", "name the right one with -C");
  for (float& c : coverage.pixels())
    if (!(c > 0)) c = 0;
  return coverage;
}

}  // namespace

Image<float> variance_to_detect(const Frame& frame, const Image<float>& coverage, const instrument::FrameFile& file, const std::string& uncertainty) {
  Image<float> variance = frame.variance.copy();
  if (text::lower(uncertainty) == "none") {
    std::vector<float> values;
    for (std::size_t i = 0; i < variance.pixels().size(); ++i)
      if (frame.good.pixels()[i]) values.push_back(frame.value.pixels()[i]);
    const double sigma = values.empty() ? 0 : statistics::mad_sigma(std::span<const float>{values});
    const double depth = coverage.empty() ? 1 : std::max(1e-3, statistics::median(coverage.pixels()));
    for (std::size_t i = 0; i < variance.pixels().size(); ++i)
      if (const double c = coverage.empty() ? 1 : static_cast<double>(coverage.pixels()[i]) / depth; variance.pixels()[i] > 0) variance.pixels()[i] = static_cast<float>(sigma * sigma / (c > 0 ? c : 1));
    return variance;
  }
  const fs::path path = text::lower(uncertainty) == "std" ? beside(file.image.path, "_std.fits") : fs::path{uncertainty};
  if (!files::exists(path)) throw DataError{fmt::format("{}: there is no such file; detection.uncertainty = std needs the standard deviation mosaic (output.std, create_std_mosaic)", path.string())};
  const Image<float> sigma = plane_of(path, file, "an uncertainty", "detection.uncertainty");
  for (std::size_t i = 0; i < variance.pixels().size(); ++i)
    if (const float s = sigma.pixels()[i]; s > 0 && std::isfinite(s)) variance.pixels()[i] = s * s;  // a single frame has no deviation
  return variance;
}

std::vector<instrument::FrameNames> image_names(const std::vector<std::string>& inputs, instrument::InputOptions input, const instrument::ProfileSet& profiles, run::Context& context) {
  std::vector<std::string> arguments, notes;
  for (const auto& argument : inputs) {
    const fs::path folder{argument};
    arguments.push_back(files::is_folder(folder) && files::exists(folder / "mosaic.fits") && files::exists(folder / "run.json") ? (folder / "mosaic.fits").string() : argument);
  }
  const std::string sigma = is_fits(input.sigmas) ? input.sigmas : "";
  if (!sigma.empty()) input.sigmas.clear();
  auto names = instrument::expand_inputs(arguments, input, profiles, notes);
  for (const auto& note : notes) context.log(run::Level::info, note);
  if (!sigma.empty()) {
    if (names.size() != 1) throw UsageError{fmt::format("-S {} is one image, but there are {} frames; name a list with one uncertainty per frame", sigma, names.size())};
    names.front().sigma = sigma;
  }
  return names;
}

OpenedImage open_image(const instrument::FrameNames& names, const ExtractOptions& options, const instrument::ProfileSet& profiles, run::Context& context) {
  OpenedImage opened;
  opened.file = instrument::open_frame(names, options.mosaic.input, profiles);
  run::need_memory(opened.file.box().area() * (finding_bytes_per_pixel + (options.injection.number > 0 ? kept_bytes_per_pixel : 0)), opened.file.label(), context);
  opened.frame = instrument::read_frame(opened.file, opened.file.box());
  const fs::path coverage = !options.detection.coverage.empty() ? fs::path{options.detection.coverage} : beside(opened.file.image.path, "_cov.fits");
  if (!options.detection.coverage.empty() || files::exists(coverage)) {
    opened.coverage = read_coverage(coverage, opened.file);
    opened.read.push_back(coverage.string());
    opened.resampled = true;
    std::vector<float> covered;
    for (const float c : opened.coverage.pixels())
      if (c > 0) covered.push_back(c);
    const auto typical = covered.empty() ? 1.0F : static_cast<float>(statistics::median_inplace(std::span<float>{covered}));
    for (std::size_t i = 0; i < opened.coverage.pixels().size(); ++i) {
      const float c = opened.coverage.pixels()[i];
      float& v = opened.frame.variance.pixels()[i];
      if (!(c > 0))
        opened.frame.good.pixels()[i] = 0, opened.frame.value.pixels()[i] = 0, v = 0;
      else if (opened.file.empirical_noise)
        v *= typical / c;  // one number was measured: deeper pixels have less
    }
  }
  if (opened.file.uncertainty) {
    const io::FitsFile sigma{opened.file.uncertainty->path};
    if (sigma.find("CORRELATION")) {
      opened.correlation = pipeline::read_correlation(sigma);
      opened.resampled = true;
    }
  }
  for (const auto& note : opened.file.notes) context.caveat("frame-note", opened.file.label() + ": " + note);
  return opened;
}

namespace {

/// Of the mosaic in `folder`: ours, or that of tessera mopex mosaic.pl, which is above the folder of the mosaic; "" when there is none.
fs::path record_beside(const fs::path& folder) {
  const fs::path up = folder.has_filename() ? folder.parent_path() : folder.parent_path().parent_path();
  for (const fs::path& record : {folder / "run.json", folder / "run_mosaic.json", up / "run_mosaic.json"})
    if (files::exists(record)) return record;
  return {};
}

}  // namespace

RecordedMosaic recorded_mosaic(const fs::path& path, bool needed) {
  RecordedMosaic mosaic;
  const fs::path folder = files::is_folder(path) ? path : path.parent_path();
  mosaic.image = files::is_folder(path) ? path / "mosaic.fits" : path;
  const fs::path record = record_beside(folder);
  mosaic.recorded = !record.empty();
  if (!mosaic.recorded && !needed) return mosaic;
  if (!mosaic.recorded) throw DataError{fmt::format("{}: no run.json beside it, which says what was taken off each frame; name a finished mosaic of tessera, or fit the mosaic alone", path.string())};
  const std::string content = files::read(record);
  if (text::json_nesting(content) > text::json_nesting_limit) throw DataError{fmt::format("{}: nested deeper than {}; not a run.json", record.string(), text::json_nesting_limit)};
  mosaic.read = {record.string()};
  try {
    auto j = nlohmann::json::parse(content);
    text::change_strings(j, text::raw_bytes);
    const fs::path base = j.at("working_folder").get<std::string>();
    param::OptionSet resampling;
    resampling.add("interpolation", "", mosaic.interpolation);
    resampling.add("coadd", "", mosaic.coadd);
    for (const auto& o : j.at("options")) {
      const auto key = o.at("key").get<std::string>(), value = o.at("value").get<std::string>();
      if (key == "background.method") mosaic.surfaces = value == "plane" || value == "surface";
      if (key == "grid.moving") mosaic.moving = !value.empty();
      if (resampling.find(key)) resampling.assign(key, value, param::Source::command_line, record.string());
    }
    if (j.value("weights", "") == "sigma") mosaic.coadd.weights = coadd::Weighting::sigma;
    for (const auto& f : j.at("frames")) {
      RecordedFrame frame;
      frame.image = fs::weakly_canonical(base / f.at("image").get<std::string>()).string();
      frame.hdu = f.at("hdu");
      frame.used = f.at("used");
      frame.sky = f.at("offset").get<double>() + f.value("zodi", 0.0);
      if (f.at("noise_scale").is_number()) frame.noise_scale = f.at("noise_scale");
      frame.weight = f.value("weight", 1.0), frame.sky_variance = f.value("sky_variance", 0.0);
      if (!(frame.noise_scale > 0) || !std::isfinite(frame.noise_scale)) frame.noise_scale = 1;
      mosaic.frames.push_back(frame);
    }
    for (const auto& p : j.at("products")) {
      const std::string name = p.at("name");
      if (!name.ends_with("_rmask.fits")) continue;
      for (auto& frame : mosaic.frames) {
        const std::string stem = fs::path{frame.image}.stem().string();
        if (frame.rmask.empty() && fs::path{name}.stem().string() == stem + "_rmask") frame.rmask = (record.parent_path() / name).string();
      }
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError{fmt::format("{}: not the record of a mosaic ({})", record.string(), error.what())};
  }
  return mosaic;
}

namespace {

/// The mosaic's background and sources under each pixel of a frame.
void under_frame(const wcs::PixelMap& to_mosaic, const Found& found, Image<float>& sky, Image<std::uint8_t>& sources) {
  const Box box = sky.box(), whole = found.background.box();
  const auto n = static_cast<std::size_t>(box.width());
  std::vector<double> u(n), v(n);
  for (int row = box.y0; row < box.y1; ++row) {
    to_mosaic.apply_row(box.x0, row, u, v);
    for (std::size_t i = 0; i < n; ++i) {
      const int at = box.x0 + static_cast<int>(i);
      if (!std::isfinite(u[i]) || !std::isfinite(v[i])) continue;
      const double a = std::clamp(u[i], whole.x0 + 0.0, whole.x1 - 1.0), b = std::clamp(v[i], whole.y0 + 0.0, whole.y1 - 1.0);
      const int i0 = std::max(whole.x0, std::min(static_cast<int>(a), whole.x1 - 2)), j0 = std::max(whole.y0, std::min(static_cast<int>(b), whole.y1 - 2));
      const int i1 = std::min(i0 + 1, whole.x1 - 1), j1 = std::min(j0 + 1, whole.y1 - 1);
      const auto p = static_cast<float>(a - i0), q = static_cast<float>(b - j0);
      const auto& bg = found.background;
      const float level = (1 - q) * ((1 - p) * bg(i0, j0) + p * bg(i1, j0)) + q * ((1 - p) * bg(i0, j1) + p * bg(i1, j1));
      sky(at, row) = std::isfinite(level) ? level : bg(static_cast<int>(a + 0.5), static_cast<int>(b + 0.5));
      sources(at, row) = found.sources(static_cast<int>(a + 0.5), static_cast<int>(b + 0.5));
    }
  }
}

/// While sources are fitted and measured, beside the pixels of frames and what is held when they were found.
std::int64_t fitting_bytes(const std::vector<instrument::FrameFile>& files, const Found& found, std::int64_t sources, const wcs::SkyWcs& mosaic_wcs) {
  const auto area_of_pixel = [](const wcs::SkyWcs& sky, Box box) {
    const double side = sky.pixel_scale_arcsec({box.width() / 2.0, box.height() / 2.0});
    return std::isfinite(side) ? side * side : 0;
  };
  double seen = 0;
  for (const auto& file : files) seen += static_cast<double>(file.box().area()) * area_of_pixel(file.wcs, file.box());
  const Box whole = found.frame.box();
  const double covered = static_cast<double>(std::count(found.frame.good.pixels().begin(), found.frame.good.pixels().end(), 1)) * area_of_pixel(mosaic_wcs, whole);
  return whole.area() * measuring_bytes_per_pixel + source_bytes(sources, covered > 0 ? std::min(seen / covered, static_cast<double>(files.size())) : 1);
}

/// Where `needed` is false, a frame that is not there counts as it is.
RecordedFrame record_of(const instrument::FrameFile& file, const RecordedMosaic& mosaic, bool needed) {
  const std::string path = fs::weakly_canonical(file.image.path).string();
  for (const auto& frame : mosaic.frames)
    if (frame.image == path && frame.hdu == file.image.hdu) return frame;
  if (!needed) return {};
  throw DataError{fmt::format("{}: is not among the {} frames of {}; give the frames that the mosaic was made of", file.label(), mosaic.frames.size(), mosaic.image.string())};
}

}  // namespace

std::vector<joint_fit::FitImage> open_frames(const std::vector<instrument::FrameFile>& files, const RecordedMosaic& mosaic, const Found& found, const wcs::SkyWcs& mosaic_wcs, const psf::PsfModel& psf,
                                  std::int64_t to_fit, const ExtractOptions& options, const fs::path& scratch, run::Context& context) {
  std::int64_t pixels = 0, largest = 0;
  for (const auto& file : files) pixels += file.box().area(), largest = std::max(largest, file.box().area());
  // What the fit and all that follows take beside the frames.
  const std::int64_t later = with_injection(fitting_bytes(files, found, to_fit, mosaic_wcs), found.frame.box().area(), options.injection.number);
  run::need_memory(std::max(later, largest * reading_bytes_per_pixel), fmt::format("{} with {} sources, fitted on its frames,", mosaic.image.string(), to_fit), context);
  std::shared_ptr<const run::ScratchFile> store;
  if (later + pixels * frame_bytes_per_pixel > run::memory_left(context)) {
    store = std::make_shared<const run::ScratchFile>(scratch, "frames that are fitted");
    std::error_code ignored;
    fs::remove(scratch, ignored);  // its room is free when the last image is gone, however the run ends
    context.log(run::Level::info, fmt::format("the frames exceed the memory ceiling: {} of them go to the output folder while they are fitted", text::format_bytes(static_cast<double>(pixels * stored_bytes_per_pixel))));
  }
  std::vector<std::int64_t> at{0};
  for (const auto& file : files) at.push_back(at.back() + 2 * file.box().area());
  std::vector<joint_fit::FitImage> images(files.size());
  std::vector<std::uint8_t> used(files.size(), 1);
  parallel::Budget budget{std::max(largest * reading_bytes_per_pixel, run::memory_left(context) - (store ? 0 : pixels * frame_bytes_per_pixel))};
  context.stage("reading frames", static_cast<std::int64_t>(files.size()));
  context.pool().for_each(static_cast<std::int64_t>(files.size()), [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    const auto& file = files[i];
    const bool own_sky = options.fit_sky.method != FitSky::detection;
    const RecordedFrame record = record_of(file, mosaic, !own_sky);
    used[i] = record.used;
    context.step();
    if (!record.used) return;
    const run::HeldBytes reading{budget, file.box().area() * reading_bytes_per_pixel, "a frame"};
    Frame frame = instrument::read_frame(file, file.box());
    auto saturated = joint_fit::saturated_pixels(frame.view(), file, options.fit.saturation);
    Image<float> sky{frame.box()};
    Image<std::uint8_t> sources{frame.box()};
    under_frame(*wcs::approximate(wcs::plane_to_plane(file.wcs, mosaic_wcs), file.box()), found, sky, sources);
    const auto scale = static_cast<float>(record.noise_scale * record.noise_scale);
    if (own_sky) sky = sky_for_fit(frame.view(), sources, options.fit_sky);
    const auto offset = own_sky ? 0.0F : static_cast<float>(record.sky);
    for (std::size_t p = 0; p < frame.good.pixels().size(); ++p) {
      if (!frame.good.pixels()[p]) continue;
      frame.value.pixels()[p] -= offset + sky.pixels()[p];
      frame.variance.pixels()[p] *= scale;
    }
    joint_fit::FitImage& image = images[i];
    image.file = &file, image.psf = &psf, image.unit = joint_fit::flux_unit(file.unit), image.mjd = file.mjd_begin;
    if (options.fit.noise == joint_fit::FitNoise::smooth)
      joint_fit::smooth_noise(frame.view(), {}, sources, image.variance, image.photons);
    else
      image.variance = frame.variance.copy();
    image.value = std::move(frame.value), image.good = std::move(frame.good);
    joint_fit::mask_saturated(image, std::move(saturated));
    if (store) image.store(store, at[i]);
  });
  std::vector<joint_fit::FitImage> kept;
  for (std::size_t i = 0; i < images.size(); ++i)
    if (used[i]) kept.push_back(std::move(images[i]));
  return kept;
}

}  // namespace tessera::extraction
