#include "tessera/photometry/psf_fit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "tessera/base/error.h"
#include "tessera/fit/gram.h"
#include "tessera/photometry/fit_sums.h"

namespace tessera::photometry {
namespace {

/// Small patches of forced fits: every stamp is the whole box, plane after plane in the order of the entries, and the sums run over all of it.
bool is_dense(const Box& box, bool positions) { return !positions && box.area() <= 512; }

Box window_about(double x, double y, int side_x, int side_y) {
  const int cx = static_cast<int>(std::lround(x)), cy = static_cast<int>(std::lround(y)), half_x = side_x / 2, half_y = side_y / 2;
  return {cx - half_x, cy - half_y, cx + half_x + 1, cy + half_y + 1};
}

int whole_vectors(int pixels) { return (pixels + fit_lanes - 1) / fit_lanes * fit_lanes; }

/// A stamp grown to whole vectors of its patch; to its full width where that is one vector more at most, so that rows join to one run.
Box in_vectors(Box stamp, const Box& patch) {
  if (stamp.empty()) return {patch.x0, patch.y0, patch.x0, patch.y0};
  if (patch.width() <= 2 * fit_lanes) return {patch.x0, stamp.y0, patch.x1, stamp.y1};
  stamp.x0 = patch.x0 + (stamp.x0 - patch.x0) / fit_lanes * fit_lanes;
  stamp.x1 = patch.x0 + whole_vectors(stamp.x1 - patch.x0);
  return stamp;
}

bool near(double x, double y) { return std::abs(x) < 1e8 && std::abs(y) < 1e8; }

}  // namespace

PsfFit::PsfFit(std::span<const FitFrame> frames, const PsfFitOptions& options) : frames_{frames}, options_{options} {
  if (options_.window < 3 || options_.window % 2 == 0) throw UsageError{"the window of a fit has an odd number of at least 3 pixels a side"};
  for (const FitFrame& f : frames)
    if (!f.psf) throw UsageError{"a frame without a point response cannot be fitted"};
  per_source_ = options_.positions ? 3 : 1;
}

bool PsfFit::gather(std::span<const FitSource> sources, std::vector<FittedSource>& out) {
  out.assign(sources.size(), {});
  entries_.clear();
  patches_.clear();
  member_of_.assign(sources.size(), -1);
  members_ = 0;
  for (std::size_t s = 0; s < sources.size(); ++s)
    for (const Sight& sight : sources[s].sights) {
      const FitFrame& frame = frames_[static_cast<std::size_t>(sight.frame)];
      if (!near(sight.x, sight.y) || !(sight.scale != 0) || !std::isfinite(sight.scale)) continue;
      const Box window = window_about(sight.x, sight.y, sources[s].window_x > 0 ? sources[s].window_x : options_.window, sources[s].window_y > 0 ? sources[s].window_y : options_.window);
      out[s].bad_pixels += static_cast<int>(window.area());
      if (intersection(window, frame.pixels.box()).empty()) continue;
      Entry e;
      e.sight = &sight;
      e.source = static_cast<int>(s);
      e.window = intersection(window, frame.pixels.box());
      entries_.push_back(e);
    }
  const auto by_frame = [](const Entry& a, const Entry& b) { return a.sight->frame < b.sight->frame; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), by_frame)) std::stable_sort(entries_.begin(), entries_.end(), by_frame);
  std::size_t pixels = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (patches_.empty() || patches_.back().frame != entries_[i].sight->frame) {
      patches_.push_back({});
      patches_.back().frame = entries_[i].sight->frame;
      patches_.back().begin = i;
    }
    patches_.back().box = hull(patches_.back().box, entries_[i].window);
    patches_.back().end = i + 1;
    entries_[i].patch = static_cast<int>(patches_.size()) - 1;
  }
  for (Patch& patch : patches_) patch.box.x1 = patch.box.x0 + whole_vectors(patch.box.width());  // the pixels added have weight 0
  for (Patch& patch : patches_) {
    patch.first = pixels;
    pixels += length_of(patch.box);
  }
  value_.resize(pixels + beyond);
  weight_.resize(pixels + beyond);
  residual_.resize(pixels + beyond);
  for (Patch& patch : patches_) gather_patch(patch, out);
  // Entries of sources without a single good pixel are no part of the sums, nor are those whose pixels alone count.
  for (std::size_t s = 0; s < sources.size(); ++s)
    if (out[s].pixels > 0 && !sources[s].pixels_alone) member_of_[s] = static_cast<int>(members_++);
  blended_.resize(std::max(blended_.size(), entries_.size()));
  std::size_t planes = 0;
  for (Patch& patch : patches_) {
    const FitFrame& frame = frames_[static_cast<std::size_t>(patch.frame)];
    const std::span<Entry> entries{entries_.data() + patch.begin, patch.end - patch.begin};
    const bool dense = is_dense(patch.box, options_.positions);
    // Neighbours in y share pixels: their products are summed together.
    if (dense) std::ranges::sort(entries, {}, [](const Entry& e) { return std::tuple{e.sight->y, e.sight->x, e.source}; });
    for (Entry& e : entries) {
      e.member = member_of_[static_cast<std::size_t>(e.source)];
      if (e.member < 0) continue;
      const Sight& t = *e.sight;
      e.response = &frame.psf->at(t.x + frame.psf_x0, t.y + frame.psf_y0, blended_[static_cast<std::size_t>(&e - entries_.data())]);
      e.first = planes;
      if (dense) {
        e.stamp = patch.box;
        planes += length_of(patch.box);
      } else {
        const double shift = options_.positions ? std::max(options_.shift_limit(0), options_.shift_limit(1)) * std::max(std::abs(t.x_u) + std::abs(t.x_v), std::abs(t.y_u) + std::abs(t.y_v)) : 0;
        e.stamp = in_vectors(intersection(patch.box, e.response->footprint(t.x, t.y).grown(static_cast<int>(std::ceil(std::min(shift, 1e4))))), patch.box);
        planes += (options_.positions ? 3 : 1) * e.area();
      }
    }
    if (dense) planes += 2 * length_of(patch.box);  // for a background of one, and the values
  }
  response_.resize(planes + beyond);
  return members_ > 0;
}

