#include "tessera/reproject/area.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "tessera/reproject/area_block.h"
#include "tessera/reproject/area_edges.h"
#include "tessera/reproject/overlap_lanes.h"

namespace tessera::reproject {

namespace {

constexpr int block_width = AreaBlock::largest_width, block_height = 32;

/// Frame coordinates of the corners of some rows of output pixels.
class CornerRows {
 public:
  CornerRows(const wcs::PixelMap& map, Box out)
      : map_{map}, x0_{out.x0}, count_{static_cast<std::size_t>(out.width()) + 1}, stride_{count_ + lane_padding} {
    for (auto* at : {&u_, &v_}) {
      *at = std::make_unique_for_overwrite<double[]>(stride_ * (block_height + 1));
      for (std::size_t row = 0; row <= block_height; ++row) std::fill_n(at->get() + row * stride_ + count_, lane_padding, std::numeric_limits<double>::quiet_NaN());
    }
  }
  /// Maps the corners of rows [y0, y1), those of the row they share with the last call are kept.
  void map(int y0, int y1) {
    int y = y0;
    if (mapped_to_ == y0) {
      std::copy_n(u(y0), count_, u_.get());
      std::copy_n(v(y0), count_, v_.get());
      ++y;
    }
    y0_ = y0;
    for (; y <= y1; ++y) map_.apply_row(x0_ - 0.5, y - 0.5, {u_.get() + offset(y), count_}, {v_.get() + offset(y), count_});
    mapped_to_ = y1;
  }
  const double* u(int y) const { return u_.get() + offset(y); }
  const double* v(int y) const { return v_.get() + offset(y); }
  std::ptrdiff_t stride() const { return static_cast<std::ptrdiff_t>(stride_); }

 private:
  std::size_t offset(int y) const { return static_cast<std::size_t>(y - y0_) * stride_; }
  const wcs::PixelMap& map_;
  int x0_, y0_ = 0, mapped_to_ = std::numeric_limits<int>::min();
  std::size_t count_, stride_;
  std::unique_ptr<double[]> u_, v_;
};

/// The smallest box of pixels around points; points that are not finite do not count.
class Bounds {
 public:
  void add(const double* u, const double* v, int count) {
    for (; count >= lanes_; u += lanes_, v += lanes_, count -= lanes_) add_lanes(u, v, lanes_);
    add_lanes(u, v, count);
  }
  Box box(double margin = 0.0) const {
    const double u0 = std::ranges::min(low_u_), v0 = std::ranges::min(low_v_), u1 = std::ranges::max(high_u_), v1 = std::ranges::max(high_v_);
    if (!(u0 <= u1)) return {};
    const auto whole = [](double x) { return static_cast<int>(std::clamp(x, -5e8, 5e8)); };
    return {whole(std::floor(u0 + 0.5 - margin)), whole(std::floor(v0 + 0.5 - margin)), whole(std::ceil(u1 + 0.5 + margin)),
            whole(std::ceil(v1 + 0.5 + margin))};
  }

 private:
  static constexpr double huge = std::numeric_limits<double>::infinity();
  static constexpr int lanes_ = 8;
  using Lanes = std::array<double, lanes_>;

  TESSERA_INLINE void add_lanes(const double* u, const double* v, int count) {
    for (int k = 0; k < count; ++k) {
      const bool finite = (std::abs(u[k]) < huge) & (std::abs(v[k]) < huge);
      low_u_[k] = finite && u[k] < low_u_[k] ? u[k] : low_u_[k];
      high_u_[k] = finite && u[k] > high_u_[k] ? u[k] : high_u_[k];
      low_v_[k] = finite && v[k] < low_v_[k] ? v[k] : low_v_[k];
      high_v_[k] = finite && v[k] > high_v_[k] ? v[k] : high_v_[k];
    }
  }
  static constexpr Lanes filled(double x) {
    Lanes l{};
    l.fill(x);
    return l;
  }
  Lanes low_u_ = filled(huge), low_v_ = filled(huge), high_u_ = filled(-huge), high_v_ = filled(-huge);
};

/// Resamples block by block: from shared edges, and the pixels left there from areas in double. For these the frame pixels under a block are packed once, with zeros
/// where the frame ends.
class Resampler {
 public:
  Resampler(const FrameView& frame, const CornerRows& corners, ResampledView out)
      : frame_{frame}, corners_{corners}, out_{out}, block_kernel_{area_block_kernels().back()}, kernel_{area_kernels().back()} {}

