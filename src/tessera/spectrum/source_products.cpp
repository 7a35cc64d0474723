#include "tessera/spectrum/source_products.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "tessera/base/files.h"
#include "tessera/io/tables.h"
#include "tessera/picture/spectrum_plot.h"

namespace tessera::spectrum {
namespace {

Card card(std::string key, Card::Value value, std::string remark) {
  Card c;
  c.key = std::move(key), c.value = std::move(value), c.comment = std::move(remark);
  return c;
}

picture::SpectrumPlot plot_of(const Measured& measured, std::size_t source, const BinOptions& options) {
  picture::SpectrumPlot plot;
  const auto some = measured.of(source);
  for (const auto& m : some) {
    plot.x.push_back(m.wavelength_um), plot.y.push_back(m.flux), plot.x_half.push_back(m.width_um / 2), plot.y_err.push_back(m.flux_error);
    plot.marked.push_back(!usable(m, options));
  }
  int detector = 0;
  for (const auto& [channel, mean] : measured_channels(measured, source, options)) {
    if (detector != 0 && channel.detector != detector) plot.line_x.push_back(channel.min_um), plot.line_y.push_back(std::nan(""));  // detectors overlap: no line across
    detector = channel.detector;
    plot.line_x.push_back(mean.wavelength_um), plot.line_y.push_back(mean.flux);
  }
  const Source& s = measured.sources[source];
  plot.title = fmt::format("{}   RA {:.5f}  Dec {:+.5f}   {} measurements", s.label, s.sky.ra_deg, s.sky.dec_deg, some.size());
  plot.x_label = "Wavelength (µm)", plot.y_label = "Flux density (µJy)";
  return plot;
}

}  // namespace

std::vector<std::string> source_names(std::span<const Source> sources) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    auto name = fmt::format("{:.5f}_{:+.5f}", sources[i].sky.ra_deg, sources[i].sky.dec_deg);
    if (!seen.insert(name).second) name += fmt::format("_{}", i + 1);
    names.push_back(std::move(name));
  }
  return names;
}

Table source_table(const Measured& measured, std::size_t source) {
  const Table all = measurements_table(measured, measured.of(source), false);
  Table t;
  const Source& s = measured.sources[source];
  t.name = s.label;
  t.keywords = {card("label", s.label, "name of the source as given"), card("ra", s.sky.ra_deg, "deg, ICRS"), card("dec", s.sky.dec_deg, "deg, ICRS"), card("ext_flg", std::int64_t{s.extended}, "1: a Sersic profile was fitted")};
  for (const char* name : {"wavelength", "lambda_width", "flux", "flux_err", "flags", "fit_ql", "flux_bkg", "lvf_id", "det_id", "deep_flg", "mjd", "ra", "dec", "x_image", "y_image", "obs_publisher_did"}) {
    Column column = *all.find(name);
    if (column.name == "wavelength") column.name = "lambda";
    t.add(std::move(column));
  }
  return t;
}

void write_source_products(const Measured& measured, Blocks& blocks, const BinOptions& options, run::OutputFolder& folder, std::vector<run::ProductRecord>& products) {
  const auto names = source_names(measured.sources);
  for (std::size_t s = 0; s < names.size(); ++s) {
    if (measured.counts[s] == 0) continue;
    blocks.show(s);
    run::write_table_product(source_table(measured, s), "spectra/" + names[s], io::TableFormat::votable, folder, products);
    const auto plot = plot_of(measured, s, options);
    for (const auto& [suffix, write] : {std::pair{".png", &picture::write_spectrum_png}, {".svg", &picture::write_spectrum_svg}}) {
      const auto picture = "spectra/" + names[s] + suffix;
      write(plot, folder.product(picture));
      products.push_back({picture, ""});
    }
  }
}

}  // namespace tessera::spectrum
