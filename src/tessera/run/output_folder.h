/// run/output_folder.h — OUT: locked while a run uses it; complete, unfinished or foreign; products appear in it all at once.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tessera/param/schema.h"

namespace tessera::run {

/// What an unfinished run left in OUT/.tessera/plan.json, to resume it and to say what differs.
struct Request {
  std::string verb, plan_hash;
  std::vector<std::string> inputs;         ///< as given
  std::string working_folder;
  std::vector<std::pair<std::string, std::string>> settings;  ///< every option with its value
  std::vector<std::string> frames;         ///< files found
};
std::string to_json(const Request& request);
Request request_from_json(const std::string& text, const std::string& where);

/// The places in OUT that a product gets: none = it is made and dropped, several = copies. A record (run.json) has one.
using Placement = std::function<std::vector<std::string>(const std::string& product)>;

class OutputFolder {
 public:
  /// Creates OUT and OUT/.tessera and locks it. Throws UsageError: complete and no `overwrite`; unfinished with another plan
  /// (says what differs); in use by another run. Throws SystemError: not writable.
  /// Without `placement` a product's place is its name.
  OutputFolder(const std::filesystem::path& out, const Request& request, bool overwrite, Placement placement = {});
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& path() const { return out_; }
  std::filesystem::path scratch() const { return out_ / ".tessera"; }
  /// Where a product is written before publish().
  std::filesystem::path product(const std::string& name);
  /// Where publish() puts a product, relative to OUT.
  std::vector<std::string> places(const std::string& name) const { return placement_ ? placement_(name) : std::vector<std::string>{name}; }
  bool resumed() const { return resumed_; }
  /// Whether what lies in the scratch folder saves a later run work: a finished tile, measured frames, or a part.
  bool resumable() const;
  /// Of a run whose parts are runs of their own in folders of OUT: from here on OUT holds nothing finished, `last` is gone, and the run can be resumed.
  void begin_parts(const std::string& last);
  /// Moves one product to OUT before the others, for a part that reads it there.
  void put_early(const std::string& name);
  /// Moves all products to OUT, `last` after all others, and removes the scratch folder.
  void publish(const std::string& last);
  const std::vector<std::string>& products() const { return products_; }

 private:
  bool blocking() const;
  void put_in_place(const std::string& name);
  std::filesystem::path out_;
  Placement placement_;
  std::vector<std::string> products_, early_;
  int lock_ = -1;
  bool resumed_ = false;
  bool created_ = false, published_ = false;
};

/// Reads OUT/.tessera/plan.json; throws UsageError when there is nothing to resume there.
Request unfinished_request(const std::filesystem::path& out);

/// The first line of SCRATCH/journal, where a run notes which tiles are finished; nothing when there is none that can be read.
struct JournalHead {
  std::string plan;
  int tile_side = 0;
};
std::optional<JournalHead> journal_head(const std::filesystem::path& scratch);

}  // namespace tessera::run