  void resample(Box block) {
    if (!has_corner_inside(block) && intersection(under(block), frame_.box()).empty()) return clear(block);
    const int left = resample_from_edges(block);
    if (left == block.area()) return resample_large(block);
    if (left == 0) return;
    for (int y = block.y0; y < block.y1; ++y) {
      const std::uint8_t* row = left_ + (y - block.y0) * block.width();
      for (int x = block.x0, end; x < block.x1; x = end) {
        const bool is_left = row[x - block.x0];
        for (end = x + 1; end < block.x1 && (row[end - block.x0] != 0) == is_left;) ++end;
        if (is_left) resample_large({x, y, end, y + 1});
      }
    }
  }

 private:
  /// Whether one of the block's own four corners lies in the frame: the usual case, quickly told.
  bool has_corner_inside(Box block) const {
    const Box box = frame_.box();
    for (const int y : {block.y0, block.y1})
      for (const int x : {block.x0 - out_.box().x0, block.x1 - out_.box().x0}) {
        const double u = corners_.u(y)[x], v = corners_.v(y)[x];
        if (u > box.x0 && u < box.x1 - 1 && v > box.y0 && v < box.y1 - 1) return true;
      }
    return false;
  }
  /// The frame pixels under a block.
  Box under(Box block) const {
    Bounds bounds;
    for (int y = block.y0; y <= block.y1; ++y)
      bounds.add(corners_.u(y) + (block.x0 - out_.box().x0), corners_.v(y) + (block.x0 - out_.box().x0), block.width() + 1);
    return bounds.box();
  }

  int resample_from_edges(Box block) {
    const int skip = block.x0 - out_.box().x0;
    return block_kernel_.resample({corners_.u(block.y0) + skip, corners_.v(block.y0) + skip, corners_.stride(), block.width(), block.height(), &frame_,
                                   &out_.value(block.x0, block.y0), &out_.variance(block.x0, block.y0), &out_.coverage(block.x0, block.y0),
                                   out_.value.stride(), out_.variance.stride(), out_.coverage.stride(), left_});
  }

  void resample_large(Box block) {
    const Box under = this->under(block);
    if (intersection(under, frame_.box()).empty()) return clear(block);
    // Blocks whose pixels lie far apart in the frame are not worth packing; single pixels of that kind go without.
    const bool single = block.area() == 1;
    const bool fits = under.area() <= 40 * block.area() + 64;
    if (!fits && !single) {
      const bool wide = block.width() >= block.height();
      const int x = (block.x0 + block.x1) / 2, y = (block.y0 + block.y1) / 2;
      resample_large(wide ? Box{block.x0, block.y0, x, block.y1} : Box{block.x0, block.y0, block.x1, y});
      resample_large(wide ? Box{x, block.y0, block.x1, block.y1} : Box{block.x0, y, block.x1, block.y1});
      return;
    }
    if (fits) pack(under);
    for (int y = block.y0; y < block.y1; ++y) resample_row(block, y);
  }

  void clear(Box block) {
    for (int y = block.y0; y < block.y1; ++y)
      for (const auto& plane : {out_.value, out_.variance, out_.coverage}) std::fill_n(&plane(block.x0, y), block.width(), 0.0f);
  }

  void resample_row(Box block, int y) {
    const int skip = block.x0 - out_.box().x0;
    AreaRow row;
    row.u_below = corners_.u(y) + skip;
    row.v_below = corners_.v(y) + skip;
    row.u_above = corners_.u(y + 1) + skip;
    row.v_above = corners_.v(y + 1) + skip;
    row.count = block.width();
    row.packed = packed_.data();
    row.packed_x0 = packed_box_.x0;
    row.packed_y0 = packed_box_.y0;
    row.packed_stride = packed_box_.width();
    row.value = &out_.value(block.x0, y);
    row.variance = &out_.variance(block.x0, y);
    row.coverage = &out_.coverage(block.x0, y);
    row.frame = &frame_;
    row.table = &table_;
    kernel_.resample(row);
  }

