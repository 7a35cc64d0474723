// Completion scripts. What a flag's value may be is told by its choices, or by its placeholder: DIR, FILE, LIST and PATH;
// an input STEP is the name of a verb.
#include <fmt/format.h>

#include "tessera/param/layout.h"
#include "tessera/param/render.h"

namespace tessera::param {

namespace {

std::string names(const std::vector<Verb>& verbs) {
  std::vector<std::string> list;
  for (const auto& verb : verbs) list.push_back(verb.manual.name);
  return text::join(list, " ");
}

std::vector<std::string> spellings(const layout::Flag& flag) {
  std::vector<std::string> list{flag.name};
  if (flag.letter) list.push_back(std::string{'-', flag.letter});
  return list;
}

/// What the shell offers for a value.
enum class Offer { nothing, words, files, folders };

Offer offer(const layout::Flag& flag) {
  if (!flag.choices.empty()) return Offer::words;
  if (flag.placeholder == "DIR") return Offer::folders;
  if (flag.placeholder == "FILE" || flag.placeholder == "LIST" || flag.placeholder == "PATH") return Offer::files;
  return Offer::nothing;
}

std::vector<std::string> words_of(const Field& field) {
  if (field.type == Type::boolean) return {"true", "false"};
  return field.choices;
}

// Text inside single quotes of a shell.
std::string sh(std::string_view s) { return layout::replace_all(std::string{s}, "'", "'\\''"); }
std::string fish_quoted(std::string_view s) { return layout::replace_all(layout::replace_all(std::string{s}, "\\", "\\\\"), "'", "\\'"); }
// Text inside [...] of an _arguments specification.
std::string zsh_spec(std::string_view s) {
  std::string result;
  for (const char c : s) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return sh(result);
}

std::string bash_offer(Offer what, const std::string& list) {
  switch (what) {
    case Offer::words: return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", sh(list));
    case Offer::files: return "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Offer::folders: return "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Offer::nothing: break;
  }
  return "COMPREPLY=()";
}

// Cases "verb:what came before" → what may follow, for the flags and keys of one verb.
std::string bash_cases(const Verb& verb) {
  std::string s;
  for (const auto& flag : layout::all_flags(*verb.options)) {
    if (flag.placeholder.empty()) continue;
    std::vector<std::string> patterns;
    for (const auto& name : spellings(flag)) patterns.push_back(fmt::format("'{}:{}'", verb.manual.name, name));
    const std::string list = text::join(flag.choices, " ");
    const bool is_set = flag.name == "--set";
    std::string keys;
    for (const auto& key : verb.options->keys()) keys += (keys.empty() ? "" : " ") + key + "=";
    s += fmt::format("    {}) {}{}; return ;;\n", text::join(patterns, "|"), is_set ? "compopt -o nospace 2>/dev/null; " : "",
                     is_set ? bash_offer(Offer::words, keys) : bash_offer(offer(flag), list));
  }
  for (const auto& section : verb.options->sections())
    for (const auto& field : section.fields)
      if (const auto words = words_of(field); !words.empty())
        s += fmt::format("    '{}:{}.{}') {}; return ;;\n", verb.manual.name, section.name, field.name, bash_offer(Offer::words, text::join(words, " ")));
  return s;
}

std::string zsh_action(const layout::Flag& flag, const Verb& verb) {
  const std::string start = ":" + zsh_spec(flag.placeholder) + ":";
  if (flag.name == "--set") {
    std::string keys;
    for (const auto& key : verb.options->keys()) keys += (keys.empty() ? "" : " ") + key + "=";
    return start + "{compadd -S \"\" -- " + keys + "}";
  }
  switch (offer(flag)) {
    case Offer::words: return start + "(" + sh(text::join(flag.choices, " ")) + ")";
    case Offer::files: return start + "_files";
    case Offer::folders: return start + "_files -/";
    case Offer::nothing: break;
  }
  return start;
}

std::string zsh_flag(const layout::Flag& flag, const Verb& verb) {
  const std::string rest = fmt::format("[{}]{}", zsh_spec(flag.help), flag.placeholder.empty() ? "" : zsh_action(flag, verb));
  const std::string star = flag.repeatable ? "*" : "";
  const std::string equals = flag.placeholder.empty() ? "" : "=";
  if (!flag.letter) return fmt::format("        '{}{}{}{}' \\\n", star, flag.name, equals, rest);
  const std::string plus = flag.placeholder.empty() ? "" : "+";
  const std::string exclusive = flag.repeatable ? "'*'" : fmt::format("'(-{} {})'", flag.letter, flag.name);
  return fmt::format("        {}{{-{}{},{}{}}}'{}' \\\n", exclusive, flag.letter, plus, flag.name, equals, rest);
}

bool takes_steps(const Verb& verb) { return verb.manual.inputs.find("STEP") != std::string::npos; }

}  // namespace

std::string bash_completion(const std::vector<Verb>& verbs) {
  std::string cases, flags, inputs;
  for (const auto& verb : verbs) {
    cases += bash_cases(verb);
    std::string list;
    for (const auto& flag : layout::all_flags(*verb.options))
      for (const auto& name : spellings(flag)) list += (list.empty() ? "" : " ") + name;
    flags += fmt::format("      {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")) ;;\n", verb.manual.name, list);
    if (takes_steps(verb)) inputs += fmt::format("    {}) {} ;;\n", verb.manual.name, bash_offer(Offer::words, names(verbs)));
    if (verb.manual.name == "completion") inputs += fmt::format("    completion) {} ;;\n", bash_offer(Offer::words, "bash zsh fish"));
  }
  return fmt::format(R"(# bash completion for tessera; made by 'tessera completion bash'
_tessera() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb=${{COMP_WORDS[1]}}
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W '{0} --help --version' -- "$cur"))
    return
  fi
  # bash takes KEY=VALUE apart at the equals sign.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $before == = ]]; then
    before=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  case "$verb:$before" in
{1}  esac
  if [[ $cur == -* ]]; then
    case "$verb" in
{2}    esac
    return
  fi
  case "$verb" in
{3}    *) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}}
complete -F _tessera tessera
)",
                     names(verbs), cases, flags, inputs);
}

