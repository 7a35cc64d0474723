/// io/yaml_subset.h — the part of YAML that headers of ECSV tables are written in: block and flow mappings and sequences,
/// scalars in every style, tags read over. No anchors, no documents. Internal to io.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::io::detail {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  std::string scalar;
  bool quoted = false;  ///< a scalar in quotes is text whatever it looks like
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;

  const YamlNode* find(std::string_view key) const;
  std::string text(std::string_view key) const;  ///< scalar below `key`, "" when absent
  /// A mapping's entries, or those of an ordered mapping (a sequence of mappings of one entry).
  std::vector<std::pair<std::string, const YamlNode*>> members() const;
};

struct YamlEntry {
  std::string key;
  YamlNode value;
};

/// Throws DataError naming `where` and the line.
YamlNode parse_yaml(std::string_view text, const std::string& where);

/// A scalar as YAML 1.1 and 1.2 readers both take it for text: plain where that is safe, else in double quotes.
std::string yaml_text(std::string_view s);

}  // namespace tessera::io::detail
