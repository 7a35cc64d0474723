// In a crowd the wings of neighbours, beyond the pixels that are left out, and of those too faint to be left out would become wings of the response: all detections are fitted with the table as it is, and others' light taken off.
#include <algorithm>
#include <cmath>

#include "tessera/joint_fit/source_model.h"
#include "tessera/psf_estimate/estimate_private.h"

namespace tessera::psf_estimate {
namespace {

constexpr double crowded_share = 0.1;  // of the pixels around stars that others take

}  // namespace

bool Estimation::crowded() const {
  std::size_t all = 0, taken = 0;
  for (const StarPixels& p : pixels_) all += p.variance.size(), taken += static_cast<std::size_t>(p.taken);
  return static_cast<double>(taken) > crowded_share * static_cast<double>(all);
}

void Estimation::take_off_neighbours(const EffectiveTable& table) {
  const auto response = psf::PsfModel::constant(response_of(table, table.samples.front()));
  for (auto& image : images_) image.psf = &response;
  std::vector<joint_fit::Source> all;
  for (const extraction::Detection& d : found_.detections) {
    joint_fit::Source& s = all.emplace_back();
    s.start = mosaic_.wcs.pixel_to_sky({d.x, d.y});
    s.ref_x = d.x, s.ref_y = d.y;
  }
  joint_fit::FitOptions how;
  how.max_rounds = 10;   // their wings are what counts
  const int window = joint_fit::fit_window(how, table.fwhm_pix);
  joint_fit::find_sights(images_, all, window, 0, context_);
  joint_fit::fit_sources(images_, all, how, true, window, how.group_distance * detection_fwhm_, context_);
  const joint_fit::SourceLists lists{images_.size(), all};
  if (untouched_.empty())
    for (const StarPixels& p : pixels_) untouched_.push_back(p.value);
  context_.pool().for_each(static_cast<std::int64_t>(pixels_.size()), [&](std::int64_t index) {
    const auto e = static_cast<std::size_t>(index);
    StarPixels& p = pixels_[e];
    const auto k = static_cast<std::size_t>(p.image);
    const auto image = images_[k].geometry();
    Image<float> others{p.window}, own{p.window};
    lists.add_to(image, k, others);
    const double near = masked_widths / 2 * detection_fwhm_ / frame_pixels_on_mosaic(*image.file);
    psf::PointResponse workspace;
    std::vector<float> stamp;
    lists.for_sights(k, [&](const joint_fit::Source& s, const photometry::Sight& sight) {
      if (std::hypot(sight.x - p.x, sight.y - p.y) < near) add_source(image, joint_fit::moved(sight, s.u, s.v), s.flux, workspace, stamp, own);
    });
    for (std::size_t i = 0; i < p.value.size(); ++i)
      if (p.variance[i] > 0) p.value[i] = untouched_[e][i] - (others.pixels()[i] - own.pixels()[i]);
  });
  for (auto& image : images_) image.psf = &psf_;
}

}  // namespace tessera::psf_estimate
