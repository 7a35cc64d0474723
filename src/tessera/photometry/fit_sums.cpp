#include "tessera/photometry/fit_sums.h"

#include <algorithm>
#include <cstring>

#include "tessera/base/clones.h"

namespace tessera::photometry {
namespace {

constexpr std::size_t lanes = fit_lanes, longest_chain = 32 * lanes, short_chain = 8;  // pixels; rows
typedef float Floats __attribute__((vector_size(lanes * sizeof(float))));

#define TESSERA_INLINE inline __attribute__((always_inline))

TESSERA_INLINE void load(Floats& to, const float* from) { std::memcpy(&to, from, sizeof to); }
TESSERA_INLINE double total(const Floats& v) {
  double d[lanes];
  for (std::size_t k = 0; k < lanes; ++k) d[k] = static_cast<double>(v[k]);
  return ((d[0] + d[1]) + (d[2] + d[3])) + ((d[4] + d[5]) + (d[6] + d[7]));
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
  const std::size_t whole = width / lanes * lanes;
  double sum = 0;
  for (std::size_t begin = 0; begin < height; begin += short_chain) {
    Floats s = {};
    for (std::size_t y = begin; y < std::min(height, begin + short_chain); ++y) {
      const float *const w_row = weight + y * stride, *const r_row = residual + y * stride;
      for (std::size_t i = 0; i < whole; i += lanes) {
        Floats w, r;
        load(w, w_row + i), load(r, r_row + i);
        s += w * r * r;
      }
      float rest = 0;
      for (std::size_t i = whole; i < width; ++i) rest += w_row[i] * r_row[i] * r_row[i];
      sum += static_cast<double>(rest);
    }
    sum += total(s);
  }
  return sum;
}

TESSERA_CLONES double sum_where(const float* weight, std::size_t stride, const float* response, std::size_t response_stride, std::size_t width, std::size_t height) {
  double sum = 0;
  for (std::size_t y = 0; y < height; ++y) {
    float row = 0;
    for (std::size_t i = 0; i < width; ++i) row += weight[y * stride + i] > 0 ? response[y * response_stride + i] : 0;
    sum += static_cast<double>(row);
  }
  return sum;
}

TESSERA_CLONES int count_positive(const float* weight, std::size_t stride, std::size_t width, std::size_t height) {
  int count = 0;
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t i = 0; i < width; ++i) count += weight[y * stride + i] > 0 ? 1 : 0;
  return count;
}

TESSERA_CLONES void inverse_of(const float* variance, const std::uint8_t* good, std::size_t n, float* weight) {
  for (std::size_t i = 0; i < n; ++i) {
    const float use = variance[i] > 0 ? static_cast<float>(good[i]) : 0;
    weight[i] = use / (variance[i] + (1 - use));
  }
}

TESSERA_CLONES void subtract(float* residual, const float* response, float amplitude, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) residual[i] -= amplitude * response[i];
}

}  // namespace tessera::photometry
