/// pipeline/run_json.h — a run that makes tables and no mosaic: what it asks of its folder, its tables, and its record: who, when, from what, with which options and what came of it.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/provenance.h"

namespace tessera::pipeline {

/// The request of a run, its hash made of version, options (those of sections run and output.path, output.overwrite aside) and `files`, the names of what is read.
Request table_request(const std::string& verb, const std::vector<std::string>& inputs, const std::vector<std::string>& files, const param::OptionSet& settings);

/// Whether OUT/run.json is the record of a run of this plan, finished, and younger than every one of `files`.
bool holds_complete_run(const std::filesystem::path& out, const std::string& plan_hash, const std::vector<std::string>& files);

/// STEM.fits, .tbl, .xml or .ecsv in the folder; `products` gets its record.
void write_table_product(const Table& table, const std::string& stem, io::TableFormat format, OutputFolder& folder, std::vector<ProductRecord>& products);

/// Every file once, in order, with its checksum. Throws DataError.
std::vector<InputRecord> hash_files(const std::vector<std::string>& paths, Context& context);

/// Text of run.json, schema tessera/run/1. `plan`: a hash of what was asked for; `results`: numbers that sum the run up.
std::string run_json(const RunRecord& run, const std::string& plan, const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products,
                     const std::vector<std::pair<std::string, double>>& results, Recorder& recorder);

}  // namespace tessera::pipeline
