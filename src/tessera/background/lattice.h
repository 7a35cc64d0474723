/// background/lattice.h — integer arithmetic of cells counted from the grid's origin, also to its left and below.
#pragma once

namespace tessera::background {

/// ⌊a / b⌋ for b > 0.
inline int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

}  // namespace tessera::background
