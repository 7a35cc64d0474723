#include "tessera/photometry/fit_sums.h"

#include <algorithm>
#include <cstring>

#include "tessera/base/clones.h"

namespace tessera::photometry {
namespace {

constexpr std::size_t lanes = fit_lanes, longest_chain = 32 * lanes;  // pixels
typedef float Floats __attribute__((vector_size(lanes * sizeof(float))));

#define TESSERA_INLINE inline __attribute__((always_inline))

TESSERA_INLINE void load(Floats& to, const float* from) { std::memcpy(&to, from, sizeof to); }
TESSERA_INLINE double total(const Floats& v) {
  typedef double Four __attribute__((vector_size(32)));
  typedef double Two __attribute__((vector_size(16)));
  const Four four = __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), Four) + __builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), Four);
  const Two two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
  return two[0] + two[1];
}

struct Eight {
  static constexpr std::size_t size = 8;
  typedef float Values __attribute__((vector_size(32)));
  typedef int Bits __attribute__((vector_size(32)));
  static constexpr Bits lane{0, 1, 2, 3, 4, 5, 6, 7};
};
struct Sixteen {
  static constexpr std::size_t size = 16;
  typedef float Values __attribute__((vector_size(64)));
  typedef int Bits __attribute__((vector_size(64)));
  static constexpr Bits lane{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
};
/// Of a vector of a row that ends anywhere: 0 in the lanes that do not belong to it.
template <class R>
TESSERA_INLINE void keep(typename R::Values& v, std::size_t left) {
  v = R::lane < static_cast<int>(std::min(left, R::size)) ? v : typename R::Values{};
}
/// Rows whose sums may go into one chain.
template <class R>
std::size_t chain(std::size_t width) {
  return std::max<std::size_t>(1, longest_chain / lanes * R::size / std::max(width, R::size));
}

TESSERA_INLINE double total_of(const Eight::Values& v) { return total(v); }
TESSERA_INLINE double total_of(const Sixteen::Values& v) {
  return total(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)) + total(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}

TESSERA_INLINE float weight_of(float variance, std::uint8_t good) {
  const float use = variance > 0 ? static_cast<float>(good) : 0;
  return use / (variance + (1 - use));
}

TESSERA_INLINE void take_lanes(const float* value, const float* variance, const std::uint8_t* good, std::size_t at, float* to, float* weight) {
  Eight::Values v, w;
  typedef std::uint8_t Bytes __attribute__((vector_size(8)));
  Bytes bytes;
  load(v, value + at), load(w, variance + at);
  std::memcpy(&bytes, good + at, sizeof bytes);
  std::memcpy(to + at, &v, sizeof v);
  const Eight::Values taken = __builtin_convertvector(__builtin_convertvector(bytes, Eight::Bits), Eight::Values);
  const Eight::Bits used = w > 0 ? reinterpret_cast<Eight::Bits>(taken) : Eight::Bits{};
  const Eight::Values use = reinterpret_cast<Eight::Values>(used);
  const Eight::Values result = use / (w + (1 - use));
  std::memcpy(weight + at, &result, sizeof result);
}

/// Σ of what `take` puts in its argument for the vector at (row y, pixel i), in two chains: even and odd rows.
template <class R, class F>
TESSERA_INLINE double sum_rows(std::size_t width, std::size_t height, F take) {
  double sum = 0;
  for (std::size_t begin = 0; begin < height; begin += 2 * chain<R>(width)) {
    const std::size_t end = std::min(height, begin + 2 * chain<R>(width));
    typename R::Values even = {}, odd = {}, v;
    std::size_t y = begin;
    for (; y + 2 <= end; y += 2)
      for (std::size_t i = 0; i < width; i += R::size) {
        take(y, i, v);
        even += v;
        take(y + 1, i, v);
        odd += v;
      }
    if (y < end)
      for (std::size_t i = 0; i < width; i += R::size) {
        take(y, i, v);
        even += v;
      }
    sum += total_of(even + odd);
  }
  return sum;
}

template <class R>
TESSERA_INLINE double squares_of(const float* weight, const float* residual, std::size_t stride, std::size_t width, std::size_t height) {
  return sum_rows<R>(width, height, [=](std::size_t y, std::size_t i, typename R::Values& v) __attribute__((always_inline)) {
    typename R::Values w, r;
    std::memcpy(&w, weight + y * stride + i, sizeof w), std::memcpy(&r, residual + y * stride + i, sizeof r);
    v = w * r * r;
    keep<R>(v, width - i);
  });
}

template <class R>
TESSERA_INLINE double where_of(const float* weight, std::size_t stride, const float* response, std::size_t response_stride, std::size_t width, std::size_t height) {
  return sum_rows<R>(width, height, [=](std::size_t y, std::size_t i, typename R::Values& v) __attribute__((always_inline)) {
    typename R::Values w, r;
    std::memcpy(&w, weight + y * stride + i, sizeof w), std::memcpy(&r, response + y * response_stride + i, sizeof r);
    const typename R::Bits used = w > 0 ? reinterpret_cast<typename R::Bits>(r) : typename R::Bits{};  // as whole numbers: g++ 12 takes a choice of floats apart
    v = reinterpret_cast<typename R::Values>(used);
    keep<R>(v, width - i);
  });
}

template <class R>
TESSERA_INLINE int positive_of(const float* all, float* weight, std::size_t stride, std::size_t width, std::size_t height) {
  typename R::Bits count = {};
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t i = 0; i < width; i += R::size) {
      typename R::Values w;
      std::memcpy(&w, all + y * stride + i, sizeof w);
      if (weight) {
        typename R::Values before;
        std::memcpy(&before, weight + y * stride + i, sizeof w);
        const typename R::Values merged = R::lane < static_cast<int>(std::min(width - i, R::size)) ? w : before;
        std::memcpy(weight + y * stride + i, &merged, sizeof w);
      }
      keep<R>(w, width - i);
      count += w > 0 ? R::lane * 0 + 1 : typename R::Bits{};
    }
  int sum = 0;
  for (std::size_t k = 0; k < R::size; ++k) sum += count[k];
  return sum;
}

}  // namespace