std::string zsh_completion(const std::vector<Verb>& verbs) {
  std::string list, cases;
  for (const auto& verb : verbs) {
    list += fmt::format("    '{}:{}'\n", verb.manual.name, zsh_spec(verb.manual.summary));
    cases += fmt::format("      {})\n        _arguments -s -S \\\n", verb.manual.name);
    for (const auto& flag : layout::all_flags(*verb.options)) cases += "  " + zsh_flag(flag, verb);
    const std::string action = takes_steps(verb) ? "(" + names(verbs) + ")" : verb.manual.name == "completion" ? "(bash zsh fish)" : "_files";
    cases += fmt::format("          '*:{}:{}'\n        ;;\n", zsh_spec(verb.manual.inputs), action);
  }
  return fmt::format(R"(#compdef tessera
# zsh completion for tessera; made by 'tessera completion zsh'
_tessera() {{
  local context state state_descr line
  typeset -A opt_args
  local -a verbs
  verbs=(
{}  )
  _arguments -C '1:verb:->verb' '*::argument:->argument'
  case $state in
    verb) _describe verb verbs ;;
    argument)
      case $words[1] in
{}      esac
      ;;
  esac
}}
# Loaded from fpath this file is the body of the function; sourced it registers it.
if [[ $funcstack[1] == _tessera ]]; then _tessera "$@"; else compdef _tessera tessera; fi
)",
                     list, cases);
}

std::string fish_completion(const std::vector<Verb>& verbs) {
  // A word like a verb may be an input too (help config), so the second word decides and not any.
  std::string s = "# fish completion for tessera; made by 'tessera completion fish'\n"
      "function __tessera_verb\n  set -l words (commandline -opc)\n  test (count $words) -ge 2; and test $words[2] = $argv[1]\nend\n"
      "complete -c tessera -f\n";
  for (const auto& verb : verbs)
    s += fmt::format("complete -c tessera -n __fish_use_subcommand -a {} -d '{}'\n", verb.manual.name, fish_quoted(verb.manual.summary));
  for (const auto& verb : verbs) {
    const std::string start = fmt::format("complete -c tessera -n '__tessera_verb {}'", verb.manual.name);
    if (takes_steps(verb))
      s += fmt::format("{} -a '{}'\n", start, names(verbs));
    else if (verb.manual.name == "completion")
      s += fmt::format("{} -a 'bash zsh fish'\n", start);
    else if (!verb.manual.inputs.empty())
      s += fmt::format("{} -F\n", start);
    for (const auto& flag : layout::all_flags(*verb.options)) {
      s += fmt::format("{} -l {}", start, flag.name.substr(2));
      if (flag.letter) s += fmt::format(" -s {}", flag.letter);
      std::string list = text::join(flag.choices, " ");
      if (flag.name == "--set")
        for (const auto& key : verb.options->keys()) list += (list.empty() ? "" : " ") + key + "=";
      if (!list.empty())
        s += fmt::format(" -x -a '{}'", fish_quoted(list));
      else if (offer(flag) == Offer::files)
        s += " -r -F";
      else if (offer(flag) == Offer::folders)
        s += " -x -a '(__fish_complete_directories)'";
      else if (!flag.placeholder.empty())
        s += " -x";
      s += fmt::format(" -d '{}'\n", fish_quoted(flag.help));
    }
  }
  return s;
}

}  // namespace tessera::param
