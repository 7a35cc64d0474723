/// background/sky_mesh_private.h — the local background of a frame: one value per cell of a mesh that divides the frame evenly, bilinear between cell centres.
#pragma once
#include <vector>

#include "tessera/background/cell_grid.h"
#include "tessera/background/objects.h"
#include "tessera/core/frame.h"

namespace tessera::background {

class SkyMesh {
 public:
  explicit SkyMesh(const FrameView& frame);
  /// Of a frame that is read in bands, with the same bits; reads all of its rows once.
  SkyMesh(Box frame, const FrameRows& rows);
  /// Background along row y.
  void row(int y, std::vector<float>& out) const;

 private:
  void filter();
  double continued(int i, int j) const;

  CellGrid grid_;
  struct Span {  // pixels of a row between the same two nodes
    int first, lower, upper;
  };
  std::vector<Span> spans_;
  std::vector<float> fraction_;  // of the way between them, for every pixel of a row
};

}  // namespace tessera::background
