#include "tessera/pipeline/backgrounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tessera/background/surface.h"
#include "tessera/base/error.h"
#include "tessera/io/tables.h"

namespace tessera::pipeline {
namespace {

/// The row of a table for each frame.
std::vector<std::size_t> rows_of_frames(const Plan& plan, const Table& table, const std::string& where) {
  std::vector<std::size_t> rows;
  if (!table.find("filename")) {
    if (table.rows() != plan.frames.size())
      throw DataError{fmt::format("{}: {} rows and no column filename, but {} frames; without names the rows must be those of the frames, in their order", where, table.rows(), plan.frames.size())};
    for (std::size_t i = 0; i < plan.frames.size(); ++i) rows.push_back(i);
    return rows;
  }
  // Chips of one file share its name: they follow one another in the table as in the list of frames.
  std::map<std::string, std::vector<std::size_t>> of_name;
  const auto names = table.texts("filename");
  for (std::size_t i = 0; i < names.size(); ++i) of_name[std::filesystem::path{names[i]}.filename().string()].push_back(i);
  std::map<std::string, std::size_t> used;
  for (const auto& frame : plan.frames) {
    const auto name = frame.image.path.filename().string();
    const auto& found = of_name[name];
    if (used[name] >= found.size())
      throw DataError{fmt::format("{}: no row for {} ({} rows have its name); solve for the offsets of these frames with tessera overlap", where, frame.label(), found.size())};
    rows.push_back(found[used[name]++]);
  }
  return rows;
}

int order_of(std::size_t terms, const std::string& where) {
  for (int order = 0; order <= 4; ++order)
    if (static_cast<std::size_t>(background::SurfaceBasis{order}.terms()) == terms) return order;
  throw DataError{fmt::format("{}: {} columns Surface_1, Surface_2 …, which is no polynomial of degree 1 to 4 (2, 5, 9 or 14 columns)", where, terms - 1)};
}

/// Places of a row of output pixels on a frame, as a basis wants them; NaN where there is none.
class FramePlaces {
 public:
  FramePlaces(const wcs::PixelMap& output_to_frame, Box frame) : map_{output_to_frame}, scale_{frame} {}
  void row(int x0, int y, std::size_t width) {
    u_.resize(width), v_.resize(width);
    map_.apply_row(x0, y, u_, v_);
  }
  double u(std::size_t i) const { return scale_.u(u_[i]); }
  double v(std::size_t i) const { return scale_.v(v_[i]); }

 private:
  const wcs::PixelMap& map_;
  background::FrameScale scale_;
  std::vector<double> u_, v_;
};

/// Covariance of all coefficients of the frames on a tile: row a·terms + t.
std::vector<double> gather(const background::OffsetCovariance& covariance, std::span<const std::size_t> frame) {
  const auto terms = static_cast<std::size_t>(covariance.terms()), n = frame.size() * terms;
  std::vector<double> all(n * n);
  for (std::size_t a = 0; a < frame.size(); ++a)
    for (std::size_t b = 0; b < frame.size(); ++b)
      for (std::size_t t = 0; t < terms; ++t)
        for (std::size_t u = 0; u < terms; ++u)
          all[(a * terms + t) * n + b * terms + u] = covariance(static_cast<int>(frame[a]), static_cast<int>(frame[b]), static_cast<int>(t), static_cast<int>(u));
  return all;
}

/// What a frame counts for in a row of the coadd.
void weigh_row(const FramePass& pass, coadd::Method method, std::size_t frame, const ResampledView& view, int y, std::span<double> weight) {
  const auto coverage = view.coverage.row(y), variance = view.variance.row(y);
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const auto c = static_cast<double>(coverage[i]), v = static_cast<double>(variance[i]);
    if (!(c > 0))
      weight[i] = 0;
    else if (!coadd::weighted(method))
      weight[i] = 1;
    else
      weight[i] = pass.weighting == coadd::Weighting::sigma ? (v > 0 ? c / v : 0) : c * pass.frames[frame].weight;
  }
}

}  // namespace