TESSERA_CLONES void add_own_sums(const float* weight, const float* residual, const float* a, const float* b, const float* c, std::size_t n, double* sums) {
  for (std::size_t begin = 0; begin < n; begin += longest_chain) {
    Floats s[9] = {};
    for (std::size_t i = begin; i < std::min(n, begin + longest_chain); i += lanes) {
      Floats w, r, x, y, z;
      load(w, weight + i), load(r, residual + i), load(x, a + i), load(y, b + i), load(z, c + i);
      const Floats wx = w * x, wy = w * y, wz = w * z;
      s[0] += wx * r, s[1] += wy * r, s[2] += wz * r;
      s[3] += wx * x, s[4] += wx * y, s[5] += wy * y;
      s[6] += wx * z, s[7] += wy * z, s[8] += wz * z;
    }
    for (int k = 0; k < 9; ++k) sums[k] += total(s[k]);
  }
}

TESSERA_CLONES void add_pair_sums(const float* weight, const float* const a[3], const float* const b[3], std::size_t n, double* sums) {
  for (std::size_t begin = 0; begin < n; begin += longest_chain) {
    Floats s[9] = {};
    for (std::size_t i = begin; i < std::min(n, begin + longest_chain); i += lanes) {
      Floats w, p[3], q[3];
      load(w, weight + i);
      for (int k = 0; k < 3; ++k) load(p[k], a[k] + i), load(q[k], b[k] + i);
      for (int k = 0; k < 3; ++k) {
        const Floats wp = w * p[k];
        for (int l = 0; l < 3; ++l) s[3 * k + l] += wp * q[l];
      }
    }
    for (int k = 0; k < 9; ++k) sums[k] += total(s[k]);
  }
}

TESSERA_CLONES void add_flux_sums(const float* weight, const float* residual, const float* c, std::size_t n, double* sums) {
  for (std::size_t begin = 0; begin < n; begin += longest_chain) {
    Floats s[2] = {};
    for (std::size_t i = begin; i < std::min(n, begin + longest_chain); i += lanes) {
      Floats w, r, z;
      load(w, weight + i), load(r, residual + i), load(z, c + i);
      const Floats wz = w * z;
      s[0] += wz * r, s[1] += wz * z;
    }
    sums[0] += total(s[0]), sums[1] += total(s[1]);
  }
}

TESSERA_CLONES double sum_product(const float* weight, const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t begin = 0; begin < n; begin += longest_chain) {
    Floats s = {};
    for (std::size_t i = begin; i < std::min(n, begin + longest_chain); i += lanes) {
      Floats w, x, y;
      load(w, weight + i), load(x, a + i), load(y, b + i);
      s += w * x * y;
    }
    sum += total(s);
  }
  return sum;
}

TESSERA_CLONES double sum_squares(const float* weight, const float* residual, std::size_t stride, std::size_t width, std::size_t height) {
  return width <= lanes ? squares_of<Eight>(weight, residual, stride, width, height) : squares_of<Sixteen>(weight, residual, stride, width, height);
}

TESSERA_CLONES double sum_where(const float* weight, std::size_t stride, const float* response, std::size_t response_stride, std::size_t width, std::size_t height) {
  return width <= lanes ? where_of<Eight>(weight, stride, response, response_stride, width, height) : where_of<Sixteen>(weight, stride, response, response_stride, width, height);
}

TESSERA_CLONES int count_positive(const float* weight, std::size_t stride, std::size_t width, std::size_t height) {
  return width <= lanes ? positive_of<Eight>(weight, nullptr, stride, width, height) : positive_of<Sixteen>(weight, nullptr, stride, width, height);
}

TESSERA_CLONES int take_window(const float* all, float* weight, std::size_t stride, std::size_t width, std::size_t height) {
  return width <= lanes ? positive_of<Eight>(all, weight, stride, width, height) : positive_of<Sixteen>(all, weight, stride, width, height);
}

TESSERA_CLONES void take_pixels(const FramePixels& from, std::size_t width, std::size_t height, float* value, float* weight, std::size_t stride) {
  for (std::size_t y = 0; y < height; ++y) {
    const auto row = static_cast<std::ptrdiff_t>(y);
    const float *const v = from.value + row * from.value_stride, *const variance = from.variance + row * from.variance_stride;
    const std::uint8_t* const good = from.good + row * from.good_stride;
    float *const to = value + y * stride, *const w = weight + y * stride;
    if (width < lanes) {
      for (std::size_t i = 0; i < width; ++i) to[i] = v[i], w[i] = weight_of(variance[i], good[i]);
    } else {
      for (std::size_t i = 0; i < width; i += lanes) take_lanes(v, variance, good, std::min(i, width - lanes), to, w);  // the last ones end with the row
    }
    for (std::size_t i = width; i < stride; ++i) to[i] = w[i] = 0;
  }
}

TESSERA_CLONES void subtract(float* residual, const float* response, float amplitude, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) residual[i] -= amplitude * response[i];
}

}  // namespace tessera::photometry
