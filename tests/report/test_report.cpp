#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tessera/report/figure.h"
#include "tessera/report/html.h"
#include "tessera/report/svg.h"

using namespace tessera::report;

TEST(Escape, LeavesNoMarkup) {
  EXPECT_EQ(escape("<script>alert(\"x\" & 'y')</script>"), "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
  EXPECT_EQ(escape("Größe ″ ½"), "Größe ″ ½");
}

TEST(Escape, ShowsControlCharactersAndKeepsXmlValid) {
  EXPECT_EQ(escape(std::string_view{"a\0b\n\x1b\x7f", 6}), "a␀b␊␛␡");
  EXPECT_EQ(escape("gpj.\xE2\x80\xAE" "stif"), "gpj.\xEF\xBF\xBDstif");  // U+202E turns the direction of writing
  EXPECT_EQ(escape("\xEF\xBF\xBE"), "\xEF\xBF\xBD");                       // U+FFFE
  EXPECT_EQ(escape("\xFF"), "\xEE\xBF\xBF");                               // no UTF-8: text::to_utf8
}

TEST(Link, QuotesEverythingAUrlMightRead) {
  EXPECT_EQ(link_to("Rmask/a b#1?%.fits"), "Rmask/a%20b%231%3F%25.fits");
  EXPECT_EQ(link_to("javascript:x\"'<"), "javascript%3Ax%22%27%3C");
  EXPECT_EQ(link_to("\xFF"), "%FF");
}

TEST(Shortened, KeepsBothEndsAndWholeLetters) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 5), "ab…fg");
  EXPECT_EQ(shortened("äöüßéèê", 5), "äö…èê");
}

TEST(PngUrl, IsBase64) {  // RFC 4648, section 10
  const std::string head = "data:image/png;base64,";
  EXPECT_EQ(png_url(""), head);
  EXPECT_EQ(png_url("f"), head + "Zg==");
  EXPECT_EQ(png_url("fo"), head + "Zm8=");
  EXPECT_EQ(png_url("foobar"), head + "Zm9vYmFy");
  EXPECT_EQ(png_url("\xFB\xFF\xFE"), head + "+//+");
}

TEST(Html, ClosesWhatWasOpened) {
  Html h;
  h.open("div", {{"title", "a\"b"}}).open("p").text("x<y");
  EXPECT_EQ(h.finish().text, "<div title=\"a&quot;b\"><p>x&lt;y</p>\n</div>\n");
}

TEST(Html, AlignsNumbersOfARow) {
  Html h;
  EXPECT_EQ(h.row({"a&b", "1"}, 1).finish().text, "<tr><td>a&amp;b</td><td class=\"n\">1</td></tr>\n");
}

TEST(NumberText, HasThreeDigits) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(0.012345), "0.0123");
  EXPECT_EQ(number_text(123.456), "123");
  EXPECT_EQ(number_text(-1.5), "−1.50");
  EXPECT_EQ(number_text(4.5e-7), "4.50×10⁻⁷");
  EXPECT_EQ(number_text(-2e12, 1), "−2×10¹²");
  EXPECT_EQ(number_text(NAN), "–");
}

TEST(Axis, HasRoundTicksInsideIt) {
  for (const double size : {1e-12, 3e-5, 0.7, 4.0, 900.0, 2e9})
    for (const double shift : {0.0, 10.0, -3.0}) {
      const auto axis = make_axis(shift * size, shift * size + size, 5);
      ASSERT_GE(axis.ticks.size(), 2u) << size << " " << shift;
      ASSERT_LE(axis.ticks.size(), 6u) << size << " " << shift;
      for (const auto& t : axis.ticks) {
        EXPECT_GE(t.value, axis.low - 1e-5 * size);
        EXPECT_LE(t.value, axis.high + 1e-5 * size);
        EXPECT_LE(t.label.size(), 12u) << t.label;
      }
      for (std::size_t i = 1; i < axis.ticks.size(); ++i) EXPECT_NE(axis.ticks[i].label, axis.ticks[i - 1].label);
    }
}

TEST(Axis, SaysItsPowerOfTenOnce) {
  const auto axis = make_axis(-3e-5, 5e-5, 5);
  EXPECT_EQ(axis.exponent, -6);
  EXPECT_EQ(axis.ticks.front().label, "−20");
  EXPECT_EQ(unit_text(axis.exponent, "MJy/sr"), "10⁻⁶ MJy/sr");
  EXPECT_EQ(unit_text(0, "s"), "s");
}

