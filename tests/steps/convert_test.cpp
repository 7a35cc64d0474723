#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "quiet.h"
#include "tessera/base/error.h"
#include "tessera/io/tables.h"
#include "tessera/steps/step.h"
#include "tessera/run/context.h"

namespace tessera::steps {

std::unique_ptr<Step> make_convert();

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Convert : testing::Test {
  fs::path folder = fs::temp_directory_path() / ("tessera-convert-" + std::to_string(::getpid()));
  Quiet context;
  Convert() {
    fs::create_directories(folder);
    Table t;
    t.add("ra", std::vector<double>{1.5, 2.5}, "deg", "right ascension", "pos.eq.ra");
    io::write_table(t, folder / "in.tbl", io::TableFormat::ipac);
  }
  ~Convert() override { fs::remove_all(folder); }

  run::Outcome run(std::vector<std::string> inputs, run::RunOptions run = {}, const std::string& format = "auto") {
    const auto step = make_convert();
    param::OptionSet options;
    step->declare(options);
    options.assign("convert.format", format, param::Source::command_line, "test");
    for (std::string& name : inputs) name = (folder / name).string();
    if (!run.output.empty()) run.output = (folder / run.output).string();
    return step->run(inputs, run, options, context);
  }
  std::string refusal(std::vector<std::string> inputs, run::RunOptions how = {}) {
    try {
      run(std::move(inputs), how);
    } catch (const Error& e) {
      return e.what();
    }
    return "no exception";
  }
};

TEST_F(Convert, WritesTheFormatOfTheSuffixOrTheOneAskedFor) {
  EXPECT_EQ(run({"in.tbl", "out.xml"}), run::Outcome::done);
  EXPECT_EQ(io::read_table(folder / "out.xml").find("ra")->ucd, "pos.eq.ra");
  run::RunOptions how;
  how.output = "out.dat";
  run({"in.tbl"}, how, "fits");
  std::ifstream file{folder / "out.dat"};
  std::string start(6, ' ');
  file.read(start.data(), 6);
  EXPECT_EQ(start, "SIMPLE");
  EXPECT_EQ(io::read_table(folder / "out.dat").numbers("ra")[1], 2.5);
}

TEST_F(Convert, RefusesToOverwriteUntilTold) {
  run({"in.tbl", "out.ecsv"});
  EXPECT_THAT(refusal({"in.tbl", "out.ecsv"}), HasSubstr("--overwrite"));
  run::RunOptions how;
  how.overwrite = true;
  EXPECT_EQ(run({"in.tbl", "out.ecsv"}, how), run::Outcome::done);
  EXPECT_THAT(refusal({"in.tbl", "in.tbl"}, how), HasSubstr("is the input itself"));
}

TEST_F(Convert, ADryRunWritesNothing) {
  run::RunOptions how;
  how.dry_run = true;
  EXPECT_EQ(run({"in.tbl", "out.ecsv"}, how), run::Outcome::done);
  EXPECT_FALSE(fs::exists(folder / "out.ecsv"));
}

TEST_F(Convert, SaysWhatIsMissing) {
  EXPECT_THAT(refusal({}), HasSubstr("none was given"));
  EXPECT_THAT(refusal({"in.tbl"}), HasSubstr("needs the name of the file to write"));
  EXPECT_THAT(refusal({"in.tbl", "out.dat"}), HasSubstr("names no table format"));
  EXPECT_THAT(refusal({"in.tbl", "out.ecsv.gz"}), HasSubstr("names no table format"));
  EXPECT_THAT(refusal({"absent.tbl", "out.ecsv"}), HasSubstr("no such file"));
  run::RunOptions how;
  how.output = "b.ecsv";
  EXPECT_THAT(refusal({"in.tbl", "a.ecsv"}, how), HasSubstr("named twice"));
}

TEST_F(Convert, AColumnLeftOutIsACaveat) {
  std::ofstream{folder / "v.xml"} << "<VOTABLE><RESOURCE><TABLE><FIELD name=\"a\" datatype=\"int\" arraysize=\"*\"/><FIELD name=\"b\" datatype=\"int\"/>"
                                     "<DATA><TABLEDATA><TR><TD>1 2</TD><TD>3</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>";
  EXPECT_EQ(run({"v.xml", "v.tbl"}), run::Outcome::done_with_caveats);
  EXPECT_THAT(context.messages, testing::ElementsAre(HasSubstr("column a")));
}

}  // namespace
}  // namespace tessera::steps
