/// apps/cli/verbs.h — what may stand behind `tessera`: every step, and a few verbs about the program itself.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/param/render.h"
#include "tessera/param/schema.h"
#include "tessera/steps/step.h"

namespace tessera::cli {

class Verb {
 public:
  virtual ~Verb() = default;
  virtual param::Manual manual() const = 0;
  /// Adds its options, bound to members of this object.
  virtual void declare(param::OptionSet& options) = 0;
  virtual void run(const std::vector<std::string>& inputs, param::OptionSet& options) = 0;
};

/// A verb whose options have been declared.
struct DeclaredVerb {
  std::unique_ptr<Verb> verb;
  std::unique_ptr<param::OptionSet> options;
  param::Verb page() const { return {verb->manual(), options.get()}; }
};

std::vector<DeclaredVerb> all_verbs();
/// Throws UsageError that names the nearest.
DeclaredVerb find_verb(std::string_view name);
/// Pages of `verbs`, which must outlive them.
std::vector<param::Verb> pages(const std::vector<DeclaredVerb>& verbs);
/// Names of the steps, as choices of an option; "none" for none.
std::vector<std::pair<std::string, std::string>> step_choices();

constexpr std::string_view program_summary = "mosaics from calibrated astronomical exposures";

std::unique_ptr<Verb> make_step_verb(std::unique_ptr<steps::Step> step);
std::unique_ptr<Verb> make_steps();
std::unique_ptr<Verb> make_help();
std::unique_ptr<Verb> make_config();
std::unique_ptr<Verb> make_man();
std::unique_ptr<Verb> make_completion();

/// To standard output. A reader that went away is no error; a full disk is SystemError.
void print(std::string_view text);
/// Refuses more or fewer inputs than `least` to `most`.
void expect_inputs(const std::vector<std::string>& inputs, std::size_t least, std::size_t most, std::string_view what);

}  // namespace tessera::cli