  // The kernel reads largest_span cells from any pixel's first, so the block is wider by as much.
  void pack(Box under) {
    packed_box_ = {under.x0, under.y0, under.x1 + lanes::largest_span, under.y1 + lanes::largest_span};
    const auto needed = static_cast<std::size_t>(packed_box_.area());
    if (packed_.size() < needed) packed_.resize(needed);
    const Box inside = intersection(packed_box_, frame_.box());
    PackedPixel* to = packed_.data();
    for (int y = packed_box_.y0; y < packed_box_.y1; ++y, to += packed_box_.width()) {
      if (y < inside.y0 || y >= inside.y1) {
        std::fill_n(to, packed_box_.width(), PackedPixel{});
        continue;
      }
      std::fill(to, to + (inside.x0 - packed_box_.x0), PackedPixel{});
      std::fill(to + (inside.x1 - packed_box_.x0), to + packed_box_.width(), PackedPixel{});
      pack_row(to + (inside.x0 - packed_box_.x0), inside, y);
    }
  }

  void pack_row(PackedPixel* to, Box inside, int y) const {
    const float* value = &frame_.value(inside.x0, y);
    const float* variance = &frame_.variance(inside.x0, y);
    const std::uint8_t* good = &frame_.good(inside.x0, y);
    for (int x = 0; x < inside.width(); ++x) to[x] = {static_cast<double>(value[x]), good[x] ? 1.0 : 0.0, static_cast<double>(variance[x])};
  }

  const FrameView& frame_;
  const CornerRows& corners_;
  ResampledView out_;
  const AreaBlockKernel& block_kernel_;
  const AreaKernel& kernel_;
  std::uint8_t left_[block_width * block_height];
  Box packed_box_;
  std::vector<PackedPixel> packed_;
  geometry::OverlapTable table_;
};

}  // namespace

void area_overlap(const FrameView& frame, const wcs::PixelMap& output_to_frame, ResampledView out) {
  const Box box = out.box();
  if (box.empty()) return;
  CornerRows corners{output_to_frame, box};
  Resampler resampler{frame, corners, out};
  for (int y = box.y0; y < box.y1; y += block_height) {
    const int y1 = std::min(y + block_height, box.y1);
    corners.map(y, y1);
    for (int x = box.x0; x < box.x1; x += block_width) resampler.resample({x, y, std::min(x + block_width, box.x1), y1});
  }
}

Box needed_window(const wcs::PixelMap& output_to_frame, Box out_box, Box frame_box) {
  if (out_box.empty()) return {};
  // A lattice over the box with its borders. Between nodes a smooth map can reach beyond them by an eighth of its second
  // difference, which the lattice itself shows.
  constexpr int step = 16;
  const auto nodes = [](int from, int to) {
    std::vector<double> at;
    for (int k = from; k < to; k += step) at.push_back(k - 0.5);
    at.push_back(to - 0.5);
    return at;
  };
  const std::vector<double> xs = nodes(out_box.x0, out_box.x1), ys = nodes(out_box.y0, out_box.y1);
  std::vector<double> x, y;
  for (const double yy : ys)
    for (const double xx : xs) {
      x.push_back(xx);
      y.push_back(yy);
    }
  std::vector<double> u(x.size()), v(x.size());
  output_to_frame.apply(x, y, u, v);
  Bounds bounds;
  bounds.add(u.data(), v.data(), static_cast<int>(u.size()));
  double bend = 0;
  const auto curve = [&](std::size_t k, std::size_t neighbour) {
    for (const auto* w : {&u, &v}) {
      const double second = std::abs((*w)[k - neighbour] - 2 * (*w)[k] + (*w)[k + neighbour]);
      if (second < 1e6) bend = std::max(bend, second);
    }
  };
  for (std::size_t j = 0; j < ys.size(); ++j)
    for (std::size_t i = 0; i < xs.size(); ++i) {
      const std::size_t k = j * xs.size() + i;
      if (i > 0 && i + 1 < xs.size()) curve(k, 1);
      if (j > 0 && j + 1 < ys.size()) curve(k, xs.size());
    }
  const Box needed = intersection(bounds.box(1.0 + bend / 4), frame_box);  // both directions bend: twice an eighth
  return needed.empty() ? Box{} : needed;
}

}  // namespace tessera::reproject
