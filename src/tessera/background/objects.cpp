#include "tessera/background/objects.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "tessera/background/significance.h"
#include "tessera/background/sky_mesh_private.h"
#include "tessera/base/clones.h"

namespace tessera::background {
namespace {

/// 1 where a good value differs from the sky by more than its limit in variances.
TESSERA_CLONES void mark_excess(const FrameView& frame, int y, const float* __restrict sky, float limit, std::uint8_t* __restrict out) {
  const float* __restrict value = frame.value.row(y).data();
  const float* __restrict variance = frame.variance.row(y).data();
  const std::uint8_t* __restrict good = frame.good.row(y).data();
  for (int x = 0; x < frame.box().width(); ++x) {
    const float excess = value[x] - sky[x];
    out[x] = static_cast<std::uint8_t>((excess * excess > limit * variance[x]) & (good[x] != 0));
  }
}

/// The sky row by row; the mesh needs no image of it.
class SkyRows {
 public:
  SkyRows(const FrameView& frame, const FrameSkyOptions& options) {
    if (options.method == SkyMethod::mesh) mesh_.emplace(frame);
    else sky_ = frame_sky(frame, options);
  }
  void row(int y, std::vector<float>& out) const {
    if (mesh_) return mesh_->row(y, out);
    const auto row = sky_.row(y);
    out.assign(row.begin(), row.end());
  }

 private:
  std::optional<SkyMesh> mesh_;
  Image<float> sky_;
};

/// Every pixel that touches a marked one, corners too, becomes marked.
void grow_by_one(Image<std::uint8_t>& mask) {
  const Box box = mask.box();
  const auto width = static_cast<std::size_t>(box.width());
  std::vector<std::uint8_t> below(width), here(width), above(width);  // rows grown sideways
  const auto widen = [&](int y, std::vector<std::uint8_t>& out) {
    if (y >= box.y1) return std::fill(out.begin(), out.end(), std::uint8_t{0});
    const auto in = mask.row(y);
    for (std::size_t x = 1; x + 1 < width; ++x) out[x] = in[x - 1] | in[x] | in[x + 1];
    out[0] = in[0] | in[width > 1 ? 1 : 0];
    out[width - 1] = in[width - 1] | in[width > 1 ? width - 2 : 0];
  };
  widen(box.y0, here);
  for (int y = box.y0; y < box.y1; ++y) {
    widen(y + 1, above);
    const auto out = mask.row(y);
    for (std::size_t x = 0; x < width; ++x) out[x] = below[x] | here[x] | above[x];
    below.swap(here);
    here.swap(above);
  }
}

/// Pixels of the view's rows that differ from the sky, not grown.
template <class Sky>
void mark(const FrameView& rows, const Sky& sky, float limit, Image<std::uint8_t>& mask) {
  std::vector<float> background;
  for (int y = rows.box().y0; y < rows.box().y1; ++y) {
    sky.row(y, background);
    mark_excess(rows, y, background.data(), limit, mask.row(y).data());
  }
}

float limit_of(double noise_scale, const BackgroundOptions& options) {
  const double scale = std::isfinite(noise_scale) && noise_scale > 0 ? noise_scale : 1.0;
  return static_cast<float>(options.object_threshold * options.object_threshold * scale * scale);
}

}  // namespace

Image<std::uint8_t> mask_objects(const FrameView& frame, double noise_scale, const BackgroundOptions& options, const FrameSkyOptions& sky) {
  auto mask = Image<std::uint8_t>::unfilled(frame.box());
  if (frame.box().empty()) return mask;
  mark(frame, SkyRows{frame, sky}, limit_of(noise_scale, options), mask);
  grow_by_one(mask);
  return mask;
}

struct ObjectFinder::Impl {
  Box frame;
  float limit;
  SkyMesh sky;
};

ObjectFinder::ObjectFinder(Box frame, double noise_scale, const BackgroundOptions& options, const FrameRows& rows)
    : impl_{new Impl{frame, limit_of(noise_scale, options), SkyMesh{frame, rows}}} {}
ObjectFinder::~ObjectFinder() = default;

Image<std::uint8_t> ObjectFinder::mask(int y0, int y1, const FrameRows& rows) const {
  const int low = std::max(impl_->frame.y0, y0 - 1), high = std::min(impl_->frame.y1, y1 + 1);
  const FrameView around = rows(low, high);
  auto marked = Image<std::uint8_t>::unfilled(around.box());
  mark(around, impl_->sky, impl_->limit, marked);
  grow_by_one(marked);
  Image<std::uint8_t> mask{Box{around.box().x0, y0, around.box().x1, y1}};
  for (int y = y0; y < y1; ++y) std::ranges::copy(std::as_const(marked).row(y), mask.row(y).begin());
  return mask;
}

Image<float> significance(const FrameView& frame, double noise_scale, const FrameSkyOptions& sky) {
  const Box box = frame.box();
  Image<float> result{box};
  if (box.empty()) return result;
  const auto scale = static_cast<float>(std::isfinite(noise_scale) && noise_scale > 0 ? noise_scale : 1.0);
  const SkyRows rows{frame, sky};
  std::vector<float> background;
  for (int y = box.y0; y < box.y1; ++y) {
    rows.row(y, background);
    const auto value = frame.value.row(y), variance = frame.variance.row(y);
    const auto good = frame.good.row(y);
    const auto out = result.row(y);
    for (std::size_t x = 0; x < out.size(); ++x)
      if (good[x]) out[x] = (value[x] - background[x]) / (scale * std::sqrt(variance[x]));
  }
  return result;
}

}  // namespace tessera::background
