/// pipeline/run_json.h — the record of a run that makes no mosaic: who, when, from what, with which options and what came of it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tessera/pipeline/provenance.h"

namespace tessera::pipeline {

/// Text of run.json, schema tessera/run/1. `plan`: a hash of what was asked for; `results`: numbers that sum the run up.
std::string run_json(const RunRecord& run, const std::string& plan, const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products,
                     const std::vector<std::pair<std::string, double>>& results, Recorder& recorder);

}  // namespace tessera::pipeline
