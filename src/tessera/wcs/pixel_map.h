/// wcs/pixel_map.h — maps between pixel planes. Pixel centres are at integers, counted from 0.
#pragma once
#include <memory>
#include <span>

#include "tessera/core/box.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

/// Immutable, so one map serves all threads.
class PixelMap {
 public:
  virtual ~PixelMap() = default;
  /// Maps many points in one call; a point that has no image becomes (NaN, NaN).
  virtual void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const = 0;
  /// Maps the points (x0 + i, y), i = 0 … u.size()−1: one row of a lattice, the fast path of every resampler.
  /// A point's result depends on (x0 + i, y) alone, never on where the row starts or ends, to the last bit.
  virtual void apply_row(double x0, double y, std::span<double> u, std::span<double> v) const;
};
using PixelMapPtr = std::shared_ptr<const PixelMap>;

/// u = a·x + b·y + c, v = d·x + e·y + f: for tests and for frames that share a grid.
PixelMapPtr affine(double a, double b, double c, double d, double e, double f);

/// from → sky → to, every point through both projections and their distortions.
PixelMapPtr plane_to_plane(const SkyWcs& from, const SkyWcs& to);

/// The same map from a bicubic grid over `domain` (pixels of the plane mapped from; the whole frame's box there and
/// never a tile's, so that bits do not depend on tiles). Nodes are added until points between them agree with `exact`
/// to `tolerance_pix`; where the sky is cut (poles, seams) the exact map is kept. Outside `domain`: the exact map.
PixelMapPtr approximate(PixelMapPtr exact, Box domain, double tolerance_pix = 1e-3);

}  // namespace tessera::wcs
