/// instrument/consistency.cpp — do these frames belong in one mosaic?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tessera/base/error.h"
#include "tessera/core/statistics.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/instrument/units.h"

namespace tessera::instrument {
namespace {

bool differ(double a, double b) { return a > 0 && b > 0 && std::abs(a - b) > 0.01 * std::max(a, b); }

std::string shown(const std::string& value) { return value.empty() ? "none" : "'" + value + "'"; }

void refuse_units(const FrameFile& a, const FrameFile& b) {
  if (a.unit == b.unit) return;
  throw DataError{fmt::format("frames of mixed units: {} has unit {}, {} has {}; nothing converts one to the other: mosaic them apart, or state the unit in a profile",
                              a.label(), shown(a.input_unit), b.label(), shown(b.input_unit))};
}

[[noreturn]] void refuse_mixed(const char* what, const FrameFile& a, const std::string& in_a, const FrameFile& b, const std::string& in_b) {
  throw DataError{fmt::format("frames of mixed {}: {} has {}, {} has {}; mosaic them apart, or allow it with --set input.mixed=allow", what, a.label(), in_a,
                              b.label(), in_b)};
}

/// Images that stand in the list before; parallel lists may name one image with several masks.
std::size_t given_again(std::span<const FrameFile> frames) {
  std::set<std::pair<std::string, int>> seen;
  for (const FrameFile& frame : frames) seen.emplace(frame.image.path.lexically_normal().string(), frame.image.hdu);
  return frames.size() - seen.size();
}

}  // namespace

Consistency check_consistency(std::span<const FrameFile> frames, const InputOptions& options) {
  Consistency result;
  if (frames.empty()) return result;
  const FrameFile& first = frames.front();
  const FrameFile* with_filter = nullptr;
  bool filters = false, uncertainties = false, masks = false;
  for (const FrameFile& frame : frames) {
    refuse_units(first, frame);
    if (with_filter && !frame.filter.empty() && frame.filter != with_filter->filter) {
      if (options.mixed == Mixed::refuse) refuse_mixed("filters", *with_filter, shown(with_filter->filter), frame, shown(frame.filter));
      filters = true;
    }
    if (!with_filter && !frame.filter.empty()) with_filter = &frame;
    if (frame.uncertainty.has_value() != first.uncertainty.has_value()) {
      const auto has = [](const FrameFile& f) { return std::string{f.uncertainty ? "an uncertainty plane" : "none"}; };
      if (options.mixed == Mixed::refuse) refuse_mixed("uncertainties", first, has(first), frame, has(frame));
      uncertainties = true;
    }
    masks = masks || frame.mask.has_value() != first.mask.has_value();
    result.exposures_differ = result.exposures_differ || differ(first.exposure_s, frame.exposure_s);
    result.noise_differs = result.noise_differs || differ(first.gain, frame.gain) || differ(first.read_noise, frame.read_noise);
  }
  result.noise_differs = result.noise_differs || result.exposures_differ || uncertainties;
  if (const auto again = given_again(frames); again > 0)
    result.notes.push_back(fmt::format("{} of {} images are given more than once; they count as frames of their own", again, frames.size()));
  if (filters) result.notes.push_back("frames of different filters are mixed, as allowed");
  if (uncertainties) result.notes.push_back("frames with and without uncertainty planes are mixed, as allowed");
  if (masks) result.notes.push_back("some frames have a mask and some have none");
  return result;
}

std::vector<std::string> read_counts_as_rates(std::span<FrameFile> frames) {
  if (frames.size() < 2) return {};
  const Unit unit = parse_unit(frames.front().input_unit);
  if (unit.kind != Unit::Kind::counts_per_pixel || unit.per_second || unit.quantum == "nanomaggy") return {};
  const auto [shortest, longest] = std::minmax_element(frames.begin(), frames.end(), [](const auto& a, const auto& b) { return a.exposure_s < b.exposure_s; });
  if (!(longest->exposure_s > 0)) return {};
  if (!(shortest->exposure_s > 0))
    return {fmt::format("{} has no exposure time: counts are averaged as if all exposures were alike", shortest->label())};
  if (!differ(shortest->exposure_s, longest->exposure_s)) return {};
  for (FrameFile& frame : frames) {
    frame.unit_factor /= frame.exposure_s;
    frame.unit = unit.quantum + "/s/arcsec2";
  }
  return {fmt::format("exposures from {:.6g} to {:.6g} s: counts are read as {} per second", shortest->exposure_s, longest->exposure_s, unit.quantum)};
}

void share_pixel_area(std::span<FrameFile> frames) {
  constexpr double one_camera = 1.2;
  std::vector<FrameFile*> left;
  for (FrameFile& frame : frames)
    if (frame.per_pixel_flux && !frame.local_area && frame.pixel_area_sr > 0) left.push_back(&frame);
  while (!left.empty()) {
    const FrameFile& first = *left.front();
    const auto others = std::stable_partition(left.begin(), left.end(), [&](const FrameFile* f) {
      const double ratio = f->pixel_area_sr / first.pixel_area_sr;
      return f->profile == first.profile && ratio < one_camera && ratio > 1 / one_camera;
    });
    std::vector<double> areas;
    for (auto f = left.begin(); f != others; ++f) areas.push_back((*f)->pixel_area_sr);
    const double common = statistics::median(std::span<const double>{areas});
    for (auto f = left.begin(); f != others; ++f) (*f)->unit_factor *= (*f)->pixel_area_sr / common;
    left.erase(left.begin(), others);
  }
}

}  // namespace tessera::instrument
