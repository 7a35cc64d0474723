#include "tessera/io/parquet_module_private.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/util/config.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <limits>
#include <memory>
#include <stdexcept>

namespace {

using tessera::Column;
using tessera::Table;

constexpr const char* version_key = "IVOA.VOTable-Parquet.version";
constexpr const char* content_key = "IVOA.VOTable-Parquet.content";
constexpr std::int64_t rows_together = 1 << 16;  // a row group: what of a streamed table is in memory

void check(const arrow::Status& status) {
  if (!status.ok()) throw std::runtime_error{status.message()};
}
template <class T>
T valued(arrow::Result<T> result) {
  check(result.status());
  return std::move(result).ValueUnsafe();
}

template <class Builder, class Values>
std::shared_ptr<arrow::Array> build(const Column& column, const Values& values) {
  Builder builder;
  check(builder.Reserve(static_cast<std::int64_t>(values.size())));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (column.is_null(i))
      check(builder.AppendNull());
    else if constexpr (std::is_same_v<Builder, arrow::BooleanBuilder>)
      check(builder.Append(values[i] != 0));
    else
      check(builder.Append(values[i]));
  return valued(builder.Finish());
}

struct ToArrow {
  const Column& column;
  std::shared_ptr<arrow::Array> operator()(const std::vector<double>& v) const { return build<arrow::DoubleBuilder>(column, v); }
  std::shared_ptr<arrow::Array> operator()(const std::vector<float>& v) const { return build<arrow::FloatBuilder>(column, v); }
  std::shared_ptr<arrow::Array> operator()(const std::vector<std::int64_t>& v) const { return build<arrow::Int64Builder>(column, v); }
  std::shared_ptr<arrow::Array> operator()(const std::vector<std::int32_t>& v) const { return build<arrow::Int32Builder>(column, v); }
  std::shared_ptr<arrow::Array> operator()(const std::vector<std::uint8_t>& v) const { return build<arrow::BooleanBuilder>(column, v); }
  std::shared_ptr<arrow::Array> operator()(const std::vector<std::string>& v) const { return build<arrow::StringBuilder>(column, v); }
};

/// A file that grows by groups of rows.
class File {
 public:
  File(const Table& columns, const char* votable, const char* path) {
    arrow::FieldVector fields;
    for (const Column& c : columns.columns) {
      auto words = std::make_shared<arrow::KeyValueMetadata>();
      if (!c.unit.empty()) words->Append("unit", c.unit);
      if (!c.ucd.empty()) words->Append("ucd", c.ucd);
      if (!c.description.empty()) words->Append("description", c.description);
      fields.push_back(arrow::field(c.name, std::visit(ToArrow{empty(c)}, empty(c).data)->type(), true, words));
    }
    schema_ = arrow::schema(fields, arrow::key_value_metadata({version_key, content_key}, {"1.0", votable}));
    file_ = valued(arrow::io::FileOutputStream::Open(path));
    const auto how = parquet::WriterProperties::Builder().compression(arrow::Compression::ZSTD)->build();
    // Arrow's own schema keeps the columns' words; the two keys also stand plainly among the file's, where VOParquet has them.
    const auto arrow_how = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    writer_ = valued(parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), file_, how, arrow_how));
  }
  void add(const Table& rows) {
    arrow::ArrayVector arrays;
    for (const Column& c : rows.columns) arrays.push_back(std::visit(ToArrow{c}, c.data));
    check(writer_->WriteTable(*arrow::Table::Make(schema_, arrays, static_cast<std::int64_t>(rows.rows())), rows_together));
  }
  void end() {
    check(writer_->Close());
    check(file_->Close());
  }

 private:
  /// A column of the same kind without rows.
  static const Column& empty(const Column& like) {
    static thread_local Column none;
    none.data = std::visit([](const auto& values) -> Column::Data { return std::decay_t<decltype(values)>{}; }, like.data);
    return none;
  }
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::FileOutputStream> file_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

void write(const Table& table, const char* votable, const char* path) {
  File file{table, votable, path};
  if (table.rows() > 0) file.add(table);
  file.end();
}

/// Calls f(array, row) for every row of a chunked column; null rows are marked in `to` and skipped.
template <class ArrayType, class F>
void each(const arrow::ChunkedArray& chunks, Column& to, F f) {
  std::size_t row = 0;
  for (const auto& chunk : chunks.chunks()) {
    const auto& array = static_cast<const ArrayType&>(*chunk);
    for (std::int64_t i = 0; i < array.length(); ++i, ++row) {
      if (array.IsNull(i)) {
        if (to.null.empty()) to.null.assign(static_cast<std::size_t>(chunks.length()), false);
        to.null[row] = true;
      } else {
        f(array, i, row);
      }
    }
  }
}

template <class ArrayType, class T>
void numbers(const arrow::ChunkedArray& chunks, Column& to, T missing) {
  std::vector<T> values(static_cast<std::size_t>(chunks.length()), missing);
  each<ArrayType>(chunks, to, [&](const ArrayType& array, std::int64_t i, std::size_t row) { values[row] = static_cast<T>(array.Value(i)); });
  to.data = std::move(values);
}

template <class ArrayType>
void texts(const arrow::ChunkedArray& chunks, Column& to) {
  std::vector<std::string> values(static_cast<std::size_t>(chunks.length()));
  each<ArrayType>(chunks, to, [&](const ArrayType& array, std::int64_t i, std::size_t row) { values[row] = array.GetString(i); });
  to.data = std::move(values);
}