void PsfFit::gather_patch(Patch& patch, std::vector<FittedSource>& out) {
  const FrameView& from = frames_[static_cast<std::size_t>(patch.frame)].pixels;
  const auto width = static_cast<std::size_t>(patch.box.width()), area = static_cast<std::size_t>(patch.box.area()), length = length_of(patch.box);
  const bool alone = patch.end - patch.begin == 1;
  float* const value = value_.data() + patch.first;
  float* const weight = weight_.data() + patch.first;
  // All pixels' weights, of which each source's window takes its own.
  float* const all = alone ? weight : residual_.data() + patch.first;
  const Box inside = intersection(patch.box, from.box());
  take_pixels({&from.value(inside.x0, inside.y0), &from.variance(inside.x0, inside.y0), &from.good(inside.x0, inside.y0), from.value.stride(), from.variance.stride(), from.good.stride()},
              static_cast<std::size_t>(inside.width()), static_cast<std::size_t>(inside.height()), value, all, width);
  std::fill(value + area, value + length, 0.0F);
  std::fill(weight + (alone ? area : 0), weight + length, 0.0F);
  std::fill(residual_.data() + patch.first + area, residual_.data() + patch.first + length, 0.0F);
  for (std::size_t i = patch.begin; i < patch.end; ++i) {
    FittedSource& source = out[static_cast<std::size_t>(entries_[i].source)];
    const Box w = entries_[i].window;
    const std::size_t first = static_cast<std::size_t>(w.y0 - patch.box.y0) * width + static_cast<std::size_t>(w.x0 - patch.box.x0);
    const auto across = static_cast<std::size_t>(w.width()), down = static_cast<std::size_t>(w.height());
    const int good = alone ? count_positive(weight + first, width, across, down) : take_window(all + first, weight + first, width, across, down);
    source.pixels += good;
    source.bad_pixels -= good;
    if (good > 0) ++source.frames;
    if (alone) patch.pixels = good;
  }
  if (!alone) patch.pixels = count_positive(weight, width, width, static_cast<std::size_t>(patch.box.height()));
}

