/// spectrum/spectrum.h — the whole of tessera spectrum: sources and frames in, spectra out.
#pragma once
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/param/schema.h"
#include "tessera/run/context.h"
#include "tessera/spectrum/binning.h"
#include "tessera/spectrum/measure.h"
#include "tessera/spectrum/sources.h"

namespace tessera::spectrum {

struct FitOptions {
  int side = 15;
  double reach = 2;
  Weights weights = Weights::smooth;
  Placement placement = Placement::exact;
  double psf_shift_x = 0, psf_shift_y = 0;
  bool covariance = false;
};
void describe(param::Schema<FitOptions>& s);

struct BackgroundOptions {
  SkyWay way = SkyWay::by_shape;
  int side = 15, widest_side = 31;
  double least_fraction = 0.1;
  bool mask_sources = true;
};
void describe(param::Schema<BackgroundOptions>& s);

struct SpectrumOptions {
  SourceOptions sources;
  FitOptions fit;
  BackgroundOptions background;
  BinOptions channels;
  std::vector<std::string> wavelengths;   ///< ranges "0.9-1.1", µm
  std::string calibration;                ///< folder
  bool any_quality = false;
  instrument::OnBadFrame on_bad_frame = instrument::OnBadFrame::stop;
  std::vector<std::string> formats{"fits"};
  bool flag_counts = true;
  int each = 100;                         ///< files for each source where there are no more of them
  bool report = true;
  void declare(param::OptionSet& options);
};
void describe(param::Schema<SpectrumOptions>& s);

struct SpectrumRequest {
  std::vector<std::string> inputs;        ///< sources, then frames
  std::string output;
  bool overwrite = false, dry_run = false;
};

/// Writes measurements (a row per measurement), spectra (a row per source, means of the 102 channels as arrays), frames, with fit.covariance covariances, for few sources spectra/NAME.xml, .png and .svg, report.html, run.json and tessera.log.
/// Throws UsageError, DataError, SystemError. No measurement at all: Outcome::nothing_to_do, written all the same.
run::Outcome spectrum(const SpectrumRequest& request, const SpectrumOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::spectrum