void check_background(const Plan& plan, const MosaicOptions& options) {
  if (options.background.method == background::Method::none && !options.background.offsets.empty())
    throw UsageError{"background.offsets names a table, but background.method = none uses no offsets; leave one of them out"};
  if (!options.background.zodi) return;
  for (const auto& frame : plan.frames) {
    if (frame.unit != "MJy/sr")
      throw UsageError{fmt::format("{}: background.zodi subtracts what the header states in MJy/sr, but the frame is in {}; leave it off", frame.label(), frame.unit.empty() ? "no unit" : frame.unit)};
    if (!frame.zodi)
      throw DataError{fmt::format("{}: its header states no zodiacal light (the cards its profile {} names for zodi, such as ZODY_EST); leave background.zodi off", frame.label(), frame.profile->name)};
  }
}

double zodiacal_light(const instrument::FrameFile& frame, const MosaicOptions& options) { return options.background.zodi ? frame.zodi.value_or(0) : 0; }

background::OffsetSolution read_offsets(const Plan& plan, const std::filesystem::path& path, bool zodi) {
  const auto where = path.string();
  const Table table = io::read_table(path);
  if (!table.find("Offset")) throw DataError{fmt::format("{}: no column Offset; a table as tessera overlap and MOPEX write it (offsets.tbl) was expected", where)};
  if (table.find("Zodi") && !zodi) throw DataError{fmt::format("{}: these offsets are for frames less their zodiacal light (column Zodi); give background.zodi = true as well", where)};
  if (const auto& unit = table.find("Offset")->unit; !unit.empty() && unit != plan.unit)
    throw DataError{fmt::format("{}: offsets in {}, but the frames are in {}", where, unit, plan.unit.empty() ? "no unit" : plan.unit)};
  const auto rows = rows_of_frames(plan, table, where);
  const auto column = [&](const std::string& name) { return table.find(name) ? table.numbers(name) : std::vector<double>(table.rows(), 0.0); };
  const auto offset = table.numbers("Offset"), sigma = column("del_Offset"), outlier = column("outliers"), group = column("group");
  std::vector<std::vector<double>> surface;
  for (int t = 1; table.find(fmt::format("Surface_{}", t)); ++t) surface.push_back(table.numbers(fmt::format("Surface_{}", t)));
  background::OffsetSolution s;
  s.order = order_of(surface.size() + 1, where);
  s.covariance = background::OffsetCovariance{rows.size(), {}, static_cast<int>(surface.size()) + 1};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto r = rows[i];
    if (!std::isfinite(offset[r])) throw DataError{fmt::format("{}: the offset of {} is not a number", where, plan.frames[i].label())};
    s.offset.push_back(offset[r]), s.sigma.push_back(std::isfinite(sigma[r]) ? sigma[r] : 0);
    s.outlier.push_back(outlier[r] != 0), s.group.push_back(static_cast<int>(std::clamp(group[r], 0.0, 1e9)));
    s.groups = std::max(s.groups, s.group.back() + 1);
    for (const auto& coefficient : surface) s.surface.push_back(coefficient[r]);
    s.covariance.block(s.covariance.slot(static_cast<int>(i), static_cast<int>(i)))[0] = s.sigma.back() * s.sigma.back();
  }
  return s;
}

void settle_backgrounds(const Plan& plan, const MosaicOptions& options, std::span<const background::CellMap> cells, FramePass& pass) {
  const auto& how = options.background;
  pass.offsets = how.offsets.empty() ? background::match_backgrounds(cells, how) : read_offsets(plan, how.offsets, how.zodi);
  const auto more = static_cast<std::size_t>(background::SurfaceBasis{pass.offsets.order}.terms() - 1);
  for (std::size_t i = 0; i < pass.frames.size(); ++i) {
    auto& f = pass.frames[i];
    f.offset = pass.offsets.offset[i];
    f.offset_sigma = pass.offsets.sigma[i];
    f.group = pass.offsets.group[i];
    f.offset_outlier = pass.offsets.outlier[i] != 0;
    f.surface.assign(1, 0.0);  // the constant is in `offset`
    const auto first = pass.offsets.surface.begin() + static_cast<std::ptrdiff_t>(i * more);
    f.surface.insert(f.surface.end(), first, first + static_cast<std::ptrdiff_t>(more));
    if (more == 0 || std::all_of(f.surface.begin(), f.surface.end(), [](double c) { return c == 0; })) f.surface.clear();
  }
}

