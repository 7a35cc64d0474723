#include "tessera/extraction/place_responses.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/base/error.h"

namespace tessera::extraction {
namespace {

constexpr std::int64_t share_of_memory = 3;  // of the ceiling
constexpr double least_told = 0.95;          // of a response: beside an edge, where pixels with a sliver of a frame in them count fully, the mean one does as well

/// The weight that a frame had. Weights by the variance of each pixel are taken as those of its sky.
double weight_of(const RecordedMosaic& record, const RecordedFrame& frame) {
  if (record.coadd.weights != coadd::Weighting::sigma) return frame.weight;
  return frame.sky_variance > 0 ? 1 / frame.sky_variance : 0;
}

}  // namespace

RecordedFrames recorded_frames(const instrument::FrameFile& mosaic, const instrument::ProfileSet& profiles, run::Context& context) {
  RecordedFrames all;
  all.record = recorded_mosaic(mosaic.image.path);
  std::vector<RecordedFrame> used;
  for (const auto& f : all.record.frames)
    if (f.used) used.push_back(f);
  if (used.empty()) throw DataError{fmt::format("{}: its record names no frame, so that the response of its frames does not tell its own", mosaic.label())};
  all.files.resize(used.size());
  context.pool().for_each(static_cast<std::int64_t>(used.size()), [&](std::int64_t i) {
    const auto& f = used[static_cast<std::size_t>(i)];
    try {
      all.files[static_cast<std::size_t>(i)] = instrument::open_frame({f.image, {}, {}, f.hdu, {}, {}}, {}, profiles);
    } catch (const Error& e) {
      throw DataError{fmt::format("{} ({} was made of it, and the header of each frame says how it lies there; put the frames back, or give the response of the mosaic itself)", e.what(), mosaic.label())};
    }
  });
  for (const auto& f : used) all.weights.push_back(weight_of(all.record, f));
  return all;
}

std::string places_unknown(const RecordedMosaic& record) {
  if (!coadd::weighted(record.coadd.method)) return fmt::format("its frames were combined by their {}, whose response depends on how bright a star is", record.coadd.method == coadd::Method::median ? "median" : "minimum");
  if (record.moving) return "its frames were carried along with a moving object";
  return "";
}

psf_coadd::CoaddResponse coadd_response(const psf::PsfModel& psf, const instrument::FrameFile& mosaic, const RecordedFrames& frames, int samples_per_pixel, run::Context& context) {
  if (const auto why = places_unknown(frames.record); !why.empty()) throw DataError{fmt::format("{}: no response at single places: {}", mosaic.label(), why)};
  const psf_coadd::Output output{mosaic.wcs, mosaic.box(), frames.record.interpolation, frames.record.coadd.min_coverage};
  std::vector<psf_coadd::CoaddedFrame> placed(frames.files.size());
  context.stage("placing frames on the mosaic", static_cast<std::int64_t>(placed.size()));
  context.pool().for_each(static_cast<std::int64_t>(placed.size()), [&](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    placed[k] = psf_coadd::place_frame(output, frames.files[k].wcs, frames.files[k].box(), frames.weights[k]);
    context.step();
  });
  try {
    return {output, std::move(placed), psf, samples_per_pixel};
  } catch (const UsageError& e) {
    throw DataError{fmt::format("{}: {}", mosaic.label(), e.what())};
  }
}

psf::PsfModel with_places(const psf::PsfModel& mean, const psf_coadd::CoaddResponse& coadd, const std::vector<std::pair<double, double>>& places, double radius, run::Context& context) {
  const auto count = static_cast<std::int64_t>(places.size());
  if (count * coadd.bytes_per_table() > context.memory_bytes() / share_of_memory)
    throw SystemError{fmt::format("the responses at {} places of the mosaic take {} MB, a third of the memory ceiling is {} MB; raise --memory or psf.place_snr", count, count * coadd.bytes_per_table() >> 20,
                                  context.memory_bytes() / share_of_memory >> 20)};
  std::vector<psf_coadd::ResponseAt> made(places.size());
  context.stage("responses at places of the mosaic", count);
  context.pool().for_each(count, [&](std::int64_t i) {
    const auto& [x, y] = places[static_cast<std::size_t>(i)];
    made[static_cast<std::size_t>(i)] = coadd.at(x, y);
    context.step();
  });
  std::vector<psf::PointResponse> tables;
  std::vector<std::pair<double, double>> at;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (made[i].frames == 0 || made[i].told < least_told) continue;
    tables.push_back(std::move(made[i].response));
    at.push_back(places[i]);
  }
  auto model = psf::PsfModel::places(mean.tables().front(), std::move(tables), at, radius);
  model.describe(fmt::format("{}, at {} places of their own", mean.description(), at.size()));
  return model;
}

}  // namespace tessera::extraction
