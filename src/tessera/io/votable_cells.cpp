#include <fmt/format.h>

#include <array>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/bytes.h"
#include "tessera/io/votable.h"

namespace tessera::io::detail {
namespace {

struct Datatype {
  std::string_view name;
  int bytes;
  CellReader::Type type;
  bool kept;
};
constexpr std::array<Datatype, 12> datatypes{{{"boolean", 1, CellReader::Type::logical, true},
                                              {"bit", 1, CellReader::Type::logical, true},
                                              {"unsignedByte", 1, CellReader::Type::int32, true},
                                              {"short", 2, CellReader::Type::int32, true},
                                              {"int", 4, CellReader::Type::int32, true},
                                              {"long", 8, CellReader::Type::int64, true},
                                              {"char", 1, CellReader::Type::text, true},
                                              {"unicodeChar", 2, CellReader::Type::text, true},
                                              {"float", 4, CellReader::Type::float32, true},
                                              {"double", 8, CellReader::Type::float64, true},
                                              {"floatComplex", 8, CellReader::Type::text, false},
                                              {"doubleComplex", 16, CellReader::Type::text, false}}};

const Datatype* find_datatype(std::string_view name) {
  for (const Datatype& d : datatypes)
    if (d.name == name) return &d;
  return nullptr;
}

std::string decode_base64(std::string_view text, const std::string& where) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') break;
    static constexpr std::string_view alphabet{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) throw DataError{where + ": the stream is not base64"};
    bits = (bits << 6) | static_cast<unsigned>(value);
    if (++count == 4) {
      out += static_cast<char>(bits >> 16);
      out += static_cast<char>(bits >> 8);
      out += static_cast<char>(bits);
      bits = 0;
      count = 0;
    }
  }
  if (count == 3) (out += static_cast<char>(bits >> 10)) += static_cast<char>(bits >> 2);
  else if (count == 2) out += static_cast<char>(bits >> 4);
  else if (count == 1) throw DataError{where + ": the base64 stream is cut short"};
  return out;
}

bool is_true(char c) { return c == 'T' || c == 't' || c == '1'; }
bool is_false(char c) { return c == 'F' || c == 'f' || c == '0'; }

/// UCS-2 as VOTable 1.4 stores unicodeChar.
std::string from_ucs2(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const auto code = load_be<std::uint16_t>(reinterpret_cast<const std::byte*>(bytes.data() + i));
    if (code == 0) break;
    if (code < 0x80) out += static_cast<char>(code);
    else if (code < 0x800) (out += static_cast<char>(0xc0 | (code >> 6))) += static_cast<char>(0x80 | (code & 63));
    else ((out += static_cast<char>(0xe0 | (code >> 12))) += static_cast<char>(0x80 | ((code >> 6) & 63))) += static_cast<char>(0x80 | (code & 63));
  }
  return out;
}

std::string binary_text(const VotableField& field, std::string_view bytes) {
  if (field.datatype == "unicodeChar") return from_ucs2(bytes);
  bytes = bytes.substr(0, bytes.find('\0'));
  while (!field.variable && bytes.ends_with(' ')) bytes.remove_suffix(1);
  return std::string{bytes};
}

/// One number, as text, so that both serialisations share null handling and type checks of CellReader.
std::string binary_number(const std::string& datatype, const std::byte* p) {
  if (datatype == "unsignedByte") return std::to_string(std::to_integer<int>(*p));
  if (datatype == "short") return std::to_string(load_be<std::int16_t>(p));
  if (datatype == "int") return std::to_string(load_be<std::int32_t>(p));
  if (datatype == "long") return std::to_string(load_be<std::int64_t>(p));
  if (datatype == "float") return fmt::format("{}", load_be<float>(p));
  return fmt::format("{}", load_be<double>(p));
}

void add_number(CellReader& reader, const VotableField& field, std::string_view cell, const std::string& where, std::size_t row) {
  const bool logical = reader.type() == CellReader::Type::logical;
  if (cell.empty() || cell == field.null || (logical && cell == "?")) reader.add_null();
  else if (reader.type() == CellReader::Type::int32 && (cell.starts_with("0x") || cell.starts_with("0X"))) {
    std::int64_t value = 0;
    for (const char c : cell.substr(2)) {
      const auto digit = std::string_view{"0123456789abcdef"}.find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
      if (digit == std::string_view::npos || value > 0xffffffff) throw DataError{fmt::format("{}: row {}: \"{}\" in column {} is not a number", where, row, cell, field.described.name)};
      value = value * 16 + static_cast<std::int64_t>(digit);
    }
    reader.add(std::to_string(value));
  } else if (!reader.add(cell)) {
    throw DataError{fmt::format("{}: row {}: \"{}\" in column {} is not of type {}", where, row, cell, field.described.name, field.datatype)};
  }
}

