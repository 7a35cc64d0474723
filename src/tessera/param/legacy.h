/// param/legacy.h — what the configuration files of older programs have in common: settings with the lines they stand on.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tessera::param {

struct LegacySetting {
  std::string block;  ///< of a namelist, as it is written, without &; "" outside blocks
  std::string key, value;
  int line = 0;       ///< counted from 1
};

/// Something that was read all the same, but that the older program would have taken otherwise or not at all.
struct LegacyTrap {
  int line = 0;
  std::string message;
};

struct LegacyConfig {
  std::vector<LegacySetting> settings;  ///< in the order of the file; of a repeated key the last one counts
  std::vector<LegacyTrap> traps;        ///< by line
  std::vector<std::string> blocks;      ///< the blocks that stand in the file, also the empty ones
  /// The setting that counts; names are compared without regard to case. nullptr when absent.
  const LegacySetting* find(std::string_view block, std::string_view key) const;
  bool has_block(std::string_view block) const;
};

namespace legacy {
/// The file's lines, ended by LF, CR LF or CR, without a byte-order mark; other endings than LF become a trap.
std::vector<std::string> lines(std::string_view content, std::vector<LegacyTrap>& traps);
/// Printable text: control characters and bytes that are no UTF-8 become '?', and at most `most` bytes are kept.
std::string printable(std::string_view s, std::size_t most = 200);
/// What stands before a # that begins the line or follows a space, outside of quotation marks.
std::string_view without_comment(std::string_view line);
/// The text inside matching quotation marks, typographic ones included; a mark without its partner is left out as a trap.
std::string unquoted(std::string_view value, int line, std::vector<LegacyTrap>& traps);
/// Settings that a later one of the same block and key replaces become traps.
void note_repetitions(LegacyConfig& config);
}  // namespace legacy

}  // namespace tessera::param
