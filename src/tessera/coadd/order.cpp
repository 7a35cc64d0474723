#include "tessera/coadd/order.h"

#include <cmath>

#include "tessera/coadd/votes.h"

namespace tessera::coadd {
namespace {

/// What `choose` makes of the votes of each finite pixel.
template <class Choose>
void replace(std::span<const ResampledView> stack, View<float> mosaic, View<float> uncertainty, Choose choose) {
  Votes votes;
  const Box box = mosaic.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (!std::isfinite(mosaic(x, y))) continue;
      votes.gather(stack, x, y);
      const Median chosen = choose(votes);
      mosaic(x, y) = chosen.value;
      uncertainty(x, y) = chosen.sigma;
    }
}

}  // namespace

void median(std::span<const ResampledView> stack, View<float> mosaic, View<float> uncertainty) {
  replace(stack, mosaic, uncertainty, [](Votes& votes) { return votes.median(); });
}

void absolute_minimum(std::span<const ResampledView> stack, View<float> mosaic, View<float> uncertainty) {
  replace(stack, mosaic, uncertainty, [](const Votes& votes) {
    std::size_t least = 0;
    for (std::size_t i = 1; i < votes.size(); ++i)
      if (std::abs(votes.values()[i]) < std::abs(votes.values()[least])) least = i;
    return Median{votes.values()[least], std::sqrt(votes.variances()[least])};
  });
}

}  // namespace tessera::coadd
