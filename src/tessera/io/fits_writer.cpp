// Writing through cfitsio. The file is made under a temporary name (no cfitsio name syntax: the "diskfile" calls) and
// renamed when complete. Checksum cards are written by ourselves: cfitsio's own carry the date of the day in their
// comment, and products must not change from run to run.
#include <fitsio.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>
#include <system_error>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/array_columns.h"
#include "tessera/io/fits.h"
#include "tessera/io/fits_layout.h"
#include "tessera/io/fits_pixels.h"
#include "tessera/io/fits_sum.h"
#include "tessera/io/fits_table.h"
#include "tessera/io/table_streams_private.h"

namespace tessera::io {
namespace {

constexpr float steps_per_sigma = 16;  // of what is written with loss

template <class T>
struct PixelType;
template <>
struct PixelType<float> { static constexpr int bitpix = FLOAT_IMG, type = TFLOAT; };
template <>
struct PixelType<double> { static constexpr int bitpix = DOUBLE_IMG, type = TDOUBLE; };
template <>
struct PixelType<std::int16_t> { static constexpr int bitpix = SHORT_IMG, type = TSHORT; };
template <>
struct PixelType<std::int32_t> { static constexpr int bitpix = LONG_IMG, type = TINT; };

/// The card as it may stand in a file: a keyword with other letters than FITS allows becomes a comment.
std::string legal_card(std::string_view card) {
  std::string out{card};
  for (char& c : out)
    if (c < ' ' || c > '~') c = ' ';
  const auto legal = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  const std::size_t end = std::min<std::size_t>(8, out.find_last_not_of(' ', 7) + 1);
  if (out.find_last_not_of(' ', 7) == std::string::npos || std::all_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(end), legal)) return out;
  return fmt::format("{:<80.80}", "COMMENT " + out);
}

/// Cards of `header` that are not ours to decide.
std::string free_cards(const Header& header) {
  std::string out;
  detail::for_each_record(header.cards80(), [&](std::string_view key, std::string_view record) {
    if (detail::is_structural(key) || detail::is_column_keyword(key)) return;
    for (std::size_t at = 0; at < record.size(); at += 80) out += legal_card(record.substr(at, 80));
  });
  return out;
}

/// The file that is being written.
struct Output {
  using Compression = FitsWriter::Compression;
  std::filesystem::path path, temporary;
  fitsfile* file = nullptr;
  int hdus = 0;
  LONGLONG packed = 0;  // tiles written to the packed image