TEST(Axis, CountsInWholeNumbersAndSurvivesNothing) {
  for (const auto& t : make_axis(0.5, 3.5, 6, true).ticks) EXPECT_EQ(t.value, std::round(t.value));
  for (const double bad : {NAN, INFINITY}) EXPECT_GE(make_axis(bad, bad, 5).ticks.size(), 2u);
  EXPECT_GE(make_axis(7, 7, 5).ticks.size(), 2u);
  EXPECT_GE(make_axis(INFINITY, -INFINITY, 5).ticks.size(), 2u);
}

TEST(Thinned, KeepsTheRangeOfEachRun) {
  Points p;
  for (int i = 0; i < 10001; ++i) {
    p.x.push_back(i), p.y.push_back(i % 10), p.low.push_back(i % 10 - 0.5), p.high.push_back(i % 10 + 0.5);
    p.marked.push_back(i == 5003);
  }
  std::size_t per_point = 0;
  const auto few = thinned(p, 1000, per_point);
  EXPECT_EQ(per_point, 51u);
  EXPECT_EQ(few.y.size(), 197u);
  EXPECT_EQ(few.y[0], 4);  // of 0 … 9 five times and a 0
  EXPECT_EQ(few.low[3], -0.5);
  EXPECT_EQ(few.high[3], 9.5);
  EXPECT_EQ(std::ranges::count(few.marked, 1), 1);
  EXPECT_EQ(thinned(p, 20000, per_point).y.size(), 10001u);
  EXPECT_EQ(per_point, 1u);
}

TEST(PointPlot, HasAMarkPerFiniteValueAndEscapesNames) {
  Points p{{1, 2, 3}, {0.1, NAN, 0.3}, {0.05, NAN, 0.2}, {0.15, NAN, 0.4}, {0, 0, 1}, {"<b>", "two", "three"}};
  PlotOptions options{"frame", "offset <", "MJy/sr"};
  const auto svg = point_plot(p, options).text;
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_NE(svg.find("<title>&lt;b&gt;</title>"), std::string::npos);
  EXPECT_NE(svg.find("offset &lt;, MJy/sr"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_NE(svg.find("dot marked"), std::string::npos);
}

TEST(PointPlot, MarkedPointsBeyondTheOthersAreDrawnAtTheEdge) {
  Points p{{1, 2, 3}, {5, 9, -90000}, {4, 8, -90001}, {6, 10, -89999}, {0, 0, 1}, {}};
  const auto has_tick = [&](const char* label, bool of_others) {
    return point_plot(p, {.x_label = "x", .y_label = "y", .unmarked_range = of_others}).text.find(std::string{"class=\"end\">"} + label + "</text>") != std::string::npos;
  };
  EXPECT_FALSE(has_tick("8", false));
  EXPECT_TRUE(has_tick("8", true));
  EXPECT_NE(point_plot(p, {.x_label = "x", .y_label = "y", .unmarked_range = true}).text.find("dot marked"), std::string::npos);
  p.marked = {1, 1, 1};
  EXPECT_FALSE(has_tick("8", true)) << "no others";
}

TEST(PointPlot, StaysSmallForManyMarksAndSurvivesNone) {
  Points p;
  for (int i = 0; i < 2000; ++i) p.x.push_back(i), p.y.push_back(std::sin(i)), p.low.push_back(std::sin(i) - 1), p.high.push_back(std::sin(i) + 1);
  EXPECT_LT(point_plot(p, {"frame", "y", ""}).text.size(), 100'000u);
  for (int i = 0; i < 1'000'000; ++i) p.x.push_back(i), p.y.push_back(std::sin(i)), p.low.push_back(-1), p.high.push_back(1);
  std::size_t per_point = 0;
  EXPECT_LT(point_plot(thinned(std::move(p), 2000, per_point), {"frame", "y", ""}).text.size(), 100'000u);
  EXPECT_NE(point_plot({}, {"frame", "y", ""}).text.find("</svg>"), std::string::npos);
  EXPECT_NE(bar_plot({}, {}, {"x", "y", ""}).text.find("</svg>"), std::string::npos);
}

TEST(SkyFigure, IsOneElementWithEscapedText) {
  SkyFigure f;
  f.large = true, f.id = "mosaic", f.png = "xyz", f.width = 100, f.height = 50;
  f.title = "<Mosaic>", f.unit = "a&b", f.colours = {0x000000, 0xffffff}, f.ticks = {{0, "0"}, {0.03, "1"}, {1, "9"}};
  f.scale_bar = 0.2, f.scale_label = "1′", f.compass = {{0, 1}, {-1, 0}};
  const auto s = sky_figure(f).text;
  EXPECT_NE(s.find("&lt;Mosaic&gt;"), std::string::npos);
  EXPECT_NE(s.find("a&amp;b"), std::string::npos);
  EXPECT_EQ(s.find(">1</span>"), std::string::npos) << "labels would overlap";
  EXPECT_NE(s.find(">N</text>"), std::string::npos);
}
