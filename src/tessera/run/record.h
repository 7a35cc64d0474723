/// run/record.h — run.json: what a run asked for, read and made; and the tables and texts among its products.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/io/tables.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/recorder.h"

namespace tessera::run {

struct InputRecord {
  std::string path;
  std::int64_t bytes = 0;
  std::string sha256;
  bool lost = false;   ///< of a frame that was left out as it could not be read
};
/// Sets its bytes and, if asked, its SHA-256 (of a URL its bytes alone); a file that is gone is an error unless its frame is lost.
void measure_input(InputRecord& record, bool checksum);
/// Every file once, in order, with its checksum. Throws DataError.
std::vector<InputRecord> hash_files(const std::vector<std::string>& paths, Context& context);

struct ProductRecord {
  std::string name, datasum;   ///< datasum: of all HDUs, joined by '+'; the sha256 for tables; "" for what differs from run to run
};
/// DATASUM of every HDU, joined by '+'.
std::string datasums(const std::filesystem::path& path);
/// STEM.fits, .tbl, .xml or .ecsv in the folder; `products` gets its record.
void write_table_product(const Table& table, const std::string& stem, io::TableFormat format, OutputFolder& folder, std::vector<ProductRecord>& products);

/// Text that a run keeps beside its products.
struct KeptText {
  std::string name, content;
};
/// Writes the kept texts to the folder and gives every product the names of its places.
std::vector<ProductRecord> placed_products(const std::vector<KeptText>& kept, const std::vector<ProductRecord>& products, OutputFolder& folder);

/// The request of a run that makes no mosaic, its hash made of version, options (those of sections run and output.path, output.overwrite aside) and `files`, the names of what is read.
Request table_request(const std::string& verb, const std::vector<std::string>& inputs, const std::vector<std::string>& files, const param::OptionSet& settings);

/// Whether OUT/run.json is the record of a run of this plan, finished, and younger than every one of `files`.
bool holds_complete_run(const std::filesystem::path& out, const std::string& plan_hash, const std::vector<std::string>& files);

/// Now, UTC, ISO 8601 to the second.
std::string utc_now();

struct RunRecord {
  std::string verb;
  std::vector<std::string> arguments;
  std::string working_folder, started;
  double wall_s = 0;
};

/// The record of a run and its clock.
struct RunClock {
  RunClock(const std::string& verb, const std::vector<std::string>& arguments)
      : record{verb, arguments, std::filesystem::current_path().string(), utc_now(), 0}, began{std::chrono::steady_clock::now()} {}
  void stop() { record.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); }
  RunRecord record;
  std::chrono::steady_clock::time_point began;
};

/// The end of a run: stops its clock, writes run.json (schema tessera/run/1: who, when, from what, with which options and what came of it) and puts all products in place. `plan`: a hash of what was asked for; `results`: numbers that sum the run up;
/// `members`: what else the record has, the text of a JSON object indented by 1.
void publish_run(RunClock& clock, const std::string& plan, const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products,
                 const std::vector<std::pair<std::string, double>>& results, OutputFolder& folder, Recorder& recorder, const std::string& members = {});

}  // namespace tessera::run
