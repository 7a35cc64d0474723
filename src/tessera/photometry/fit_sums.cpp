#include "tessera/photometry/fit_sums.h"

#include <cstring>

#include "tessera/base/clones.h"

namespace tessera::photometry {
namespace {

constexpr std::size_t lanes = 8;
typedef float Floats __attribute__((vector_size(lanes * sizeof(float))));
typedef double Doubles __attribute__((vector_size(lanes * sizeof(double))));

#define TESSERA_INLINE inline __attribute__((always_inline))

TESSERA_INLINE void load(Doubles& to, const float* from, std::size_t n) {
  Floats f{};
  if (n >= lanes)
    std::memcpy(&f, from, sizeof f);
  else
    std::memcpy(&f, from, n * sizeof(float));
  to = __builtin_convertvector(f, Doubles);
}
TESSERA_INLINE double total(const Doubles& v) { return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])); }

}  // namespace

TESSERA_CLONES void add_own_sums(const float* weight, const float* residual, const float* a, const float* b, const float* c, std::size_t n, double* sums) {
  Doubles s[9] = {};
  for (std::size_t i = 0; i < n; i += lanes) {
    Doubles w, r, x, y, z;
    load(w, weight + i, n - i), load(r, residual + i, n - i);
    load(x, a + i, n - i), load(y, b + i, n - i), load(z, c + i, n - i);
    const Doubles wx = w * x, wy = w * y, wz = w * z;
    s[0] += wx * r, s[1] += wy * r, s[2] += wz * r;
    s[3] += wx * x, s[4] += wx * y, s[5] += wy * y;
    s[6] += wx * z, s[7] += wy * z, s[8] += wz * z;
  }
  for (int k = 0; k < 9; ++k) sums[k] += total(s[k]);
}

TESSERA_CLONES void add_pair_sums(const float* weight, const float* const a[3], const float* const b[3], std::size_t n, double* sums) {
  Doubles s[9] = {};
  for (std::size_t i = 0; i < n; i += lanes) {
    Doubles w, p[3], q[3];
    load(w, weight + i, n - i);
    for (int k = 0; k < 3; ++k) load(p[k], a[k] + i, n - i), load(q[k], b[k] + i, n - i);
    for (int k = 0; k < 3; ++k) {
      const Doubles wp = w * p[k];
      for (int l = 0; l < 3; ++l) s[3 * k + l] += wp * q[l];
    }
  }
  for (int k = 0; k < 9; ++k) sums[k] += total(s[k]);
}

TESSERA_CLONES void add_flux_sums(const float* weight, const float* residual, const float* c, std::size_t n, double* sums) {
  Doubles s[2] = {};
  for (std::size_t i = 0; i < n; i += lanes) {
    Doubles w, r, z;
    load(w, weight + i, n - i), load(r, residual + i, n - i), load(z, c + i, n - i);
    const Doubles wz = w * z;
    s[0] += wz * r, s[1] += wz * z;
  }
  sums[0] += total(s[0]), sums[1] += total(s[1]);
}

TESSERA_CLONES double sum_product(const float* weight, const float* a, const float* b, std::size_t n) {
  Doubles s = {};
  for (std::size_t i = 0; i < n; i += lanes) {
    Doubles w, x, y;
    load(w, weight + i, n - i), load(x, a + i, n - i), load(y, b + i, n - i);
    s += w * x * y;
  }
  return total(s);
}

TESSERA_CLONES void subtract(float* residual, const float* response, float amplitude, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) residual[i] -= amplitude * response[i];
}

}  // namespace tessera::photometry
