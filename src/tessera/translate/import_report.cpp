#include "tessera/translate/import_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/param/layout.h"
#include "tessera/param/render.h"

namespace tessera::translate {

namespace {

using param::LegacySetting;
using param::legacy::printable;

bool same_name(std::string_view a, std::string_view b) { return text::lower(a) == text::lower(b); }

std::string name_of(std::string_view block, std::string_view key) { return block.empty() ? std::string{key} : fmt::format("&{} {}", block, key); }

std::string shown(const LegacySetting& s) {
  return fmt::format("line {}: {} = {}", s.line, printable(name_of(s.block, s.key), 80), s.value.empty() ? "(empty)" : printable(s.value, 120));
}

// A word for the shell: in single quotation marks where a character would mean something to it.
std::string quoted(const std::string& word) {
  const auto harmless = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view{"/._-+:,@%="}.find(c) != std::string_view::npos; };
  return !word.empty() && std::all_of(word.begin(), word.end(), harmless) ? word : "'" + param::layout::replace_all(word, "'", "'\\''") + "'";
}

// "1O.5" and "l0": letters that look like digits, in a word that is a number with them.
std::optional<double> with_letters_as_digits(std::string word) {
  for (char& c : word)
    if (c == 'O' || c == 'o') c = '0';
    else if (c == 'l' || c == 'I') c = '1';
  return text::to_double(word);
}

}  // namespace

bool is_off(const std::string& value) {
  const std::string v = text::lower(value);
  return v.empty() || v == "0" || v == "o" || v == "0.0" || v == "no" || v == "n" || v == "false" || v == "off" || v == ".false.";
}

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::missing: return "not there yet";
    case Fate::refused: return "not taken over";
    case Fate::unknown: return "unknown";
    case Fate::differs: return "differs";
    case Fate::same: return "same";
    case Fate::command_line: return "on the command line";
    case Fate::always: return "always done";
    case Fate::unneeded: return "not needed";
    case Fate::unused: return "not in use";
  }
  return "?";
}

std::string_view to_string(Program program) { 
  switch (program) {
    case Program::mosaic: return "mosaic";
    case Program::extract: return "extract";
    case Program::residual: return "residual";
    case Program::psf: return "psf estimate";
  }
  return "?";
}

void ProgramOptions::declare(Program program, param::OptionSet& set) {
  if (program == Program::extract) extract.declare(set);
  else if (program == Program::residual) residual.declare(set);
  else if (program == Program::psf) psf.declare(set);
  else extract.mosaic.declare(set);
  run.declare(set, true);
}

Import::Import(const param::LegacyConfig& config, std::string_view dialect, std::span<const KeyRule> rules, Program program, std::span<const KeyRule> shared)
    : config_{config}, dialect_{dialect}, rules_{rules}, shared_{shared}, program_{program} {
  bound_.declare(program_, options_);
  if (program_ != Program::mosaic) bound_.declare(Program::mosaic, mosaic_options_);
  for (const auto& trap : config.traps) warn(trap.line, trap.message);
}

void Import::warn(int line, std::string_view message) { lines_.push_back({line, Fate::unknown, true, fmt::format("line {}: {}", line, message)}); }

void Import::note(Fate fate, const LegacySetting& from, std::string_view remark) {
  told_.insert(&from);
  lines_.push_back({from.line, fate, false, fmt::format("{}: {}{}{}", shown(from), to_string(fate), remark.empty() ? "" : ": ", remark)});
}

bool Import::set(std::string_view option, const std::string& value, const LegacySetting& from, std::string_view remark, Fate fate) {
  try {
    options_.assign(option, value, param::Source::file, "");
  } catch (const UsageError& e) {
    note(Fate::refused, from, fmt::format("{}; {} stays as it is", printable(e.what(), 300), option));
    return false;
  }
  told_.insert(&from);
  const std::string because = remark.empty() ? "" : fmt::format(" ({})", remark);
  lines_.push_back({from.line, fate, false, fmt::format("{} -> {} = {}{}", shown(from), option, value, because)});
  Value& v = values_[std::string{option}];
  v.value = value;
  v.line = from.line;
  v.comments.push_back(shown(from) + because);
  return true;
}

void Import::set(std::string_view option, const std::string& value, std::string_view because) {
  options_.assign(option, value, param::Source::file, "");
  Value& v = values_[std::string{option}];
  v.value = value;
  v.comments.emplace_back(because);
}

void Import::input(const std::string& name) { input_ = quoted(name); }

void Import::flag(std::string_view flag, const std::string& value) { flags_.push_back(fmt::format("{} {}", flag, quoted(value))); }

