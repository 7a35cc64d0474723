/// pipeline/frame_products.h — files made of every frame between the modules of MOPEX: the frame less its local sky (guide 5.6.6), and its uncertainty (5.6.3).
#pragma once
#include <vector>

#include "tessera/pipeline/finished.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// Medfilter/NAME_minback.fits for every file that holds frames, in its unit; everything but the pixels is kept.
void write_minback_frames(const Finished& mosaic, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context);

/// Sigma/NAME_sigma.fits likewise: the 1σ that the frame's pixels were used with, noise scale included; NaN where they are bad.
void write_sigma_frames(const Finished& mosaic, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context);

}  // namespace tessera::pipeline
