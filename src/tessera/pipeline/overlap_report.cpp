#include <fmt/format.h>

#include "tessera/base/files.h"
#include "tessera/pipeline/report.h"
#include "tessera/pipeline/report_figures.h"
#include "tessera/run/recorder.h"
#include "tessera/run/report_page.h"

namespace tessera::pipeline {

void write_overlap_report(const run::RunRecord& record, const Plan& plan, const FramePass& pass, bool quicklook, const param::OptionSet& settings, run::OutputFolder& folder, run::Recorder& context) {
  using report::number_text;
  report::Html h;
  const auto title = "Background matching: " + folder.path().filename().string();
  h.open("main").open("header").element("h1", report::shortened(title, 120));
  h.element("p", fmt::format("{} frames, {} overlaps, {} group{}", plan.frames.size(), pass.offsets.pairs.size(), pass.offsets.groups, pass.offsets.groups == 1 ? "" : "s"), {{"class", "lead"}}).close();
  run::caveat_section(h, context.caveats());
  h.open("div", {{"class", "plots"}});
  const auto offsets = offset_plot(plan, pass);
  run::plot_card(h, "Background offsets", offsets.plot,
            fmt::format("Subtracted from each frame; bars are standard errors. In a mean of the frames they leave an error of {} {} (median over the field), {} at most.{}",
                        number_text(pass.background_error.median), plan.unit, number_text(pass.background_error.largest), offsets.marks));
  const auto noise = noise_plot(plan, pass);
  run::plot_card(h, "Noise against expectation", noise.plot, "Noise measured in the sky over the stated uncertainty. 1 is a perfect noise model." + noise.marks);
  h.close();
  if (quicklook) {
    h.open("div", {{"class", "card wide"}}).element("h3", "Quick look");
    h.single("img", {{"src", report::png_url(files::read(folder.product("quicklook.png")))}, {"alt", "coarse mosaic of the matched frames"}, {"style", "max-width:100%"}});
    h.element("p", "The mean of the matched sky cells, bright objects left out.", {{"class", "note"}}).close();
  }
  run::finish_report(h, title, settings, folder, record, context);
}

}  // namespace tessera::pipeline
