/// pipeline/plan.h — what a mosaic run will do, from headers alone: frames, output grid, tiles, forecast. All refusals happen here.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tessera/pipeline/mosaic_options.h"
#include "tessera/pipeline/tile_store.h"
#include "tessera/run/context.h"
#include "tessera/wcs/grid.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::pipeline {

/// What of the memory ceiling may go where. Frame pass and tile pass do not run at once, so `frames` and `tiles` overlap.
struct MemoryShares {
  std::int64_t cache = 0;   ///< frames kept between tiles
  std::int64_t frames = 0;  ///< whole frames being measured, all threads
  std::int64_t tiles = 0;   ///< stacks of tiles, all threads
  std::int64_t results = 0; ///< finished tiles
};
MemoryShares share_memory(std::int64_t ceiling_bytes);
/// Memory that measuring a whole frame takes, beside the cache.
constexpr std::int64_t measuring_bytes_per_pixel = 16;

struct Forecast {
  double memory_bytes = 0, disk_bytes = 0, cpu_seconds = 0;
  double product_bytes = 0;  ///< of disk_bytes, what is left in the end
  std::int64_t input_pixels = 0, output_pixels = 0;
  int deepest_tile = 0;  ///< most frames that touch one tile
  std::int64_t unpacked_bytes = 0;  ///< of gzip files that will be unpacked to the scratch folder, see unpack.h
  int unpacked_files = 0;
};

struct Plan {
  std::vector<instrument::FrameFile> frames;
  std::vector<instrument::FrameNames> names;   ///< what each frame was opened from
  std::vector<std::string> stamps;             ///< per frame: sizes and times of its files when it was planned
  std::map<std::size_t, std::string> lost;     ///< frames that were found unreadable after planning, with the reason; left out
  std::vector<std::string> detection_maps;     ///< per frame: where its clusters are taken from; empty: they are detected
  MovingObject moving;                         ///< what is kept still instead of the sky, if anything
  std::vector<Box> on_grid;                    ///< per frame: box of output pixels it can touch
  wcs::Grid grid;
  TileLattice lattice;
  std::vector<std::vector<int>> tile_frames;   ///< per tile: frames that may touch it (halo included), in listed order
  PlaneSet planes;                             ///< of each tile of the output
  int context_planes = 0;                      ///< likewise, of 32 frames each
  int reach = 1;                               ///< how far apart, in output pixels, an output and a frame pixel that touch may be
  bool two_pass = false;                       ///< outliers are found in a pass of their own, before the coadd
  int taken = 1;                               ///< how far from an output pixel lie the centres of the frame pixels it takes, in output pixels
  std::int64_t stack_bytes = 0;                ///< memory of a stack's pixel beyond a plain run's
  int coadd_halo = 0;                          ///< output pixels a tile needs around it for the coadd of two_pass
  int halo = 0;                                ///< output pixels a tile needs around it for rejection
  double input_over_output_pixel = 1;          ///< linear size, median frame
  int frame_pixel = 1;                         ///< side of the largest frame pixel in output pixels, rounded, at least 1
  Forecast forecast;
  bool star_check = true, input_checksums = true;  ///< what run.json is to hold
  bool noise_measured = true;                  ///< something of the run depends on how noisy the frames are
  std::string unit;
  int cell_side = 1;                           ///< of the cells of the frames' sky, in output pixels
  bool timed = true;                           ///< every frame states its exposure
  std::string request;                         ///< hash of options, version and list of frames: an unfinished run of the same request may go on
  std::vector<std::string> frame_keys;         ///< per frame: hash of all that what is measured of it depends on, its files' sizes and times among that
  std::string hash;                            ///< of everything that may change a product's bits
  std::vector<std::string> notes;
  std::vector<std::string> cautions;  ///< what may be unwanted in this choice of frames: told as caveats
  std::vector<std::string> skipped;            ///< frames left out by input.on_bad_frame = skip, with the reason
};

/// Opens the headers of all inputs (in parallel) and settles everything. Throws UsageError, DataError, SystemError.
Plan make_plan(const std::vector<std::string>& inputs, const MosaicOptions& options, param::OptionSet& settings,
               const instrument::ProfileSet& profiles, run::Context& context);

/// Tiles that a frame may touch, halo included, in rising order.
std::vector<std::int64_t> tiles_of_frame(const Plan& plan, std::size_t frame);
/// Lists of frames per tile, from the frames' boxes.
void assign_tiles(Plan& plan);

/// The text of --dry-run.
std::string describe_plan(const Plan& plan, int threads, std::int64_t memory_bytes);

}  // namespace tessera::pipeline
