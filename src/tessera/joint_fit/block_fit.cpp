#include <algorithm>
#include <cmath>
#include <tuple>

#include "tessera/joint_fit/block_fit.h"
#include "tessera/photometry/correlated.h"

namespace tessera::joint_fit {
namespace {

Status status_of(const photometry::FittedSource& fitted) {
  if (fitted.pixels == 0) return Status::no_data;
  switch (fitted.status) {
    case fit::FitStatus::converged: return Status::fitted;
    case fit::FitStatus::at_bound: return Status::at_limit;
    case fit::FitStatus::no_convergence: return Status::no_convergence;
    case fit::FitStatus::degenerate: return Status::degenerate;
    case fit::FitStatus::no_data: break;
  }
  return Status::no_data;
}

/// Of (u, v, flux), both sides: first the rows' coordinates, then the columns'.
void turn_covariance(double* c, double angle) {
  for (int k = 0; k < 3; ++k) std::tie(c[k], c[3 + k]) = turned(c[k], c[3 + k], angle);
  for (int k = 0; k < 3; ++k) std::tie(c[3 * k], c[3 * k + 1]) = turned(c[3 * k], c[3 * k + 1], angle);
}

/// A block with its pixels. Coordinates of each source are turned to the axes of its limits, and back in what is told.
class BlockFit {
 public:
  BlockFit(std::span<const FitImage> images, std::span<const Source> sources, const Block& block, const BlockOptions& options) : images_{images}, options_{options} {
    members_.insert(members_.end(), block.own.begin(), block.own.end());
    members_.insert(members_.end(), block.halo.begin(), block.halo.end());
    local_.assign(images.size(), -1);
    for (const int m : members_) {
      photometry::FitSource& f = fit_sources_.emplace_back();
      f.window_x = sources[static_cast<std::size_t>(m)].window_x, f.window_y = sources[static_cast<std::size_t>(m)].window_y;
      const Source& s = sources[static_cast<std::size_t>(m)];
      if (options.fit.positions) std::tie(f.u, f.v) = turned(s.u, s.v, s.turn);
      turns_.push_back(s.turn);
    }
    for (const int m : block.rim) {
      const Source& s = sources[static_cast<std::size_t>(m)];
      photometry::FitSource& f = fit_sources_.emplace_back();
      f.pixels_alone = true, f.window_x = s.window_x, f.window_y = s.window_y;
      turns_.push_back(s.turn);
    }
    for_windows(images, sources, block, options, [&](std::size_t member, photometry::Sight now, Box window) {
      const auto image = static_cast<std::size_t>(now.frame);
      if (local_[image] < 0) {
        local_[image] = static_cast<int>(which_.size());
        which_.push_back(image);
        boxes_.emplace_back();
      }
      now.frame = local_[image];
      boxes_[static_cast<std::size_t>(now.frame)] = hull(boxes_[static_cast<std::size_t>(now.frame)], window);
      fit_sources_[member].sights.push_back(turned(now, turns_[member]));
    });
    cut(sources);
  }

  std::vector<Fitted> run(std::span<const Source> sources, std::size_t own) {
    std::vector<Fitted> results(own);
    for (std::size_t i = 0; i < own; ++i) {
      results[i].source = members_[i];
      results[i].status = Status::no_data;
    }
    if (frames_.empty()) return results;
    photometry::PsfFitOptions how = options_.fit;
    how.max_shift = options_.max_shift_pix * arcsec_per_pixel();
    how.max_shift_v = options_.max_shift_y_pix * arcsec_per_pixel();
    photometry::PsfFit fit{frames_, how};
    std::vector<photometry::FittedSource> out;
    const auto group = fit.fit(fit_sources_, out);
    std::vector<Correlated> correlated;
    if (any_correlation() && group.status != fit::FitStatus::degenerate) correlated = covariances(fit, out, own);
    for (std::size_t i = 0; i < own; ++i) {
      Fitted& r = results[i];
      const auto& f = out[i];
      const Source& s = sources[static_cast<std::size_t>(members_[i])];
      r.status = status_of(f);
      r.pixels = f.pixels, r.bad_pixels = f.bad_pixels, r.frames = f.frames, r.portion = f.portion, r.chi2 = f.chi2;
      r.group_chi2 = group.chi2, r.dof = group.dof;
      r.background = f.background, r.correlation = f.correlation, r.neighbour = f.neighbour < 0 ? -1 : members_[static_cast<std::size_t>(f.neighbour)];
      for (const auto& [other, c] : f.correlations) r.correlations.push_back({members_[static_cast<std::size_t>(other)], c});
      std::tie(r.u, r.v) = how.positions ? turned(f.u, f.v, -s.turn) : std::pair{s.u, s.v};
      r.flux = f.flux;
      std::copy_n(correlated.empty() || f.pixels == 0 ? f.covariance : correlated[i].of, 9, r.covariance);
      turn_covariance(r.covariance, -s.turn);
      if (group.dof <= 0 && r.status == Status::fitted) r.status = Status::no_data;
    }
    return results;
  }