std::optional<double> Import::number(const LegacySetting& from) {
  if (const auto plain = text::to_double(from.value); plain && std::isfinite(*plain)) return plain;
  const auto mended = with_letters_as_digits(from.value);
  if (mended && std::isfinite(*mended)) {
    warn(from.line, fmt::format("{} has letters among its digits; it is read as {}", printable(from.value, 60), text::from_double(*mended)));
    return mended;
  }
  note(Fate::refused, from, "not a number; the default stays");
  return std::nullopt;
}

bool Import::on(std::string_view key) const {
  const LegacySetting* s = config_.find("", key);
  return s && !is_off(s->value);
}

bool Import::offers(std::string_view key, std::string_view choice) const {
  const param::Field* f = options_.find(key);
  return f && std::find(f->choices.begin(), f->choices.end(), choice) != f->choices.end();
}

const KeyRule* Import::rule_of(const LegacySetting& s) const {
  const auto in = [&](std::span<const KeyRule> list) -> const KeyRule* {
    for (const KeyRule& r : list)
      if (same_name(r.key, s.key) && same_name(r.block, s.block)) return &r;
    return nullptr;
  };
  if (const KeyRule* own = in(rules_)) return own;
  // The program's own option of that name comes before what a mosaic makes of it.
  const std::string alias = alias_of(s);
  return !alias.empty() && program_ != Program::mosaic && !mosaic_options_.find(alias) ? nullptr : in(shared_);
}

std::string Import::alias_of(const LegacySetting& s) const {
  for (const auto& section : options_.sections())
    for (const auto& f : section.fields)
      for (const auto& a : f.aliases)
        if (a.dialect == dialect_ && same_name(a.block, s.block) && same_name(a.key, s.key)) return section.name + "." + f.name;
  return "";
}

void Import::tell_case(const LegacySetting& s) {
  const KeyRule* rule = rule_of(s);
  if (rule && rule->key != s.key) warn(s.line, fmt::format("{} is spelt {} in the guide; it is read all the same", s.key, rule->key));
}

// A value for an option of the same meaning, in the option's own form.
void Import::take(std::string_view key, const LegacySetting& s, std::string_view remark, Fate fate) {
  const param::Field* f = options_.find(key);
  if (!f) return note(Fate::missing, s, remark);
  std::string value = printable(s.value, 1000);
  if (f->type == param::Type::integer || f->type == param::Type::real) {
    const auto n = number(s);
    if (!n) return;
    if (f->type == param::Type::integer && (*n != std::floor(*n) || std::abs(*n) > 1e15)) return note(Fate::refused, s, "a whole number was expected; the default stays");
    value = f->type == param::Type::integer ? fmt::format("{:.0f}", *n) : text::from_double(*n);
  }
  set(key, value, s, remark, fate);
}

void Import::apply(const LegacySetting& s) {
  if (config_.find(s.block, s.key) != &s) return note(Fate::unused, s, "a later line gives it again");
  tell_case(s);
  const KeyRule* rule = rule_of(s);
  const std::string alias = alias_of(s);
  if (!rule && alias.empty()) {
    std::vector<std::string> names;
    for (const auto& list : {rules_, shared_})
      for (const KeyRule& r : list) names.push_back(name_of(r.block, r.key));
    const std::string near = text::nearest(name_of(s.block, s.key), names);
    const auto chapters = program_ == Program::mosaic ? "no key of the guide's chapters on mosaics" : "no key of the guide's chapters on mosaics and point sources";
    return note(Fate::unknown, s, near.empty() ? chapters : fmt::format("{}; did you mean {}?", chapters, near));
  }
  if (s.value.empty()) {
    const bool optional = !rule || rule->fate == Fate::same || rule->fate == Fate::differs;
    if (optional) warn(s.line, fmt::format("{} has no value; the default stays", s.key));
    return note(Fate::unused, s, "no value");
  }
  if (!rule) return take(alias, s, "", Fate::same);
  if (rule->apply) return rule->apply(*this, s);
  switch (rule->fate) {
    case Fate::same:
    case Fate::differs: return take(rule->option, s, rule->remark, rule->fate);
    case Fate::command_line:
      flag(rule->option, printable(s.value));
      return note(rule->fate, s, fmt::format("{} {}", rule->option, printable(s.value)));
    case Fate::missing:
      // An option that has come since the rule was written counts.
      if (!alias.empty()) return take(alias, s, "", Fate::same);
      return is_off(s.value) ? note(Fate::unused, s, "off") : note(Fate::missing, s, rule->remark);
    default: return note(rule->fate, s, rule->remark);
  }
}

void Import::translate() {
  for (const LegacySetting& s : config_.settings)
    if (!told_.contains(&s)) apply(s);
}

void Import::leave_all(std::string_view remark) {
  for (const LegacySetting& s : config_.settings) note(s.value.empty() ? Fate::unused : Fate::missing, s, remark);
}

long Import::count(Fate fate) const {
  return std::count_if(lines_.begin(), lines_.end(), [&](const Line& l) { return !l.trap && l.fate == fate; });
}