void PsfFit::place(std::span<const double> p, bool gradients) {
  for (Entry& e : entries_) {
    if (e.member < 0) continue;
    const Sight& s = *e.sight;
    const std::size_t first = first_of(e.member);
    const double u = per_source_ == 3 ? p[first] : 0, v = per_source_ == 3 ? p[first + 1] : 0;
    e.x = s.x + s.x_u * u + s.x_v * v;
    e.y = s.y + s.y_u * u + s.y_v * v;
    e.amplitude = s.scale * flux_of(p, e.member);
    float* const plane = response_.data() + e.first;
    const std::size_t n = e.area();
    const std::span<float> none;
    e.response->evaluate(e.x, e.y, e.stamp, {plane, n}, gradients ? std::span<float>{plane + n, n} : none, gradients ? std::span<float>{plane + 2 * n, n} : none);
    if (is_dense(patches_[static_cast<std::size_t>(e.patch)].box, options_.positions)) std::fill(plane + n, plane + fit::whole_row<float>(n), 0.0F);
  }
}

namespace {

/// Calls f(first pixel in the patch, first pixel in a stamp, count) for the rows of `part`, or once where the rows are one run.
template <class F>
void runs(const Box& part, const Box& patch, const Box& stamp, F f) {
  if (part.empty()) return;
  const auto at = [](const Box& box, int x, int y) { return static_cast<std::size_t>(y - box.y0) * static_cast<std::size_t>(box.width()) + static_cast<std::size_t>(x - box.x0); };
  if (part.width() == patch.width() && part.width() == stamp.width()) return f(at(patch, part.x0, part.y0), at(stamp, part.x0, part.y0), static_cast<std::size_t>(part.area()), part.y0);
  for (int y = part.y0; y < part.y1; ++y) f(at(patch, part.x0, y), at(stamp, part.x0, y), static_cast<std::size_t>(part.width()), y);
}

struct LinearSums {
  std::span<double> curvature, gradient;
};

/// The sums of a patch whose planes are whole. `background`: that parameter, when there is one. `room` is written. Returns Σ w v².
template <class Entry, class DenseSums>
double sum_dense(std::span<const Entry> entries, const Box& box, std::vector<float>& planes, const float* values, const float* weight, std::optional<std::size_t> background, const LinearSums& sums, DenseSums& room) {
  const std::size_t length = length_of(box), n = sums.gradient.size();
  auto& [terms, reach, products] = room;
  terms.clear(), reach.clear();
  const auto before = [&](int y) { return static_cast<std::size_t>(y - box.y0) * static_cast<std::size_t>(box.width()); };
  float* first = nullptr;
  for (const Entry& e : entries) {
    if (e.member < 0) continue;
    if (!first) first = planes.data() + e.first;
    const double far = e.response->reach_pix();
    const int low = std::clamp(static_cast<int>(std::max(e.y - far, -1e8)), box.y0, box.y1), high = std::clamp(static_cast<int>(std::min(e.y + far, 1e8)) + 1, box.y0, box.y1);
    terms.push_back({static_cast<std::size_t>(e.member), e.sight->scale});
    reach.push_back({before(low) / fit::row_lanes<float> * fit::row_lanes<float>, fit::whole_row<float>(before(high))});
  }
  if (!first) return 0;
  if (background) {
    std::fill_n(first + terms.size() * length, length, 1.0F);
    terms.push_back({*background, 1.0});
    reach.push_back({0, length});
  }
  std::copy_n(values, length, first + terms.size() * length);
  reach.push_back({0, length});
  const std::size_t count = terms.size() + 1;
  products.resize(count * count);
  fit::gram(first, count, length, weight, reach, products.data());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const auto [row, scale] = terms[i];
    sums.gradient[row] += scale * products[terms.size() * count + i];
    for (std::size_t j = 0; j <= i; ++j) {
      const auto [column, other] = terms[j];
      sums.curvature[std::max(row, column) * n + std::min(row, column)] += scale * other * products[i * count + j] * (i != j && row == column ? 2 : 1);
    }
  }
  return products[count * count - 1];
}

}  // namespace

