/// steps/info_report.h — the description of one file that `tessera info` prints, as text and as JSON.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/instrument/inspect.h"

namespace tessera::steps {

/// `json` is one JSON object as text (third-party headers stay in the .cpp files).
struct InfoReport {
  std::string text, json;
};

InfoReport report_fits(const instrument::FileSummary& file);
InfoReport report_table(const std::filesystem::path& path);
InfoReport report_run(const std::filesystem::path& path);  ///< run.json and other JSON of ours; throws DataError

std::string to_text(const std::vector<InfoReport>& reports);  ///< one after the other, a blank line between
std::string to_json(const std::vector<InfoReport>& reports);  ///< one array

}  // namespace tessera::steps
