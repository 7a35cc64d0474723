/// steps/planned.h — a plan file with the options it was made with: what work, gather and the batch system share.
#pragma once
#include <string>

#include "tessera/scale_out/scale_out.h"
#include "tessera/steps/again.h"
#include "tessera/steps/scale_options.h"

namespace tessera::steps {

/// Reads the plan and stands in the folder it was made in while it lives.
class PlannedRun {
 public:
  explicit PlannedRun(const std::string& plan_file);
  scale_out::PlanFile& file() { return file_; }
  const pipeline::MosaicOptions& options() const { return mosaic_; }
  param::OptionSet& settings() { return settings_; }
  pipeline::MosaicRequest request() const;

 private:
  scale_out::PlanFile file_;
  pipeline::MosaicOptions mosaic_;
  ExecutorOptions executor_;
  run::RunOptions run_;
  param::OptionSet settings_;
  WorkingFolder there_;
};

}  // namespace tessera::steps
