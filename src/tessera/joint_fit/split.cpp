#include "tessera/joint_fit/split.h"

#include <algorithm>
#include <cmath>

#include "tessera/joint_fit/fit_sources.h"

namespace tessera::joint_fit {
namespace {

constexpr double step_pix = 0.5, apart_pix = 0.5, starts_apart_pix = 1.2;
constexpr std::size_t most_starts = 3;

double pixel_arcsec(const photometry::Sight& s) { return 1 / std::sqrt(std::abs(s.x_u * s.y_v - s.x_v * s.y_u)); }

/// A fit of one group with some sources more.
struct Trial {
  std::vector<Source> sources;   ///< where each begins, without flux
  std::vector<Fitted> fitted;
  double per_dof() const { return fitted.empty() || fitted.front().dof <= 0 ? 0 : fitted.front().group_chi2 / static_cast<double>(fitted.front().dof); }
  bool settled() const {
    return std::all_of(fitted.begin(), fitted.end(), [](const Fitted& f) { return f.status == Status::fitted && f.flux > 0; });
  }
  /// The same sources from where they came to rest.
  std::vector<Source> rested() const {
    std::vector<Source> all = sources;
    for (std::size_t k = 0; k < all.size(); ++k) all[k].u = fitted[k].u, all[k].v = fitted[k].v;
    return all;
  }
};

/// Where a further source may begin: about a member, by what it would take off χ².
struct Start {
  std::size_t member = 0;
  double u = 0, v = 0, gain = 0;
};

/// One group of sources with the pixels of its windows, the models of all others taken off.
class Group {
 public:
  Group(std::span<const FitImage> images, std::vector<Source> members, const BlockOptions& how) : members_{std::move(members)}, how_{how} {
    std::vector<std::size_t> which;
    for (const auto& m : members_)
      for (const auto& s : m.sights) which.push_back(static_cast<std::size_t>(s.frame));
    std::sort(which.begin(), which.end());
    which.erase(std::unique(which.begin(), which.end()), which.end());
    for (auto& m : members_)
      for (auto& s : m.sights) s.frame = static_cast<int>(std::lower_bound(which.begin(), which.end(), static_cast<std::size_t>(s.frame)) - which.begin());
    for (std::size_t k = 0; k < which.size(); ++k) cut(images[which[k]], k);
    for (auto& m : members_) m.flux = 0;
  }

  struct Parts {
    std::vector<Fitted> fitted;      ///< of the members, then of the further sources that are kept
    std::vector<std::size_t> of;     ///< whose detection, windows and limits each of them has
  };
  Parts split(const FitOptions& options) const {
    const auto most = static_cast<std::size_t>(options.max_sources);
    Trial best = fit(members_);
    Parts parts;
    for (std::size_t k = 0; k < members_.size(); ++k) parts.of.push_back(k);
    while (best.sources.size() < most && best.per_dof() > options.max_chi2) {
      Trial next;
      std::size_t of = 0;
      for (const Start& start : starts(best))
        for (const bool apart : {false, true}) {
          Trial trial = fit(with(best, start, apart));
          if (trial.settled() && (next.fitted.empty() || trial.per_dof() < next.per_dof())) next = std::move(trial), of = start.member;
        }
      if (next.fitted.empty() || !(next.per_dof() < best.per_dof() - options.chi2_gain)) break;
      best = std::move(next);
      parts.of.push_back(of);
    }
    parts.fitted = std::move(best.fitted);
    return parts;
  }

