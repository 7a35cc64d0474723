/// joint_fit/settling.h — how far sources follow each round of the block-iterated fit.
///
/// Each round finds, for source x, a step d to where the fit of its block leads. Neighbours that correct for one another at once overshoot, the more the further their wings reach; what hangs together over
/// many blocks follows slowly. Two rounds tell: of x goes the share
///
///   ω₂ = −ω₁ d₁·(d₂ − d₁) / |d₂ − d₁|²
///
/// which ends at once where one mode is left (Aitken 1926, Proc. R. Soc. Edinburgh 46, 289; for vectors Irons & Tuck 1969, Int. J. Numer. Meth. Eng. 1, 275). Every source has its own ω, of position and flux in
/// units of their errors: what overshoots is local.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "tessera/joint_fit/block_fit.h"

namespace tessera::joint_fit {

/// How far the fit's values are from the source's, in units of their errors: east, north, flux; 0 where an error is unknown.
std::array<double, 3> change(const Source& before, const Fitted& now);
/// The largest of these, in units of what the errors are worth: where the pixels of a source are met much worse than their noise allows (a hit fitted as a star), √(χ²/dof) times what the fit says.
double largest(const std::array<double, 3>& change, const Fitted& now);

class Settling {
 public:
  explicit Settling(std::size_t sources) : last_(sources) {}
  /// Share of the step to `now` that the source goes in this round (counted from 0): 1 until two rounds in a row tell otherwise. To be called once a round for each source fitted in it.
  double share(int round, const Source& before, const Fitted& now);

 private:
  struct Last {
    std::array<float, 3> step{};
    std::int32_t round = -2;
    float share = 1;          // of the step that was gone
  };
  std::vector<Last> last_;
};

}  // namespace tessera::joint_fit
