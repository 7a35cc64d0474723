#include "tessera/param/render.h"

#include <nlohmann/json.hpp>

#include "param/example_options.h"
#include "tessera/param/layout.h"
#include "tessera/param/toml_file.h"

using namespace tessera::param;
using example::Options;

namespace {

const Manual manual{"clean", "reject outliers", "First paragraph.\nSecond -- with \\ and 'quotes' and µ.", "FRAMES…", "tessera clean a.fits -o out"};

Verb verb_of(const Options& o) { return {manual, &o.set}; }

bool contains(const std::string& s, const std::string& part) { return s.find(part) != std::string::npos; }

// The template with its options made active: "#key = value" begins a line, comments have a blank behind the '#'.
std::string uncommented(std::string s) {
  for (auto at = s.find("\n#"); at != std::string::npos; at = s.find("\n#", at + 1))
    if (s[at + 2] != ' ') s.erase(at + 1, 1);
  return s;
}

TEST(TomlTemplate, SetsNothingAsItIs) {
  Options o;
  read_toml(toml_template(verb_of(o)), "template", o.set);
  for (const auto& s : o.set.settings()) EXPECT_EQ(s.source, Source::initial) << s.key;
}

TEST(TomlTemplate, ParsesBackToTheDefaultsWhenUncommented) {
  Options o, fresh;
  read_toml(uncommented(toml_template(verb_of(o))), "template", o.set);
  const auto now = o.set.settings(), before = fresh.set.settings();
  ASSERT_EQ(now.size(), before.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    EXPECT_EQ(now[i].source, Source::file) << now[i].key;
    EXPECT_EQ(now[i].value, before[i].value) << now[i].key;
  }
}

TEST(TomlTemplate, HasOneTableForSectionsOfOneName) {
  Options o;
  example::Tiles tiles;
  o.set.add("output", "Tiles", tiles);
  ASSERT_EQ(layout::groups(o.set).size(), 2u);
  const std::string toml = toml_template(verb_of(o));
  EXPECT_EQ(toml.find("[output]"), toml.rfind("[output]"));
  read_toml(uncommented(toml), "template", o.set);
  EXPECT_EQ(o.set.settings().back().key, "output.tile_size");
  EXPECT_EQ(o.set.settings().back().source, Source::file);
}

TEST(Help, ShowsFlagsKeysRangesUnitsAndDefaults) {
  Options o;
  const std::string help = help_text(verb_of(o), 1000);
  EXPECT_TRUE(contains(help, "Usage: tessera clean FRAMES… [options]"));
  EXPECT_TRUE(contains(help, "-o, --output PATH"));
  EXPECT_TRUE(contains(help, "--threshold X"));
  EXPECT_TRUE(contains(help, "1 to 100 sigma; default 5"));
  EXPECT_TRUE(contains(help, "none | temporal | box; default temporal"));
  EXPECT_TRUE(contains(help, "rejection.iterations=N"));
  EXPECT_TRUE(contains(help, "--[no-]pictures"));
  EXPECT_TRUE(contains(help, "-q, --quiet"));
  EXPECT_TRUE(contains(help, "[normal | quiet | verbose; default normal]"));  // the integer behind it shows no limits
  EXPECT_TRUE(contains(help, "tessera clean a.fits -o out"));
  for (const auto& key : o.set.keys()) EXPECT_TRUE(contains(help, key)) << key;
}

TEST(Help, FitsTheTerminal) {
  Options o;
  for (const int width : {40, 60, 80, 120})
    for (const auto& line : tessera::text::split(help_text(verb_of(o), width), '\n'))
      if (!contains(line, "Usage") && !contains(line, "tessera clean")) {
        EXPECT_LE(layout::columns(line), width) << line;
      }
}

TEST(ManPage, IsPureAsciiWithoutStrayRequests) {
  Options o;
  for (const std::string& page : {man_page(verb_of(o), "0.1.0"), man_overview("mosaics", {verb_of(o)}, "0.1.0")}) {
    for (const char c : page) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
    for (const auto& line : tessera::text::split(page, '\n'))
      if (!line.empty() && (line[0] == '.' || line[0] == '\'')) {
        EXPECT_TRUE(line.starts_with(".TH ") || line.starts_with(".S") || line.starts_with(".TP") || line.starts_with(".PP") || line.starts_with(".BR ") ||
                    line.starts_with(".nf") || line.starts_with(".fi"))
            << line;
      }
  }
  EXPECT_TRUE(contains(man_page(verb_of(o), "0.1.0"), "\\e and \\(aqquotes\\(aq and \\[u00B5]"));
}

TEST(MarkdownTables, HaveOneRowPerOptionAndSixCells) {
  Options o;
  int rows = 0;
  for (const auto& line : tessera::text::split(markdown_tables(o.set), '\n')) {
    if (!line.starts_with("| `")) continue;
    ++rows;
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    EXPECT_EQ(bars, 7u) << line;
  }
  EXPECT_EQ(rows, static_cast<int>(o.set.keys().size()));
  EXPECT_TRUE(contains(markdown_tables(o.set), "MOPEX `MODULES.REJECT`"));
}

TEST(JsonSchema, HoldsTypesRangesChoicesAndDefaults) {
  Options o;
  const auto j = nlohmann::json::parse(json_schema(verb_of(o)));
  EXPECT_EQ(j["schema"], "tessera/options/1");
  const auto& rejection = j["properties"]["rejection"];
  EXPECT_EQ(rejection["additionalProperties"], false);
  EXPECT_EQ(rejection["properties"]["method"]["enum"], (std::vector<std::string>{"none", "temporal", "box"}));
  EXPECT_EQ(rejection["properties"]["threshold_high"]["minimum"], 1);
  EXPECT_EQ(rejection["properties"]["threshold_high"]["maximum"], 100);
  EXPECT_EQ(rejection["properties"]["threshold_high"]["default"], 5);
  EXPECT_EQ(rejection["properties"]["threshold_high"]["unit"], "sigma");
  EXPECT_EQ(j["properties"]["output"]["properties"]["keep"]["type"], "array");
  EXPECT_EQ(j["properties"]["output"]["properties"]["pictures"]["default"], true);
  EXPECT_TRUE(j["properties"]["output"]["properties"]["level"]["default"].is_null());
}

TEST(Completion, KnowsEveryFlagAndChoice) {
  Options o;
  for (const std::string& script : {bash_completion({verb_of(o)}), zsh_completion({verb_of(o)}), fish_completion({verb_of(o)})}) {
    for (const char* word : {"clean", "overwrite", "no-pictures", "threshold", "quiet", "none temporal box", "rejection.iterations="})
      EXPECT_TRUE(contains(script, word)) << word;
  }
}

TEST(Wrap, BreaksAtWordsAndCountsCharactersNotBytes) {
  EXPECT_EQ(layout::wrap("one two three", 7, 0), "one two\nthree\n");
  EXPECT_EQ(layout::wrap("µµµ µµµ µµµ", 7, 0), "µµµ µµµ\nµµµ\n");
  EXPECT_EQ(layout::wrap("a verylongword b", 6, 2), "  a\n  verylongword\n  b\n");
  EXPECT_EQ(layout::wrap("", 10, 3), "");
}

}  // namespace
