/// A folder of small FITS files by name, and what expand_inputs makes of names in it.
#pragma once
#include <fstream>

#include "instrument/support.h"

namespace tessera::instrument {

struct Names : testing::Test {
  TemporaryFolder folder;
  InputOptions options;
  std::vector<std::string> notes;

  std::string path(const std::string& name) const { return (folder / name).string(); }
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((folder / name).parent_path());
    std::ofstream{folder / name} << content;
  }
  void put(const std::string& name) const {
    fs::create_directories((folder / name).parent_path());
    test::write_fits(folder / name, {test::sky_image(6, 6, 1)});
  }
  void put_irac(const std::string& name) const {
    auto h = test::sky_image(6, 6, 1);
    h.text("TELESCOP", "Spitzer").text("INSTRUME", "IRAC").card("DCENUM", "0");
    test::write_fits(folder / name, {h});
  }
  /// Image names relative to the folder.
  std::vector<std::string> expanded(const std::vector<std::string>& arguments) {
    notes.clear();
    std::vector<std::string> names;
    for (const auto& n : expand_inputs(arguments, options, profiles(), notes)) names.push_back(n.image.lexically_relative(folder.path()).string());
    return names;
  }
};

}  // namespace tessera::instrument
