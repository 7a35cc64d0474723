#include "tessera/pipeline/run_json.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "tessera/base/files.h"
#include "tessera/base/version.h"
#include "tessera/pipeline/products.h"

namespace tessera::pipeline {

Request table_request(const std::string& verb, const std::vector<std::string>& inputs, const std::vector<std::string>& files, const param::OptionSet& settings) {
  std::string asked = version();
  Request r{verb, "", inputs, std::filesystem::current_path().string(), {}, files};
  for (const auto& s : settings.settings()) {
    r.settings.emplace_back(s.key, s.value);
    if (!s.key.starts_with("run.") && s.key != "output.path" && s.key != "output.overwrite") asked += s.key + "=" + s.value + "\n";
  }
  for (const auto& name : files) asked += std::filesystem::path{name}.filename().string() + "\n";
  r.plan_hash = files::sha256(asked);
  return r;
}

bool holds_complete_run(const std::filesystem::path& out, const std::string& plan_hash, const std::vector<std::string>& files) {
  std::error_code code;
  const auto record = out / "run.json";
  if (!files::exists(record) || files::exists(out / ".tessera")) return false;
  const auto made = std::filesystem::last_write_time(record, code);
  if (code) return false;
  for (const auto& file : files)
    if (const auto changed = std::filesystem::last_write_time(file, code); code || changed >= made) return false;
  const auto j = nlohmann::json::parse(files::read(record), nullptr, false);
  return j.is_object() && j.value("plan", "") == plan_hash;
}

void write_table_product(const Table& table, const std::string& stem, io::TableFormat format, OutputFolder& folder, std::vector<ProductRecord>& products) {
  const std::string name = stem + std::string{io::suffix_of(format)};
  const auto path = folder.product(name);
  io::write_table(table, path, format);
  products.push_back({name, format == io::TableFormat::fits ? datasums(path) : files::sha256_file(path)});
}

std::vector<InputRecord> hash_files(const std::vector<std::string>& paths, Context& context) {
  std::vector<InputRecord> records;
  std::set<std::string> seen;
  for (const auto& path : paths)
    if (seen.insert(path).second) records.push_back({path, 0, "", false});
  context.stage("checksums of inputs", static_cast<std::int64_t>(records.size()));
  context.pool().for_each(static_cast<std::int64_t>(records.size()), [&](std::int64_t i) {
    measure_input(records[static_cast<std::size_t>(i)], true);
    context.step();
  });
  return records;
}

}  // namespace tessera::pipeline
