#include <fmt/format.h>

#include "tessera/param/layout.h"
#include "tessera/param/render.h"

namespace tessera::param {

namespace {

// Help stands behind short flags, and below longer ones; on a narrow terminal always below.
std::string entry(const std::string& left, const std::string& help, int width) {
  const int help_column = width < 70 ? 8 : 28;
  const std::string body = layout::wrap(help, width, help_column);
  const std::string start = "  " + left;
  if (layout::columns(start) + 2 > help_column || body.empty()) return start + "\n" + body;
  const auto gap = static_cast<std::size_t>(help_column - layout::columns(start));
  return start + std::string(gap, ' ') + body.substr(help_column);
}

std::string flag_text(const layout::Flag& flag) {
  return fmt::format("{}{}{}", flag.letter ? fmt::format("-{}, ", flag.letter) : "    ", flag.shown,
                     flag.placeholder.empty() ? "" : " " + flag.placeholder);
}

std::string option(const std::string& key, const Field& field, int width) {
  const auto flags = layout::flags(key, field);
  const std::string help = layout::explained(field);
  if (field.flag.empty()) {
    std::string result = entry(fmt::format("    {}={}", key, layout::placeholder(field)), help, width);
    for (const auto& flag : flags) result += entry(flag_text(flag), flag.help, width);
    return result;
  }
  std::string result = entry(flag_text(flags.front()), fmt::format("{} ({})", help, key), width);
  for (std::size_t i = 1; i < flags.size(); ++i) result += entry(flag_text(flags[i]), flags[i].help, width);
  return result;
}

}  // namespace

std::string help_text(const Verb& verb, int width) {
  const Manual& m = verb.manual;
  std::string s = fmt::format("tessera {} — {}\n\nUsage: tessera {}{} [options]\n", m.name, m.summary, m.name, m.inputs.empty() ? "" : " " + m.inputs);
  for (const auto& paragraph : layout::paragraphs(m.description)) s += "\n" + layout::wrap(paragraph, width, 0);
  const auto groups = layout::groups(*verb.options);
  bool keys_only = false;
  for (const auto& group : groups)
    for (const auto* field : group.fields) keys_only = keys_only || field->flag.empty();
  if (keys_only)
    s += "\n" + layout::wrap("Options shown as section.option=VALUE are given with --set, or in a file given with -c.", width, 0);
  for (const auto& group : groups) {
    s += fmt::format("\n{}: {}\n", group.name, group.help);
    for (const auto* field : group.fields) s += option(group.name + "." + field->name, *field, width);
  }
  s += "\n";
  for (const auto& flag : layout::common_flags(!groups.empty())) s += entry(flag_text(flag), flag.help, width);
  if (!m.example.empty()) s += fmt::format("\nExample:\n  {}\n", m.example);
  return s;
}

}  // namespace tessera::param
