/// simulate_spherex/wave_and_psf.h — HDUs that frames and products of calibration share.
#pragma once
#include <string>

#include "tessera/io/fits.h"
#include "tessera/simulate_spherex/zone_psf.h"

namespace tessera::simulate_spherex {

/// WCS-WAVE: one row with X, Y (1-based control points) and VALUES[2, nx, ny], µm.
void add_wave_table(io::FitsWriter& writer, const Detector& detector);
/// A plane for each zone with its place in cards, as they are or with x and y exchanged.
void add_psf_cube(io::FitsWriter& writer, const std::string& name, const ZonePsfs& psfs, bool exchanged);
/// Table EPSF: a row for each zone, the response after the pixel at steps of a fifth of one. A sample times 25 is the part of the light on a pixel centred there.
void add_epsf_table(io::FitsWriter& writer, const ZonePsfs& psfs);

}  // namespace tessera::simulate_spherex
