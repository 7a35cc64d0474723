#include "tessera/steps/run_record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tessera/base/error.h"
#include "tessera/base/utf8.h"

namespace tessera::steps {

RunRecord parse_run_record(const std::string& content, const std::string& where) {
  if (text::json_nesting(content) > text::json_nesting_limit) throw DataError{fmt::format("{}: nested deeper than {}; not a run.json", where, text::json_nesting_limit)};
  try {
    auto j = nlohmann::json::parse(content);
    text::change_strings(j, text::raw_bytes);
    if (!j.value("schema", "").starts_with("tessera/run/")) throw DataError{fmt::format("{}: is JSON but not a tessera run record (schema tessera/run/1)", where)};
    RunRecord r;
    r.run.verb = j.at("verb");
    r.run.working_folder = j.at("working_folder");
    r.run.inputs = j.at("arguments");
    for (const auto& o : j.at("options")) r.run.settings.emplace_back(o.at("key"), o.at("value"));
    for (const auto& p : j.at("products"))
      if (p.contains("datasum")) r.datasums[p.at("name")] = p.at("datasum");  // the report has none: it tells times
    for (const auto& in : j.at("inputs")) r.inputs.emplace_back(in.at("path"), in.at("sha256"));
    return r;
  } catch (const nlohmann::json::exception& error) {
    throw DataError{fmt::format("{}: not a complete run.json ({})", where, error.what())};
  }
}

}  // namespace tessera::steps
