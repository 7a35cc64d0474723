/// steps/step.h — a verb of the command line that does work: its options, inputs and run(). One short file per step; all.cpp lists them.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/run/context.h"
#include "tessera/run/run_options.h"

namespace tessera::steps {

class Step {
 public:
  virtual ~Step() = default;
  virtual std::string_view name() const = 0;         ///< "mosaic"
  virtual std::string_view summary() const = 0;      ///< one line for lists
  virtual std::string_view description() const = 0;  ///< a paragraph or two for help and the man page
  virtual std::string_view inputs() const = 0;       ///< as in the usage line: "FRAMES…", "" for none
  virtual std::string_view example() const = 0;      ///< one command line that works
  virtual bool writes_output() const = 0;            ///< takes -o
  /// Adds its sections, bound to members of this object. Called once, before options are read.
  virtual void declare(param::OptionSet& options) = 0;
  /// Settles options that must be known before the run begins (threads, messages), where a file that the options name says so. Called once, when all options of the command line are read.
  virtual void prepare(const std::vector<std::string>& /*inputs*/, param::OptionSet& /*options*/) {}
  virtual run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options,
                                run::Context& context) = 0;
};

/// A fresh object of every step, in the order help lists them.
std::vector<std::unique_ptr<Step>> all();

}  // namespace tessera::steps