 private:
  struct Correlated {
    double of[9] = {};
  };

  void cut(std::span<const Source> sources) {
    std::vector<Image<float>> own;
    std::vector<Image<float>> scatter(boxes_.size());
    for (const Box& box : boxes_) own.emplace_back(box);
    psf::PointResponse workspace;
    std::vector<float> stamp;
    for (std::size_t m = 0; m < members_.size(); ++m)
      for (const auto& sight : fit_sources_[m].sights) {
        const auto k = static_cast<std::size_t>(sight.frame);
        const FitImage& image = images_[which_[k]];
        const Source& source = sources[static_cast<std::size_t>(members_[m])];
        add_source(image, moved(sight, fit_sources_[m].u, fit_sources_[m].v), source.flux, workspace, stamp, own[k]);
        if (image.photons.empty() || !(image.psf->at(sight.x, sight.y, workspace).scatter() > 0)) continue;
        // As the noise of photons, by the light that counts for it.
        const Light light = source.light.value_or(Light{source.u, source.v, source.flux});
        const auto [u, v] = turned(light.u, light.v, turns_[m]);
        if (scatter[k].empty()) scatter[k].reset(boxes_[k]);
        add_scatter(image, moved(sight, options_.fit.positions ? u : 0, options_.fit.positions ? v : 0), light.flux, workspace, stamp, scatter[k]);
      }
    pixels_.reserve(which_.size());
    for (std::size_t k = 0; k < which_.size(); ++k) {
      pixels_.push_back(images_[which_[k]].cut(boxes_[k], own[k]));
      Frame& frame = pixels_.back();
      for (std::size_t i = 0; i < scatter[k].pixels().size(); ++i)
        if (frame.good.pixels()[i]) frame.variance.pixels()[i] += std::max(0.0F, scatter[k].pixels()[i]);
      frames_.push_back({pixels_.back().view(), images_[which_[k]].psf});
    }
  }

  double arcsec_per_pixel() const {
    for (const auto& f : fit_sources_)
      for (const auto& s : f.sights) return 1 / std::sqrt(std::abs(s.x_u * s.y_v - s.x_v * s.y_u));
    return 1;
  }

  bool any_correlation() const {
    return std::any_of(which_.begin(), which_.end(), [&](std::size_t image) { return images_[image].correlation.has_value(); });
  }

