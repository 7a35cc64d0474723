/// spectrum/fourier.h — discrete Fourier transforms of square images whose side is a power of two.
#pragma once
#include <complex>
#include <vector>

namespace tessera::spectrum {

class Fourier {
 public:
  /// `side`: a power of two.
  explicit Fourier(int side);
  int side() const { return side_; }
  /// In place, rows one after the other: F(k) = Σ f(x) exp(−2πi k x / side) over both axes; `inverse` with the other sign and divided by side².
  void transform(std::vector<std::complex<double>>& image, bool inverse) const;
  /// Frequency of index k in cycles per sample, −1/2 … 1/2.
  double frequency(int k) const { return static_cast<double>(k < side_ / 2 ? k : k - side_) / side_; }

 private:
  void row(std::complex<double>* data, bool inverse) const;
  int side_;
  std::vector<int> reversed_;
  std::vector<std::complex<double>> roots_;  // exp(−2πi k / side), k < side / 2
};

}  // namespace tessera::spectrum
