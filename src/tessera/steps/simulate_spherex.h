/// steps/simulate_spherex.h — tessera simulate spherex: the part of the step simulate that writes SPHEREx spectral images.
#pragma once
#include "tessera/run/context.h"
#include "tessera/simulate/exposure.h"
#include "tessera/simulate/sources.h"
#include "tessera/simulate/stack.h"
#include "tessera/simulate_spherex/options.h"
#include "tessera/steps/step.h"

namespace tessera::steps {

struct SpherexProducts {
  bool model = false, defects = true;
  bool calibration = true;
  bool fluxes = true;
};
void describe(param::Schema<SpherexProducts>& s);

/// Options of `simulate spherex` besides those it shares: seed and field of [stack], [sources], photon and read of [noise], and the moving object of [transients].
struct SpherexOptions {
  simulate_spherex::SurveyOptions survey;
  simulate_spherex::SkyOptions sky;
  simulate_spherex::ExtraSources sources;
  simulate_spherex::DefectOptions defects;
  SpherexProducts products;
};
void declare_spherex(param::OptionSet& options, SpherexOptions& spherex);
/// Throws UsageError when an option was given a value that this kind of simulation does not look at.
void refuse_foreign_options(const param::OptionSet& options, bool spherex);
run::Outcome simulate_spherex_frames(const SpherexOptions& spherex, const simulate::SceneOptions& shared, const run::RunOptions& run, param::OptionSet& options, run::Context& context);

}  // namespace tessera::steps
