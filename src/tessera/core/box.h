/// core/box.h — a half-open rectangle of pixels.
#pragma once
#include <algorithm>
#include <cstdint>

namespace tessera {

/// [x0, x1) × [y0, y1). Empty boxes are legal and compare by their edges.
struct Box {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  int width() const { return std::max(0, x1 - x0); }
  int height() const { return std::max(0, y1 - y0); }
  std::int64_t area() const { return static_cast<std::int64_t>(width()) * height(); }
  bool empty() const { return x1 <= x0 || y1 <= y0; }
  bool contains(int x, int y) const { return x >= x0 && x < x1 && y >= y0 && y < y1; }
  bool contains(const Box& b) const { return b.empty() || (b.x0 >= x0 && b.x1 <= x1 && b.y0 >= y0 && b.y1 <= y1); }
  Box grown(int pixels) const { return {x0 - pixels, y0 - pixels, x1 + pixels, y1 + pixels}; }
  friend bool operator==(const Box&, const Box&) = default;
};

inline Box intersection(const Box& a, const Box& b) {
  return {std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1), std::min(a.y1, b.y1)};
}
/// The smallest box that holds both; an empty one counts for nothing.
inline Box hull(const Box& a, const Box& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.x0, b.x0), std::min(a.y0, b.y0), std::max(a.x1, b.x1), std::max(a.y1, b.y1)};
}

}  // namespace tessera
