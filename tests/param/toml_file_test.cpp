#include "tessera/param/toml_file.h"

#include "param/example_options.h"

using namespace tessera::param;
using example::Options;
using example::refusal;

namespace {

std::string read(Options& o, const std::string& toml) {
  return refusal([&] { read_toml(toml, "x.toml", o.set); });
}

TEST(TomlFile, ReadsTablesAsSections) {
  Options o;
  EXPECT_EQ(read(o, "[rejection]\nmethod = 'box'\nthreshold_high = 4\niterations = 2\n[output]\noverwrite = true\nkeep = ['a,b', 'c']\n"), "");
  EXPECT_EQ(o.rejection.method, example::Method::box);
  EXPECT_EQ(o.rejection.threshold_high, 4);
  EXPECT_EQ(o.rejection.iterations, 2);
  EXPECT_TRUE(o.output.overwrite);
  EXPECT_EQ(o.output.keep, (std::vector<std::string>{"a,b", "c"}));
}

TEST(TomlFile, ReadsDottedKeysAndInlineTables) {
  Options o;
  EXPECT_EQ(read(o, "rejection.iterations = 5\noutput = { path = 'there', pictures = false }\n"), "");
  EXPECT_EQ(o.rejection.iterations, 5);
  EXPECT_EQ(o.output.path, "there");
  EXPECT_FALSE(o.output.pictures);
}

TEST(TomlFile, RemembersFileAndLine) {
  Options o;
  read(o, "\n[rejection]\niterations = 5\n");
  for (const auto& s : o.set.settings())
    if (s.key == "rejection.iterations") {
      EXPECT_EQ(s.where, "line 3 of x.toml");
      EXPECT_EQ(s.source, Source::file);
    }
}

TEST(TomlFile, NamesTheLineOfAnUnknownKey) {
  Options o;
  EXPECT_EQ(read(o, "[rejection]\n\nthresold_high = 3\n"),
            "unknown option 'rejection.thresold_high' (line 3 of x.toml); did you mean rejection.threshold_high?");
  EXPECT_EQ(read(o, "[rejektion]\nmethod = 'box'\n"), "unknown option 'rejektion.method' (line 2 of x.toml); did you mean rejection.method?");
  EXPECT_EQ(read(o, "method = 'box'\n"), "unknown option 'method' (line 1 of x.toml); did you mean rejection.method?");
  EXPECT_EQ(read(o, "[output]\nkepe.this = 3\n"), "unknown option 'output.kepe' (line 2 of x.toml); did you mean output.keep?");
}

TEST(TomlFile, SaysWhatWasFoundInsteadOfAValue) {
  Options o;
  EXPECT_EQ(read(o, "[output.path]\nx = 1\n"), "output.path (line 1 of x.toml): a table was found; expected a text");
  EXPECT_EQ(read(o, "[rejection]\niterations = 2020-01-01\n"),
            "rejection.iterations (line 2 of x.toml): a date or time was found; expected a whole number of at least 1");
  EXPECT_EQ(read(o, "[rejection]\niterations = [1, 2]\n"),
            "rejection.iterations (line 2 of x.toml): an array was found; expected a whole number of at least 1");
  EXPECT_EQ(read(o, "[output]\nkeep = [[1]]\n"), "output.keep (line 2 of x.toml): a nested array was found; expected texts separated by commas");
  EXPECT_EQ(read(o, "[rejection]\niterations = 2.5\n"),
            "rejection.iterations (line 2 of x.toml): '2.5' is not a whole number; expected a whole number of at least 1");
}

TEST(TomlFile, NamesLineAndColumnOfBadSyntax) {
  Options o;
  EXPECT_EQ(read(o, "[rejection]\nmethod = box\n").substr(0, 40), "x.toml: not valid TOML at line 2, column");
  EXPECT_NE(read(o, "[rejection\n"), "");
  EXPECT_NE(read(o, std::string{"a = \"\0\"", 7}), "");
  EXPECT_NE(read(o, "a = \"\xff\xfe\""), "");
  EXPECT_NE(read(o, "[output]\npath = 'a'\npath = 'b'\n"), "");
}

TEST(TomlFile, RefusesDeepNestingBeforeParsing) {
  Options o;
  const std::string deep(100000, '[');
  EXPECT_NE(read(o, "a = " + deep).find("nests tables or arrays deeper than 16"), std::string::npos);
  std::string dots = "a";
  for (int i = 0; i < 100000; ++i) dots += ".a";
  EXPECT_NE(read(o, dots + " = 1").find("line 1 nests"), std::string::npos);
  EXPECT_NE(read(o, "\n\n[" + dots + "]").find("line 3 nests"), std::string::npos);
}

TEST(TomlFile, CountsNoBracketsInTextAndComments) {
  const std::string many(50, '[');
  EXPECT_NO_THROW(check_toml_limits("a = \"" + many + "\\\"" + many + "\" # " + many + "\nb = '" + many + "'\nc = '''\n" + many + "'''\n", "x.toml"));
  EXPECT_THROW(check_toml_limits("a = \"\"\nb = " + many, "x.toml"), tessera::UsageError);
}

TEST(TomlFile, RefusesHugeText) {
  EXPECT_THROW(check_toml_limits(std::string(2u << 20, '#'), "x.toml"), tessera::UsageError);
}

TEST(TomlFile, NamesAFileThatIsNotThere) {
  Options o;
  const auto message = refusal([&] { read_toml_file("/nowhere/options.toml", o.set); });
  EXPECT_NE(message.find("/nowhere/options.toml"), std::string::npos) << message;
}

}  // namespace
