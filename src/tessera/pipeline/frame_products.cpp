#include "tessera/pipeline/frame_products.h"

#include <cmath>
#include <limits>
#include <memory>

#include "tessera/background/frame_sky.h"
#include "tessera/run/edited_frames.h"

namespace tessera::pipeline {
namespace {

std::string in_unit(const instrument::FrameFile& file, const char* text) { return file.input_unit.empty() ? text : "[" + file.input_unit + "] " + text; }

}  // namespace

void write_minback_frames(const Finished& m, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context) {
  const auto edit_of = [&m](std::size_t i) {
    const auto& file = m.plan.frames[i];
    const auto frame = m.cache.whole(i);
    const auto sky = std::make_shared<const Image<float>>(background::frame_sky(frame->view(), m.options.frame_sky));
    io::ImageEdit edit;
    edit.hdu = file.image.hdu;
    edit.cards.add_history("tessera: the local sky was subtracted");
    edit.change = [&file, sky](int y, std::span<float> row) {
      const auto factor = instrument::unit_factors(file, y);
      const auto level = sky->row(y);
      for (std::size_t x = 0; x < row.size(); ++x) row[x] = static_cast<float>(static_cast<double>(row[x]) - static_cast<double>(level[x]) / factor[x]);
    };
    return edit;
  };
  run::write_edited_frames(m.plan.frames, {"Medfilter", "_minback", "writing frames without their local sky"}, edit_of, folder, products, context);
}

void write_sigma_frames(const Finished& m, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context) {
  const auto edit_of = [&m](std::size_t i) {
    const auto& file = m.plan.frames[i];
    const auto frame = m.cache.whole(i);
    io::ImageEdit edit;
    edit.hdu = file.image.hdu;
    edit.cards.set("NOISESCL", m.pass.frames[i].noise_scale, "factor on the uncertainty that was given");
    edit.cards.add_history(in_unit(file, "tessera: 1-sigma uncertainty of the frame's pixels"));
    edit.change = [&file, frame, scale = m.pass.frames[i].noise_scale](int y, std::span<float> row) {
      const auto factor = instrument::unit_factors(file, y);
      const auto variance = frame->variance.row(y);
      const auto good = frame->good.row(y);
      for (std::size_t x = 0; x < row.size(); ++x)
        row[x] = good[x] ? static_cast<float>(scale * std::sqrt(static_cast<double>(variance[x])) / std::abs(factor[x])) : std::numeric_limits<float>::quiet_NaN();
    };
    return edit;
  };
  run::write_edited_frames(m.plan.frames, {"Sigma", "_sigma", "writing uncertainties of frames"}, edit_of, folder, products, context);
}

}  // namespace tessera::pipeline
