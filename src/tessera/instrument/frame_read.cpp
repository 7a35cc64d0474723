/// instrument/frame_read.cpp — windows of a frame as value, variance and good/bad.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "tessera/base/clones.h"
#include "tessera/base/error.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/instrument/measurements.h"
#include "tessera/instrument/stored_planes.h"
#include "tessera/instrument/units.h"

namespace tessera::instrument {
namespace {

constexpr int lattice_nodes = 33;
constexpr int pixels_together = 1 << 17;
constexpr int stored_together = 1 << 15;  // what they are read into stays in the second-level cache

/// Each file of a frame is opened once per call, however many planes it holds.
class Files {
 public:
  const io::FitsFile& operator()(const PlaneLocation& plane) {
    const std::filesystem::path& path = plane.source();
    const auto found = open_.find(path);
    return found != open_.end() ? found->second : open_.emplace(path, io::FitsFile{path}).first->second;
  }

 private:
  std::map<std::filesystem::path, io::FitsFile> open_;
};

/// Bits of a mask stored as floats or as codes, as bits; NaN counts as every bit.
Image<std::uint32_t> read_mask_values(const io::FitsFile& file, int hdu, Box window, MaskForm form) {
  const bool floating = file.hdus()[static_cast<std::size_t>(hdu)].bitpix < 0;
  Image<std::uint32_t> bits = floating ? Image<std::uint32_t>{window} : file.read_bits(hdu, window);
  if (floating) {
    const Image<float> values = file.read_float(hdu, window);
    std::transform(values.pixels().begin(), values.pixels().end(), bits.pixels().begin(), [](float v) {
      return v >= 0 && v < 4294967040.0f ? static_cast<std::uint32_t>(v) : 0xffffffffu;
    });
  }
  if (form == MaskForm::codes)
    for (auto& b : bits.pixels()) b = b == 0 ? 0 : 1u << std::min(b, 31u);
  if (form == MaskForm::good_is_one)
    for (auto& b : bits.pixels()) b = b == 0 ? 0xffffffffu : 0;
  return bits;
}

Image<std::uint32_t> read_mask_plane(const FrameFile& frame, Files& files, Box window) {
  return read_mask_values(files(*frame.mask), frame.mask->hdu, window, frame.profile->mask_form);
}

/// 1 where the mask or the value itself makes a pixel bad.
Image<std::uint8_t> read_bad(const FrameFile& frame, Files& files, View<const float> value) {
  Image<std::uint8_t> bad{value.box()};
  if (frame.mask) {
    const auto bits = read_mask_plane(frame, files, value.box());
    for (std::size_t i = 0; i < bits.pixels().size(); ++i) bad.pixels()[i] = (bits.pixels()[i] & frame.fatal_bits) != 0;
  }
  for (const auto* further : {&frame.rmask, &frame.pmask}) {
    if (!*further) continue;
    const auto& [plane, fatal] = **further;
    const auto bits = read_mask_values(files(plane), plane.hdu, value.box(), MaskForm::bits);
    for (std::size_t i = 0; i < bits.pixels().size(); ++i) bad.pixels()[i] = static_cast<std::uint8_t>(bad.pixels()[i] | ((bits.pixels()[i] & fatal) != 0));
  }
  for (int y = value.box().y0; y < value.box().y1; ++y) {
    const auto v = value.row(y);
    const auto b = bad.row(y);
    for (std::size_t i = 0; i < v.size(); ++i) b[i] = static_cast<std::uint8_t>(b[i] | !std::isfinite(v[i]));
  }
  return bad;
}

/// Weights for neighbour_noise: the map itself, or 1 everywhere. Pixels without weight become bad.
Image<float> read_weight(const FrameFile& frame, Files& files, Box window, Image<std::uint8_t>& bad) {
  if (frame.noise != NoiseKind::weight || !frame.uncertainty) return Image<float>{window, 1.0f};
  Image<float> weight = files(*frame.uncertainty).read_float(frame.uncertainty->hdu, window);
  for (std::size_t i = 0; i < weight.pixels().size(); ++i) {
    float& w = weight.pixels()[i];
    if (w > 0 && std::isfinite(w)) continue;
    bad.pixels()[i] = 1;
    w = 1;
  }
  return weight;
}

double noise_scale(const FrameFile& frame, Files& files) {
  FrameMeasurements& m = *frame.measured;
  std::call_once(m.noise_once, [&] {
    const Image<float> value = files(frame.image).read_float(frame.image.hdu, frame.box());
    Image<std::uint8_t> bad = read_bad(frame, files, value);
    const Image<float> weight = read_weight(frame, files, frame.box(), bad);
    m.noise_scale = neighbour_noise(value, weight, bad);
  });
  return m.noise_scale;
}

const AreaLattice& areas(const FrameFile& frame) {
  FrameMeasurements& m = *frame.measured;
  std::call_once(m.area_once, [&] { m.area = AreaLattice{frame.wcs, frame.width, frame.height, lattice_nodes}; });
  return m.area;
}

/// Stated error → variance, input unit; a weight of 0 or a negative one becomes NaN or ≤ 0, which read_frame takes as bad.
double variance_of(double stated, NoiseKind kind, double scale) {
  switch (kind) {
    case NoiseKind::sigma: return stated > 0 ? stated * stated : -1;
    case NoiseKind::variance: return stated;
    case NoiseKind::inverse_variance: return stated > 0 ? 1 / stated : -1;
    case NoiseKind::weight: return stated > 0 ? scale * scale / stated : -1;
  }
  return -1;
}

/// Variance of every pixel of the window in the input unit squared.
Image<float> read_variance(const FrameFile& frame, Files& files, View<const float> value) {
  if (frame.uncertainty) {
    const bool relative = frame.noise == NoiseKind::weight;
    const double scale = relative ? noise_scale(frame, files) : 1;
    Image<float> plane = files(*frame.uncertainty).read_float(frame.uncertainty->hdu, value.box());
    if (frame.noise == NoiseKind::sigma)  // the usual kind, in a loop that vectorises; the product is exact in double, so float gives the same
      for (float& v : plane.pixels()) v = v > 0 ? v * v : -1.0F;
    else
      for (float& v : plane.pixels()) v = static_cast<float>(variance_of(v, frame.noise, scale));
    for (const PlaneLocation& more : frame.more_variance) {
      const Image<float> term = files(more).read_float(more.hdu, value.box());
      for (std::size_t i = 0; i < term.pixels().size(); ++i) plane.pixels()[i] += term.pixels()[i];
    }
    return plane;
  }
  Image<float> plane{value.box()};
  if (frame.empirical_noise) {
    const double sigma = noise_scale(frame, files);
    std::fill(plane.pixels().begin(), plane.pixels().end(), static_cast<float>(sigma * sigma));
    return plane;
  }
  // MOPEX guide 4.3.3: read noise and the photons counted, in electrons, back to the image's unit.
  const double read = frame.read_noise * frame.read_noise / (frame.gain * frame.gain);
  for (int y = value.box().y0; y < value.box().y1; ++y) {
    const auto in = value.row(y);
    const auto out = plane.row(y);
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(read + std::max(static_cast<double>(in[i]), 0.0) / frame.gain);
  }
  return plane;
}

/// To the plan's unit. A variance that float cannot hold (0, infinite, NaN) cannot be weighted with: such pixels are bad.
inline void convert(float value, float variance, std::uint8_t bad, double factor, float& out_value, float& out_variance, std::uint8_t& good) {
  constexpr float most = std::numeric_limits<float>::max();
  const auto scaled = static_cast<float>(value * factor);
  const auto scaled_variance = static_cast<float>(variance * factor * factor);
  // Comparisons with NaN are false; & instead of && so that a row vectorises.
  const bool use = (bad == 0) & (std::abs(scaled) <= most) & (scaled_variance >= std::numeric_limits<float>::min()) & (scaled_variance <= most);
  out_value = use ? scaled : 0.0F;
  out_variance = use ? scaled_variance : 0.0F;
  good = use;
}

TESSERA_CLONES void convert_row(std::span<const float> value, std::span<const float> variance, std::span<const std::uint8_t> bad, double factor, Frame& frame, int y) {
  float* __restrict v = frame.value.row(y).data();
  float* __restrict u = frame.variance.row(y).data();
  std::uint8_t* __restrict good = frame.good.row(y).data();
  for (std::size_t i = 0; i < value.size(); ++i) convert(value[i], variance[i], bad[i], factor, v[i], u[i], good[i]);
}

/// Reads the planes of some whole rows of the frame's box and converts them.
void read_rows(const FrameFile& file, Files& files, const AreaLattice* lattice, Box rows, Frame& frame) {
  const Image<float> value = files(file.image).read_float(file.image.hdu, rows);
  const Image<float> variance = read_variance(file, files, value);
  const Image<std::uint8_t> bad = read_bad(file, files, value);
  for (int y = rows.y0; y < rows.y1; ++y) {
    const auto v = value.row(y), u = variance.row(y);
    const auto b = bad.row(y);
    if (!lattice) {
      convert_row(v, u, b, file.unit_factor, frame, y);
      continue;
    }
    for (std::size_t i = 0; i < v.size(); ++i) {
      const double factor = file.unit_factor * file.pixel_area_sr / lattice->at(rows.x0 + static_cast<int>(i), y);
      convert(v[i], u[i], b[i], factor, frame.value.row(y)[i], frame.variance.row(y)[i], frame.good.row(y)[i]);
    }
  }
}

/// Rows read at once: few enough that their planes stay in the cache until they are converted. A compressed image is unpacked
/// in its own tiles, which must not be unpacked twice, and a large gzip file from its beginning.
int rows_together(const FrameFile& file, Files& files, int width) {
  for (const auto* plane : {&file.image, file.uncertainty ? &*file.uncertainty : nullptr, file.mask ? &*file.mask : nullptr})
    if (plane && (files(*plane).hdus()[static_cast<std::size_t>(plane->hdu)].compressed || files(*plane).streamed())) return file.height;
  return std::max(1, pixels_together / width);
}

void check_window(const FrameFile& file, Box window) {
  if (!file.box().contains(window))
    throw UsageError{fmt::format("{}: window [{}, {}) x [{}, {}) lies outside the frame of {}x{} pixels", file.label(), window.x0, window.x1, window.y0,
                                 window.y1, file.width, file.height)};
}

}  // namespace

Image<std::uint32_t> read_mask(const FrameFile& file, Box window) {
  check_window(file, window);
  Files files;
  return file.mask && !window.empty() ? read_mask_plane(file, files, window) : Image<std::uint32_t>{window};
}

std::vector<double> unit_factors(const FrameFile& file, int y) {
  std::vector<double> factors(static_cast<std::size_t>(file.width), file.unit_factor);
  if (file.local_area)
    for (std::size_t i = 0; i < factors.size(); ++i) factors[i] *= file.pixel_area_sr / areas(file).at(static_cast<int>(i), y);
  return factors;
}

Frame read_frame(const FrameFile& file, Box window) {
  check_window(file, window);
  Frame frame;
  frame.reshape(window);
  if (window.empty()) return frame;
  if (window.x0 == 0 && window.x1 == file.width)
    if (auto stored = StoredPlanes::of(file)) {
      const int rows = std::max(1, stored_together / file.width);
      for (int y = window.y0; y < window.y1; y += rows) stored->read(y, std::min(window.y1, y + rows), frame);
      return frame;
    }
  Files files;
  const AreaLattice* lattice = file.local_area ? &areas(file) : nullptr;
  const int rows = rows_together(file, files, window.width());
  for (int y = window.y0; y < window.y1; y += rows) read_rows(file, files, lattice, {window.x0, y, window.x1, std::min(window.y1, y + rows)}, frame);
  return frame;
}

}  // namespace tessera::instrument
