#include "tessera/spectrum/zone_spectrum.h"

#include <array>
#include <cmath>
#include <numbers>

#include "tessera/base/clones.h"

namespace tessera::spectrum {
namespace {

constexpr double pi = std::numbers::pi;

double sinc(double x) { return x == 0 ? 1 : std::sin(pi * x) / (pi * x); }

/// Transform of the cubic interpolation kernel of Keys with a = −1/2, f in cycles per sample.
double keys_transform(double f) {
  if (std::abs(f) < 1e-3) return 1;
  const double s = sinc(f), d = sinc(2 * f), q = sinc(4 * f), w = pi * f;
  return 3 / (w * w) * (s * s - d) - 1 / (w * w) * (3 * d * d - 2 * d - q);
}

/// Cells i and n − 1 − i mirror each other about the middle: what their sum and difference are to cosines and sines.
int half_of(int n) { return (n + 1) / 2; }

/// cos and sin of 2π f u at places u ≤ 0 of half the cells, for frequencies from … from + count − 1 in steps; [cell][frequency].
struct Waves {
  Waves(int n, int from, int count, int oversample) : cos_(static_cast<std::size_t>(half_of(n) * count)), sin_(cos_.size()) {
    const int round = 2 * ZoneSpectrum::period * oversample;  // half cells, so that even grids have a middle too
    std::vector<float> c, s;
    for (int k = 0; k < round; ++k) c.push_back(static_cast<float>(std::cos(2 * pi * k / round))), s.push_back(static_cast<float>(std::sin(2 * pi * k / round)));
    std::size_t to = 0;
    for (int i = 0; i < half_of(n); ++i)
      for (int f = from; f < from + count; ++f, ++to) {
        const int k = f * (2 * i - n + 1) % round;
        const auto angle = static_cast<std::size_t>(k < 0 ? k + round : k);
        cos_[to] = c[angle], sin_[to] = s[angle];
      }
  }
  std::vector<float> cos_, sin_;
};

/// cos_sum_k += Σ_i even_i cos_i,k; sin_sum_k += Σ_i odd_i sin_i,k.
TESSERA_CLONES void add_waves(const float* even, const float* odd, int n, const float* c, const float* s, int count, float* __restrict cos_sum, float* __restrict sin_sum) {
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < count; ++k) {
      cos_sum[k] += even[i] * c[i * count + k];
      sin_sum[k] += odd[i] * s[i * count + k];
    }
}

/// The same for one frequency and whole rows.
TESSERA_CLONES void add_rows(const float* even, const float* odd, int n, int count, const float* c, const float* s, int stride, float* __restrict cos_sum, float* __restrict sin_sum) {
  for (int j = 0; j < n; ++j)
    for (int k = 0; k < count; ++k) {
      cos_sum[k] += even[j * count + k] * c[j * stride];
      sin_sum[k] += odd[j * count + k] * s[j * stride];
    }
}

/// rows_j + rows_n−1−j and rows_j − rows_n−1−j for half of the n rows; a middle one counts once.
void fold(const std::vector<float>& rows, int n, int count, std::vector<float>& even, std::vector<float>& odd) {
  const auto width = static_cast<std::size_t>(count), height = static_cast<std::size_t>(n);
  even.assign(static_cast<std::size_t>(half_of(n)) * width, 0.f), odd = even;
  for (std::size_t j = 0; j < static_cast<std::size_t>(half_of(n)); ++j)
    for (std::size_t k = 0; k < width; ++k) {
      const float a = rows[j * width + k], b = rows[(height - 1 - j) * width + k];
      const bool middle = 2 * j + 1 == height;
      even[j * width + k] = middle ? a : a + b, odd[j * width + k] = middle ? 0 : a - b;
    }
}

/// Through four points at −1, 0, 1, 2 (Lagrange).
std::array<float, 4> cubic(float t) {
  return {-t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2, -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6};
}

}  // namespace