  explicit Output(const std::filesystem::path& to) : path{to} {
    const std::string suffix = path.extension().string();
    if (suffix == ".gz" || suffix == ".Z" || suffix == ".bz2")
      throw UsageError{fmt::format("{}: FITS files are not written as {}; use a name ending in .fits", path.string(), suffix)};
    temporary = files::temporary_name(path);
    create();
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { discard(); }

  void discard() {
    if (file) {
      int status = 0;
      fits_close_file(file, &status);
      file = nullptr;
      std::error_code ignored;
      std::filesystem::remove(temporary, ignored);
    }
  }

  /// After any failure the unfinished file is taken away at once, so that a full disk is free again for the message.
  [[noreturn]] void fail(int status) {
    const int reason = errno;
    char words[FLEN_STATUS] = "";
    fits_get_errstatus(status, words);
    discard();
    throw SystemError{fmt::format("cannot write {}: {}", path.string(), reason != 0 ? std::generic_category().message(reason) : std::string{words})};
  }
  /// Runs a cfitsio call `f(&status)`.
  template <class F>
  void call(F&& f) {
    if (!file) throw SystemError{fmt::format("cannot write {}: an earlier write failed", path.string())};
    int status = 0;
    errno = 0;
    f(&status);
    if (status != 0) fail(status);
  }

  void create() {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    detail::ready_cfitsio();
    int status = 0;
    errno = 0;
    fits_create_diskfile(&file, temporary.c_str(), &status);
    if (status != 0) fail(status);
  }

  void write_cards(const std::string& cards) {
    for (std::size_t at = 0; at < cards.size(); at += 80) {
      if (!long_strings_ && cards.compare(at + 80 < cards.size() ? at + 80 : at, 8, "CONTINUE") == 0) {
        long_strings_ = true;
        call([&](int* status) { fits_write_record(file, "LONGSTRN= 'OGIP 1.0'           / texts may go on in CONTINUE cards", status); });
      }
      call([&](int* status) { fits_write_record(file, cards.substr(at, 80).c_str(), status); });
    }
  }

  void begin_image(const std::string& name, const Header& header, int bitpix, std::vector<long> axes, Compression compression) {
    finish_hdu();
    const bool compressed = compression != Compression::none;
    // A compressed image is a table inside, which cannot be the first HDU.
    if (compressed && hdus == 0) begin_image("", Header{}, BYTE_IMG, {}, Compression::none);
    finish_hdu();
    call([&](int* status) {
      fits_set_compression_type(file, !compressed ? 0 : compression == Compression::rice ? RICE_1 : GZIP_2, status);
      if (compression == Compression::gzip_lossless) fits_set_quantize_level(file, 0, status);  // 0 keeps every bit, and so NaN
      if (compression == Compression::rice) {
        fits_set_quantize_level(file, steps_per_sigma, status);
        fits_set_quantize_method(file, SUBTRACTIVE_DITHER_2, status);
        fits_set_dither_seed(file, 1, status);  // else the clock's
      }
      fits_create_img(file, bitpix, static_cast<int>(axes.size()), axes.data(), status);
    });
    drop_boilerplate();
    ++hdus;
    write_name(name);
    write_cards(free_cards(header));
    // Pieces of a row of 16-bit numbers would not fall on the words of the sum.
    if (!compressed && std::abs(bitpix) >= 32 && !axes.empty()) data_sum_ = 0;
    height_ = axes.size() > 1 ? axes[1] : 1;
  }

  /// cfitsio adds two COMMENT cards about the format to a primary header; `header` may bring its own.
  void drop_boilerplate() {
    int status = 0;
    while (fits_delete_key(file, "COMMENT", &status) == 0) {
    }
    fits_clear_errmsg();
  }

  void write_name(const std::string& name) {
    if (name.empty()) return;
    Header card;
    card.set("EXTNAME", name);
    // In a compressed HDU cfitsio has put its own EXTNAME, which this one replaces.
    int status = 0;
    fits_delete_key(file, "EXTNAME", &status);
    write_cards(card.cards80());
  }

  /// CHECKSUM makes the HDU's sum zero; it is computed with the card holding '0000000000000000'.
  void finish_hdu() {
    if (hdus == 0 || finished_ == hdus) return;
    finished_ = hdus;
    long_strings_ = false;
    call([&](int* status) {
      fits_update_key_str(file, "CHECKSUM", "0000000000000000", "makes the sum over this HDU zero", status);
      fits_update_key_str(file, "DATASUM", "0", "sum over the data", status);
      fits_flush_file(file, status);  // puts END, and in a compressed image PCOUNT and TFORMn, in their final state
      unsigned long data = 0, all = 0;
      if (!data_sum_) fits_get_chksum(file, &data, &all, status);
      if (data_sum_) data = *data_sum_;
      fits_update_key_str(file, "DATASUM", std::to_string(data).c_str(), "&", status);
      // Reading a large image back for its sum would cost as much as writing it.
      if (data_sum_) all = detail::add_sums(*data_sum_, header_sum(status));
      else fits_get_chksum(file, &data, &all, status);
      char encoded[FLEN_VALUE];
      fits_encode_chksum(all, 1, encoded);
      fits_update_key_str(file, "CHECKSUM", encoded, "&", status);
      fits_flush_buffer(file, 0, status);
    });
    data_sum_.reset();
  }

  /// Sum over the header as it stands in the file.
  std::uint32_t header_sum(int* status) {
    LONGLONG header = 0, data = 0, end = 0;
    fits_flush_file(file, status);
    fits_get_hduaddrll(file, &header, &data, &end, status);
    if (*status) return 0;
    const detail::ByteSource written{temporary};
    std::vector<std::byte> buffer;
    return detail::sum_of_bytes({written.at(header, static_cast<std::size_t>(data - header), buffer), static_cast<std::size_t>(data - header)});
  }

  template <class T>
  void write_rows(std::int64_t first_row, int width, std::int64_t rows, const T* pixels) {
    if (data_sum_) data_sum_ = detail::add_sums(*data_sum_, detail::sum_of_numbers<T>({pixels, static_cast<std::size_t>(width * rows)}));
    call([&](int* status) {
      LONGLONG start[3] = {1, first_row % height_ + 1, first_row / height_ + 1};
      fits_write_pixll(file, PixelType<T>::type, start, static_cast<LONGLONG>(width) * rows, const_cast<T*>(pixels), status);
    });
  }

  template <class T>
  void add(const std::string& name, const Header& header, View<const T> pixels, Compression compression) {
    const Box box = pixels.box();
    if (box.empty()) throw UsageError{fmt::format("{}: an image without pixels cannot be written", path.string())};
    begin_image(name, header, PixelType<T>::bitpix, {box.width(), box.height()}, compression);
    const bool dense = pixels.stride() == box.width();
    const int together = dense ? std::max(1, (1 << 20) / box.width()) : 1;
    for (int y = box.y0; y < box.y1; y += together)
      write_rows(y - box.y0, box.width(), std::min(together, box.y1 - y), pixels.row(y).data());
  }

  template <class T>
  void add_cube(const std::string& name, const Header& header, std::array<int, 3> size, const std::function<void(int, int, std::span<T>)>& fill, Compression compression) {
    const auto [width, height, depth] = size;
    if (width < 1 || height < 1 || depth < 1) throw UsageError{fmt::format("{}: an image without pixels cannot be written", path.string())};
    begin_image(name, header, PixelType<T>::bitpix, {width, height, depth}, compression);
    std::vector<T> row(static_cast<std::size_t>(width));
    for (int z = 0; z < depth; ++z)
      for (int y = 0; y < height; ++y) {
        fill(z, y, row);
        write_rows<T>(static_cast<std::int64_t>(z) * height + y, width, 1, row.data());
      }
  }

  void add_empty(const Header& header) { begin_image("", header, BYTE_IMG, {}, Compression::none); }

  /// Cards of a binary table of so many rows, which write_table_rows() then fills.
  void begin_table(const Table& table, const detail::EncodedTable& encoded, std::int64_t rows) {
    if (hdus == 0) add_empty(Header{});
    finish_hdu();
    Header cards;
    for (const Card& card : table.keywords)
      if (!card.key.starts_with(array_mark)) cards.add(card);  // TDIM says it
    for (const std::string& line : table.comments) {
      if (line.starts_with("HISTORY ")) cards.add_history(std::string_view{line}.substr(8));
      else cards.add_comment(line);
    }
    const auto pointers = [](const std::vector<std::string>& texts) {
      std::vector<char*> out;
      for (const std::string& t : texts) out.push_back(const_cast<char*>(t.c_str()));
      return out;
    };
    auto names = pointers(encoded.names), forms = pointers(encoded.forms), units = pointers(encoded.units);
    call([&](int* status) { fits_create_tbl(file, BINARY_TBL, rows, static_cast<int>(names.size()), names.data(), forms.data(), units.data(), nullptr, status); });
    ++hdus;
    write_name(table.name);
    write_cards(encoded.column_cards.cards80());
    write_cards(free_cards(cards));
  }

  void write_table_rows(std::int64_t first, std::string bytes) {
    if (bytes.empty()) return;
    call([&](int* status) { fits_write_tblbytes(file, first + 1, 1, static_cast<LONGLONG>(bytes.size()), reinterpret_cast<unsigned char*>(bytes.data()), status); });
  }

  void close() {
    if (hdus == 0) add_empty(Header{});
    finish_hdu();
    int status = 0;
    errno = 0;
    fitsfile* written = file;
    if (!written) throw SystemError{fmt::format("cannot write {}: an earlier write failed", path.string())};
    file = nullptr;
    fits_close_file(written, &status);
    if (status != 0) {
      const int reason = errno;
      std::error_code ignored;
      std::filesystem::remove(temporary, ignored);
      throw SystemError{fmt::format("cannot write {}: {}", path.string(),
                                    reason != 0 ? std::generic_category().message(reason) : fmt::format("cfitsio status {}", status))};
    }
    files::commit(temporary, path);
  }

 private:
  int finished_ = 0;           // HDUs that have their checksums
  std::optional<std::uint32_t> data_sum_;  // of the pixels written to this HDU, where it is kept
  std::int64_t height_ = 1;    // of its planes
  bool long_strings_ = false;  // this HDU says so already
};

std::int64_t rows_at_once(std::size_t row_bytes) { return static_cast<std::int64_t>(std::max<std::size_t>(1, (std::size_t{1} << 18) / std::max<std::size_t>(1, row_bytes))); }

/// A part's column as wide as the whole's.
void take_width(detail::StoredColumn& part, const detail::StoredColumn& whole, const std::filesystem::path& path) {
  const bool text = std::holds_alternative<std::vector<std::string>>(whole.column->data);
  const auto fault = [&](const char* what) { return UsageError{fmt::format("{}: column {} holds {} that the whole does not", path.string(), whole.column->name, what)}; };
  if (part.column->data.index() != whole.column->data.index()) throw fault("values of a type");
  if (!part.column->null.empty()) throw fault("missing values");
  if (text && part.bytes > whole.bytes) throw fault("a longer text");
  part.bytes = whole.bytes;
}

}  // namespace

struct FitsWriter::Impl : Output {
  using Output::Output;
};

FitsWriter::FitsWriter(const std::filesystem::path& path) : impl_{std::make_unique<Impl>(path)} {}

FitsWriter::~FitsWriter() = default;

void FitsWriter::add_image(const std::string& name, const Header& header, View<const float> pixels, Compression c) {
  if (c != Compression::rice) return impl_->add(name, header, pixels, c);
  const Box box = pixels.box();
  add_image(name, header, box.width(), box.height(), [&](int y, std::span<float> row) { std::ranges::copy(pixels.row(box.y0 + y), row.begin()); }, c);
}
void FitsWriter::add_image(const std::string& name, const Header& header, View<const double> pixels) { impl_->add(name, header, pixels, Compression::none); }
void FitsWriter::add_image(const std::string& name, const Header& header, View<const std::int16_t> pixels, Compression c) { impl_->add(name, header, pixels, c); }
void FitsWriter::add_image(const std::string& name, const Header& header, View<const std::int32_t> pixels, Compression c) { impl_->add(name, header, pixels, c); }

void FitsWriter::add_image(const std::string& name, const Header& header, int width, int height,
                           const std::function<void(int, std::span<float>)>& fill, Compression c) {
  if (width < 1 || height < 1) throw UsageError{fmt::format("{}: an image without pixels cannot be written", impl_->path.string())};
  impl_->begin_image(name, header, FLOAT_IMG, {width, height}, c);
  std::vector<float> row(static_cast<std::size_t>(width));
  for (int y = 0; y < height; ++y) {
    fill(y, row);
    if (c == Compression::rice)
      for (float& v : row) v = std::isfinite(v) ? v : 0.0F;
    impl_->write_rows<float>(y, width, 1, row.data());
  }
}

void FitsWriter::add_cube(const std::string& name, const Header& header, int width, int height, int depth, const std::function<void(int, int, std::span<std::int32_t>)>& fill, Compression c) {
  impl_->add_cube<std::int32_t>(name, header, {width, height, depth}, fill, c);
}
void FitsWriter::add_cube(const std::string& name, const Header& header, int width, int height, int depth, const std::function<void(int, int, std::span<float>)>& fill, Compression c) {
  impl_->add_cube<float>(name, header, {width, height, depth}, fill, c);
}

void FitsWriter::begin_packed(const std::string& name, const Header& header, int width, int height) {
  if (width < 1 || height < 1) throw UsageError{fmt::format("{}: an image without pixels cannot be written", impl_->path.string())};
  if (impl_->hdus == 0) add_empty(Header{});
  impl_->finish_hdu();
  const std::int64_t across = (width + packed_tile_width - 1) / packed_tile_width, up = (height + packed_tile_height - 1) / packed_tile_height;
  const bool large = static_cast<std::int64_t>(width) * height >= std::int64_t{1} << 28;  // places in the heap beyond 31 bits
  std::array<char, 16> column{"COMPRESSED_DATA"};
  std::array<char, 4> form{'1', large ? 'Q' : 'P', 'B', 0};
  char* columns[] = {column.data()};
  char* forms[] = {form.data()};
  impl_->call([&](int* status) { fits_create_tbl(impl_->file, BINARY_TBL, across * up, 1, columns, forms, nullptr, nullptr, status); });
  ++impl_->hdus;
  impl_->packed = 0;
  Header cards;
  cards.set("ZIMAGE", true, "this table is a packed image");
  cards.set("ZBITPIX", std::int64_t{-32}, "32-bit numbers");
  cards.set("ZNAXIS", std::int64_t{2});
  cards.set("ZNAXIS1", std::int64_t{width}, "columns of the image");
  cards.set("ZNAXIS2", std::int64_t{height}, "rows of the image");
  cards.set("ZTILE1", std::int64_t{packed_tile_width}, "columns of a tile");
  cards.set("ZTILE2", std::int64_t{packed_tile_height}, "rows of a tile");
  cards.set("ZCMPTYPE", std::string{"GZIP_2"}, "bytes of equal weight together, then gzip");
  cards.set("ZQUANTIZ", std::string{"NONE"}, "without loss");
  impl_->write_cards(cards.cards80());
  impl_->write_name(name.empty() ? "COMPRESSED_IMAGE" : name);
  impl_->write_cards(free_cards(header));
}

void FitsWriter::add_packed(std::string_view tile) {
  impl_->call([&](int* status) {
    fits_write_col(impl_->file, TBYTE, 1, ++impl_->packed, 1, static_cast<LONGLONG>(tile.size()), const_cast<char*>(tile.data()), status);
  });
}

void FitsWriter::add_empty(const Header& header) { impl_->add_empty(header); }

void FitsWriter::add_table(const Table& table) {
  const detail::EncodedTable encoded = detail::encode_table(table);
  impl_->begin_table(table, encoded, encoded.rows);
  // A piece at a time: a large table is not in memory a second time.
  const auto piece = rows_at_once(encoded.row_bytes);
  for (std::int64_t from = 0; from < encoded.rows; from += piece) impl_->write_table_rows(from, detail::encode_rows(encoded, from, std::min(from + piece, encoded.rows)));
}

void FitsWriter::close() { impl_->close(); }

namespace {

class FitsStream : public TableStream {
 public:
  FitsStream(Table widest, std::int64_t rows, const std::filesystem::path& path) : widest_{std::move(widest)}, whole_{detail::encode_table(widest_)}, rows_{rows}, output_{path} { output_.begin_table(widest_, whole_, rows); }

