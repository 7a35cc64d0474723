#include "tessera/coadd/sums.h"

#include <cassert>
#include <cmath>
#include <limits>

#include "tessera/base/clones.h"

namespace tessera::coadd {

void Sums::reset(Box box) {
  for (auto* sum : {&weight_, &weighted_value_, &weighted_variance_, &coverage_, &exposure_}) sum->reset(box);
}

TESSERA_CLONES void Sums::add(const ResampledView& frame, double weight, double exposure_s, double offset, double variance_scale) {
  const Box part = frame.box();
  assert(box().contains(part));
  for (int y = part.y0; y < part.y1; ++y) {
    const float* __restrict value = frame.value.row(y).data();
    const float* __restrict variance = frame.variance.row(y).data();
    const float* __restrict covered = frame.coverage.row(y).data();
    double* __restrict sum_w = &weight_(part.x0, y);
    double* __restrict sum_wv = &weighted_value_(part.x0, y);
    double* __restrict sum_wwv = &weighted_variance_(part.x0, y);
    double* __restrict sum_c = &coverage_(part.x0, y);
    double* __restrict sum_t = &exposure_(part.x0, y);
    for (int x = 0; x < part.width(); ++x) {
      const double c = static_cast<double>(covered[x]);  // 0 where there is nothing: adds nothing
      const double w = weight * c;
      sum_w[x] += w;
      sum_wv[x] += w * (static_cast<double>(value[x]) - offset);
      sum_wwv[x] += w * w * (static_cast<double>(variance[x]) * variance_scale);
      sum_c[x] += c;
      sum_t[x] += c * exposure_s;
    }
  }
}

void Sums::add_by_variance(const ResampledView& frame, double exposure_s) {
  const Box part = frame.box();
  assert(box().contains(part));
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x) {
      const double c = static_cast<double>(frame.coverage(x, y)), variance = static_cast<double>(frame.variance(x, y));
      const double w = variance > 0 ? c / variance : 0.0;  // where there is nothing: adds nothing
      weight_(x, y) += w;
      weighted_value_(x, y) += w * static_cast<double>(frame.value(x, y));
      weighted_variance_(x, y) += w * w * variance;
      coverage_(x, y) += c;
      exposure_(x, y) += c * exposure_s;
    }
}

void Sums::finish(double min_coverage, View<float> mosaic, View<float> uncertainty, View<float> coverage, View<float> exposure) const {
  constexpr float no_data = std::numeric_limits<float>::quiet_NaN();
  for (int y = box().y0; y < box().y1; ++y)
    for (int x = box().x0; x < box().x1; ++x) {
      const double w = weight_(x, y);
      const bool data = coverage_(x, y) > min_coverage && w > 0;
      mosaic(x, y) = data ? static_cast<float>(weighted_value_(x, y) / w) : no_data;
      uncertainty(x, y) = data ? static_cast<float>(std::sqrt(weighted_variance_(x, y)) / w) : no_data;
      coverage(x, y) = data ? static_cast<float>(coverage_(x, y)) : 0.0f;
      exposure(x, y) = data ? static_cast<float>(exposure_(x, y)) : 0.0f;
    }
}

}  // namespace tessera::coadd
