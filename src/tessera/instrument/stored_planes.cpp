#include "tessera/instrument/stored_planes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tessera/base/clones.h"

namespace tessera::instrument {
namespace {

template <class U>
inline U from_big_endian(const std::byte* at) {
  U u;
  std::memcpy(&u, at, sizeof u);
  if constexpr (sizeof(U) == 2) return std::endian::native == std::endian::big ? u : __builtin_bswap16(u);
  if constexpr (sizeof(U) == 4) return std::endian::native == std::endian::big ? u : __builtin_bswap32(u);
  return u;
}

/// Pixels decoded together: each step of the work is a loop of its own, which vectorises, and what lies between stays in the first-level cache.
constexpr std::size_t strip = 1024;

struct Stored {
  const std::byte *value, *noise, *mask;
  int mask_bytes;  // of a number of the mask; 0: none
  std::uint32_t mask_zero, fatal_bits;
  bool sigma;
  double factor;
};

struct Decoded {
  float* value;
  float* variance;
  std::uint8_t* good;
};

template <class U>
[[gnu::always_inline]] inline void numbers_from(const std::byte* in, std::size_t n, std::uint32_t* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const U raw = from_big_endian<U>(in + sizeof(U) * i);
    // 16 bits have a sign; a byte of FITS has none.
    if constexpr (sizeof(U) == 2) out[i] = static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<std::int16_t>(raw)));
    else out[i] = raw;
  }
}

[[gnu::always_inline]] inline void singles_from(const std::byte* in, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto bits = from_big_endian<std::uint32_t>(in + 4 * i);
    std::memcpy(out + i, &bits, 4);
  }
}

/// See convert() of frame_read.cpp for what makes a pixel bad. Infinite and NaN values and errors fail the comparisons.
TESSERA_CLONES void decode(const Stored& in, std::size_t n, const Decoded& out) {
  constexpr float most = std::numeric_limits<float>::max(), least = std::numeric_limits<float>::min();
  float value[strip], variance[strip];
  std::uint32_t bits[strip], use[strip];
  singles_from(in.value, n, value);
  singles_from(in.noise, n, variance);
  if (in.sigma)
    for (std::size_t i = 0; i < n; ++i) variance[i] = variance[i] > 0 ? variance[i] * variance[i] : -1.0F;
  if (in.factor != 1) {
    for (std::size_t i = 0; i < n; ++i) value[i] = static_cast<float>(value[i] * in.factor);
    for (std::size_t i = 0; i < n; ++i) variance[i] = static_cast<float>(variance[i] * in.factor * in.factor);
  }
  switch (in.mask_bytes) {
    case 0: std::fill_n(bits, n, 0u); break;
    case 1: numbers_from<std::uint8_t>(in.mask, n, bits); break;
    case 2: numbers_from<std::uint16_t>(in.mask, n, bits); break;
    default: numbers_from<std::uint32_t>(in.mask, n, bits); break;
  }
  const std::uint32_t zero = in.mask_bytes ? in.mask_zero : 0, fatal = in.fatal_bits;
  for (std::size_t i = 0; i < n; ++i) use[i] = ((bits[i] + zero) & fatal) == 0 ? 0xffffffffu : 0;
  for (std::size_t i = 0; i < n; ++i) use[i] = std::abs(value[i]) <= most ? use[i] : 0;
  for (std::size_t i = 0; i < n; ++i) use[i] = variance[i] >= least ? use[i] : 0;
  for (std::size_t i = 0; i < n; ++i) use[i] = variance[i] <= most ? use[i] : 0;
  for (std::size_t i = 0; i < n; ++i) out.value[i] = use[i] ? value[i] : 0.0F;
  for (std::size_t i = 0; i < n; ++i) out.variance[i] = use[i] ? variance[i] : 0.0F;
  for (std::size_t i = 0; i < n; ++i) out.good[i] = static_cast<std::uint8_t>(use[i] & 1u);
}

/// Of the frame's size, single precision without a scale.
bool is_plain_single(const io::StoredImage& image, const FrameFile& frame) {
  return image.plain() && image.bitpix() == -32 && image.scale() == 1 && image.zero() == 0 && image.width() == frame.width && image.height() == frame.height;
}

/// Whole numbers whose bits are those of a mask.
bool is_plain_mask(const io::StoredImage& mask, const FrameFile& frame) {
  if (!mask.plain() || mask.scale() != 1 || mask.width() != frame.width || mask.height() != frame.height) return false;
  if (mask.bitpix() != 8 && mask.bitpix() != 16 && mask.bitpix() != 32) return false;
  return mask.zero() == std::floor(mask.zero()) && std::abs(mask.zero()) <= 0x1p31;
}

}  // namespace

std::optional<StoredPlanes> StoredPlanes::of(const FrameFile& frame) {
  const bool ordinary = frame.uncertainty && frame.more_variance.empty() && !frame.rmask && !frame.pmask && !frame.local_area &&
                        (frame.noise == NoiseKind::sigma || frame.noise == NoiseKind::variance) && (!frame.mask || frame.profile->mask_form == MaskForm::bits);
  const auto packed = [](const PlaneLocation& plane) { return plane.path.extension() == ".gz"; };  // inflated as a whole at every opening
  if (!ordinary || packed(frame.image) || packed(*frame.uncertainty) || (frame.mask && packed(*frame.mask))) return std::nullopt;
  StoredPlanes planes{io::StoredImage{frame.image.path, frame.image.hdu}, io::StoredImage{frame.uncertainty->path, frame.uncertainty->hdu}};
  if (!is_plain_single(planes.value_, frame) || !is_plain_single(planes.noise_, frame)) return std::nullopt;
  if (frame.mask) {
    planes.mask_.emplace(frame.mask->path, frame.mask->hdu);
    if (!is_plain_mask(*planes.mask_, frame)) return std::nullopt;
    planes.mask_zero_ = static_cast<std::uint32_t>(static_cast<std::int64_t>(planes.mask_->zero()));
  }
  planes.fatal_bits_ = frame.fatal_bits;
  planes.sigma_ = frame.noise == NoiseKind::sigma;
  planes.factor_ = frame.unit_factor;
  return planes;
}

void StoredPlanes::read(int y0, int y1, Frame& into) {
  const auto* value = value_.rows(y0, y1);
  const auto* noise = noise_.rows(y0, y1);
  const auto* mask = mask_ ? mask_->rows(y0, y1) : nullptr;
  const int mask_bytes = mask_ ? mask_->bitpix() / 8 : 0;
  const Decoded out{into.value.row(y0).data(), into.variance.row(y0).data(), into.good.row(y0).data()};
  const auto pixels = static_cast<std::size_t>(into.box().width()) * static_cast<std::size_t>(y1 - y0);
  for (std::size_t at = 0; at < pixels; at += strip)
    decode({value + 4 * at, noise + 4 * at, mask ? mask + static_cast<std::size_t>(mask_bytes) * at : nullptr, mask_bytes, mask_zero_, fatal_bits_, sigma_, factor_},
           std::min(strip, pixels - at), {out.value + at, out.variance + at, out.good + at});
}

}  // namespace tessera::instrument
