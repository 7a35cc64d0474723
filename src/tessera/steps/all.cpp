// Every step, in the order help lists them. A new one adds its declaration and its line.
#include "tessera/steps/step.h"

namespace tessera::steps {

std::unique_ptr<Step> make_mosaic();
std::unique_ptr<Step> make_overlap();
std::unique_ptr<Step> make_extract();
std::unique_ptr<Step> make_residual();
std::unique_ptr<Step> make_psf();
std::unique_ptr<Step> make_match();
std::unique_ptr<Step> make_cube();
std::unique_ptr<Step> make_discover();
std::unique_ptr<Step> make_drill();
std::unique_ptr<Step> make_cutout();
std::unique_ptr<Step> make_resume();
std::unique_ptr<Step> make_replay();
std::unique_ptr<Step> make_work();
std::unique_ptr<Step> make_gather();
std::unique_ptr<Step> make_rgb();
std::unique_ptr<Step> make_flat();
std::unique_ptr<Step> make_hdr();
std::unique_ptr<Step> make_simulate();
std::unique_ptr<Step> make_convert();
std::unique_ptr<Step> make_import();
std::unique_ptr<Step> make_mopex();
std::unique_ptr<Step> make_info();
std::unique_ptr<Step> make_spectrum();
std::unique_ptr<Step> make_flags();

std::vector<std::unique_ptr<Step>> all() {
  std::vector<std::unique_ptr<Step>> steps;
  steps.push_back(make_mosaic());
  steps.push_back(make_overlap());
  steps.push_back(make_extract());
  steps.push_back(make_residual());
  steps.push_back(make_psf());
  steps.push_back(make_match());
  steps.push_back(make_cube());
  steps.push_back(make_discover());
  steps.push_back(make_drill());
  steps.push_back(make_cutout());
  steps.push_back(make_resume());
  steps.push_back(make_replay());
  steps.push_back(make_work());
  steps.push_back(make_gather());
  steps.push_back(make_rgb());
  steps.push_back(make_flat());
  steps.push_back(make_hdr());
  steps.push_back(make_simulate());
  steps.push_back(make_convert());
  steps.push_back(make_import());
  steps.push_back(make_mopex());
  steps.push_back(make_info());
  steps.push_back(make_spectrum());
  steps.push_back(make_flags());
  return steps;
}

}  // namespace tessera::steps