/// False when a value is above those of int64.
bool large_numbers(const arrow::ChunkedArray& chunks, Column& to) {
  bool held = true;
  std::vector<std::int64_t> values(static_cast<std::size_t>(chunks.length()));
  each<arrow::UInt64Array>(chunks, to, [&](const arrow::UInt64Array& array, std::int64_t i, std::size_t row) {
    held = held && array.Value(i) <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    values[row] = static_cast<std::int64_t>(array.Value(i));
  });
  to.data = std::move(values);
  return held;
}

/// Texts by number, as pandas writes categories. False for a dictionary of other things.
bool categories(const arrow::ChunkedArray& chunks, Column& to) {
  std::vector<std::string> values(static_cast<std::size_t>(chunks.length()));
  for (const auto& chunk : chunks.chunks())
    if (static_cast<const arrow::DictionaryArray&>(*chunk).dictionary()->type_id() != arrow::Type::STRING) return false;
  each<arrow::DictionaryArray>(chunks, to, [&](const arrow::DictionaryArray& array, std::int64_t i, std::size_t row) {
    values[row] = static_cast<const arrow::StringArray&>(*array.dictionary()).GetString(array.GetValueIndex(i));
  });
  to.data = std::move(values);
  return true;
}

/// False for a type that a table here cannot hold.
bool take(const arrow::ChunkedArray& chunks, Column& to) {
  using arrow::Type;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  switch (chunks.type()->id()) {
    case Type::DOUBLE: numbers<arrow::DoubleArray, double>(chunks, to, nan); return true;
    case Type::FLOAT: numbers<arrow::FloatArray, float>(chunks, to, static_cast<float>(nan)); return true;
    case Type::INT64: numbers<arrow::Int64Array, std::int64_t>(chunks, to, 0); return true;
    case Type::UINT64: return large_numbers(chunks, to);
    case Type::DICTIONARY: return categories(chunks, to);
    case Type::UINT32: numbers<arrow::UInt32Array, std::int64_t>(chunks, to, 0); return true;
    case Type::INT32: numbers<arrow::Int32Array, std::int32_t>(chunks, to, 0); return true;
    case Type::INT16: numbers<arrow::Int16Array, std::int32_t>(chunks, to, 0); return true;
    case Type::UINT16: numbers<arrow::UInt16Array, std::int32_t>(chunks, to, 0); return true;
    case Type::INT8: numbers<arrow::Int8Array, std::int32_t>(chunks, to, 0); return true;
    case Type::UINT8: numbers<arrow::UInt8Array, std::int32_t>(chunks, to, 0); return true;
    case Type::BOOL: numbers<arrow::BooleanArray, std::uint8_t>(chunks, to, 0); return true;
    case Type::STRING: texts<arrow::StringArray>(chunks, to); return true;
    case Type::LARGE_STRING: texts<arrow::LargeStringArray>(chunks, to); return true;
    default: return false;
  }
}

void read(const char* path, Table& table, std::string& votable) {
  const auto file = valued(arrow::io::ReadableFile::Open(path));
  const auto reader = valued(parquet::arrow::OpenFile(file, arrow::default_memory_pool()));
  const auto whole = valued(reader->ReadTable());
  for (int i = 0; i < whole->num_columns(); ++i) {
    const auto& field = *whole->schema()->field(i);
    Column c;
    c.name = field.name();
    if (const auto words = field.metadata())
      for (auto [key, to] : {std::pair{"unit", &c.unit}, std::pair{"ucd", &c.ucd}, std::pair{"description", &c.description}})
        if (words->Contains(key)) *to = valued(words->Get(key));
    if (take(*whole->column(i), c))
      table.add(std::move(c));
    else
      table.comments.push_back("column " + field.name() + " (" + field.type()->ToString() + ")");
  }
  const auto keys = reader->parquet_reader()->metadata()->key_value_metadata();
  if (keys && keys->Contains(content_key)) votable = valued(keys->Get(content_key));
}

template <class F>
int guarded(std::string* error, F f) {
  try {
    f();
    return 0;
  } catch (const std::exception& e) {
    *error = e.what();
  } catch (...) {
    *error = "unknown failure of Arrow";
  }
  return 1;
}

}  // namespace

extern "C" {

const char* tessera_parquet_library() { return "Arrow " ARROW_VERSION_STRING; }

int tessera_parquet_write(const Table* table, const char* votable, const char* path, std::string* error) {
  return guarded(error, [&] { write(*table, votable, path); });
}

void* tessera_parquet_begin(const Table* columns, const char* votable, const char* path, std::string* error) {
  File* file = nullptr;
  guarded(error, [&] { file = new File{*columns, votable, path}; });
  return file;
}

int tessera_parquet_add(void* file, const Table* rows, std::string* error) {
  return guarded(error, [&] { static_cast<File*>(file)->add(*rows); });
}

int tessera_parquet_end(void* file, std::string* error) {
  const std::unique_ptr<File> held{static_cast<File*>(file)};
  return guarded(error, [&] { held->end(); });
}

void tessera_parquet_abandon(void* file) { delete static_cast<File*>(file); }

std::int64_t tessera_parquet_rows() { return rows_together; }

int tessera_parquet_read(const char* path, Table* table, std::string* votable, std::string* error) {
  return guarded(error, [&] { read(path, *table, *votable); });
}
}