std::vector<Import::Line> Import::report() const {
  std::vector<Line> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Line& a, const Line& b) { return std::pair{a.line, !a.trap} < std::pair{b.line, !b.trap}; });
  return sorted;
}

std::string Import::command() const {
  const bool frames = std::any_of(flags_.begin(), flags_.end(), [](const std::string& f) { return f.starts_with("-I "); });
  const bool out = std::any_of(flags_.begin(), flags_.end(), [](const std::string& f) { return f.starts_with("-o "); });
  const std::string images = !input_.empty() ? " " + input_ : frames ? "" : program_ == Program::extract || program_ == Program::psf ? " MOSAIC" : program_ == Program::residual ? " TABLE MOSAIC" : " FRAMES";
  return fmt::format("tessera {} -c THIS.toml{}{}{}{}", to_string(program_), images, flags_.empty() ? "" : " ", text::join(flags_, " "), out ? "" : " -o OUT");
}

std::string Import::toml(std::string_view title) const {
  std::string s = fmt::format("# Options of tessera {}, translated by tessera import from a {}.\n#\n# Run it as\n#   {}\n", to_string(program_), printable(title), command());
  const std::vector<Line> lines = report();
  const auto chapter = [&](std::string_view heading, auto wanted) {
    std::string body;
    for (const Line& l : lines)
      if (wanted(l)) body += fmt::format("#   {}\n", printable(l.text, 600));
    if (!body.empty()) s += fmt::format("#\n# {}\n{}", heading, body);
  };
  const auto fate = [](Fate wanted) { return [wanted](const Line& l) { return !l.trap && l.fate == wanted; }; };
  chapter("Asked for and not there yet:", fate(Fate::missing));
  chapter("Values that cannot be used:", fate(Fate::refused));
  chapter("Unknown keys:", fate(Fate::unknown));
  chapter("Slips of the pen, read all the same:", [](const Line& l) { return l.trap; });
  chapter("Options with another meaning in a detail (values below):", fate(Fate::differs));
  chapter("On the command line:", fate(Fate::command_line));
  chapter("Always done:", fate(Fate::always));
  chapter("Not needed:", fate(Fate::unneeded));
  chapter("Not in use:", fate(Fate::unused));
  for (const auto& group : param::layout::groups(options_)) {
    std::string body;
    for (const auto* field : group.fields) {
      const auto at = values_.find(group.name + "." + field->name);
      if (at == values_.end()) continue;
      for (const std::string& c : at->second.comments) body += fmt::format("# {}\n", printable(c, 600));
      body += fmt::format("{} = {}\n", field->name, param::toml_value(*field, at->second.value));
    }
    if (!body.empty()) s += fmt::format("\n[{}]\n{}", group.name, body);
  }
  return s;
}

std::string key_table(std::string_view dialect, std::span<const KeyRule> rules, Program program) {
  struct Row {
    std::string option, status, remark;
  };
  std::map<std::pair<std::string, std::string>, Row> rows;
  for (const KeyRule& r : rules)
    rows[{text::upper(r.block), std::string{r.key}}] = {std::string{r.option}, std::string{to_string(r.fate)}, std::string{r.remark}};
  ProgramOptions bound;
  param::OptionSet options, shared;
  bound.declare(program, options);
  if (program != Program::mosaic) bound.declare(Program::mosaic, shared);
  for (const auto& section : options.sections())
    for (const auto& f : section.fields)
      for (const auto& a : f.aliases) {
        // Detection and responses of psf estimate have names in other scripts, not in its own.
        if (program == Program::psf && section.name != "estimate") continue;
        if (a.dialect != dialect || shared.find(section.name + "." + f.name)) continue;
        // As in apply(): a rule comes before an alias, unless it says that there is no option.
        const bool ruled = std::any_of(rules.begin(), rules.end(), [&](const KeyRule& r) {
          return same_name(r.block, a.block) && same_name(r.key, a.key) && (r.fate != Fate::missing || r.apply);
        });
        if (!ruled) rows[{text::upper(a.block), a.key}] = {section.name + "." + f.name, std::string{to_string(Fate::same)}, ""};
      }
  const bool blocks = dialect == "mopex";
  std::string s = blocks ? "| Block | Key | tessera | Status | Remark |\n|---|---|---|---|---|\n" : "| Key | tessera | Status | Remark |\n|---|---|---|---|\n";
  for (const auto& [key, row] : rows) {
    const std::string first = !blocks ? "" : key.first.empty() ? "|  " : fmt::format("| `&{}` ", key.first);
    s += fmt::format("{}| `{}` | {} | {} | {} |\n", first, key.second, row.option.empty() ? "" : fmt::format("`{}`", row.option), row.status, row.remark);
  }
  return s;
}

}  // namespace tessera::translate