/// Walks a BINARY stream; every step is checked against its end.
class Stream {
 public:
  Stream(std::string bytes, const std::string& where) : bytes_{std::move(bytes)}, where_{where} {}
  bool at_end() const { return at_ >= bytes_.size(); }
  std::string_view take(std::int64_t count) {
    if (count < 0 || count > static_cast<std::int64_t>(bytes_.size() - at_)) throw DataError{where_ + ": the binary stream ends inside a row; the file is cut short or damaged"};
    const std::string_view out = std::string_view{bytes_}.substr(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return out;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
  const std::string& where_;
};

void add_binary_cell(VotableField& field, std::string_view bytes, bool null, const std::string& where, std::size_t row) {
  if (field.readers.empty()) return;
  if (field.text) {
    if (null) field.readers[0].add_null();
    else field.readers[0].add(binary_text(field, bytes));
    return;
  }
  const int size = field.bytes();
  for (std::size_t e = 0; e < field.readers.size(); ++e) {
    CellReader& reader = field.readers[e];
    if (null) {
      reader.add_null();
    } else if (field.datatype == "bit") {
      // The standard puts a lone bit first in its byte; astropy puts it elsewhere. The other seven are padding.
      const unsigned byte = static_cast<unsigned char>(bytes[e / 8]);
      reader.add((field.count == 1 ? byte != 0 : ((byte >> (7 - e % 8)) & 1u) != 0) ? "1" : "0");
    } else if (field.datatype == "boolean") {
      if (is_true(bytes[e])) reader.add("1");
      else if (is_false(bytes[e])) reader.add("0");
      else reader.add_null();
    } else {
      const auto* p = reinterpret_cast<const std::byte*>(bytes.data()) + static_cast<std::ptrdiff_t>(e) * size;
      add_number(reader, field, binary_number(field.datatype, p), where, row);
    }
  }
}

}  // namespace

int VotableField::bytes() const { return find_datatype(datatype)->bytes; }

void plan_field(VotableField& field, std::string_view arraysize, const std::string& where) {
  const Datatype* d = find_datatype(field.datatype);
  if (!d) throw DataError{fmt::format("{}: column {}: datatype \"{}\" is not one of VOTable's", where, field.described.name, field.datatype)};
  field.text = d->type == CellReader::Type::text && d->kept;
  bool kept = d->kept;
  arraysize = text::trim(arraysize);
  if (!arraysize.empty()) {
    if (arraysize.ends_with('*')) {
      field.variable = true;
      arraysize.remove_suffix(1);
      while (arraysize.ends_with('x')) arraysize.remove_suffix(1);
      kept = kept && field.text && arraysize.find('x') == std::string_view::npos;
    } else {
      for (const std::string& part : text::split(arraysize, 'x')) {
        const auto n = text::to_integer(part);
        if (!n || *n < 0 || *n > 1'000'000 || field.count * *n > 1'000'000)
          throw DataError{fmt::format("{}: column {}: arraysize \"{}\" is not a size", where, field.described.name, arraysize)};
        field.count *= *n;
      }
      if (field.text && arraysize.find('x') != std::string_view::npos) kept = false;
    }
  }
  if (!kept) return;
  const std::int64_t readers = field.text ? 1 : field.count;
  for (std::int64_t e = 0; e < readers; ++e) {
    Column c = field.described;
    if (readers > 1) c.name += fmt::format("_{}", e + 1);
    field.readers.emplace_back(std::move(c), d->type);
  }
}

void add_tabledata(VotableField& field, std::string_view cell, const std::string& where, std::size_t row) {
  if (field.readers.empty()) return;
  if (field.text) {
    field.readers[0].add(cell);
    return;
  }
  cell = text::trim(cell);
  if (field.readers.size() == 1) {
    add_number(field.readers[0], field, cell, where, row);
    return;
  }
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at < cell.size();) {
    const std::size_t end = std::min(cell.find_first_of(" \t\r\n", at), cell.size());
    if (end > at) parts.push_back(cell.substr(at, end - at));
    at = end + 1;
  }
  if (!parts.empty() && parts.size() != field.readers.size())
    throw DataError{fmt::format("{}: row {}: column {} holds {} numbers, {} were declared", where, row, field.described.name, parts.size(), field.readers.size())};
  for (std::size_t e = 0; e < field.readers.size(); ++e) add_number(field.readers[e], field, parts.empty() ? std::string_view{} : parts[e], where, row);
}

void add_binary(std::vector<VotableField>& fields, std::string_view base64, bool flags, const std::string& where) {
  Stream stream{decode_base64(base64, where), where};
  for (std::size_t row = 1; !stream.at_end(); ++row) {
    const std::string null{stream.take(flags ? static_cast<std::int64_t>((fields.size() + 7) / 8) : 0)};
    const std::size_t before = row;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      VotableField& field = fields[i];
      std::int64_t count = field.count;
      if (field.variable) count = load_be<std::int32_t>(reinterpret_cast<const std::byte*>(stream.take(4).data()));
      if (count < 0) throw DataError{fmt::format("{}: row {}: a negative length in column {}", where, before, field.described.name)};
      const std::int64_t size = field.datatype == "bit" ? (count + 7) / 8 : count * field.bytes();
      const std::string_view bytes = stream.take(size);
      const bool is_null = flags && ((static_cast<unsigned char>(null[i / 8]) >> (7 - i % 8)) & 1);
      add_binary_cell(field, bytes, is_null, where, row);
    }
    if (fields.empty()) throw DataError{where + ": a binary stream without columns"};
  }
}

}  // namespace tessera::io::detail