 private:
  void cut(const FitImage& image, std::size_t number) {
    Box box;
    for (const auto& m : members_)
      for (const auto& s : m.sights)
        if (static_cast<std::size_t>(s.frame) == number) box = hull(box, intersection(window_about(s, m, how_.fit.window), image.box()));
    FitImage& part = images_.emplace_back(box.empty() ? image.geometry() : image.window(box));
    if (box.empty()) return;
    part.model = Image<float>{box}, part.light = Image<float>{box};
    Image<float> own{box};
    psf::PointResponse workspace;
    std::vector<float> stamp;
    for (const auto& m : members_)
      for (const auto& s : m.sights)
        if (static_cast<std::size_t>(s.frame) == number) add_source(image, moved(s, m.u, m.v), m.flux, workspace, stamp, own);
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) part.light(x, y) = image.light.empty() ? image.model(x, y) : image.light(x, y), part.model(x, y) = image.model(x, y) - own(x, y);
  }

  /// `apart`: the new one and the one it lies beside begin on both sides of where that came to rest.
  std::vector<Source> with(const Trial& trial, const Start& start, bool apart) const {
    std::vector<Source> all = trial.rested();
    Source s = members_[start.member];
    s.u = start.u, s.v = start.v;
    if (apart) {
      Source& beside = all[start.member];
      const double du = (s.u - beside.u) / 2, dv = (s.v - beside.v) / 2;
      s.u = beside.u + du, s.v = beside.v + dv;
      beside.u -= du, beside.v -= dv;
    }
    all.push_back(s);
    return all;
  }

  Trial fit(const std::vector<Source>& sources) const {
    Trial trial;
    trial.sources = sources;
    Block block;
    for (std::size_t k = 0; k < sources.size(); ++k) block.own.push_back(static_cast<int>(k));
    block.group_size = static_cast<int>(block.own.size());
    trial.fitted = fit_block(images_, trial.sources, block, how_);
    return trial;
  }

  /// What a fit left of the pixels of a member's window.
  Frame left(const Source& of, const photometry::Sight& sight, const Trial& trial) const {
    const auto& image = images_[static_cast<std::size_t>(sight.frame)];
    const Box box = intersection(window_about(sight, of, how_.fit.window), image.box());
    if (box.empty()) return Frame{box};
    psf::PointResponse workspace;
    std::vector<float> stamp;
    Image<float> none{box}, now{box};
    for (std::size_t k = 0; k < trial.sources.size(); ++k)
      for (const auto& s : trial.sources[k].sights)
        if (s.frame == sight.frame) add_source(image, moved(s, trial.fitted[k].u, trial.fitted[k].v), trial.fitted[k].flux, workspace, stamp, now);
    Frame frame = image.cut(box, none);
    for (std::size_t i = 0; i < frame.value.pixels().size(); ++i) frame.value.pixels()[i] -= now.pixels()[i];
    return frame;
  }

  bool beside_another(const photometry::Sight& at, const Trial& trial) const {
    for (std::size_t k = 0; k < trial.sources.size(); ++k)
      for (const auto& s : trial.sources[k].sights) {
        if (s.frame != at.frame) continue;
        const auto other = moved(s, trial.fitted[k].u, trial.fitted[k].v);
        if (std::hypot(other.x - at.x, other.y - at.y) < apart_pix) return true;
      }
    return false;
  }

  std::vector<Start> about(std::size_t member, const Trial& trial) const {
    const Source& m = members_[member];
    std::vector<Frame> frames;
    for (const auto& sight : m.sights) frames.push_back(left(m, sight, trial));
    const double pixel = pixel_arcsec(m.sights.front());
    const int reach_x = static_cast<int>(std::floor(how_.max_shift_pix / step_pix)), reach_y = static_cast<int>(std::floor(how_.max_shift_y_pix / step_pix));
    psf::PointResponse workspace;
    std::vector<float> stamp;
    std::vector<Start> found;
    for (int j = -reach_y; j <= reach_y; ++j)
      for (int i = -reach_x; i <= reach_x; ++i) {
        const auto [u, v] = turned(i * step_pix * pixel, j * step_pix * pixel, -m.turn);
        if (beside_another(moved(m.sights.front(), u, v), trial)) continue;
        double a = 0, b = 0;
        for (std::size_t k = 0; k < frames.size(); ++k) {
          const Box box = frames[k].box();
          if (box.empty()) continue;
          const auto now = moved(m.sights[k], u, v);
          stamp.resize(static_cast<std::size_t>(box.area()));
          images_[static_cast<std::size_t>(now.frame)].psf->at(now.x, now.y, workspace).evaluate(now.x, now.y, box, stamp, {}, {});
          for (std::size_t p = 0; p < stamp.size(); ++p) {
            if (!frames[k].good.pixels()[p]) continue;
            const double response = now.scale * static_cast<double>(stamp[p]), weight = 1 / static_cast<double>(frames[k].variance.pixels()[p]);
            a += weight * response * static_cast<double>(frames[k].value.pixels()[p]);
            b += weight * response * response;
          }
        }
        if (a > 0 && b > 0) found.push_back({member, u, v, a * a / b});
      }
    return found;
  }

