#include "verbs.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::cli {

std::vector<DeclaredVerb> all_verbs() {
  std::vector<std::unique_ptr<Verb>> verbs;
  for (auto& step : steps::all()) verbs.push_back(make_step_verb(std::move(step)));
  for (auto* make : {make_steps, make_help, make_config, make_man, make_completion}) verbs.push_back(make());
  std::vector<DeclaredVerb> declared;
  for (auto& verb : verbs) {
    auto options = std::make_unique<param::OptionSet>();
    verb->declare(*options);
    declared.push_back({std::move(verb), std::move(options)});
  }
  return declared;
}

DeclaredVerb find_verb(std::string_view name) {
  std::vector<std::string> names;
  for (auto& verb : all_verbs()) {
    names.push_back(verb.verb->manual().name);
    if (names.back() == name) return std::move(verb);
  }
  const std::string near = text::nearest(name, names);
  throw UsageError{fmt::format("unknown verb '{}'{}", name, near.empty() ? "; the verbs are " + text::join(names, ", ") : fmt::format("; did you mean {}?", near))};
}

std::vector<param::Verb> pages(const std::vector<DeclaredVerb>& verbs) {
  std::vector<param::Verb> result;
  for (const auto& verb : verbs) result.push_back(verb.page());
  return result;
}

std::vector<std::pair<std::string, std::string>> step_choices() {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const auto& step : steps::all()) choices.emplace_back(step->name(), step->name());
  choices.emplace_back("none", "");
  return choices;
}

void print(std::string_view text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE) throw SystemError{fmt::format("standard output cannot be written: {}", std::strerror(errno))};
}

void expect_inputs(const std::vector<std::string>& inputs, std::size_t least, std::size_t most, std::string_view what) {
  if (inputs.size() < least) throw UsageError{fmt::format("expected {}, found nothing", what)};
  if (inputs.size() > most)
    throw UsageError{fmt::format("expected {}, found {}: '{}'", most == 0 ? "no inputs" : what, most == 0 ? "one" : "one more", inputs[most])};
}

}  // namespace tessera::cli
