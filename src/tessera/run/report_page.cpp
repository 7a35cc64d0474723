#include "tessera/run/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/base/version.h"

namespace tessera::run {

using report::Html;

constexpr std::size_t most_of_a_kind = 5;

std::string plural(std::size_t n, const std::string& word) { return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s"); }

void summary_tile(Html& h, const std::string& name, const std::string& value, const std::string& more) {
  h.open("div", {{"class", "tile"}}).element("div", name, {{"class", "name"}}).element("div", value, {{"class", "value"}});
  h.element("div", more, {{"class", "more"}}).close();
}

void caveat_section(Html& h, const std::vector<Caveat>& all) {
  if (all.empty()) {
    h.element("p", "No caveats.", {{"class", "clean"}});
    return;
  }
  h.open("section", {{"class", "caveats"}, {"id", "caveats"}}).element("h3", plural(all.size(), "caveat")).open("ul");
  std::map<std::string, std::size_t> met;  // of each kind
  for (const auto& caveat : all)
    if (++met[caveat.kind] <= most_of_a_kind) h.open("li").element("span", caveat.kind, {{"class", "kind"}}).text(" " + report::shortened(caveat.message, longest_text)).close();
  for (const auto& [kind, count] : met)
    if (count > most_of_a_kind) h.open("li").element("span", kind, {{"class", "kind"}}).text(fmt::format(" … and {} more in run.json", count - most_of_a_kind)).close();
  h.close().close();
}

void plot_card(Html& h, const std::string& title, const report::Markup& plot, const std::string& note) {
  h.open("div", {{"class", "card"}}).element("h3", title).add(plot).element("p", note, {{"class", "note"}}).close();
}

namespace {

void stage_section(Html& h, Recorder& recorder) {
  const auto all = recorder.stages();
  double longest = 0;
  for (const auto& s : all) longest = std::max(longest, s.wall_s);
  h.element("h2", "Time and memory").open("div", {{"class", "card wide"}}).open("table", {{"class", "stages"}});
  h.open("tr").element("th", "Stage").element("th", "", {{"class", "share"}});
  for (const char* name : {"Wall", "CPU", "Memory"}) h.element("th", name, {{"class", "n"}});
  h.close();
  for (const auto& s : all) {
    h.open("tr").element("td", s.name).open("td", {{"class", "share"}});
    h.element("div", "", {{"style", fmt::format("width:{:.1f}%", longest > 0 ? 100 * s.wall_s / longest : 0)}}).close();
    for (const auto& cell : {text::format_duration(s.wall_s), text::format_duration(s.cpu_s), text::format_bytes(static_cast<double>(s.peak_bytes))}) h.element("td", cell, {{"class", "n"}});
    h.close();
  }
  h.close().close();
}

void option_section(Html& h, const param::OptionSet& settings) {
  std::vector<param::Setting> changed;
  for (auto& s : settings.settings())
    if (s.value != settings.find(s.key)->initial) changed.push_back(std::move(s));
  h.element("h2", "Options that differ from the defaults").open("div", {{"class", "card wide"}});
  if (changed.empty()) h.element("p", "None.", {{"class", "note"}});
  if (!changed.empty()) h.open("table").row({"Option", "Value", "From"}, 99, "th");
  for (std::size_t i = 0; i < std::min(changed.size(), most_lines); ++i) {
    const auto& s = changed[i];
    h.open("tr").open("td").element("code", s.key).close().open("td").element("code", report::shortened(s.value, longest_text)).close();
    h.element("td", report::shortened(s.where.empty() ? param::to_string(s.source) : s.where, longest_text)).close();
  }
  if (!changed.empty()) h.close();
  h.close();
}

const char* meaning_of(const std::string& product) {
  static const std::map<std::string, const char*, std::less<>> meanings = {
      {"mosaic.fits", "mosaic"}, {"mosaic_unc.fits", "1σ uncertainty"}, {"mosaic_cov.fits", "coverage"}, {"mosaic_exp.fits", "exposure time"}, {"mosaic_rmask.fits", "outliers found"}, {"FIF.tbl", "output grid"},
      {"header_list.tbl", "frames' headers"}, {"offsets.tbl", "offsets, noise, weights"}, {"mosaic.png", "picture"}, {"coverage.png", "picture"}, {"run.json", "record of the run"}, {"tessera.log", "messages"},
      {"catalog.fits", "catalogue"}, {"catalog.tbl", "catalogue"}, {"catalog.xml", "catalogue"}, {"catalog.ecsv", "catalogue"}, {"detections.fits", "what was found"}, {"sources.reg", "regions for DS9"},
      {"light_curve.fits", "fluxes frame by frame"}, {"residual.fits", "less background and sources"}, {"background.fits", "background"}, {"noise.fits", "noise of the filtered image"},
      {"significance.fits", "what the threshold applied to"}, {"segmentation.fits", "detections' pixels"}};
  const auto found = meanings.find(product);
  return found == meanings.end() ? "" : found->second;
}

void product_section(Html& h, const OutputFolder& folder) {
  std::vector<std::string> files;
  std::map<std::string, std::size_t> folders;
  for (const auto& name : folder.products())
    if (const auto slash = name.find('/'); slash != std::string::npos)
      for (const auto& place : folder.places(name)) ++folders[place.substr(0, place.rfind('/') + 1)];
    else if (name != "report.html" && name != "tessera.log")
      files.push_back(name);
  files.insert(files.end(), {"run.json", "tessera.log"});
  h.element("h2", "Products").open("div", {{"class", "card"}}).open("ul", {{"class", "files"}});
  for (const auto& name : files)
    for (const auto& place : folder.places(name)) h.open("li").element("a", place, {{"href", report::link_to(place)}}).text(" ").element("span", meaning_of(name)).close();
  for (const auto& [name, count] : folders) h.open("li").element("a", name, {{"href", report::link_to(name)}}).text(" ").element("span", plural(count, "file")).close();
  h.close().close();
}

void command_footer(Html& h, const RunRecord& run) {
  h.open("footer");
  h.text(fmt::format("tessera {}, started {} in ", version(), run.started)).element("code", report::shortened(run.working_folder, longest_text));
  h.text(" · repeat with ").element("code", "tessera replay run.json").close();
}

}  // namespace

void finish_report(Html& h, const std::string& title, const param::OptionSet& settings, OutputFolder& folder, const RunRecord& run, Recorder& recorder) {
  stage_section(h, recorder);
  option_section(h, settings);
  product_section(h, folder);
  command_footer(h, run);
  files::write_atomic(folder.product("report.html"), report::page(report::shortened(title, 120) + " – tessera", h.finish()));
}

}  // namespace tessera::run
