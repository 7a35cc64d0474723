/// images/hdr.h — exposures of several lengths at one pointing: saturated pixels of the long ones take the values of the short ones.
/// MOPEX guide, appendix A: hdr_mask.pl, HDR_Split.pl.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/param/schema.h"
#include "tessera/run/context.h"

namespace tessera::images {

struct HdrOptions {
  std::string bits = "saturated";
  double level = 0;        // input unit; 0: bits alone
  double tolerance = 0.5;  // pixels
};
void describe(param::Schema<HdrOptions>& s);

/// Frames of one pointing, longest exposure first, one of each length (the nearest in time); by number in the list.
struct HdrSet {
  std::vector<std::size_t> frames;
};

/// Lengths that differ by less than 5 % are one. Rising.
std::vector<double> exposure_classes(const std::vector<instrument::FrameFile>& frames);
/// Which class of exposure_classes() a frame belongs to.
std::size_t exposure_class(const std::vector<double>& classes, double exposure_s);
/// One set for every frame that has a shorter one at its pointing: centre and upper right corner within `tolerance` pixels, same size and HDU.
std::vector<HdrSet> hdr_sets(const std::vector<instrument::FrameFile>& frames, double tolerance);

struct HdrCount {
  std::int64_t sets = 0, saturated = 0, replaced = 0;
};

/// Writes to the folder `out`: every frame of the longest exposure at its pointing, under its own name, with its uncertainty and mask; and
/// lists of the files given: short.txt, medium.txt, long.txt (or exposure1.txt … for more lengths) and hdr.txt, the frames to make a mosaic of.
/// Values are scaled by the frames' units, uncertainties likewise; the mask takes the bits of the pixel that was used. A pixel saturated in
/// all frames, or bad in those that are not, stays as it is. Throws DataError for frames without exposure time, without a mask (and
/// level 0), or whose planes do not lie in files of one image each.
HdrCount write_hdr(const std::vector<instrument::FrameFile>& frames, const HdrOptions& options, const std::filesystem::path& out, run::Context& context);

}  // namespace tessera::images
