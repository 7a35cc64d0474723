/// The slow and obvious way to an overlap area: clip the polygon by each side of the pixel in turn (Sutherland & Hodgman
/// 1974, CACM 17, 32), then the shoelace formula. The reference of the fast kernels' tests.
#pragma once
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "tessera/geometry/quad_overlap.h"

namespace tessera::testing {

struct Vertex {
  double x, y;
};

/// Keeps the part of `polygon` where a·x + b·y ≤ c.
inline std::vector<Vertex> clip_half_plane(const std::vector<Vertex>& polygon, double a, double b, double c) {
  std::vector<Vertex> kept;
  for (std::size_t k = 0; k < polygon.size(); ++k) {
    const Vertex p = polygon[k], q = polygon[(k + 1) % polygon.size()];
    const double dp = a * p.x + b * p.y - c, dq = a * q.x + b * q.y - c;
    if (dp <= 0) kept.push_back(p);
    if ((dp < 0 && dq > 0) || (dp > 0 && dq < 0)) {
      const double t = dp / (dp - dq);
      kept.push_back({p.x + t * (q.x - p.x), p.y + t * (q.y - p.y)});
    }
  }
  return kept;
}

inline double clipped_area(const geometry::Quad& q, int i, int j) {
  std::vector<Vertex> polygon;
  for (std::size_t k = 0; k < 4; ++k) polygon.push_back({q.x[k] - i, q.y[k] - j});
  polygon = clip_half_plane(polygon, -1, 0, 0.5);
  polygon = clip_half_plane(polygon, 1, 0, 0.5);
  polygon = clip_half_plane(polygon, 0, -1, 0.5);
  polygon = clip_half_plane(polygon, 0, 1, 0.5);
  double twice = 0;
  for (std::size_t k = 0; k < polygon.size(); ++k) {
    const Vertex p = polygon[k], r = polygon[(k + 1) % polygon.size()];
    twice += p.x * r.y - r.x * p.y;
  }
  return std::abs(twice) / 2;
}

}  // namespace tessera::testing
