#include "tessera/spectrum/written_tables.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>

#include "tessera/base/files.h"
#include "tessera/io/table_stream.h"

namespace tessera::spectrum {
namespace {

constexpr std::size_t rows_at_once = 2048;     // of measurements
constexpr std::size_t sources_at_once = 64;    // of spectra

/// One table in one format.
struct Written {
  std::string file;
  io::TableFormat format;
  std::unique_ptr<io::TableStream> stream;
};

class Writer {
 public:
  Writer(const TableParts& parts, run::OutputFolder& folder, run::Context& context) : p_{parts}, folder_{folder}, context_{context} {}

  void run(std::vector<run::ProductRecord>& products) {
    auto measurements = open(measurements_table(p_.measured, telling_texts(p_.measured), p_.options.flag_counts), p_.measured.total(), "measurements");
    auto spectra = open(spectra_table(p_.measured, telling_sources(p_.measured), p_.options.channels), static_cast<std::int64_t>(p_.measured.sources.size()), "spectra");
    std::vector<Written> covariances;
    if (p_.options.fit.covariance) covariances = open(telling_covariances(p_.measured, p_.sources), p_.measured.covariances, "covariances");
    const bool looking = std::ranges::any_of(measurements, [](const Written& w) { return w.stream->looks_first(); });
    const auto blocks = static_cast<std::int64_t>(p_.measured.sources.size());
    context_.stage("writing tables", blocks * (looking ? 2 : 1));
    for (const bool look : {true, false}) {
      if (look && !looking) continue;
      std::int64_t row = 1;
      p_.blocks.for_each([&](std::size_t from, std::size_t to) {
        const auto all = p_.measured.all();
        const auto part = [&](std::int64_t i) { return all.subspan(static_cast<std::size_t>(i) * rows_at_once, std::min(rows_at_once, all.size() - static_cast<std::size_t>(i) * rows_at_once)); };
        const auto pieces = static_cast<std::int64_t>((all.size() + rows_at_once - 1) / rows_at_once);
        pass(measurements, look, pieces, [&](std::int64_t i) { return measurements_table(p_.measured, part(i), p_.options.flag_counts); });
        pass(spectra, look, static_cast<std::int64_t>((to - from + sources_at_once - 1) / sources_at_once), [&](std::int64_t i) {
          std::vector<std::size_t> which(std::min(sources_at_once, to - from - static_cast<std::size_t>(i) * sources_at_once));
          std::iota(which.begin(), which.end(), from + static_cast<std::size_t>(i) * sources_at_once);
          return spectra_table(p_.measured, which, p_.options.channels);
        });
        pass(covariances, look, pieces, [&](std::int64_t i) { return covariances_table(p_.measured, part(i), row + i * static_cast<std::int64_t>(rows_at_once), p_.sources); });
        row += static_cast<std::int64_t>(all.size());
        context_.step(static_cast<std::int64_t>(to - from));
      });
    }
    close(measurements, products);
    close(spectra, products);
    for (const auto& format : p_.options.formats) run::write_table_product(frames_table(p_.measured), "frames", io::table_format(format), folder_, products);
    close(covariances, products);
  }

 private:
  std::vector<Written> open(const Table& widest, std::int64_t rows, const std::string& stem) {
    std::vector<Written> tables;
    for (const auto& name : p_.options.formats) {
      const auto format = io::table_format(name);
      const auto file = stem + std::string{io::suffix_of(format)};
      tables.push_back({file, format, io::open_table_stream(widest, rows, folder_.product(file), format)});
    }
    return tables;
  }

  /// Pieces are made on all threads and taken in order.
  void pass(std::vector<Written>& tables, bool look, std::int64_t pieces, const std::function<Table(std::int64_t)>& make) {
    for (auto& t : tables) {
      if (look && !t.stream->looks_first()) continue;
      std::vector<io::TableStream::Piece> made(static_cast<std::size_t>(pieces));
      std::vector<Table> seen(look ? made.size() : 0);
      const auto work = [&](std::int64_t i) { look ? void(seen[static_cast<std::size_t>(i)] = make(i)) : void(made[static_cast<std::size_t>(i)] = t.stream->make(make(i))); };
      const auto done = [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        if (look) t.stream->look(seen[at]), seen[at] = {};
        else t.stream->add(std::move(made[at])), made[at] = {};
      };
      context_.pool().for_each_ordered(pieces, 2 * context_.pool().threads(), work, done);
    }
  }

  void close(std::vector<Written>& tables, std::vector<run::ProductRecord>& products) {
    for (auto& t : tables) {
      t.stream->close();
      const auto path = folder_.product(t.file);
      products.push_back({t.file, t.format == io::TableFormat::fits ? run::datasums(path) : files::sha256_file(path)});
    }
  }

  const TableParts& p_;
  run::OutputFolder& folder_;
  run::Context& context_;
};

}  // namespace

void write_tables(const TableParts& parts, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context) { Writer{parts, folder, context}.run(products); }

}  // namespace tessera::spectrum
