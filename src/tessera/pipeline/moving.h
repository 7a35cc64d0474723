/// pipeline/moving.h — mosaics in the rest frame of a moving object: every frame's sky is carried along so that the object stays where it
/// was in one of them. MOPEX guide 5.4.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/param/schema.h"

namespace tessera::pipeline {

struct MovingOptions {
  std::string object;                 // "" the sky itself; "header"; or a table of positions
  int reference = 1;                  // frame whose sky stays, counted from 1
  std::string ra_card = "RA_REF", dec_card = "DEC_REF";
};
void describe(param::Schema<MovingOptions>& s);

/// Where the object was in each frame; empty for the usual mosaic.
struct MovingObject {
  std::vector<double> mjd;            ///< middle of each exposure; 0: not known
  std::vector<wcs::SkyPoint> position;///< of the object then, ICRS as the track or the header gives it
  wcs::SkyPoint fixed;                ///< where it lies in the mosaic
  bool empty() const { return position.empty(); }
};

/// Finds the object in every frame and carries the frames' WCS. The guide shifts CRVAL by the difference of coordinates, which holds next
/// to the equator only; here the sphere is turned, so that the object is fixed and north at it stays north, wherever it is.
/// Throws UsageError (no such reference frame), DataError (card absent, no time, time outside the track).
MovingObject follow(std::span<instrument::FrameFile> frames, const MovingOptions& options);

/// moving.tbl: per frame the time, the place of the object and how far its sky was carried.
Table moving_table(const MovingObject& object, std::span<const instrument::FrameFile> frames);

}  // namespace tessera::pipeline
