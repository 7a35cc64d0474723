/// joint_fit/groups.h — which sources are fitted together.
#pragma once
#include <span>
#include <vector>

namespace tessera::joint_fit {

/// Sources solved for in one fit; neighbours that are fitted with them but take their values from their own block; and members of the group around these, whose pixels the sources' wings are fitted on as well.
struct Block {
  std::vector<int> own, halo, rim;
  int group = 0;                ///< connected sources
  int group_size = 0;
};

struct Place {
  double x = 0, y = 0;
  bool usable = true;
};

/// Connected sources (nearer than `link`) are a group; one of more than `most` is halved along its longer side until blocks have no more; halo: what is nearer than `link` to these, rim: nearer than two and a half.
/// Blocks in the order of their first source.
std::vector<Block> group_sources(std::span<const Place> places, double link, int most);

}  // namespace tessera::joint_fit