double PsfFit::sum_patch(const Patch& patch, std::span<double> curvature, std::span<double> gradient) {
  if (!curvature.empty() && is_dense(patch.box, options_.positions)) {
    const std::span<const Entry> entries{entries_.data() + patch.begin, patch.end - patch.begin};
    const float* const weight = weight_.data() + patch.first;
    return sum_dense(entries, patch.box, response_, residual_.data() + patch.first, weight, backgrounds_ > 0 ? std::optional{background_of(patch)} : std::nullopt, {curvature, gradient}, dense_);
  }
  const std::size_t n = length_of(patch.box);
  float* const residual = residual_.data() + patch.first;
  const float* const weight = weight_.data() + patch.first;
  for (std::size_t i = patch.begin; i < patch.end; ++i) {
    const Entry& e = entries_[i];
    if (e.member < 0 || e.amplitude == 0) continue;
    runs(e.stamp, patch.box, e.stamp, [&](std::size_t at, std::size_t in, std::size_t count, int) { subtract(residual + at, response_.data() + e.first + in, static_cast<float>(e.amplitude), count); });
  }
  const double chi2 = sum_product(weight, residual, residual, n);
  if (curvature.empty()) return chi2;
  for (std::size_t i = patch.begin; i < patch.end; ++i) {
    const Entry& e = entries_[i];
    if (e.member < 0) continue;
    const float* const plane = response_.data() + e.first;
    const std::size_t area = e.area(), first = first_of(e.member);
    const double scale = e.sight->scale;
    if (forced_) {
      double s[2] = {};
      runs(e.stamp, patch.box, e.stamp, [&](std::size_t at, std::size_t in, std::size_t count, int) { add_flux_sums(weight + at, residual + at, plane + in, count, s); });
      const std::size_t f = static_cast<std::size_t>(e.member);
      gradient[f] += scale * s[0];
      curvature[f * (members_ + backgrounds_) + f] += scale * scale * s[1];
    } else {
      double s[9] = {};
      runs(e.stamp, patch.box, e.stamp, [&](std::size_t at, std::size_t in, std::size_t count, int) { add_own_sums(weight + at, residual + at, plane + area + in, plane + 2 * area + in, plane + in, count, s); });
      // By the frame's x, y to the common u, v: ∂/∂u = x_u ∂/∂x + y_u ∂/∂y.
      const Sight& t = *e.sight;
      const double a = e.amplitude;
      gradient[first] += a * (t.x_u * s[0] + t.y_u * s[1]);
      gradient[first + 1] += a * (t.x_v * s[0] + t.y_v * s[1]);
      gradient[first + 2] += scale * s[2];
      double* const row_u = curvature.data() + first * parameters_ + first;
      double* const row_v = row_u + parameters_;
      double* const row_f = row_v + parameters_;
      row_u[0] += a * a * (t.x_u * t.x_u * s[3] + 2 * t.x_u * t.y_u * s[4] + t.y_u * t.y_u * s[5]);
      row_v[0] += a * a * (t.x_u * t.x_v * s[3] + (t.x_u * t.y_v + t.x_v * t.y_u) * s[4] + t.y_u * t.y_v * s[5]);
      row_v[1] += a * a * (t.x_v * t.x_v * s[3] + 2 * t.x_v * t.y_v * s[4] + t.y_v * t.y_v * s[5]);
      row_f[0] += a * scale * (t.x_u * s[6] + t.y_u * s[7]);
      row_f[1] += a * scale * (t.x_v * s[6] + t.y_v * s[7]);
      row_f[2] += scale * scale * s[8];
    }
    for (std::size_t j = patch.begin; j < i; ++j)
      if (entries_[j].member >= 0) add_pair(patch, e, entries_[j], curvature);
  }
  if (backgrounds_ > 0) add_background(patch, curvature, gradient);
  return chi2;
}

