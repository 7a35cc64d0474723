#include "tessera/pipeline/tile_keys.h"

#include <fmt/format.h>

#include "tessera/base/files.h"
#include "tessera/pipeline/frame_records.h"

namespace tessera::pipeline {
namespace {

std::string hash_of_covariance(const background::OffsetCovariance& c) {
  if (c.slots() == 0) return "";
  const auto terms = static_cast<std::size_t>(c.terms());
  return files::sha256({reinterpret_cast<const char*>(c.block(0)), c.slots() * terms * terms * sizeof(double)});
}

}  // namespace

TileKeys::TileKeys(const Plan& plan, const FramePass& pass, const MosaicOptions& options, const FrameMasks* masks) : plan_{plan}, pass_{pass} {
  common_ = fmt::format("planes {} {} weights {} order {} side {} ", plan.planes.bits(), plan.context_planes, coadd::to_string(pass.weighting), pass.offsets.order, plan.lattice.side);
  if (options.background.uncertainty == background::Uncertainty::include) common_ += hash_of_covariance(pass.offsets.covariance);
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    run::ByteWriter bytes;
    put(bytes, pass.frames[i]);
    if (masks)
      for (const auto& run : masks->of(i)) bytes.put(run.start), bytes.put(run.length), bytes.put(run.bits);
    of_frame_.push_back(files::sha256(fmt::format("{} {} {}", i, plan.frame_keys[i], bytes.bytes())).substr(0, 32));
  }
}

std::string TileKeys::operator()(std::int64_t tile) const {
  std::string all = common_;
  for (const int f : plan_.tile_frames[static_cast<std::size_t>(tile)])
    if (pass_.frames[static_cast<std::size_t>(f)].usable) all += of_frame_[static_cast<std::size_t>(f)];
  return files::sha256(all).substr(0, 32);
}

}  // namespace tessera::pipeline
