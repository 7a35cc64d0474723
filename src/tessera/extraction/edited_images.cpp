#include "tessera/extraction/edited_images.h"

#include "tessera/run/context.h"

#include <algorithm>
#include <memory>

namespace tessera::extraction {
namespace {

constexpr int band_rows = 64;

/// The model of one image, made band by band as rows are asked for in order.
class ModelRows {
 public:
  ModelRows(const joint_fit::FitImage& image, std::size_t number, const joint_fit::SourceLists& sources) : image_{image}, number_{number}, sources_{sources} {}
  std::span<const float> row(int y) {
    if (band_.empty() || y < band_.box().y0 || y >= band_.box().y1) {
      const Box box = image_.box();
      const int y0 = box.y0 + (y - box.y0) / band_rows * band_rows;
      band_.reset({box.x0, y0, box.x1, std::min(box.y1, y0 + band_rows)});
      sources_.add_to(image_, number_, band_);
    }
    return std::as_const(band_).row(y);
  }

 private:
  const joint_fit::FitImage& image_;
  std::size_t number_;
  const joint_fit::SourceLists& sources_;
  Image<float> band_;
};

}  // namespace

std::vector<std::string> write_with_sources(std::span<const joint_fit::FitImage> images, const joint_fit::SourceLists& sources, double sign, const run::EditedFrames& what, run::OutputFolder& folder,
                        std::vector<run::ProductRecord>& products, run::Context& context, EditedPixels pixels) {
  std::vector<instrument::FrameFile> files;
  for (const auto& image : images) files.push_back(*image.file);
  const auto edit = [&](std::size_t k) {
    io::ImageEdit e;
    e.hdu = files[k].image.hdu;
    e.change = [rows = std::make_shared<ModelRows>(images[k], k, sources), &file = files[k], sign, kept = pixels == EditedPixels::kept](int y, std::span<float> row) {
      const auto factor = instrument::unit_factors(file, y);
      const auto model = rows->row(y);
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>((kept ? static_cast<double>(row[i]) : 0.0) + sign * static_cast<double>(model[i]) / factor[i]);
    };
    return e;
  };
  return run::write_edited_frames(files, what, edit, folder, products, context);
}

}  // namespace tessera::extraction
