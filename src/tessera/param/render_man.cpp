#include <fmt/format.h>

#include <array>
#include <utility>

#include "tessera/param/layout.h"
#include "tessera/param/render.h"

namespace tessera::param {

namespace {

// The code point that begins at s[i] and its length; malformed bytes come one by one as U+FFFD.
std::pair<unsigned, std::size_t> code_point(std::string_view s, std::size_t i) {
  const auto byte = [&](std::size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  const unsigned first = byte(i);
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  unsigned code = first & (0xFFu >> (length + 1));
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0u) != 0x80u) return {0xFFFDu, 1};
    code = code << 6 | (byte(i + k) & 0x3Fu);
  }
  return {code, length};
}

// Text for troff: pure ASCII, so that the page needs no preprocessor and no locale.
std::string troff(std::string_view s) {
  std::string result;
  for (std::size_t i = 0; i < s.size();) {
    const char c = s[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      const auto [code, length] = code_point(s, i);
      result += fmt::format("\\[u{:04X}]", code);
      i += length;
      continue;
    }
    ++i;
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else if (c == '\'')
      result += "\\(aq";
    else if (c == '`')
      result += "\\(ga";
    else if (c == '^')
      result += "\\(ha";
    else if (c == '~')
      result += "\\(ti";
    else if (c == '"')
      result += "\\(dq";
    else if (c == '.' && (result.empty() || result.back() == '\n'))
      result += "\\&.";
    else
      result += c;
  }
  return result;
}

std::string header(std::string_view title, std::string_view version) {
  return fmt::format(".TH \"{}\" 1 \"\" \"tessera {}\" \"tessera manual\"\n", text::upper(troff(title)), troff(version));
}

std::string section(std::string_view title) { return fmt::format(".SH {}\n", title); }

std::string body(std::string_view s) {
  std::string result;
  for (const auto& paragraph : layout::paragraphs(s)) result += (result.empty() ? "" : ".PP\n") + troff(paragraph) + "\n";
  return result;
}

std::string flag_line(const layout::Flag& flag) {
  std::string s = ".TP\n";
  if (flag.letter) s += fmt::format("\\fB{}\\fR, ", troff(std::string{'-', flag.letter}));
  s += fmt::format("\\fB{}\\fR", troff(flag.shown));
  if (!flag.placeholder.empty()) s += fmt::format(" \\fI{}\\fR", troff(flag.placeholder));
  return s + "\n";
}

std::string option(const std::string& key, const Field& field) {
  const auto flags = layout::flags(key, field);
  const std::string help = layout::explained(field);
  std::string s;
  std::size_t next = 0;
  if (field.flag.empty())
    s += fmt::format(".TP\n\\fB{}\\fR=\\fI{}\\fR\n{}\n", troff(key), troff(layout::placeholder(field)), troff(help));
  else
    s += flag_line(flags[next++]) + troff(fmt::format("{} ({})", help, key)) + "\n";
  for (; next < flags.size(); ++next) s += flag_line(flags[next]) + troff(flags[next].help) + "\n";
  return s;
}

std::string exit_codes() {
  constexpr std::array<std::pair<const char*, const char*>, 5> codes{{
      {"0", "Done, also with caveats, also when there was nothing to do."},
      {"1", "Input data cannot be processed."},
      {"2", "The request is wrong: an unknown option, a value out of range, output that exists."},
      {"3", "Memory ceiling, disk or permissions."},
      {"130, 143", "Interrupted by Ctrl-C or SIGTERM."},
  }};
  std::string s = section("EXIT STATUS");
  for (const auto& [code, meaning] : codes) s += fmt::format(".TP\n\\fB{}\\fR\n{}\n", code, troff(meaning));
  return s;
}

}  // namespace

std::string man_page(const Verb& verb, std::string_view version) {
  const Manual& m = verb.manual;
  std::string s = header("tessera-" + m.name, version);
  s += section("NAME") + troff(fmt::format("tessera-{}", m.name)) + " \\- " + troff(m.summary) + "\n";
  s += section("SYNOPSIS") + fmt::format("\\fBtessera {}\\fR", troff(m.name));
  if (!m.inputs.empty()) s += fmt::format(" \\fI{}\\fR", troff(m.inputs));
  s += " [\\fIoptions\\fR]\n" + section("DESCRIPTION") + body(m.description.empty() ? m.summary : m.description) + section("OPTIONS");
  const auto groups = layout::groups(*verb.options);
  if (!groups.empty())
    s += troff("Options shown as section.option=VALUE are given with --set, or in a file given with -c; all others may be.") + "\n";
  for (const auto& group : groups) {
    s += fmt::format(".SS \"{}: {}\"\n", troff(group.name), troff(group.help));
    for (const auto* field : group.fields) s += option(group.name + "." + field->name, *field);
  }
  s += ".SS \"Common\"\n";
  for (const auto& flag : layout::common_flags(!groups.empty())) s += flag_line(flag) + troff(flag.help) + "\n";
  s += exit_codes();
  if (!m.example.empty()) s += section("EXAMPLES") + ".nf\n" + troff(m.example) + "\n.fi\n";
  return s + section("SEE ALSO") + ".BR tessera (1)\n";
}

std::string man_overview(std::string_view summary, const std::vector<Verb>& verbs, std::string_view version) {
  std::string s = header("tessera", version) + section("NAME") + "tessera \\- " + troff(summary) + "\n";
  s += section("SYNOPSIS") + "\\fBtessera\\fR \\fIVERB\\fR [\\fIinputs\\fR] [\\fIoptions\\fR]\n" + section("VERBS");
  for (const auto& verb : verbs) s += fmt::format(".TP\n\\fB{}\\fR\n{}\n", troff(verb.manual.name), troff(verb.manual.summary));
  s += exit_codes() + section("SEE ALSO");
  for (std::size_t i = 0; i < verbs.size(); ++i)
    s += fmt::format(".BR {} (1){}\n", troff("tessera-" + verbs[i].manual.name), i + 1 < verbs.size() ? "," : "");
  return s;
}

}  // namespace tessera::param
