/// run/report_page.h — what report.html has in common among all runs: its tiles, plots, caveats, and how it ends.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "tessera/report/html.h"
#include "tessera/run/record.h"

namespace tessera::run {

constexpr std::size_t longest_text = 300;       ///< letters of a text that users gave
constexpr std::size_t most_lines = 200;         ///< of a table

/// "3 frames"
std::string plural(std::size_t n, const std::string& word);
void summary_tile(report::Html& h, const std::string& name, const std::string& value, const std::string& more);
void caveat_section(report::Html& h, const std::vector<Caveat>& all);
void plot_card(report::Html& h, const std::string& title, const report::Markup& plot, const std::string& note);
/// What every page ends with: times, options that differ from their defaults, products (folders of many are one entry), the command; then writes report.html. `title` without the program's name.
void finish_report(report::Html& h, const std::string& title, const param::OptionSet& settings, OutputFolder& folder, const RunRecord& run, Recorder& recorder);

}  // namespace tessera::run
