#include "tessera/spectrum/fourier.h"

#include <algorithm>
#include <numbers>

namespace tessera::spectrum {

Fourier::Fourier(int side) : side_{side}, reversed_(static_cast<std::size_t>(side)), roots_(static_cast<std::size_t>(side / 2)) {
  for (int i = 1, j = 0; i < side; ++i) {
    int bit = side / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j ^= bit;
    reversed_[static_cast<std::size_t>(i)] = j;
  }
  for (int k = 0; k < side / 2; ++k) roots_[static_cast<std::size_t>(k)] = std::polar(1., -2 * std::numbers::pi * k / side);
}

void Fourier::row(std::complex<double>* data, bool inverse) const {
  for (int i = 0; i < side_; ++i)
    if (const int j = reversed_[static_cast<std::size_t>(i)]; i < j) std::swap(data[i], data[j]);
  for (int length = 2; length <= side_; length *= 2) {
    const int half = length / 2, stride = side_ / length;
    for (int begin = 0; begin < side_; begin += length)
      for (int k = 0; k < half; ++k) {
        const auto root = roots_[static_cast<std::size_t>(k * stride)];
        const double c = root.real(), s = inverse ? -root.imag() : root.imag();
        auto& a = data[begin + k];
        auto& b = data[begin + k + half];
        const double re = b.real() * c - b.imag() * s, im = b.real() * s + b.imag() * c;
        b = {a.real() - re, a.imag() - im};
        a = {a.real() + re, a.imag() + im};
      }
  }
}

void Fourier::transform(std::vector<std::complex<double>>& image, bool inverse) const {
  const auto n = static_cast<std::size_t>(side_);
  const auto turn = [&] {
    constexpr std::size_t block = 16;
    for (std::size_t y = 0; y < n; y += std::min(block, n))
      for (std::size_t x = y; x < n; x += std::min(block, n))
        for (std::size_t j = y; j < std::min(y + block, n); ++j)
          for (std::size_t i = std::max(x, j + 1); i < std::min(x + block, n); ++i) std::swap(image[j * n + i], image[i * n + j]);
  };
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t y = 0; y < n; ++y) row(image.data() + y * n, inverse);
    turn();
  }
  if (!inverse) return;
  const double share = 1 / (static_cast<double>(side_) * side_);
  for (auto& v : image) v *= share;
}

}  // namespace tessera::spectrum