void measure_background_error(std::span<const background::CellMap> cells, FramePass& pass) {
  std::vector<double> weight;
  for (const auto& f : pass.frames) weight.push_back(f.usable ? f.weight : 0);
  pass.background_error = background::mosaic_error(cells, weight, pass.offsets.covariance);
}

void subtract_surface(const FrameState& state, Box frame, int order, const ResampledView& part) {
  const background::SurfaceBasis basis{order};
  FramePlaces places{*state.output_to_frame, frame};
  const Box box = part.box();
  for (int y = box.y0; y < box.y1; ++y) {
    const auto value = part.value.row(y), coverage = part.coverage.row(y);
    places.row(box.x0, y, value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      if (coverage[i] > 0) value[i] -= static_cast<float>(basis.sum(places.u(i), places.v(i), state.surface));
  }
}

void subtract_surface(const FrameState& state, Box frame, int order, View<float> window) {
  const background::SurfaceBasis basis{order};
  const background::FrameScale scale{frame};
  const Box box = window.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) window(x, y) -= static_cast<float>(basis.sum(scale.u(x), scale.v(y), state.surface));
}

void add_background_error(const Plan& plan, const FramePass& pass, coadd::Method method, std::span<const ResampledView> stack, std::span<const std::size_t> frame,
                          std::span<const Box> touched, View<float> uncertainty) {
  const auto& covariance = pass.offsets.covariance;
  if (covariance.frames() == 0 || stack.empty()) return;
  const background::SurfaceBasis basis{pass.offsets.order};
  const auto terms = static_cast<std::size_t>(basis.terms()), n = frame.size() * terms;
  const auto all = gather(covariance, frame);
  const Box box = uncertainty.box();
  const auto width = static_cast<std::size_t>(box.width());
  std::vector<double> part(n * width), weight(width), sum(width), variance(width), row(width), term(terms);
  for (int y = box.y0; y < box.y1; ++y) {
    std::fill(sum.begin(), sum.end(), 0.0), std::fill(variance.begin(), variance.end(), 0.0);
    std::vector<std::size_t> present;
    for (std::size_t k = 0; k < frame.size(); ++k) {
      if (y < touched[k].y0 || y >= touched[k].y1) continue;
      present.push_back(k);
      weigh_row(pass, method, frame[k], stack[k], y, weight);
      FramePlaces places{*pass.frames[frame[k]].output_to_frame, plan.frames[frame[k]].box()};
      if (terms > 1) places.row(box.x0, y, width);
      for (std::size_t i = 0; i < width; ++i) {
        sum[i] += weight[i];
        term[0] = 1;
        if (terms > 1 && weight[i] > 0) basis.values(places.u(i), places.v(i), term);
        for (std::size_t t = 0; t < terms; ++t) part[(k * terms + t) * width + i] = weight[i] > 0 ? weight[i] * term[t] : 0;
      }
    }
    for (const auto a : present)
      for (std::size_t t = 0; t < terms; ++t) {
        std::fill(row.begin(), row.end(), 0.0);
        for (const auto b : present)
          for (std::size_t u = 0; u < terms; ++u) {
            const double c = all[(a * terms + t) * n + b * terms + u];
            const double* of_b = part.data() + (b * terms + u) * width;
            for (std::size_t i = 0; i < width; ++i) row[i] += c * of_b[i];
          }
        const double* of_a = part.data() + (a * terms + t) * width;
        for (std::size_t i = 0; i < width; ++i) variance[i] += row[i] * of_a[i];
      }
    const auto sigma = uncertainty.row(y);
    for (std::size_t i = 0; i < width; ++i)
      if (sum[i] > 0) sigma[i] = static_cast<float>(std::sqrt(static_cast<double>(sigma[i]) * static_cast<double>(sigma[i]) + std::max(0.0, variance[i]) / (sum[i] * sum[i])));
  }
}

}  // namespace tessera::pipeline