  Piece make(Table part) const override {
    auto encoded = detail::encode_table(part);
    if (encoded.names != whole_.names) throw UsageError{fmt::format("{}: rows with {} columns; expected the {} columns of the whole", output_.path.string(), encoded.names.size(), whole_.names.size())};
    for (std::size_t i = 0; i < whole_.columns.size(); ++i) take_width(encoded.columns[i], whole_.columns[i], output_.path);
    encoded.row_bytes = whole_.row_bytes;
    return {detail::encode_rows(encoded, 0, encoded.rows), {}, encoded.rows};
  }

  void add(Piece piece) override {
    if (done_ + piece.rows > rows_) throw UsageError{fmt::format("{}: more than {} rows", output_.path.string(), rows_)};
    output_.write_table_rows(done_, std::move(piece.bytes));
    done_ += piece.rows;
  }

  void close() override {
    if (done_ != rows_) throw UsageError{fmt::format("{}: {} rows; expected {}", output_.path.string(), done_, rows_)};
    output_.close();
  }

 private:
  Table widest_;
  detail::EncodedTable whole_;  // looks at widest_
  std::int64_t rows_, done_ = 0;
  Output output_;
};

}  // namespace

std::unique_ptr<TableStream> detail::fits_stream(Table widest, std::int64_t rows, const std::filesystem::path& path) { return std::make_unique<FitsStream>(std::move(widest), rows, path); }

}  // namespace tessera::io
