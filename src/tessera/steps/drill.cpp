// tessera drill: a quick spectrum through a cube.
#include "tessera/cube/drill.h"

#include <fmt/format.h>

#include <filesystem>

#include "tessera/base/files.h"
#include "tessera/io/tables.h"
#include "tessera/picture/spectrum_plot.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

/// Where results go, settled before anything is read.
struct Places {
  fs::path table, picture;
  io::TableFormat format = io::TableFormat::fits;
};

Places places(const run::RunOptions& run, bool picture) {
  if (run.output.empty()) throw UsageError{"no table named for the spectrum; add -o OUT.fits (or .tbl, .xml, .ecsv, .parquet)"};
  Places p{run.output, {}, {}};
  const auto format = io::format_of(p.table);
  if (!format) throw UsageError{fmt::format("{}: no suffix of a table; give a name that ends in .fits, .tbl, .xml, .ecsv or .parquet", p.table.string())};
  p.format = *format;
  if (picture) p.picture = fs::path{p.table}.replace_extension(".png");
  for (const auto& path : {p.table, p.picture}) {
    if (files::is_folder(path)) throw UsageError{fmt::format("{}: is a folder, the name of a file was expected", path.string())};
    if (!path.empty() && files::exists(path) && !run.overwrite) throw UsageError{fmt::format("{}: exists; say --overwrite to replace it", path.string())};
  }
  return p;
}

picture::SpectrumPlot plot_of(const cube::CubeFile& cube, const std::vector<cube::DrillPoint>& points) {
  picture::SpectrumPlot plot;
  plot.title = fmt::format("{}: quick spectrum", cube.path().filename().string() == "cube.fits" ? cube.path().parent_path().filename().string() : cube.path().stem().string());
  plot.x_label = "wavelength, µm", plot.y_label = "flux density, µJy";
  for (std::size_t i = 0; i < points.size(); ++i) {
    plot.x.push_back(cube.planes()[i].wavelength_um), plot.x_half.push_back(cube.planes()[i].bandwidth_um / 2);
    plot.y.push_back(points[i].flux_ujy), plot.y_err.push_back(points[i].flux_err_ujy);
    plot.marked.push_back(points[i].flags & ((1u << 1) | (1u << 19)) ? 1 : 0);  // OVERFLOW, OUTLIER
  }
  return plot;
}

class Drill : public Step {
 public:
  std::string_view name() const override { return "drill"; }
  std::string_view summary() const override { return "Take a quick spectrum through a spectral cube."; }
  std::string_view description() const override {
    return "Sums the planes of a cube over a pixel, a circle or a polygon, with exact parts of pixels, and writes flux, surface brightness, errors, hits and flags for each plane as a table, in the format of its suffix "
           "(.fits, .tbl, .xml, .ecsv, .parquet), with a PNG beside it. It reads what tessera cube writes and the cubes of the mission's mosaic tool.\n"
           "This is for looking: it knows no point response and separates no neighbours.";
  }
  std::string_view inputs() const override { return "CUBE"; }
  std::string_view example() const override { return "tessera drill m101 --circle 210.8023,54.3489,20s --background 40s,80s -o nucleus.fits"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options.add("drill", "Where the spectrum is taken", options_); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (inputs.size() != 1) throw UsageError{fmt::format("drill takes one cube; {} were given", inputs.size())};
    const auto out = places(run, options_.picture);
    const cube::CubeFile cube{inputs.front()};
    const auto region = cube::drill_region(cube, options_);
    const auto ring = cube::background_ring(cube, region, options_);
    if (run.dry_run) return run::Outcome::done;
    if (region.cut) context.caveat("cut-region", "part of the region lies off the cube: nothing is measured unless drill.min_coverage is 0");
    if (!cube.has_variance()) context.caveat("no-variance", "the cube has no VARIANCE: no errors");
    else if (cube::neighbour_correlation(cube) == 0) context.caveat("correlation", "the cube was not made by area overlap: errors leave out that neighbouring pixels are correlated");
    std::vector<cube::DrillPoint> points;
    context.stage("drilling", static_cast<std::int64_t>(cube.planes().size()));
    for (std::size_t i = 0; i < cube.planes().size(); ++i) {
      parallel::check_interrupt();
      points.push_back(cube::drill_plane(cube, static_cast<int>(i), region, &ring, options_.min_coverage));
      context.step();
    }
    io::write_table(cube::drill_table(cube, points), out.table, out.format);
    if (options_.picture) picture::write_spectrum_png(plot_of(cube, points), out.picture);
    const auto measured = std::ranges::count_if(points, [](const auto& p) { return std::isfinite(p.flux_ujy); });
    context.log(run::Level::info, fmt::format("{}: {} of {} planes", out.table.string(), measured, points.size()));
    return measured ? run::Outcome::done : run::Outcome::nothing_to_do;
  }

 private:
  cube::DrillOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_drill() { return std::make_unique<Drill>(); }

}  // namespace tessera::steps
