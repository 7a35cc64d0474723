/// steps/import_report.h — what becomes of another program's configuration: options for `tessera mosaic`, and a line about every setting.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/param/legacy.h"
#include "tessera/pipeline/mosaic_options.h"
#include "tessera/steps/run_options.h"

namespace tessera::steps {

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

/// A configuration being translated. Values go through the declared options, so what it holds is accepted by `tessera mosaic`.
class Import {
 public:
  Import(const param::LegacyConfig& config, std::string_view dialect, std::span<const KeyRule> rules);

  /// Every setting through its rule or alias; each gets a line.
  void translate();
  /// The same line for every setting: nothing of this configuration is for a mosaic.
  void leave_all(std::string_view remark);

  const param::LegacyConfig& config() const { return config_; }
  /// Gives the option a value; when it does not accept it, the setting is told as refused.
  bool set(std::string_view option, const std::string& value, const param::LegacySetting& from, std::string_view remark = "", Fate fate = Fate::same);
  /// A value that follows from what the other program does, not from one setting.
  void set(std::string_view option, const std::string& value, std::string_view because);
  void note(Fate fate, const param::LegacySetting& from, std::string_view remark);
  void warn(int line, std::string_view message);
  void flag(std::string_view flag, const std::string& value);
  /// The number a value stands for; O, l and I among digits are read as 0 and 1 with a warning. Refused when it is none.
  std::optional<double> number(const param::LegacySetting& from);
  /// A switch outside the blocks: 1 (or yes, true, on).
  bool on(std::string_view key) const;
  /// Whether the setting has its line already.
  bool told(const param::LegacySetting& setting) const { return told_.contains(&setting); }
  /// Whether a choice of an option exists in this version.
  bool offers(std::string_view option, std::string_view choice) const;

  /// TOML for `tessera mosaic`, with the report as comments. `title` says what was read.
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
  pipeline::MosaicOptions mosaic_;
  RunOptions run_;
  param::OptionSet options_;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<Line> lines_;
  std::set<const param::LegacySetting*> told_;
  std::vector<std::string> flags_;
};

/// One row per key, from the rules and from what the options of `tessera mosaic` declare.
std::string key_table(std::string_view dialect, std::span<const KeyRule> rules);

/// import_mopex.cpp
std::span<const KeyRule> mopex_rules();
/// Translates a namelist; what it was for ("MOPEX namelist of mosaic.pl").
std::string translate_namelist(Import& import);

/// import_outliers.cpp: everything of a namelist that says how outliers are found and which of them reject.
void read_outliers(Import& import);

/// import_swarp.cpp
std::span<const KeyRule> swarp_rules();
std::string translate_swarp(Import& import);

}  // namespace tessera::steps