  /// ∂model/∂(u, v, flux) of all members on the k-th image, as the fit orders its parameters, and the weights of the pixels it used.
  void derivatives(std::size_t k, const photometry::PsfFit& fit, const std::vector<photometry::FittedSource>& out, std::vector<Image<float>>& of, Image<float>& weight, Image<float>& sigma) const {
    const Box box = boxes_[k];
    const Frame& frame = pixels_[k];
    const bool free = options_.fit.positions;
    of.clear();
    for (std::size_t j = 0; j < fit.parameters(); ++j) of.emplace_back(box);
    weight.reset(box), sigma.reset(box);
    psf::PointResponse workspace;
    std::vector<float> stamp;
    std::size_t first = 0;
    for (const auto& source : fit_sources_)
      for (const auto& sight : source.sights) {
        if (static_cast<std::size_t>(sight.frame) != k) continue;
        Source sides;
        sides.window_x = source.window_x, sides.window_y = source.window_y;
        const Box window = intersection(window_about(sight, sides, options_.fit.window), box);
        for (int y = window.y0; y < window.y1; ++y)
          for (int x = window.x0; x < window.x1; ++x)
            if (frame.good(x, y)) weight(x, y) = 1 / frame.variance(x, y), sigma(x, y) = std::sqrt(frame.variance(x, y));
      }
    for (std::size_t m = 0; m < members_.size(); ++m) {
      if (out[m].pixels == 0) continue;
      for (const auto& sight : fit_sources_[m].sights) {
        if (static_cast<std::size_t>(sight.frame) != k) continue;
        const auto at = moved(sight, out[m].u, out[m].v);
        const auto& response = images_[which_[k]].psf->at(sight.x, sight.y, workspace);
        const auto n = static_cast<std::size_t>(box.area());
        stamp.resize(3 * n);
        response.evaluate(at.x, at.y, box, {stamp.data(), n}, {stamp.data() + n, n}, {stamp.data() + 2 * n, n});
        const double a = sight.scale * out[m].flux;
        for (std::size_t i = 0; i < n; ++i) {
          if (free) {
            const double dx = a * static_cast<double>(stamp[n + i]), dy = a * static_cast<double>(stamp[2 * n + i]);
            of[first].pixels()[i] = static_cast<float>(sight.x_u * dx + sight.y_u * dy);
            of[first + 1].pixels()[i] = static_cast<float>(sight.x_v * dx + sight.y_v * dy);
          }
          of[first + (free ? 2 : 0)].pixels()[i] = static_cast<float>(sight.scale * static_cast<double>(stamp[i]));
        }
      }
      first += free ? 3 : 1;
    }
    if (const std::size_t backgrounds = fit.parameters() - first; backgrounds > 0) {
      Image<float>& flat = of[first + (options_.fit.background == photometry::FitBackground::per_frame ? k : 0)];
      std::fill(flat.pixels().begin(), flat.pixels().end(), 1.0F);
    }
  }

  std::vector<Correlated> covariances(const photometry::PsfFit& fit, const std::vector<photometry::FittedSource>& out, std::size_t own) const {
    const std::size_t per = options_.fit.positions ? 3 : 1;
    std::vector<Correlated> all(own);
    std::vector<Image<float>> of;
    Image<float> weight, sigma;
    const NoiseCorrelation none;
    for (std::size_t k = 0; k < which_.size(); ++k) {
      derivatives(k, fit, out, of, weight, sigma);
      const auto& correlation = images_[which_[k]].correlation;
      std::size_t first = 0;
      for (std::size_t m = 0; m < own; ++m) {
        if (out[m].pixels == 0) continue;
        std::vector<std::size_t> rows;
        for (std::size_t j = 0; j < per; ++j) rows.push_back(first + j);
        const auto c = photometry::correlated_covariance(of, weight, sigma, fit.covariance(), rows, correlation ? *correlation : none);
        if (per == 3)
          for (std::size_t i = 0; i < 9; ++i) all[m].of[i] += c[i];
        else
          all[m].of[8] += c[0];
        first += per;
      }
    }
    return all;
  }

  std::span<const FitImage> images_;
  const BlockOptions& options_;
  std::vector<int> members_, local_;
  std::vector<std::size_t> which_;
  std::vector<Box> boxes_;
  std::vector<Frame> pixels_;
  std::vector<photometry::FitFrame> frames_;
  std::vector<photometry::FitSource> fit_sources_;  ///< members, then the rim
  std::vector<double> turns_;                       ///< of them
};

}  // namespace

std::vector<Fitted> fit_block(std::span<const FitImage> images, std::span<const Source> sources, const Block& block, const BlockOptions& options) {
  return BlockFit{images, sources, block, options}.run(sources, block.own.size());
}

}  // namespace tessera::joint_fit
