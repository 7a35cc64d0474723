// Interp/interp_NAME.fits and companions: each frame on its part of the grid, as it goes into the coadd. MOPEX guide 5.6.8.

#include <algorithm>
#include <cmath>

#include "tessera/base/files.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/pipeline/tile_pass.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {
namespace {

constexpr int block_rows = 64;
constexpr std::int64_t band_bytes_per_pixel = 3 * sizeof(float);

/// One frame in bands of rows, as many as a share of the memory ceiling holds: usually all, so that the planes are made at once.
class InterpolatedFrame {
 public:
  InterpolatedFrame(const Finished& m, std::size_t frame, Box place, run::Context& context) : m_{m}, frame_{frame}, place_{place}, context_{context} {
    const std::int64_t share = context.memory_bytes() / 8, row = band_bytes_per_pixel * place.width();
    rows_ = static_cast<int>(std::clamp<std::int64_t>(share / row, 1, place.height()));
  }
  /// The band that holds row y.
  const ResampledView& band(int y) {
    if (view_.value.box().empty() || y < view_.box().y0 || y >= view_.box().y1) make({place_.x0, y, place_.x1, std::min(place_.y1, y + rows_)});
    return view_;
  }

 private:
  void make(Box band) {
    band_.reset(band);
    view_ = band_.view();
    context_.pool().for_each((band.height() + block_rows - 1) / block_rows, [&](std::int64_t i) {
      const int y = band.y0 + static_cast<int>(i) * block_rows;
      make_block({band.x0, y, band.x1, std::min(band.y1, y + block_rows)});
    });
  }
  void make_block(Box block) {
    const auto& state = m_.pass.frames[frame_];
    const Box whole = m_.plan.frames[frame_].box();
    const Box needed = reproject::window_to_resample(*state.output_to_frame, block, whole, m_.options.interpolation);
    if (needed.empty()) return;
    Frame window_pixels;
    m_.cache.window(frame_, needed, window_pixels);
    m_.masks.drop(frame_, whole.width(), m_.options.rejection.fatal(), window_pixels);
    const auto part = window(view_, block);
    reproject::resample(window_pixels.view(), {*state.output_to_frame, *state.frame_to_output}, m_.options.interpolation, part);
    calibrate(m_.plan, m_.pass, static_cast<int>(frame_), part);
  }

  const Finished& m_;
  std::size_t frame_;
  Box place_;
  run::Context& context_;
  int rows_ = 1;
  Resampled band_;
  ResampledView view_;
};

Header header_of(const Finished& m, Box place, const char* title, bool has_unit) {
  Header header = m.plan.grid.header();
  for (const char* key : {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"}) header.remove(key);
  header.set("CRPIX1", m.plan.grid.crpix1 - place.x0);
  header.set("CRPIX2", m.plan.grid.crpix2 - place.y0);
  header.set("MINTOFFX", static_cast<std::int64_t>(place.x0), "[pixel] first column's offset in the mosaic");
  header.set("MINTOFFY", static_cast<std::int64_t>(place.y0), "[pixel] first row's offset in the mosaic");
  if (has_unit && !m.plan.unit.empty()) header.set("BUNIT", m.plan.unit, title);
  header.add_comment(title);
  return header;
}

struct Names {
  std::string value, coverage, uncertainty;
};

/// interp_NAME.fits, interp_NAME_covg.fits, interp_unc_NAME.fits from Interp/NAME_covg.fits.
Names names_of(const std::string& covg) {
  const auto file = covg.substr(covg.find('/') + 1);
  const auto name = file.substr(0, file.rfind("_covg"));
  return {"Interp/interp_" + name + ".fits", "Interp/interp_" + file, "Interp/interp_unc_" + name + ".fits"};
}

template <class Pixel>
run::ProductRecord write_plane(const std::string& name, const Header& header, Box place, InterpolatedFrame& frame, run::OutputFolder& folder, Pixel pixel) {
  const auto path = folder.product(name);
  io::FitsWriter writer{path};
  writer.add_image("", header, place.width(), place.height(), [&](int row, std::span<float> out) {
    const int y = place.y0 + row;
    const auto& band = frame.band(y);
    const auto value = band.value.row(y), variance = band.variance.row(y), coverage = band.coverage.row(y);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = pixel(value[i], variance[i], coverage[i]);
  });
  writer.close();
  return {name, run::datasums(path)};
}

}  // namespace

std::vector<run::ProductRecord> write_interpolated(const Finished& m, run::OutputFolder& folder, run::Context& context) {
  const auto names = product_names(m.plan, "Interp", "covg");
  std::vector<run::ProductRecord> records;
  std::vector<std::int32_t> id, nx, ny, x0, y0;
  std::vector<std::string> listed;
  context.stage("writing interpolated frames", static_cast<std::int64_t>(names.size()));
  for (std::size_t f = 0; f < names.size(); ++f) {
    parallel::check_interrupt();
    context.step();
    const Box place = OutlierMaps::place(m.plan, f);
    if (!m.pass.frames[f].usable || place.empty()) continue;
    const auto name = names_of(names[f]);
    InterpolatedFrame frame{m, f, place, context};
    const auto write = [&](const std::string& file, const char* title, bool has_unit, auto pixel) {
      records.push_back(write_plane(file, header_of(m, place, title, has_unit), place, frame, folder, pixel));
    };
    write(name.value, "the frame as it is coadded", true, [](float value, float, float coverage) { return coverage > 0 ? value : NAN; });
    write(name.coverage, "fraction of the pixel that good frame pixels cover", false, [](float, float, float coverage) { return coverage; });
    write(name.uncertainty, "1-sigma uncertainty", true, [](float, float variance, float coverage) { return coverage > 0 ? std::sqrt(variance) : NAN; });
    id.push_back(static_cast<std::int32_t>(f + 1)), nx.push_back(place.width()), ny.push_back(place.height()), x0.push_back(place.x0), y0.push_back(place.y0);
    listed.push_back(name.value.substr(name.value.find('/') + 1));
  }
  Table t;
  t.name = "interp_ImageList";
  t.comments = {"The interpolated frames: sizes, and the offset of their first pixel in the mosaic."};
  t.add("Image_id", id, "", "number of the frame in header_list.tbl");
  t.add("NAXIS1", nx, "pixel");
  t.add("NAXIS2", ny, "pixel");
  t.add("MINTOFFX", x0, "pixel");
  t.add("MINTOFFY", y0, "pixel");
  t.add("filename", listed);
  const std::string table = "Interp/interp_ImageList.txt.tbl";
  io::write_table(t, folder.product(table), io::TableFormat::ipac);
  records.push_back({table, files::sha256_file(folder.product(table))});
  return records;
}

}  // namespace tessera::pipeline
