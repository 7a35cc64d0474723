/// psf/balance.h — the place of a star in its response by the response itself: where the pixels half a pixel to either side receive the same, R(½, 0) = R(−½, 0) and R(0, ½) = R(0, −½) (Anderson & King 2000, PASP 112, 1360).
#pragma once
#include <algorithm>
#include <utility>

namespace tessera::psf {

/// `value(dx, dy)`: the response at a distance in pixels from some place; the result: how far from that place the star lies, at most `limit` along either axis. Secants; where the response does not fall off on both sides the search ends.
template <class Value>
std::pair<double, double> balanced(Value value, double limit) {
  constexpr int rounds = 20;
  constexpr double h = 0.05;
  double x = 0, y = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto off = [&](double dx, double dy, double ax, double ay) { return value(dx + ax, dy + ay) - value(dx - ax, dy - ay); };
    const double fx = off(x, y, 0.5, 0), gx = (off(x + h, y, 0.5, 0) - off(x - h, y, 0.5, 0)) / (2 * h), fy = off(x, y, 0, 0.5), gy = (off(x, y + h, 0, 0.5) - off(x, y - h, 0, 0.5)) / (2 * h);
    if (!(gx < 0 && gy < 0)) break;
    x = std::clamp(x - fx / gx, -limit, limit), y = std::clamp(y - fy / gy, -limit, limit);
  }
  return {x, y};
}

}  // namespace tessera::psf
