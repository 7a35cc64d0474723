#include "tessera/steps/run_record.h"

#include <gtest/gtest.h>

#include "tessera/base/error.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::steps {
namespace {

TEST(RunRecord, HasWhatARepetitionNeeds) {
  const auto r = parse_run_record(R"({"schema": "tessera/run/1", "verb": "mosaic", "working_folder": "/tmp", "arguments": ["a.fits"],
    "options": [{"key": "grid.size", "value": "8 8"}], "products": [{"name": "mosaic.fits", "datasum": "12"}, {"name": "report.html"}],
    "inputs": [{"path": "a.fits", "sha256": "00"}]})", "run.json");
  EXPECT_EQ(r.run.verb, "mosaic");
  EXPECT_EQ(r.run.settings.at(0).second, "8 8");
  EXPECT_EQ(r.datasums.size(), 1u);
  EXPECT_EQ(r.inputs.at(0).first, "a.fits");
}

TEST(RunRecord, RefusesNestingThatWouldExhaustTheStack) {
  const std::string deep = R"({"schema": "tessera/run/1", "verb": )" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}";
  EXPECT_THROW(parse_run_record(deep, "run.json"), DataError);
  EXPECT_THROW(run::request_from_json(deep, "plan.json"), DataError);
}

TEST(RunRecord, RefusesWhatIsNoRecord) {
  for (const char* text : {"", "{", "[]", "3", R"({"schema": "other/1"})", R"({"schema": "tessera/run/1"})", R"({"schema": 7})"}) EXPECT_THROW(parse_run_record(text, "run.json"), DataError) << text;
}

}  // namespace
}  // namespace tessera::steps
