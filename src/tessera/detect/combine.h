/// detect/combine.h — one detection image of several bands.
#pragma once
#include <map>
#include <span>
#include <vector>

#include "tessera/core/image.h"

namespace tessera::detect {

/// From √χ² of n bands to σ: tables that are made where they are asked for first and kept. For one thread at a time.
class ChiScales {
 public:
  double sigma(std::size_t bands, double root_chi_square);

 private:
  std::map<std::size_t, std::vector<double>> tables_;
};

/// χ² = Σ max(S, 0)² over the bands of signal to noise S that are finite at a pixel (Szalay, Connolly & Szokoly 1999, AJ 117, 68, but a dark pixel is no source), as the σ of a normal variable that is
/// exceeded by chance as often: under noise alone χ² is distributed as Σ_k 2⁻ⁿ C(n,k) χ²_k (Kudo 1963, Biometrika 50, 403). One band gives S itself where S > 0. NaN where no band is finite. All of one box;
/// throws UsageError otherwise, or for more than 128.
Image<float> combined_significance(std::span<const View<const float>> bands, ChiScales& scales);
Image<float> combined_significance(std::span<const Image<float>> bands);

/// S = Σ (S_i/e_i) / √Σ 1/e_i²: of a source as bright in every band, the best there is; e_i are errors of flux in one unit (positive; NaN counts as no data). Normal under noise alone. NaN where no band is finite.
Image<float> flat_significance(std::span<const View<const float>> bands, std::span<const View<const float>> errors);
Image<float> flat_significance(std::span<const Image<float>> bands, std::span<const Image<float>> errors);

/// σ that the largest of so many independent normal variables exceeds as often as one exceeds this: a chance p becomes 1 − (1 − p)^chances. Below −8 as at −8.
double largest_of(double sigma, double chances);

/// The less likely of two significances of one pixel, less what two chances make more likely than one: of independent ones the result is normal under noise alone, of dependent ones it is rarer. Where one is NaN
/// the other stands as it is.
Image<float> less_likely(const Image<float>& a, const Image<float>& b);

}  // namespace tessera::detect
