/// core/image.h — pixels in memory: an Image owns them, a View looks; neither knows of files or sky.
#pragma once
#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/core/box.h"

namespace tessera {

/// A window on rows of T. (x, y) are coordinates of the whole image the window was cut from, so code
/// written for a mosaic works unchanged on one tile of it and never adds an offset.
template <class T>
class View {
 public:
  View() = default;
  View(T* first, Box box, std::ptrdiff_t stride) : first_{first}, box_{box}, stride_{stride} {}
  Box box() const { return box_; }
  std::ptrdiff_t stride() const { return stride_; }
  /// Pixels [box().x0, box().x1) of row y.
  std::span<T> row(int y) const {
    assert(y >= box_.y0 && y < box_.y1);
    return {first_ + (y - box_.y0) * stride_, static_cast<std::size_t>(box_.width())};
  }
  T& operator()(int x, int y) const {
    assert(box_.contains(x, y));
    return first_[(y - box_.y0) * stride_ + (x - box_.x0)];
  }
  /// Throws UsageError unless `part` lies inside box().
  View window(Box part) const {
    if (!box_.contains(part)) throw UsageError{"window outside the image it is cut from"};
    return {first_ + (part.y0 - box_.y0) * stride_ + (part.x0 - box_.x0), part, stride_};
  }
  operator View<const T>() const
    requires(!std::is_const_v<T>)
  {
    return {first_, box_, stride_};
  }

 private:
  T* first_ = nullptr;
  Box box_;
  std::ptrdiff_t stride_ = 0;  // in elements
};

/// Leaves what a vector adds without a value undefined: filling planes that are about to be written costs as much as writing them.
template <class T>
struct Unfilled : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = Unfilled<U>;
  };
  template <class U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Values>
  void construct(U* at, Values&&... values) {
    ::new (static_cast<void*>(at)) U(std::forward<Values>(values)...);
  }
};

/// Owner of pixels, value-initialised or filled: cheap to move, copied only by copy().
template <class T>
class Image {
 public:
  Image() = default;
  explicit Image(Box box, T fill = T{}) : box_{box}, pixels_(static_cast<std::size_t>(box.area()), fill) {}
  Image(int width, int height, T fill = T{}) : Image{Box{0, 0, width, height}, fill} {}
  Image(Image&&) noexcept = default;
  Image& operator=(Image&&) noexcept = default;
  Image copy() const {
    Image other;
    other.box_ = box_;
    other.pixels_ = pixels_;
    return other;
  }
  Box box() const { return box_; }
  bool empty() const { return pixels_.empty(); }
  View<T> view() { return {pixels_.data(), box_, box_.width()}; }
  View<const T> view() const { return {pixels_.data(), box_, box_.width()}; }
  operator View<T>() { return view(); }
  operator View<const T>() const { return view(); }
  std::span<T> row(int y) { return view().row(y); }
  std::span<const T> row(int y) const { return view().row(y); }
  T& operator()(int x, int y) { return view()(x, y); }
  const T& operator()(int x, int y) const { return view()(x, y); }
  std::span<T> pixels() { return pixels_; }
  std::span<const T> pixels() const { return pixels_; }
  /// Takes a new box and leaves the pixels undefined: for those who write every one.
  void reshape(Box box) {
    const auto pixels = static_cast<std::size_t>(box.area());
    if (pixels > pixels_.capacity()) pixels_.clear();  // nothing of them need be moved
    box_ = box;
    pixels_.resize(pixels);
  }
  /// An image whose pixels are undefined.
  static Image unfilled(Box box) {
    Image image;
    image.reshape(box);
    return image;
  }
  /// Takes a new box without giving memory back, so that a loop over tiles allocates once.
  void reset(Box box, T fill = T{}) {
    box_ = box;
    pixels_.assign(static_cast<std::size_t>(box.area()), fill);
  }

 private:
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  Box box_;
  std::vector<T, Unfilled<T>> pixels_;
};

}  // namespace tessera
