#include "tessera/io/fits_cubes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <mutex>
#include <system_error>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/byte_source.h"
#include "tessera/io/bytes.h"
#include "tessera/io/fits.h"
#include "tessera/io/fits_header_text.h"
#include "tessera/io/fits_layout.h"
#include "tessera/io/fits_sum.h"

namespace tessera::io {
namespace {

using detail::card_text;

std::int64_t whole_blocks(std::int64_t bytes) { return (bytes + detail::fits_block - 1) / detail::fits_block * detail::fits_block; }

std::string primary_cards(const Header& header) {
  return card_text("SIMPLE  =                    T / file conforms to FITS standard") + card_text("BITPIX  =                    8") + card_text("NAXIS   =                    0") +
         card_text("EXTEND  =                    T") + header.cards80();
}

/// `primary`: cards of the primary HDU where the cube is that; null for an extension.
std::string cube_cards(const CubeHdu& cube, const Header* primary, int width, int height, int depth) {
  std::string out = primary ? card_text("SIMPLE  =                    T / file conforms to FITS standard") : card_text("XTENSION= 'IMAGE   '           / image extension");
  out += card_text(fmt::format("BITPIX  = {:>20}", cube.pixels == CubeHdu::Pixels::real ? -32 : 32)) + card_text("NAXIS   =                    3");
  int axis = 0;
  for (const int n : {width, height, depth}) out += card_text(fmt::format("NAXIS{}  = {:>20}", ++axis, n));
  if (primary) return out + card_text("EXTEND  =                    T") + primary->cards80() + cube.cards.cards80();
  out += card_text("PCOUNT  =                    0") + card_text("GCOUNT  =                    1");
  Header name;
  name.set("EXTNAME", cube.name);
  return out + name.cards80() + cube.cards.cards80();
}

}  // namespace

struct FitsCubes::Impl {
  struct Place {
    std::string cards;
    std::int64_t header = 0, data = 0;  // offsets in the file
    std::uint32_t sum = 0;
  };
  std::filesystem::path path, temporary;
  int file = -1, width = 0, height = 0, depth = 0;
  std::string primary;
  std::vector<Place> places;
  std::int64_t end = 0;
  std::mutex mutex;

  ~Impl() { discard(); }
  void discard() {
    if (file < 0) return;
    ::close(file);
    file = -1;
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
  }
  [[noreturn]] void fail() { throw SystemError{fmt::format("cannot write {}: {}", path.string(), std::generic_category().message(errno))}; }

  void put(std::int64_t at, const char* bytes, std::size_t count) {
    while (count > 0) {
      const auto done = ::pwrite(file, bytes, count, at);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail();
      bytes += done, at += done, count -= static_cast<std::size_t>(done);
    }
  }

  template <class T>
  void write(std::size_t cube, int z, int y, std::span<const T> rows) {
    Place& place = places.at(cube);
    assert(rows.size() % static_cast<std::size_t>(width) == 0);
    std::string bytes;
    bytes.reserve(4 * rows.size());
    for (const T v : rows) detail::append_be(bytes, v);
    const auto sum = detail::sum_of_numbers<T>(rows);
    put(place.data + 4 * std::int64_t{width} * (std::int64_t{z} * height + y), bytes.data(), bytes.size());
    const std::lock_guard lock{mutex};
    place.sum = detail::add_sums(place.sum, sum);
  }

  /// HDUs of tables are made by FitsWriter in a file of their own, and taken over as they are.
  void append(const std::vector<Table>& tables) {
    const auto beside = temporary.string() + ".tables";
    struct Gone {
      std::string name;
      ~Gone() {
        std::error_code ignored;
        std::filesystem::remove(name, ignored);
      }
    } gone{beside};
    FitsWriter writer{beside};
    for (const auto& table : tables) writer.add_table(table);
    writer.close();
    const detail::ByteSource source{beside};
    const auto layout = detail::read_layout(source, beside);
    std::int64_t at = layout.front().data_offset;  // behind the empty primary HDU
    std::vector<std::byte> buffer;
    while (at < source.size()) {
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(source.size() - at, 1 << 20));
      put(end, reinterpret_cast<const char*>(source.at(at, count, buffer)), count);
      at += static_cast<std::int64_t>(count), end += static_cast<std::int64_t>(count);
    }
  }
};

FitsCubes::FitsCubes(const std::filesystem::path& path, const Header& primary, std::vector<CubeHdu> cubes, int width, int height, int depth) : impl_{std::make_unique<Impl>()} {
  if (width < 1 || height < 1 || depth < 1) throw UsageError{fmt::format("{}: a cube without pixels cannot be written", path.string())};
  auto& m = *impl_;
  m.path = path, m.temporary = files::temporary_name(path);
  m.width = width, m.height = height, m.depth = depth;
  const bool cube_first = !cubes.empty() && cubes.front().name.empty();
  if (!cube_first) m.primary = detail::closed_header(primary_cards(primary), 0);
  m.end = static_cast<std::int64_t>(m.primary.size());
  for (const auto& cube : cubes) {
    Impl::Place place;
    place.cards = cube_cards(cube, cube_first && m.places.empty() ? &primary : nullptr, width, height, depth);
    place.header = m.end;
    place.data = m.end + static_cast<std::int64_t>(detail::closed_header(place.cards, 0).size());
    m.end = place.data + whole_blocks(4 * std::int64_t{width} * height * depth);
    m.places.push_back(std::move(place));
  }
  m.file = ::open(m.temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (m.file < 0 || ::ftruncate(m.file, m.end) != 0) m.fail();
  m.put(0, m.primary.data(), m.primary.size());
}

FitsCubes::~FitsCubes() = default;

void FitsCubes::write(std::size_t cube, int z, int y, std::span<const float> rows) { impl_->write(cube, z, y, rows); }
void FitsCubes::write(std::size_t cube, int z, int y, std::span<const std::int32_t> rows) { impl_->write(cube, z, y, rows); }

void FitsCubes::close(const std::vector<Table>& tables) {
  auto& m = *impl_;
  for (const auto& place : m.places) {
    const auto header = detail::closed_header(place.cards, place.sum);
    m.put(place.header, header.data(), header.size());
  }
  if (!tables.empty()) m.append(tables);
  const int file = m.file;
  m.file = -1;
  if (::close(file) != 0) m.fail();
  files::commit(m.temporary, m.path);
}

std::int64_t FitsCubes::bytes(std::size_t cubes, int width, int height, int depth) {
  return static_cast<std::int64_t>(cubes) * whole_blocks(4 * std::int64_t{width} * height * depth);
}

}  // namespace tessera::io
