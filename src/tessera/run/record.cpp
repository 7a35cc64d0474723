#include "tessera/run/record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/utf8.h"
#include "tessera/base/version.h"
#include "tessera/io/fits.h"
#include "tessera/io/remote.h"

namespace tessera::run {

void measure_input(InputRecord& r, bool checksum) {
  if (io::is_url(r.path)) {
    try {
      r.bytes = io::remote_identity(r.path).bytes;  // it is not fetched whole: what its server says of it stands in for a checksum
    } catch (const DataError&) {
      r.bytes = 0;
    }
    return;
  }
  try {
    if (checksum) r.sha256 = files::sha256_file(r.path);
  } catch (const DataError&) {
    if (!r.lost) throw;
  }
  std::error_code code;
  const auto bytes = std::filesystem::file_size(r.path, code);
  r.bytes = code ? 0 : static_cast<std::int64_t>(bytes);
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

std::string datasums(const std::filesystem::path& path) {
  io::FitsFile file{path};
  std::string all;
  for (const auto& hdu : file.hdus()) all += (all.empty() ? "" : "+") + file.header(hdu.index, false).text("DATASUM").value_or("?");
  return all;
}

void write_table_product(const Table& table, const std::string& stem, io::TableFormat format, OutputFolder& folder, std::vector<ProductRecord>& products) {
  const std::string name = stem + std::string{io::suffix_of(format)};
  const auto path = folder.product(name);
  io::write_table(table, path, format);
  products.push_back({name, format == io::TableFormat::fits ? datasums(path) : files::sha256_file(path)});
}

std::vector<ProductRecord> placed_products(const std::vector<KeptText>& kept, const std::vector<ProductRecord>& products, OutputFolder& folder) {
  std::vector<ProductRecord> placed;
  const auto add = [&](const std::string& name, const std::string& datasum) {
    for (const auto& place : folder.places(name)) placed.push_back({place, datasum});
  };
  for (const auto& product : products) add(product.name, product.datasum);
  for (const auto& text : kept) {
    files::write_atomic(folder.product(text.name), text.content);
    add(text.name, "");
  }
  return placed;
}

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

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

namespace {

nlohmann::ordered_json host_json() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return {{"name", name}, {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)}, {"memory_bytes", parallel::physical_memory()}};
}

nlohmann::ordered_json head_json(const RunRecord& run, const std::string& plan) {
  return {{"schema", "tessera/run/1"}, {"version", version()}, {"verb", run.verb}, {"arguments", run.arguments}, {"working_folder", run.working_folder},
          {"started", run.started}, {"finished", utc_now()}, {"wall_s", run.wall_s}, {"plan", plan}, {"host", host_json()}};
}

void add_options(nlohmann::ordered_json& j, const param::OptionSet& settings) {
  for (const auto& s : settings.settings())
    j["options"].push_back({{"key", s.key}, {"value", s.value}, {"source", param::to_string(s.source)}, {"where", s.where}});
}

void add_inputs(nlohmann::ordered_json& j, const std::vector<InputRecord>& inputs) {
  j["inputs"] = nlohmann::ordered_json::array();
  for (const auto& in : inputs) {
    nlohmann::ordered_json record{{"path", in.path}, {"bytes", in.bytes}, {"sha256", in.sha256}};
    if (io::is_url(in.path) && in.bytes > 0) record["remote"] = io::remote_identity(in.path).stamp();
    j["inputs"].push_back(std::move(record));
  }
}

void add_outcome(nlohmann::ordered_json& j, const std::vector<ProductRecord>& products, Recorder& recorder) {
  j["caveats"] = nlohmann::ordered_json::array();
  for (const auto& c : recorder.caveats()) j["caveats"].push_back({{"kind", c.kind}, {"message", c.message}, {"count", c.count}});
  for (const auto& s : recorder.stages())
    j["stages"].push_back({{"name", s.name}, {"wall_s", s.wall_s}, {"cpu_s", s.cpu_s}, {"peak_bytes", s.peak_bytes}});
  for (const auto& p : products) {
    nlohmann::ordered_json product{{"name", p.name}};
    if (!p.datasum.empty()) product["datasum"] = p.datasum;
    j["products"].push_back(std::move(product));
  }
}

}  // namespace

void publish_run(RunClock& clock, const std::string& plan, const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products,
                 const std::vector<std::pair<std::string, double>>& results, OutputFolder& folder, Recorder& recorder, const std::string& members) {
  clock.stop();
  auto j = head_json(clock.record, plan);
  add_options(j, settings);
  add_inputs(j, inputs);
  for (const auto& [name, value] : results) j["results"][name] = value;
  add_outcome(j, products, recorder);
  text::change_strings(j, text::to_utf8);
  auto json = j.dump(1);
  if (!members.empty()) json = json.substr(0, json.rfind("\n}")) + "," + members.substr(1);  // joined as text: those of 10⁶ frames are long
  files::write_atomic(folder.product("run.json"), json + "\n");
  folder.publish("run.json");
}

}  // namespace tessera::run