ZoneSpectrum::ZoneSpectrum(const ZoneResponse& zone) : re_(static_cast<std::size_t>(width) * height), im_(re_.size()) {
  const auto cells = zone.cells();
  const int w = cells.box().width(), h = cells.box().height(), over = zone.oversample();
  const auto columns = static_cast<std::size_t>(width), rows = static_cast<std::size_t>(h);
  std::vector<float> re(rows * columns), im(re.size()), line(static_cast<std::size_t>(w)), even, odd;
  const Waves along{w, -border, width, over};
  for (int j = 0; j < h; ++j) {
    for (int i = 0; i < w; ++i) line[static_cast<std::size_t>(i)] = static_cast<float>(cells(i, j));
    fold(line, w, 1, even, odd);
    const auto to = static_cast<std::size_t>(j) * columns;
    add_waves(even.data(), odd.data(), half_of(w), along.cos_.data(), along.sin_.data(), width, re.data() + to, im.data() + to);
  }
  for (float& v : im) v = -v;
  std::vector<double> damping;  // of the cell and the pixel, or between samples; the same on both axes
  for (int k = -last - border; k <= last + border; ++k) {
    const double f = static_cast<double>(k) / period;
    damping.push_back(zone.includes_pixel() ? keys_transform(f / over) : sinc(f / over) * sinc(f));
  }
  const auto damped = [&](int k) { return damping[static_cast<std::size_t>(k + last + border)]; };
  const int up = last + border + 1;
  const Waves across{h, 0, up, over};
  std::vector<float> im_even, im_odd;
  fold(re, h, width, even, odd), fold(im, h, width, im_even, im_odd);
  std::vector<float> sums(4 * columns);
  float *re_c = sums.data(), *re_s = re_c + width, *im_c = re_s + width, *im_s = im_c + width;
  for (int y = 0; y < up; ++y) {
    std::fill(sums.begin(), sums.end(), 0.f);
    add_rows(even.data(), odd.data(), half_of(h), width, across.cos_.data() + y, across.sin_.data() + y, up, re_c, re_s);
    add_rows(im_even.data(), im_odd.data(), half_of(h), width, across.cos_.data() + y, across.sin_.data() + y, up, im_c, im_s);
    for (int x = -border; x <= last + border; ++x) {
      const auto k = static_cast<std::size_t>(x + border);
      const auto share = static_cast<float>(damped(x) * damped(y));
      re_[at(x, y)] = share * (re_c[k] + im_s[k]), im_[at(x, y)] = share * (im_c[k] - re_s[k]);
      re_[at(x, -y)] = share * (re_c[k] - im_s[k]), im_[at(x, -y)] = share * (im_c[k] + re_s[k]);
    }
  }
}

ZoneSpectrum::Row ZoneSpectrum::row(int y, int first, int n, int ratio, std::vector<float>& space) const {
  if (ratio == 1) return {&re_[at(first, y)], &im_[at(first, y)]};
  const auto floor_of = [ratio](int v) { return v >= 0 ? v / ratio : -((-v + ratio - 1) / ratio); };
  const int below = floor_of(y), left = first / ratio - 1, columns = (first + n - 1) / ratio + 2 - left + 1;
  const auto weights = cubic(static_cast<float>(y - below * ratio) / static_cast<float>(ratio));
  const auto wide = static_cast<std::size_t>(columns), count = static_cast<std::size_t>(n);
  space.assign(2 * (wide + count), 0.f);
  float *line_re = space.data(), *line_im = line_re + wide, *re = line_im + wide, *im = re + count;
  for (int k = 0; k < 4; ++k) {
    const auto from = at(left, below - 1 + k);
    for (std::size_t i = 0; i < wide; ++i) line_re[i] += weights[static_cast<std::size_t>(k)] * re_[from + i], line_im[i] += weights[static_cast<std::size_t>(k)] * im_[from + i];
  }
  for (int x = first; x < first + n; ++x) {
    const auto t = cubic(static_cast<float>(x % ratio) / static_cast<float>(ratio));
    const auto i = static_cast<std::size_t>(x / ratio - 1 - left), to = static_cast<std::size_t>(x - first);
    re[to] = t[0] * line_re[i] + t[1] * line_re[i + 1] + t[2] * line_re[i + 2] + t[3] * line_re[i + 3];
    im[to] = t[0] * line_im[i] + t[1] * line_im[i + 1] + t[2] * line_im[i + 2] + t[3] * line_im[i + 3];
  }
  return {re, im};
}

}  // namespace tessera::spectrum
