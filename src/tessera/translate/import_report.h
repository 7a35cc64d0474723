/// translate/import_report.h — what becomes of another program's configuration: options for `tessera mosaic`, and a line about every setting.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/extraction/extract_options.h"
#include "tessera/extraction/residual.h"
#include "tessera/param/legacy.h"
#include "tessera/psf_estimate/estimate_options.h"
#include "tessera/run/run_options.h"
#include "tessera/translate/mopex_scripts.h"

namespace tessera::translate {

/// What a key of another program is here. The order is that of the report.
enum class Fate {
  missing,       ///< asks for something that does not exist here yet
  refused,       ///< its value cannot be used; the default stays
  unknown,       ///< a key that is in no list
  differs,       ///< an option, with another meaning in a detail
  same,          ///< an option
  command_line,  ///< names files of one data set: part of the command, not of the options
  always,        ///< done here without being asked
  unneeded,      ///< has no counterpart, and loses nothing
  unused         ///< switched off, empty, or belongs to what is switched off
};
std::string_view to_string(Fate fate);

/// Whether a switch of another program is off: 0, empty, no, false … and the letter O.
bool is_off(const std::string& value);

class Import;

/// One key of another program. Options that declare a key as their alias need no rule unless something is to be said or converted.
struct KeyRule {
  std::string_view block, key;  ///< as the other program's guide spells them; block "" outside blocks
  Fate fate;
  std::string_view option;      ///< section.option, or the flag for files; "" when none
  std::string_view remark;
  /// Translates the setting; without it, its fate does.
  void (*apply)(Import&, const param::LegacySetting&) = nullptr;
};

/// Whose options a configuration becomes.
enum class Program { mosaic, extract, residual, psf };
std::string_view to_string(Program program);

/// The options of a program's command line, bound to this object.
struct ProgramOptions {
  extraction::ExtractOptions extract;   ///< those of a mosaic in it
  extraction::ResidualOptions residual;
  psf_estimate::PsfOptions psf;
  run::RunOptions run;
  void declare(Program program, param::OptionSet& set);
};

/// A configuration being translated. Values go through the declared options, so what it holds is accepted by the program. Bound to itself: no copies.
class Import {
 public:
  /// `shared`: rules for keys that `rules` does not have.
  Import(const param::LegacyConfig& config, std::string_view dialect, std::span<const KeyRule> rules, Program program = Program::mosaic, std::span<const KeyRule> shared = {});
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  /// Every setting through its rule or alias; each gets a line.
  void translate();
  /// The same line for every setting: nothing of this configuration is for the program.
  void leave_all(std::string_view remark);

  const param::LegacyConfig& config() const { return config_; }
  /// Gives the option a value; when it does not accept it, the setting is told as refused.
  bool set(std::string_view option, const std::string& value, const param::LegacySetting& from, std::string_view remark = "", Fate fate = Fate::same);
  /// A value that follows from what the other program does, not from one setting.
  void set(std::string_view option, const std::string& value, std::string_view because);
  void note(Fate fate, const param::LegacySetting& from, std::string_view remark);
  void warn(int line, std::string_view message);
  void flag(std::string_view flag, const std::string& value);
  /// An image that the command line names by itself.
  void input(const std::string& name);
  /// The number a value stands for; O, l and I among digits are read as 0 and 1 with a warning. Refused when it is none.
  std::optional<double> number(const param::LegacySetting& from);
  /// A switch outside the blocks: 1 (or yes, true, on).
  bool on(std::string_view key) const;
  /// Whether the setting has its line already.
  bool told(const param::LegacySetting& setting) const { return told_.contains(&setting); }
  /// Whether a choice of an option exists in this version.
  bool offers(std::string_view option, std::string_view choice) const;

  Program program() const { return program_; }
  /// TOML for the program, with the report as comments. `title` says what was read.
  std::string toml(std::string_view title) const;
  struct Line {
    int line;
    Fate fate;
    bool trap;
    std::string text;
  };
  /// By line of the file; traps stand before the setting of their line.
  std::vector<Line> report() const;
  long count(Fate fate) const;
  struct Value {
    std::string value;
    std::vector<std::string> comments;
    int line = 0;  ///< of the setting it comes from; 0: follows from what the other program does
  };
  /// Option → value.
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }

 private:
  void apply(const param::LegacySetting& setting);
  void take(std::string_view option, const param::LegacySetting& setting, std::string_view remark, Fate fate);
  const KeyRule* rule_of(const param::LegacySetting& setting) const;
  std::string alias_of(const param::LegacySetting& setting) const;
  void tell_case(const param::LegacySetting& setting);
  std::string command() const;

  const param::LegacyConfig& config_;
  std::string dialect_;
  std::span<const KeyRule> rules_;
  std::span<const KeyRule> shared_;
  Program program_;
  ProgramOptions bound_;
  param::OptionSet options_, mosaic_options_;  ///< the second: those of a mosaic, where the program has more
  std::map<std::string, Value, std::less<>> values_;
  std::vector<Line> lines_;
  std::set<const param::LegacySetting*> told_;
  std::vector<std::string> flags_;
  std::string input_;
};

/// One row per key, from the rules and from what the options of the program declare. Aliases that the mosaic has too are left to its table.
std::string key_table(std::string_view dialect, std::span<const KeyRule> rules, Program program = Program::mosaic);

/// mopex_keys.cpp: chapters 4 and 5 of the guide; apex_keys.cpp: chapter 6; prf_keys.cpp: chapter 7.
std::span<const KeyRule> mopex_rules();
std::span<const KeyRule> apex_rules();

/// import_mopex.cpp: the namelist as the options of what does the script's work here.
Import import_namelist(const param::LegacyConfig& config, MopexScript script);
/// Translates a namelist; what it is for ("MOPEX namelist of mosaic.pl").
std::string translate_namelist(Import& import, MopexScript script);
void read_weights(Import& import);

/// import_apex.cpp: settings of APEX that say something together.
void read_apex(Import& import, MopexScript script);
/// import_qa.cpp: rules of apex_qa.pl, and what is read together there.
std::span<const KeyRule> qa_rules();
void read_qa(Import& import);

/// prf_keys.cpp: rules of prf_estimate.pl, and what follows where it says nothing.
std::span<const KeyRule> prf_rules();
void read_prf(Import& import);

/// import_outliers.cpp: everything of a namelist that says how outliers are found and which of them reject.
void read_outliers(Import& import);

/// import_swarp.cpp
std::span<const KeyRule> swarp_rules();
std::string translate_swarp(Import& import);

}  // namespace tessera::translate
