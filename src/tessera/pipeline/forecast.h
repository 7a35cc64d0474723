/// pipeline/forecast.h — what a planned run will take: memory (from which its tiles are chosen), disk, time.
#pragma once
#include <cstdint>

#include "tessera/pipeline/mosaic_options.h"
#include "tessera/pipeline/plan.h"

namespace tessera::pipeline {

/// Memory of one thread at the deepest tile of the plan's lattice.
std::int64_t tile_bytes(const Plan& plan);

/// Memory of the rows of finished tiles that are read together, over the whole width of the grid.
std::int64_t rows_bytes(const Plan& plan);

/// Disk that products and scratch of the plan's whole grid would take uncompressed, were all of it covered.
double disk_of_grid(const Plan& plan);

/// Fills plan.forecast. Memory is meant to be right within a quarter (tests/end_to_end/test_memory.py); disk is the most that can be; time depends on the machine, the
/// options and what else it does.
void forecast(Plan& plan, const MosaicOptions& options, int threads, std::int64_t memory_bytes);

}  // namespace tessera::pipeline
