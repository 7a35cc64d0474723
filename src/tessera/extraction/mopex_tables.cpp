#include "tessera/extraction/mopex_tables.h"

#include <cmath>

#include "tessera/catalog/columns.h"

namespace tessera::extraction {
namespace {

constexpr double bad_error = -9.99;

bool is_aperture_error(const std::string& name) { return name.starts_with("aperture_") && name.ends_with("_err"); }

void count_from_one(Table& table) {
  for (Column& c : table.columns)
    if (c.name == "x" || c.name == "y")
      if (auto* values = std::get_if<std::vector<double>>(&c.data))
        for (double& v : *values) v += 1;
  table.comments.emplace_back("x and y are FITS pixels: the centre of the first one is 1");
}

}  // namespace

Table mopex_catalog(Table table) {
  count_from_one(table);
  for (Column& c : table.columns) {
    if (auto* values = std::get_if<std::vector<double>>(&c.data); values && is_aperture_error(c.name))
      for (double& v : *values)
        if (!std::isfinite(v)) v = bad_error;
    if (auto* states = std::get_if<std::vector<std::int64_t>>(&c.data); states && c.name == "status")
      for (auto& s : *states)
        if (s == static_cast<std::int64_t>(joint_fit::Status::poor)) s = static_cast<std::int64_t>(joint_fit::Status::at_limit);
  }
  catalog::use_mopex_names(table);
  return table;
}

Table mopex_detections(Table table) {
  count_from_one(table);
  static constexpr std::pair<std::string_view, std::string_view> names[] = {{"detection", "srcid"}, {"x", "x"}, {"y", "y"}, {"brightest", "flux"}, {"blend", "BlendId"}, {"blend_size", "BlendSize"}};
  Table first;
  first.keywords = table.keywords, first.comments = table.comments, first.name = table.name;
  for (const auto& [own, theirs] : names)
    if (const Column* c = table.find(own)) {
      first.add(*c);
      first.columns.back().name = theirs;
    }
  for (const Column& c : table.columns) {
    bool taken = false;
    for (const auto& [own, theirs] : names) taken = taken || c.name == own;
    if (!taken) first.add(c);
  }
  catalog::use_mopex_names(first);
  return first;
}

Table apertures_of(const Table& catalog) {
  std::vector<std::string> wanted;
  for (const Column& c : catalog.columns)
    if (c.name == "number" || c.name == "ra" || c.name == "dec" || c.name == "x" || c.name == "y" || c.name == "sky" || c.name.starts_with("aperture_")) wanted.push_back(c.name);
  Table table = catalog::select_columns(catalog, wanted);
  table.name = "apertures";
  return table;
}

}  // namespace tessera::extraction
