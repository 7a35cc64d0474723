/// spectrum/written_tables.h — the tables of a run, written in all formats asked for in one pass over the blocks of sources.
#pragma once
#include <span>
#include <vector>

#include "tessera/run/context.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"
#include "tessera/spectrum/blocks.h"
#include "tessera/spectrum/spectrum.h"

namespace tessera::spectrum {

struct TableParts {
  Measured& measured;
  Blocks& blocks;
  std::span<const Source> sources;  ///< with the neighbours
  const SpectrumOptions& options;
};

/// measurements, spectra, frames and, where asked for, covariances. Throws SystemError.
void write_tables(const TableParts& parts, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context);

}  // namespace tessera::spectrum
