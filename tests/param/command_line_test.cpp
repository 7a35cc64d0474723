#include "tessera/param/command_line.h"

#include <filesystem>
#include <fstream>

#include "param/example_options.h"

using namespace tessera::param;
using example::Options;
using example::refusal;
using Words = std::vector<std::string>;

namespace {

std::string refused(const Words& arguments) {
  Options o;
  return refusal([&] { read_command_line(arguments, o.set); });
}

/// A file that is gone when the test ends.
struct TemporaryFile {
  std::filesystem::path path;
  TemporaryFile(const std::string& name, const std::string& content) : path{std::filesystem::path{testing::TempDir()} / name} { std::ofstream{path} << content; }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

TEST(CommandLine, TakesInputsAnywhere) {
  Options o;
  EXPECT_EQ(read_command_line({"a.fits", "-o", "out", "b c.fits", "--overwrite", "-"}, o.set).inputs, (Words{"a.fits", "b c.fits", "-"}));
  EXPECT_EQ(o.output.path, "out");
  EXPECT_TRUE(o.output.overwrite);
}

TEST(CommandLine, TakesValuesInEverySpelling) {
  for (const Words& words : {Words{"-o", "out"}, {"-oout"}, {"-o=out"}, {"--output", "out"}, {"--output=out"}, {"--set", "output.path=out"}, {"--set=output.path=out"}}) {
    Options o;
    EXPECT_TRUE(read_command_line(words, o.set).inputs.empty()) << words[0];
    EXPECT_EQ(o.output.path, "out") << words[0];
  }
}

TEST(CommandLine, KeepsEqualsSignsOfTheValue) {
  Options o;
  read_command_line({"--output=a=b"}, o.set);
  EXPECT_EQ(o.output.path, "a=b");
  read_command_line({"--set", "output.path=c=d"}, o.set);
  EXPECT_EQ(o.output.path, "c=d");
}

TEST(CommandLine, SwitchesBooleansOnAndOff) {
  Options o;
  read_command_line({"--overwrite", "--no-pictures"}, o.set);
  EXPECT_TRUE(o.output.overwrite);
  EXPECT_FALSE(o.output.pictures);
  read_command_line({"--no-overwrite", "--pictures=yes"}, o.set);
  EXPECT_FALSE(o.output.overwrite);
  EXPECT_TRUE(o.output.pictures);
}

TEST(CommandLine, TakesClustersOfLetters) {
  Options o;
  read_command_line({"-vfo", "out"}, o.set);
  EXPECT_EQ(o.output.verbosity, 1);
  EXPECT_TRUE(o.output.overwrite);
  EXPECT_EQ(o.output.path, "out");
  read_command_line({"-q"}, o.set);
  EXPECT_EQ(o.output.verbosity, -1);
}

TEST(CommandLine, TakesNegativeNumbersAsValues) {
  EXPECT_EQ(refused({"--threshold", "-3"}), "rejection.threshold_high (--threshold): -3 is out of range; expected a number from 1 to 100 sigma");
  EXPECT_EQ(refused({"--threshold=-.5"}), "rejection.threshold_high (--threshold): -.5 is out of range; expected a number from 1 to 100 sigma");
}

TEST(CommandLine, EndsOptionsAtTwoDashes) {
  Options o;
  EXPECT_EQ(read_command_line({"a", "--", "-o", "--help"}, o.set).inputs, (Words{"a", "-o", "--help"}));
}

TEST(CommandLine, CollectsListsGivenTwice) {
  Options o;
  read_command_line({"--keep", "a,b", "-kc", "--set", "output.keep=d"}, o.set);
  EXPECT_EQ(o.output.keep, (Words{"a", "b", "c", "d"}));
}

TEST(CommandLine, StopsAtHelp) {
  Options o;
  EXPECT_TRUE(read_command_line({"--help", "--nonsense"}, o.set).help);
  EXPECT_TRUE(read_command_line({"-h"}, o.set).help);
  EXPECT_FALSE(read_command_line({"h"}, o.set).help);
}

TEST(CommandLine, LetsFlagsWinOverFilesAndLaterFilesOverEarlier) {
  const TemporaryFile one{"tessera_one.toml", "[rejection]\niterations = 4\nthreshold_high = 9\nmethod = 'box'\n"};
  const TemporaryFile two{"tessera_two.toml", "[rejection]\niterations = 6\nthreshold_high = 8\n"};
  Options o;
  const auto line = read_command_line({"--threshold", "7", "-c", one.path.string(), "--config=" + two.path.string()}, o.set);
  EXPECT_EQ(line.files.size(), 2u);
  EXPECT_EQ(o.rejection.threshold_high, 7);
  EXPECT_EQ(o.rejection.iterations, 6);
  EXPECT_EQ(o.rejection.method, example::Method::box);
}

TEST(CommandLine, NamesTheNearestFlag) {
  EXPECT_EQ(refused({"--treshold", "3"}), "unknown option '--treshold'; did you mean --threshold?");
  EXPECT_EQ(refused({"--overwite"}), "unknown option '--overwite'; did you mean --overwrite?");
}

TEST(CommandLine, KnowsOptionsWithoutAFlag) {
  EXPECT_EQ(refused({"--iterations", "3"}), "unknown option '--iterations'; did you mean --set rejection.iterations=…?");
  EXPECT_EQ(refused({"--rejection.iterations=3"}), "unknown option '--rejection.iterations'; did you mean --set rejection.iterations=…?");
  EXPECT_EQ(refused({"--threshold-high", "3"}), "unknown option '--threshold-high'; did you mean --threshold?");
}

TEST(CommandLine, SaysHowToGiveAFileThatLooksLikeAFlag) {
  EXPECT_EQ(refused({"-x.fits"}), "unknown option '-x.fits'; --help lists all, and a file of that name is given after --");
}

TEST(CommandLine, MissesValues) {
  EXPECT_EQ(refused({"--output"}), "option --output needs a value: --output PATH");
  EXPECT_EQ(refused({"-o", "--overwrite"}), "option -o needs a value, but --overwrite follows; a value that begins with a dash is written -o=…");
  EXPECT_EQ(refused({"--set"}), "option --set needs a value: --set KEY=VALUE");
  EXPECT_EQ(refused({"--set", "output.path"}), "--set output.path: expected section.option=value");
  EXPECT_EQ(refused({"--quiet=3"}), "option --quiet takes no value ('3' was given)");
}

TEST(CommandLine, ReachesEveryOptionBySet) {
  Options o;
  for (const auto& s : o.set.settings()) {
    Options fresh;
    EXPECT_EQ(refusal([&] { read_command_line({"--set", s.key + "=" + s.value}, fresh.set); }), "") << s.key;
  }
}

TEST(CommandLine, RefusesUnknownKeysOfSet) {
  EXPECT_EQ(refused({"--set", "rejection.methd=box"}), "unknown option 'rejection.methd' (--set); did you mean rejection.method?");
}

}  // namespace
