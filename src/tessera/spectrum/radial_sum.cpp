#include "tessera/spectrum/radial_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "tessera/base/clones.h"

namespace tessera::spectrum {
namespace {

constexpr int fraction_bits = 23 - 6;  // of a float: below the six that choose one of 64 points

TESSERA_CLONES void multiply(const float* table, float low, float high, float c0, float c1, float c2, int first, int n, const float* zone_re, const float* zone_im, float* __restrict re, float* __restrict im) {
  const auto base = std::bit_cast<std::int32_t>(low);
  for (int i = 0; i < n; ++i) {
    const auto x = static_cast<float>(first + i);
    float q = c0 + x * (c1 + x * c2);
    q = q < low ? low : q;
    q = q > high ? high : q;
    const std::int32_t bits = std::bit_cast<std::int32_t>(q) - base;
    const std::int32_t k = bits >> fraction_bits;
    const float t = static_cast<float>(bits & ((1 << fraction_bits) - 1)) * (1.f / (1 << fraction_bits));
    const float v = table[k] + t * (table[k + 1] - table[k]);
    re[i] = v * zone_re[i];
    im[i] = v * zone_im[i];
  }
}

TESSERA_CLONES void add_and_square(double* power, double amplitude, int n, double* sum) {
  for (int i = 0; i < n; ++i) {
    sum[i] += amplitude * power[i];
    power[i] *= power[i];
  }
}

}  // namespace

RadialSum::RadialSum(std::span<const Gaussian> terms, double most) {
  constexpr double unfallen = 1e-6, least = 1e-7;
  double widest = 0, total = 0;
  for (const auto& t : terms) widest = std::max(widest, t.variance), total += t.amplitude;
  const double turn = 2 * std::numbers::pi * std::numbers::pi;
  const int octave = static_cast<int>(std::floor(std::log2(unfallen / (turn * widest))));
  low_ = static_cast<float>(std::ldexp(1., octave));
  std::vector<double> powers;
  for (const auto& t : terms)
    for (int m = 0; m < per_octave; ++m) powers.push_back(std::exp(-turn * t.variance * std::ldexp(1. + static_cast<double>(m) / per_octave, octave)));
  // q doubles from octave to octave: each term is squared.
  for (int k = 0; k < 100; ++k) {
    end_ = std::ldexp(1., octave + k);
    std::array<double, per_octave> sum{};
    for (std::size_t t = 0; t < terms.size(); ++t) add_and_square(powers.data() + t * per_octave, terms[t].amplitude, per_octave, sum.data());
    values_.insert(values_.end(), sum.begin(), sum.end());
    if (k > 0 && (sum[0] < least * total || end_ > most)) break;
  }
  values_.push_back(values_.back());
}

void RadialSum::products(double c0, double c1, double c2, int first, int n, const float* zone_re, const float* zone_im, float* re, float* im) const {
  multiply(values_.data(), low_, static_cast<float>(end_), static_cast<float>(c0), static_cast<float>(c1), static_cast<float>(c2), first, n, zone_re, zone_im, re, im);
}

}  // namespace tessera::spectrum
