#include "tessera/run/output_folder.h"

#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"
#include "tessera/base/files.h"

namespace tessera::run {
namespace {

Request request(const std::string& hash, const std::string& threshold = "5") {
  return {"mosaic", hash, {"frames"}, "/", {{"rejection.threshold_high", threshold}}, {"a.fits"}};
}

void start_and_stop(const std::filesystem::path& out, const Request& r) {
  OutputFolder folder{out, r, false};
  files::write_atomic(folder.scratch() / "journal", "{\"schema\":\"tessera/journal/1\",\"plan\":\"" + r.plan_hash + "\",\"tile_side\":4}\n");
}

TEST(OutputFolder, LeavesNothingOfARunThatFailedBeforeItsFirstTile) {
  const TemporaryFolder base;
  { OutputFolder folder{base.path() / "out", request("a"), false}; }
  EXPECT_FALSE(std::filesystem::exists(base.path() / "out"));
}

TEST(OutputFolder, ShowsProductsOnlyWhenAllAreThere) {
  const TemporaryFolder base;
  const auto out = base.path() / "out";
  {
    OutputFolder folder{out, request("a"), false};
    files::write_atomic(folder.product("mosaic.fits"), "pixels");
    EXPECT_FALSE(std::filesystem::exists(out / "mosaic.fits"));
    files::write_atomic(folder.product("run.json"), "{}");
    folder.publish("run.json");
  }
  EXPECT_EQ(files::read(out / "mosaic.fits"), "pixels");
  EXPECT_FALSE(std::filesystem::exists(out / ".tessera"));
  EXPECT_THROW((OutputFolder{out, request("a"), false}), UsageError);
  EXPECT_NO_THROW((OutputFolder{out, request("a"), true}));
  EXPECT_EQ(files::read(out / "mosaic.fits"), "pixels") << "what is there stays until a new run is complete";
}

TEST(OutputFolder, ResumesTheSamePlanAndNamesWhatDiffersInAnother) {
  const TemporaryFolder base;
  const auto out = base.path() / "out";
  start_and_stop(out, request("a"));
  { EXPECT_TRUE((OutputFolder{out, request("a"), false}.resumed())); }
  try {
    OutputFolder folder{out, request("b", "7"), false};
    FAIL() << "another plan must be refused";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string{error.what()}.find("rejection.threshold_high was \"5\", now \"7\""), std::string::npos) << error.what();
  }
  EXPECT_EQ(unfinished_request(out).plan_hash, "a") << "a refusal must not touch the unfinished run";
  { EXPECT_FALSE((OutputFolder{out, request("b", "7"), true}.resumed())); }
}

TEST(OutputFolder, IsOneRunsAtATime) {
  const TemporaryFolder base;
  OutputFolder first{base.path() / "out", request("a"), false};
  EXPECT_THROW((OutputFolder{base.path() / "out", request("a"), false}), UsageError);
}

TEST(Request, SurvivesItsJson) {
  const auto before = request("a");
  const auto after = request_from_json(to_json(before), "here");
  EXPECT_EQ(after.settings, before.settings);
  EXPECT_EQ(after.inputs, before.inputs);
  EXPECT_THROW(request_from_json("{", "here"), DataError);
  EXPECT_THROW(request_from_json("{\"verb\":3}", "here"), DataError);
}

}  // namespace
}  // namespace tessera::run
