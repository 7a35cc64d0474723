#include "tessera/io/stored_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tessera/base/error.h"
#include "tessera/io/fits_pixels.h"

namespace tessera::io {
namespace {

bool is_plain(const detail::HduLayout& hdu, const std::string& where) {
  const auto& axes = hdu.info.axes;
  if (hdu.info.kind != HduInfo::Kind::image || hdu.info.compressed || hdu.random_groups || axes.size() < 2) return false;
  if (!std::all_of(axes.begin() + 2, axes.end(), [](std::int64_t n) { return n == 1; })) return false;
  return !detail::scaling_of(hdu, where).blank;
}

}  // namespace

struct StoredImage::Impl {
  std::string where;
  detail::ByteSource source;
  detail::HduLayout layout;
  bool plain = false;
  detail::Scaling scaling;
  detail::PlaneShape shape;
  std::vector<std::byte> buffer;

  Impl(const std::filesystem::path& path, int hdu) : where{path.string()}, source{path} {
    auto all = detail::read_layout(source, where);
    if (hdu < 0 || hdu >= static_cast<int>(all.size())) throw DataError{fmt::format("{}: has no HDU {} (there are {}, counted from 0)", where, hdu, all.size())};
    layout = std::move(all[static_cast<std::size_t>(hdu)]);
    plain = is_plain(layout, where);
    if (!plain) return;
    scaling = detail::scaling_of(layout, where);
    shape = detail::plane_shape(layout, where);
  }
};

StoredImage::StoredImage(const std::filesystem::path& path, int hdu) : impl_{std::make_unique<Impl>(path, hdu)} {}
StoredImage::~StoredImage() = default;
StoredImage::StoredImage(StoredImage&&) noexcept = default;
StoredImage& StoredImage::operator=(StoredImage&&) noexcept = default;

bool StoredImage::plain() const { return impl_->plain; }
int StoredImage::bitpix() const { return impl_->layout.info.bitpix; }
double StoredImage::scale() const { return impl_->scaling.scale; }
double StoredImage::zero() const { return impl_->scaling.zero; }
int StoredImage::width() const { return impl_->shape.width; }
int StoredImage::height() const { return impl_->shape.height; }

const std::byte* StoredImage::rows(int y0, int y1) {
  if (!impl_->plain || y0 < 0 || y0 > y1 || y1 > impl_->shape.height)
    throw DataError{fmt::format("{}: rows {} to {} are not in the image of {} rows", detail::hdu_name(impl_->where, impl_->layout), y0, y1, impl_->shape.height)};
  const std::int64_t row = static_cast<std::int64_t>(std::abs(bitpix()) / 8) * impl_->shape.width;
  return impl_->source.at(impl_->layout.data_offset + row * y0, static_cast<std::size_t>(row * (y1 - y0)), impl_->buffer);
}

}  // namespace tessera::io