  std::vector<Start> starts(const Trial& trial) const {
    std::vector<Start> all, chosen;
    for (std::size_t m = 0; m < members_.size(); ++m)
      if (!members_[m].sights.empty())
        for (const Start& s : about(m, trial)) all.push_back(s);
    std::stable_sort(all.begin(), all.end(), [](const Start& a, const Start& b) { return a.gain > b.gain; });
    for (const Start& s : all) {
      const double pixel = pixel_arcsec(members_[s.member].sights.front());
      const bool new_place = std::none_of(chosen.begin(), chosen.end(), [&](const Start& c) { return c.member == s.member && std::hypot(c.u - s.u, c.v - s.v) < starts_apart_pix * pixel; });
      if (new_place) chosen.push_back(s);
      if (chosen.size() == most_starts) break;
    }
    return chosen;
  }

  std::vector<FitImage> images_;   ///< those that see a member
  std::vector<Source> members_;
  const BlockOptions& how_;
};

}  // namespace

SplitSummary split_poor_groups(std::span<const FitImage> images, std::vector<Source>& sources, const FitOptions& options, int window, double link_pix, run::Context& context) {
  SplitSummary summary;
  const auto blocks = group_sources(places_of(sources), link_pix, options.max_group);
  const auto how = block_options(options, true, window);
  std::vector<std::size_t> todo;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const Source& first = sources[static_cast<std::size_t>(blocks[b].own.front())];
    const bool whole = static_cast<int>(blocks[b].own.size()) == blocks[b].group_size, room = blocks[b].group_size < options.max_sources;
    if (whole && room && measured(first) && first.group_dof > 0 && first.group_chi2 > options.max_chi2 * static_cast<double>(first.group_dof)) todo.push_back(b);
  }
  summary.poor = static_cast<long>(todo.size());
  std::vector<Group::Parts> parts(blocks.size());
  context.stage("trying more sources where the fit is poor", summary.poor);
  on_pixels(images, sources, blocks, todo, how, context, [&](std::span<const FitImage> on, std::size_t b) {
    std::vector<Source> members;
    for (const int k : blocks[b].own) members.push_back(sources[static_cast<std::size_t>(k)]);
    parts[b] = Group{on, std::move(members), how}.split(options);
    context.step();
  });
  for (const auto b : todo) {
    const auto& [fitted, of] = parts[b];
    const std::size_t members = blocks[b].own.size();
    if (fitted.size() == members) continue;
    ++summary.split;
    summary.added += static_cast<long>(fitted.size() - members);
    for (std::size_t k = 0; k < fitted.size(); ++k) {
      const auto own = static_cast<std::size_t>(blocks[b].own[of[k]]);
      if (k >= members) {
        sources.push_back(sources[own]);
        sources.back().active = true;
      }
      Source& s = k < members ? sources[own] : sources.back();
      s.u = fitted[k].u, s.v = fitted[k].v, s.flux = fitted[k].flux;
      s.passive = blocks[b].group_size;
    }
  }
  return summary;
}

}  // namespace tessera::joint_fit
