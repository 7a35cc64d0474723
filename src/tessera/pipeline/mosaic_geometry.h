/// pipeline/mosaic_geometry.h — which frames meet the output grid, and where they lie on it. MOPEX guide 5.3, 5.6.5.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/grid.h"

namespace tessera::pipeline {

struct GeometryOptions {
  int margin = 0;
};
void describe(param::Schema<GeometryOptions>& s);

/// True when a part of the outline with an area lies in the grid grown by `margin` pixels (shrunk when negative), or when the outline has
/// points without a place on the grid's plane: what is not known is not left out.
bool meets(const wcs::Footprint& outline, const wcs::SkyWcs& grid, int width, int height, int margin);

/// geometry.tbl: per frame whether it is used, and its box on the grid counted from 0 (x0 and y0 are MOPEX's MINTOFFX and MINTOFFY).
Table geometry_table(std::span<const instrument::FrameFile> frames, const std::vector<Box>& on_grid, const std::vector<bool>& used);

/// The lists of Mosaic Geometry (guide 5.6.5): geom_ImageList.txt, and where every frame that is used has such a plane in a file of its own, parallel to it geom_SigmaList.txt,
/// geom_DmaskList.txt and geom_rmask_ImageList.txt.
struct FileList {
  std::string name, content;
};
std::vector<FileList> geometry_lists(std::span<const instrument::FrameFile> frames, const std::vector<bool>& used);

}  // namespace tessera::pipeline
