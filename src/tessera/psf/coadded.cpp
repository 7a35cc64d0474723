#include "tessera/psf/coadded.h"

#include <algorithm>
#include <cmath>

namespace tessera::psf {
namespace {

/// Gauss–Legendre points on [−½, ½].
constexpr std::array<double, 4> node{-0.43056815579702629, -0.16999052179242813, 0.16999052179242813, 0.43056815579702629};
constexpr std::array<double, 4> weight{0.17392742256872693, 0.32607257743127307, 0.32607257743127307, 0.17392742256872693};
constexpr int most_side = 2001;

/// R as a density, integrated over the frame's pixel once more.
PointResponse convolved_with_pixel(const PointResponse& frame) {
  const auto samples = frame.samples();
  // Room for the pixel's own half on each side.
  const int nx = frame.samples_per_pixel_x(), ny = frame.samples_per_pixel_y();
  Image<double> padded{samples.box().width() + 2 * nx, samples.box().height() + 2 * ny};
  for (int y = 0; y < samples.box().height(); ++y)
    for (int x = 0; x < samples.box().width(); ++x) padded(x + nx, y + ny) = static_cast<double>(samples(x, y));
  Meaning meaning;
  meaning.samples_per_pixel_x = nx, meaning.samples_per_pixel_y = ny;
  meaning.centre_x = frame.centre_x() + nx, meaning.centre_y = frame.centre_y() + ny;
  meaning.response = Response::density;
  meaning.normalisation = Normalisation::none;
  return PointResponse{padded.view(), meaning};
}

}  // namespace

PointResponse coadded(const PointResponse& frame, std::span<const FrameLie> lies) {
  double sum = 0, scale = 0;
  for (const FrameLie& lie : lies) {
    const auto& m = lie.frame_per_mosaic;
    const double det = std::abs(m[0] * m[3] - m[1] * m[2]);
    if (!(det > 0) || !std::isfinite(det)) throw UsageError{"frames that lie on a mosaic without area have no response there"};
    sum += lie.weight;
    scale += lie.weight * std::sqrt(det);
  }
  if (!(sum > 0)) throw UsageError{"a mosaic of no frames has no point response"};
  scale /= sum;  // frame pixels per mosaic pixel
  const PointResponse wide = convolved_with_pixel(frame);
  const double level = frame.flux() / wide.flux();  // a density without normalisation has the table's own scale
  const int samples = std::max(5, static_cast<int>(std::ceil(8 * scale / wide.fwhm_pix())));
  const int reach = std::min(most_side / 2, static_cast<int>(std::ceil((wide.reach_pix() / scale + 1) * samples)));
  Image<double> table{2 * reach + 1, 2 * reach + 1};
  for (const FrameLie& lie : lies) {
    const auto& m = lie.frame_per_mosaic;
    const double area = std::abs(m[0] * m[3] - m[1] * m[2]) * level * lie.weight / sum;  // surface brightness to flux of the mosaic's pixel
    for (int y = -reach; y <= reach; ++y)
      for (int x = -reach; x <= reach; ++x) {
        double mean = 0;
        for (std::size_t j = 0; j < node.size(); ++j)
          for (std::size_t i = 0; i < node.size(); ++i) {
            const double dx = static_cast<double>(x) / samples + node[i], dy = static_cast<double>(y) / samples + node[j];
            mean += weight[i] * weight[j] * wide.at(m[0] * dx + m[1] * dy, m[2] * dx + m[3] * dy);
          }
        table(x + reach, y + reach) += area * mean;
      }
  }
  Meaning meaning;
  meaning.samples_per_pixel_x = meaning.samples_per_pixel_y = samples;
  meaning.centre_x = meaning.centre_y = reach;
  meaning.response = Response::pixel;
  meaning.normalisation = Normalisation::none;
  return PointResponse{table.view(), meaning};
}

}  // namespace tessera::psf
