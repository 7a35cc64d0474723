/// extraction/report_private.h — sections of the report of an extraction, shared by the files that write it.
#pragma once
#include <vector>

#include "tessera/extraction/report.h"
#include "tessera/report/html.h"

namespace tessera::extraction {

double snr_of(const joint_fit::Source& s);
/// Counts of values in bins of equal width.
void histogram(const std::vector<double>& values, double low, double high, int bins, std::vector<double>& edges, std::vector<double>& counts);
/// Completeness, bias and errors by artificial sources; nothing without them.
void injection_section(report::Html& h, const ReportParts& p);
/// The sources whose own pixels the fit meets worst, with the pixels.
void worst_section(report::Html& h, const ReportParts& p);

}  // namespace tessera::extraction
