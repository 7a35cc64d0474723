/// pipeline/tile_pass.h — one tile: read the windows of its frames and halo → resample → reject → resample what rejection touched →
/// coadd. Outliers are looked for with area overlap, whatever the method; another one then resamples the tile without them. A tile needs nothing of its neighbours, so tiles may be done in any order, number or process.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "tessera/pipeline/frame_pass.h"

namespace tessera::pipeline {

class TilePass {
 public:
  /// All references must outlive the pass.
  TilePass(const Plan& plan, const FramePass& frames, const MosaicOptions& options, FrameCache& cache);
  ~TilePass();
  /// Safe from many threads. The bits of the result depend on neither the tile's size nor what else runs.
  TileResult run(std::int64_t tile);

 private:
  struct Workspace;
  std::unique_ptr<Workspace> borrow();
  void give_back(std::unique_ptr<Workspace> w);
  void resample_stack(Workspace& w, Box grown);
  void find_outliers(Workspace& w);
  void reject(Workspace& w, Box tile, TileResult& result);
  RejectedRuns drop_pixels(int f, Frame& frame, View<const std::uint8_t> rejected, Box tile, View<std::uint8_t> marked) const;
  void resample_again(Workspace& w, std::size_t k, View<const std::uint8_t> marked, Box tile);
  void resample_finally(Workspace& w, Box tile);
  void resample(Workspace& w, std::size_t k, const reproject::InterpolationOptions& how, Box part);
  Image<float> sky_gradient(Workspace& w, Box tile) const;
  void coadd(Workspace& w, const Image<float>& steep, TileResult& result);
  void calibrate(int frame, const ResampledView& part) const;

  const Plan& plan_;
  const FramePass& frames_;
  const MosaicOptions& options_;
  FrameCache& cache_;
  reproject::InterpolationOptions compared_;  ///< how frames are resampled to look for outliers
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace tessera::pipeline