void PsfFit::add_pair(const Patch& patch, const Entry& a, const Entry& b, std::span<double> curvature) const {
  const Box part = intersection(a.stamp, b.stamp);
  if (part.empty()) return;
  const float* const weight = weight_.data() + patch.first;
  const auto in_b = [&](int x, int y) { return static_cast<std::size_t>(y - b.stamp.y0) * static_cast<std::size_t>(b.stamp.width()) + static_cast<std::size_t>(x - b.stamp.x0); };
  const bool joined = a.stamp.width() == b.stamp.width();
  const float *pa = response_.data() + a.first, *pb = response_.data() + b.first;
  const std::size_t na = a.area(), nb = b.area();
  double s[9] = {};
  const auto rows = [&](auto f) {
    if (joined) return runs(part, patch.box, a.stamp, f);
    for (int y = part.y0; y < part.y1; ++y) runs(Box{part.x0, y, part.x1, y + 1}, patch.box, a.stamp, f);
  };
  if (forced_) {
    rows([&](std::size_t at, std::size_t in, std::size_t count, int y) { s[8] += sum_product(weight + at, pa + in, pb + in_b(part.x0, y), count); });
    const auto i = static_cast<std::size_t>(std::max(a.member, b.member)), j = static_cast<std::size_t>(std::min(a.member, b.member));
    curvature[i * (members_ + backgrounds_) + j] += a.sight->scale * b.sight->scale * s[8] * (i == j ? 2 : 1);
    return;
  }
  rows([&](std::size_t at, std::size_t in, std::size_t count, int y) {
    const std::size_t k = in_b(part.x0, y);
    const float* const of_a[3] = {pa + na + in, pa + 2 * na + in, pa + in};
    const float* const of_b[3] = {pb + nb + k, pb + 2 * nb + k, pb + k};
    add_pair_sums(weight + at, of_a, of_b, count, s);
  });
  // J_aᵀ S J_b with J: (x, y, value) by (u, v, flux).
  const auto jacobian = [](const Entry& e, double (&j)[3][3]) {
    const Sight& t = *e.sight;
    const double rows_of[3][3] = {{e.amplitude * t.x_u, e.amplitude * t.x_v, 0}, {e.amplitude * t.y_u, e.amplitude * t.y_v, 0}, {0, 0, t.scale}};
    std::copy(&rows_of[0][0], &rows_of[0][0] + 9, &j[0][0]);
  };
  double ja[3][3], jb[3][3];
  jacobian(a, ja), jacobian(b, jb);
  const std::size_t fa = first_of(a.member), fb = first_of(b.member);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k)
        for (std::size_t l = 0; l < 3; ++l) sum += ja[k][i] * s[3 * k + l] * jb[l][j];
      const std::size_t row = std::max(fa + i, fb + j), column = std::min(fa + i, fb + j);
      curvature[row * parameters_ + column] += sum;
    }
}

void PsfFit::add_background(const Patch& patch, std::span<double> curvature, std::span<double> gradient) const {
  const std::size_t size = forced_ ? members_ + backgrounds_ : parameters_, sources = forced_ ? members_ : members_ * per_source_;
  const auto which = static_cast<std::size_t>(&patch - patches_.data());
  const std::size_t row = sources + (options_.background == FitBackground::per_frame ? which : 0);
  const std::size_t n = length_of(patch.box);
  const float* const weight = weight_.data() + patch.first;
  const float* const residual = residual_.data() + patch.first;
  for (std::size_t k = 0; k < n; ++k) {
    gradient[row] += static_cast<double>(weight[k]) * static_cast<double>(residual[k]);
    curvature[row * size + row] += static_cast<double>(weight[k]);
  }
  for (std::size_t i = patch.begin; i < patch.end; ++i) {
    const Entry& e = entries_[i];
    if (e.member < 0) continue;
    double s[3] = {};
    runs(e.stamp, patch.box, e.stamp, [&](std::size_t at, std::size_t in, std::size_t count, int) {
      for (std::size_t k = 0; k < count; ++k)
        for (std::size_t plane = 0; plane < (forced_ ? 1U : 3U); ++plane) s[plane] += static_cast<double>(weight[at + k]) * static_cast<double>(response_[e.first + plane * e.area() + in + k]);
    });
    const Sight& t = *e.sight;
    if (forced_) {
      curvature[row * size + static_cast<std::size_t>(e.member)] += t.scale * s[0];
      continue;
    }
    double* const to = curvature.data() + row * size + first_of(e.member);
    to[0] += e.amplitude * (t.x_u * s[1] + t.y_u * s[2]);
    to[1] += e.amplitude * (t.x_v * s[1] + t.y_v * s[2]);
    to[2] += t.scale * s[0];
  }
}

double PsfFit::expand(std::span<const double> p, std::span<double> curvature, std::span<double> gradient) {
  forced_ = per_source_ == 1;
  std::fill(curvature.begin(), curvature.end(), 0.0);
  std::fill(gradient.begin(), gradient.end(), 0.0);
  place(p, !forced_ && !curvature.empty());
  double chi2 = 0;
  for (const Patch& patch : patches_) {
    start_residual(patch, p);
    chi2 += sum_patch(patch, curvature, gradient);
  }
  return chi2;
}

double PsfFit::chi2(std::span<const double> p) { return expand(p, {}, {}); }

}  // namespace tessera::photometry
