/// pipeline/tile_pass.h — one tile: read the windows of its frames and halo → resample → reject → resample what rejection touched →
/// coadd. Outliers are looked for with area overlap, whatever the method; another one then resamples the tile without them. A tile needs nothing of its neighbours, so tiles may be done in any order, number or process.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "tessera/outlier/dual.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/outlier_mosaics.h"

namespace tessera::pipeline {

/// Per frame and cluster (number − 1).
using ClusterVerdicts = std::vector<std::vector<outlier::Verdict>>;
struct ClusterTallies {
  std::vector<std::vector<outlier::ClusterTally>> of_frame;
  std::mutex mutex;
};

/// Where the deviations that are found go, if anywhere.
struct KeptMaps {
  const OutlierMaps* of_frames = nullptr;
  const OutlierMosaics* together = nullptr;
  bool any() const { return of_frames || together; }
};

/// A part of the view.
ResampledView window(ResampledView view, Box part);
/// Offset, zodiacal light, surface and noise scale of a frame, on pixels fresh from the resampler.
void calibrate(const Plan& plan, const FramePass& frames, int frame, const ResampledView& part);

class TilePass {
 public:
  /// All references must outlive the pass. With `masks` outliers are known: their pixels are dropped, and nothing is compared.
  TilePass(const Plan& plan, const FramePass& frames, const MosaicOptions& options, FrameCache& cache, const FrameMasks* masks = nullptr);
  ~TilePass();
  /// Safe from many threads. The bits of the result depend on neither the tile's size nor what else runs.
  TileResult run(std::int64_t tile);
  /// The rejection pass of any set of schemes (tile_outliers.cpp): adds the pixels that have their centre on this tile to the masks. Safe from many threads.
  void find_outliers(std::int64_t tile, const ClusterVerdicts& verdicts, FrameMasks& masks, const KeptMaps& kept = {});
  /// Adds this tile's share of what Level must know of the clusters. Safe from many threads.
  void tally_clusters(std::int64_t tile, ClusterTallies& tallies);

 private:
  struct Workspace;
  std::unique_ptr<Workspace> borrow();
  void give_back(std::unique_ptr<Workspace> w);
  std::unique_ptr<Workspace> prepare(std::int64_t tile);
  struct Comparison;
  Box home(std::int64_t tile) const;
  void compare_stack(Workspace& w, Comparison& c, std::int64_t tile);
  void project_clusters(const Workspace& w, Comparison& c, std::size_t k) const;
  void compare_detections(const Workspace& w, Comparison& c) const;
  FrameView flattened(Workspace& w, std::size_t k) const;
  void reject_by_time(Workspace& w, const outlier::TemporalOptions& options, std::vector<Image<std::uint8_t>>& rejected) const;
  const std::vector<Image<std::uint8_t>>& rejected_by_time(Workspace& w, Comparison& c) const;
  template <class Change>
  void for_each_set(const Workspace& w, const Comparison& c, std::size_t k, const Image<std::uint8_t>& set, Change change) const;
  void flag_temporal(Workspace& w, Comparison& c, const ClusterVerdicts& verdicts) const;
  void flag_box(Workspace& w, Comparison& c, bool keep_deviation) const;
  void keep_maps(Workspace& w, const Comparison& c, std::int64_t tile, const KeptMaps& kept) const;
  void flag_dual(Workspace& w, Comparison& c, const ClusterVerdicts& verdicts, bool keep_map) const;
  void flag_blot(Workspace& w, Comparison& c) const;
  void project(Workspace& w, const std::vector<Image<std::uint8_t>>& flags, outlier::Scheme scheme) const;
  void take_home(Workspace& w, std::int64_t tile, FrameMasks& masks) const;
  void resample_stack(Workspace& w, Box grown);
  void reject(Workspace& w, Box tile, TileResult& result);
  RejectedRuns drop_pixels(int f, Frame& frame, View<const std::uint8_t> rejected, Box tile, View<std::uint8_t> marked) const;
  void resample_again(Workspace& w, std::size_t k, View<const std::uint8_t> marked, Box tile);
  void resample_finally(Workspace& w, Box tile);
  void resample(Workspace& w, std::size_t k, const reproject::InterpolationOptions& how, Box part);
  Image<float> sky_gradient(Workspace& w, Box tile) const;
  void coadd(Workspace& w, const Image<float>& steep, TileResult& result);

  const Plan& plan_;
  const FramePass& frames_;
  const MosaicOptions& options_;
  FrameCache& cache_;
  const FrameMasks* masks_;
  outlier::SchemeBits fatal_ = options_.rejection.fatal();
  reproject::InterpolationOptions compared_;  ///< how frames are resampled to look for outliers
  bool once_ = true;                          ///< that is how they are coadded, too
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace tessera::pipeline
