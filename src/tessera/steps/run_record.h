/// steps/run_record.h — what run.json says of a finished run, as far as a repetition needs it.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tessera/steps/again.h"

namespace tessera::steps {

struct RunRecord {
  RecordedRun run;
  std::map<std::string, std::string> datasums;              ///< product → checksum
  std::vector<std::pair<std::string, std::string>> inputs;  ///< path, sha256
};

/// From the content of a run.json; `where` is its path. Throws DataError: no JSON, nested deeper than 32, no such record.
RunRecord parse_run_record(const std::string& content, const std::string& where);

}  // namespace tessera::steps
