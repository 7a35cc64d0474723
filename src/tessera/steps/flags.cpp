// tessera flags: what the bits of a SPHEREx flag value mean, and the value of named bits.
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tessera/base/text.h"
#include "tessera/run/context.h"
#include "tessera/spherex/flags.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

struct FlagsOptions {
  bool json = false;
};

void describe(param::Schema<FlagsOptions>& s) { s.field(&FlagsOptions::json, "json", "Print one JSON array instead of text.").flag("json"); }

/// A number (decimal, 0x…, or 1<<21), or names joined by + , or |.
std::uint64_t parse_flags(const std::string& input) {
  std::string_view word = text::trim(input);
  const auto number = [](std::string_view digits, int base) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size()) return {};
    return value;
  };
  if (text::starts_with_nocase(word, "0x")) {
    if (const auto value = number(word.substr(2), 16)) return *value;
  } else if (!word.empty() && word.front() >= '0' && word.front() <= '9') {
    if (const auto value = number(word, 10)) return *value;
  } else if (!word.empty() && word.front() != '-') {
    std::uint64_t value = 0;
    std::string names{word};
    for (char& c : names)
      if (c == '+' || c == '|') c = ',';
    for (const auto& name : text::split(names, ',')) value |= spherex::flag_mask(text::trim(name));
    return value;
  }
  throw UsageError{fmt::format("'{}' is no flag value; expected a whole number from 0 to 2^64 - 1 (4297064449, 0x100200001) or names (SOURCE+OUTLIER)", input)};
}

std::string meaning(int bit) {
  for (const auto& f : spherex::flags())
    if (f.bit == bit) return std::string{f.text};
  return "no documented meaning";
}

struct DecodedBit {
  int bit = 0;
  std::string name, text;
  bool ignored = false, masked = false, dropped = false;
};

std::vector<DecodedBit> decode(std::uint64_t value) {
  std::vector<DecodedBit> bits;
  const auto names = spherex::decode(value);
  for (const auto& name : names) {
    const int bit = std::countr_zero(value);
    const std::uint64_t mask = std::uint64_t{1} << bit;
    bits.push_back({bit, name, meaning(bit), (spherex::fit_ignored() & mask) != 0, (spherex::background_masked() & mask) != 0, (spherex::mosaic_dropped() & mask) != 0});
    value &= value - 1;
  }
  return bits;
}

std::string to_text(std::uint64_t value) {
  std::string lines = fmt::format("{} (0x{:x})\n", value, value);
  for (const auto& b : decode(value)) {
    std::vector<std::string> uses;
    if (b.ignored) uses.push_back("fits ignore it");
    else if (b.masked) uses.push_back("local backgrounds mask it");
    if (b.dropped) uses.push_back("mosaics drop it");
    lines += fmt::format("  {:>2}  {:<18}  {}{}\n", b.bit, b.name, b.text, uses.empty() ? "" : " [" + text::join(uses, ", ") + "]");
  }
  return value == 0 ? lines + "  no flag is set\n" : lines;
}

class Flags : public Step {
 public:
  std::string_view name() const override { return "flags"; }
  std::string_view summary() const override { return "Decode SPHEREx flag values, or give the value of named flags."; }
  std::string_view description() const override {
    return "Each value (decimal or 0x…) is listed bit by bit: number, name, meaning, and whether fits of sources ignore such pixels, local backgrounds mask them, or mosaics drop them. "
           "Names joined by + give the value that has these bits. Bits 32 and 33 occur in photometry only.";
  }
  std::string_view inputs() const override { return "VALUES|NAMES..."; }
  std::string_view example() const override { return "tessera flags 4297064449"; }
  bool writes_output() const override { return false; }
  void declare(param::OptionSet& options) override { options.add("flags", "Form of the report", options_); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions&, param::OptionSet&, run::Context&) override {
    if (inputs.empty()) throw UsageError{"no flag value given; as in tessera flags 4297064449"};
    std::vector<std::uint64_t> values;
    for (const auto& input : inputs) values.push_back(parse_flags(input));
    std::string text;
    if (options_.json) {
      auto list = nlohmann::json::array();
      for (const auto value : values) {
        auto bits = nlohmann::json::array();
        for (const auto& b : decode(value)) bits.push_back({{"bit", b.bit}, {"name", b.name}, {"meaning", b.text}, {"fit_ignores", b.ignored}, {"background_masks", b.masked}, {"mosaic_drops", b.dropped}});
        list.push_back({{"value", value}, {"flags", std::move(bits)}});
      }
      text = list.dump(2) + "\n";
    } else {
      for (const auto value : values) text += to_text(value);
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return run::Outcome::done;
  }

 private:
  FlagsOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_flags() { return std::make_unique<Flags>(); }

}  // namespace tessera::steps
