#include "tessera/param/schema.h"

#include <cmath>
#include <stdexcept>

#include "param/example_options.h"

using namespace tessera::param;
using example::Method;
using example::Options;
using example::refusal;

namespace {

std::string assign(Options& o, const std::string& key, const std::string& value, Source source = Source::command_line, const std::string& where = "--set") {
  return refusal([&] { o.set.assign(key, value, source, where); });
}

TEST(OptionSet, SetsEveryKindOfMember) {
  Options o;
  o.set.assign("rejection.method", "Box", Source::file, "");
  o.set.assign("rejection.threshold_high", "1.25e1", Source::file, "");
  o.set.assign("rejection.iterations", "7", Source::file, "");
  o.set.assign("rejection.bits", "4294967295", Source::file, "");
  o.set.assign("output.path", " a b ", Source::file, "");
  o.set.assign("output.overwrite", "yes", Source::file, "");
  o.set.assign("output.keep", "rmask, interpolated", Source::file, "");
  EXPECT_EQ(o.rejection.method, Method::box);
  EXPECT_EQ(o.rejection.threshold_high, 12.5);
  EXPECT_EQ(o.rejection.iterations, 7);
  EXPECT_EQ(o.rejection.bits, 4294967295u);
  EXPECT_EQ(o.output.path, " a b ");
  EXPECT_TRUE(o.output.overwrite);
  EXPECT_EQ(o.output.keep, (std::vector<std::string>{"rmask", "interpolated"}));
}

TEST(OptionSet, KeepsTheValueOfTheStrongerSourceInWhateverOrderTheyCome) {
  Options o;
  o.set.assign("rejection.iterations", "9", Source::command_line, "--set");
  o.set.assign("rejection.iterations", "4", Source::file, "line 1 of x.toml");
  o.set.assign("rejection.iterations", "2", Source::profile, "profile spitzer-irac");
  EXPECT_EQ(o.rejection.iterations, 9);
  o.set.assign("rejection.threshold_high", "2", Source::profile, "");
  o.set.assign("rejection.threshold_high", "3", Source::file, "");
  o.set.assign("rejection.threshold_high", "4", Source::file, "");
  EXPECT_EQ(o.rejection.threshold_high, 4);
}

TEST(OptionSet, RefusesABadValueOfAWeakerSourceToo) {
  Options o;
  o.set.assign("rejection.iterations", "9", Source::command_line, "--set");
  EXPECT_NE(assign(o, "rejection.iterations", "many", Source::file, "line 1 of x.toml"), "");
  EXPECT_EQ(o.rejection.iterations, 9);
}

TEST(OptionSet, NamesTheNearestKey) {
  Options o;
  EXPECT_EQ(assign(o, "rejection.thresold_high", "3", Source::file, "line 3 of x.toml"),
            "unknown option 'rejection.thresold_high' (line 3 of x.toml); did you mean rejection.threshold_high?");
}

TEST(OptionSet, FindsTheSectionOfARightName) {
  Options o;
  EXPECT_EQ(assign(o, "overwrite", "true"), "unknown option 'overwrite' (--set); did you mean output.overwrite?");
  EXPECT_EQ(assign(o, "grid.iterations", "3"), "unknown option 'grid.iterations' (--set); did you mean rejection.iterations?");
}

TEST(OptionSet, ListsTheSectionsWhenNothingIsNear) {
  Options o;
  EXPECT_EQ(assign(o, "qqqqqqqqqqqq", "3"), "unknown option 'qqqqqqqqqqqq' (--set); options are section.option, and the sections are rejection, output");
}

TEST(OptionSet, SaysRangeAndUnit) {
  Options o;
  EXPECT_EQ(assign(o, "rejection.threshold_high", "1000"),
            "rejection.threshold_high (--set): 1000 is out of range; expected a number from 1 to 100 sigma");
  EXPECT_EQ(assign(o, "rejection.iterations", "0"), "rejection.iterations (--set): 0 is out of range; expected a whole number of at least 1");
  EXPECT_EQ(o.rejection.iterations, 3);
}

TEST(OptionSet, SaysWhatKindWasExpected) {
  Options o;
  EXPECT_EQ(assign(o, "rejection.threshold_high", "high"),
            "rejection.threshold_high (--set): 'high' is not a number; expected a number from 1 to 100 sigma");
  EXPECT_EQ(assign(o, "rejection.threshold_high", "nan"),
            "rejection.threshold_high (--set): 'nan' is not a number; expected a number from 1 to 100 sigma");
  EXPECT_EQ(assign(o, "rejection.iterations", "2.5"), "rejection.iterations (--set): '2.5' is not a whole number; expected a whole number of at least 1");
  EXPECT_EQ(assign(o, "output.overwrite", "maybe"), "output.overwrite (--set): 'maybe' is neither true nor false; expected true or false");
  EXPECT_EQ(assign(o, "rejection.bits", "-1"), "rejection.bits (--set): -1 is out of range; expected a whole number of at least 0");
}

TEST(OptionSet, ListsTheChoicesAndTheNearest) {
  Options o;
  EXPECT_EQ(assign(o, "rejection.method", "temporl"),
            "rejection.method (--set): 'temporl' is not among the choices (did you mean temporal?); expected one of none, temporal, box");
}

TEST(OptionSet, AcceptsTheDefaultOutsideItsRange) {
  Options o;
  EXPECT_EQ(assign(o, "output.level", "-3"), "output.level (--set): -3 is out of range; expected a number of at least 0 MJy/sr");
  o.set.assign("output.level", "2", Source::file, "");
  EXPECT_EQ(o.output.level, 2);
  o.set.assign("output.level", "nan", Source::command_line, "");
  EXPECT_TRUE(std::isnan(o.output.level));
}

TEST(OptionSet, TellsEveryOptionWithItsOrigin) {
  Options o;
  o.set.assign("rejection.method", "none", Source::profile, "profile generic");
  const auto all = o.set.settings();
  ASSERT_EQ(all.size(), o.set.keys().size());
  EXPECT_EQ(all[0].key, "rejection.method");
  EXPECT_EQ(all[0].value, "none");
  EXPECT_EQ(to_string(all[0].source), "profile");
  EXPECT_EQ(all[0].where, "profile generic");
  EXPECT_EQ(all[1].value, "5");
  EXPECT_EQ(to_string(all[1].source), "default");
}

TEST(OptionSet, RepeatsARunFromItsSettings) {
  Options first, second;
  first.set.assign("output.keep", R"(["a,b", "say \"c\"", ""])", Source::command_line, "");
  first.set.assign("rejection.threshold_high", "1.1", Source::command_line, "");
  for (const auto& s : first.set.settings()) second.set.assign(s.key, s.value, Source::command_line, "run.json");
  EXPECT_EQ(second.output.keep, (std::vector<std::string>{"a,b", "say \"c\"", ""}));
  EXPECT_EQ(second.rejection.threshold_high, 1.1);
}

TEST(OptionSet, RefusesDeclarationsThatHideEachOther) {
  Options o;
  example::Output again;
  EXPECT_THROW(o.set.add("output", "once more", again), std::logic_error);
  EXPECT_THROW(o.set.add("elsewhere", "same flags", again), std::logic_error);
}

TEST(ParseList, TakesCommasAndArrays) {
  using detail::parse_list;
  EXPECT_EQ(parse_list(""), std::vector<std::string>{});
  EXPECT_EQ(parse_list(" a , b,,"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parse_list("[]"), std::vector<std::string>{});
  EXPECT_EQ(parse_list("[a, 'b,c', \"d]\", ]"), (std::vector<std::string>{"a", "b,c", "d]"}));
  for (const char* broken : {"[", "[a", "[\"a", "['a' 'b']", "[a] b"}) EXPECT_THROW(parse_list(broken), tessera::UsageError) << broken;
}

TEST(ParseList, ReadsBackWhatFormatListWrites) {
  for (const std::vector<std::string>& items : {std::vector<std::string>{}, {"a"}, {"a", "b"}, {""}, {" a"}, {"a,b", "\"", "\\"}, {"[x]"}})
    EXPECT_EQ(detail::parse_list(detail::format_list(items)), items);
}

}  // namespace
