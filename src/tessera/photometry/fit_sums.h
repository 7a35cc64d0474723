/// photometry/fit_sums.h — the sums over pixels that a fit is made of, in vector lanes and one fixed order.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tessera/core/box.h"
#include "tessera/fit/gram.h"

namespace tessera::photometry {

/// Rows of pixels are padded to whole vectors, with weight 0: all counts below are multiples of this.
constexpr int fit_lanes = 8;

/// Pixels of the planes of a patch: its area and what makes whole vectors of any fit, of weight 0.
inline std::size_t length_of(const Box& box) { return fit::whole_row<float>(static_cast<std::size_t>(box.area())); }

// Products and partial sums in single precision, in chains of at most `longest_chain` additions per lane, which keep 1e-6 of a sum; those in double.

/// Σ w r a, Σ w r b, Σ w r c, then Σ w of a², ab, b², ac, bc, c², added to sums[9].
void add_own_sums(const float* weight, const float* residual, const float* a, const float* b, const float* c, std::size_t n, double* sums);
/// Σ w a_i b_j, i and j over (x, y, value), row after row, added to sums[9].
void add_pair_sums(const float* weight, const float* const a[3], const float* const b[3], std::size_t n, double* sums);
/// Σ w r c, Σ w c², added to sums[2].
void add_flux_sums(const float* weight, const float* residual, const float* c, std::size_t n, double* sums);
double sum_product(const float* weight, const float* a, const float* b, std::size_t n);  ///< Σ w a b
// Of any part of a plane, `height` rows of `width` pixels that begin a stride apart. Rows are read in whole vectors, so planes have `beyond` more floats at their end.
constexpr std::size_t beyond = 16;
double sum_squares(const float* weight, const float* residual, std::size_t stride, std::size_t width, std::size_t height);  ///< Σ w r²
/// Σ R where w > 0
double sum_where(const float* weight, std::size_t stride, const float* response, std::size_t response_stride, std::size_t width, std::size_t height);
int count_positive(const float* weight, std::size_t stride, std::size_t width, std::size_t height);
/// weight = all there; how many of them are positive. Planes of one stride.
int take_window(const float* all, float* weight, std::size_t stride, std::size_t width, std::size_t height);
// Of any number of pixels:
/// The planes of a frame from one pixel on, and how far their rows stand apart.
struct FramePixels {
  const float *value, *variance;
  const std::uint8_t* good;
  std::ptrdiff_t value_stride, variance_stride, good_stride;
};
/// Values, and weights of 1/σ² where good and σ² > 0, else 0, of `height` rows of `width` pixels; up to `stride` both are filled with 0.
void take_pixels(const FramePixels& from, std::size_t width, std::size_t height, float* value, float* weight, std::size_t stride);
/// residual −= amplitude · response.
void subtract(float* residual, const float* response, float amplitude, std::size_t n);

}  // namespace tessera::photometry
