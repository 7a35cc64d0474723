/// discover/discover.h — sources of a region that no list names: the planes of a spectral cube, each through its matched filter, combined to one image whose peaks are sources.
#pragma once
#include <string>
#include <vector>

#include "tessera/cube/cube.h"
#include "tessera/cube/cube_options.h"
#include "tessera/discover/detections.h"
#include "tessera/param/schema.h"
#include "tessera/run/context.h"

namespace tessera::discover {

struct DiscoverOptions {
  DetectionOptions detection;
  bool measure = false;
  cube::CubeOptions cube;
  void declare(param::OptionSet& options);
};
void describe(param::Schema<DiscoverOptions>& s);

/// OUT/detections.fits and .ecsv (a row per source), quicklook.fits (a row per source and channel), run.json, tessera.log; OUT/cube as make_cube() writes it; with `measure` OUT/spectra as spectrum() writes it.
/// Throws as those do, DataError where a frame has no PSF and none is given, SystemError where the planes exceed the memory ceiling. Nothing found: Outcome::nothing_to_do, tables without rows are written all the same.
run::Outcome discover(const cube::CubeRequest& request, const DiscoverOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::discover
