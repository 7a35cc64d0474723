#include "tessera/pipeline/rmask_mosaic.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/parallel/pool.h"

namespace tessera::pipeline {
namespace {

using outlier::Scheme;

/// The runs of a frame with any of `bits`, cut at the ends of rows.
outlier::Clusters pixels_with(const std::vector<MaskRun>& runs, outlier::SchemeBits bits, int width) {
  outlier::Clusters pixels;
  pixels.count = 1;
  for (const auto& run : runs) {
    if (!(run.bits & bits)) continue;
    for (std::int64_t p = run.start; p < run.start + run.length;) {
      const auto y = static_cast<int>(p / width), x = static_cast<int>(p % width);
      const auto length = static_cast<int>(std::min<std::int64_t>(width - x, run.start + run.length - p));
      pixels.runs.push_back({x, y, length, 1});
      p += length;
    }
  }
  return pixels;
}

/// One band of rows after the other: how often `each(frame labels)` is told of a frame's pixels.
class Bands {
 public:
  Bands(const Plan& plan, const FramePass& pass, const FrameMasks& masks) : plan_{plan}, pass_{pass}, masks_{masks} {}

  /// Frames with a pixel of any of `bits` per output pixel of row y.
  std::span<const float> count(int y, outlier::SchemeBits bits) {
    return row(y, [&](View<float> band) { add_frames(band, bits, [](float& pixel) { pixel += 1; }); });
  }
  /// OR of the bits of `schemes`.
  std::span<const float> any(int y, outlier::SchemeBits schemes) {
    return row(y, [&](View<float> band) {
      for (const auto scheme : outlier::all_schemes) {
        const int bit = bit_of(scheme);
        if (schemes & bit) add_frames(band, bit_of(scheme), [bit](float& pixel) { pixel = static_cast<float>(static_cast<int>(pixel) | bit); });
      }
    });
  }

 private:
  template <class Fill>
  std::span<const float> row(int y, Fill fill) {
    if (band_.empty() || y < band_.box().y0 || y >= band_.box().y1) {
      parallel::check_interrupt();
      band_.reset({0, y, plan_.grid.width, std::min(plan_.grid.height, y + plan_.lattice.side)});
      fill(band_.view());
    }
    return std::as_const(band_).row(y);
  }

  template <class Change>
  void add_frames(View<float> band, outlier::SchemeBits bits, Change change) {
    Image<std::int32_t> labels;
    for (std::size_t f = 0; f < plan_.frames.size(); ++f) {
      const Box part = intersection(plan_.on_grid[f], band.box());
      if (part.empty() || !pass_.frames[f].usable || masks_.of(f).empty()) continue;
      labels.reshape(part);
      outlier::project_clusters(pixels_with(masks_.of(f), bits, plan_.frames[f].width), plan_.frames[f].box(), *pass_.frames[f].frame_to_output, labels);
      for (int y = part.y0; y < part.y1; ++y)
        for (int x = part.x0; x < part.x1; ++x)
          if (labels(x, y)) change(band(x, y));
    }
  }

  const Plan& plan_;
  const FramePass& pass_;
  const FrameMasks& masks_;
  Image<float> band_;
};

}  // namespace

void write_rmask_mosaic(const Plan& plan, const FramePass& pass, const FrameMasks& masks, const outlier::RejectionOptions& asked, const Header& header,
                        io::FitsWriter::Compression compression, const std::filesystem::path& path) {
  if (compression != io::FitsWriter::Compression::none) compression = io::FitsWriter::Compression::gzip_lossless;
  io::FitsWriter writer{path};
  const auto add = [&](const std::string& name, const std::string& comment, auto row_of) {
    Header own = header;
    own.add_comment(comment);
    Bands bands{plan, pass, masks};
    writer.add_image(name, own, plan.grid.width, plan.grid.height, [&](int y, std::span<float> out) { std::ranges::copy(row_of(bands, y), out.begin()); }, compression);
  };
  std::string meaning;
  for (const auto scheme : outlier::all_schemes)
    if (asked.uses(scheme)) meaning += fmt::format("{}{} {}", meaning.empty() ? "" : ", ", static_cast<int>(bit_of(scheme)), outlier::name_of(scheme));
  add("", "sum of the values of the schemes that found an outlier in any frame: " + meaning, [&](Bands& b, int y) { return b.any(y, asked.schemes()); });
  add("FATAL", "number of frames with a rejected pixel on this one", [&](Bands& b, int y) { return b.count(y, asked.fatal()); });
  for (const auto scheme : outlier::all_schemes)
    if (asked.uses(scheme))
      add(text::upper(outlier::name_of(scheme)), fmt::format("number of frames with a pixel here that the scheme {} found", outlier::name_of(scheme)),
          [&](Bands& b, int y) { return b.count(y, bit_of(scheme)); });
  writer.close();
}

}  // namespace tessera::pipeline
