#include "tessera/run/record_file.h"

#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "tessera/base/files.h"

namespace tessera::run {
namespace {

namespace fs = std::filesystem;

TEST(RecordFile, GivesBackWhatWasPutAndRefusesToReadBeyond) {
  ByteWriter out;
  Image<float> image{Box{2, 3, 5, 7}, 1.5F};
  out.put(std::int32_t{-7}), out.put(std::string{"a\0b", 3}), out.put(std::vector<double>{1, 2.5}), out.put(image), out.put(std::vector<int>{});
  ByteReader in{out.bytes(), "here"};
  std::string text;
  std::vector<double> numbers;
  std::vector<int> none{1};
  Image<float> again;
  EXPECT_EQ(in.get<std::int32_t>(), -7);
  in.get(text), in.get(numbers), in.get(again), in.get(none);
  EXPECT_EQ(text, (std::string{"a\0b", 3}));
  EXPECT_EQ(numbers, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(again.box(), image.box());
  EXPECT_EQ(again(4, 6), 1.5F);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(in.left(), 0U);
  EXPECT_THROW(in.get<char>(), DataError);
  const std::string huge(8, '\xff');  // a length no file has
  EXPECT_THROW((ByteReader{huge, "here"}.get(numbers)), DataError);
}

TEST(RecordFile, AppearsWholeOrNotAtAll) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.part";
  {
    RecordWriter writer{path, "{}"};
    writer.add(4, "four");
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(folder.path())) << "what was not committed leaves nothing";
  RecordWriter writer{path, R"({"plan":"a"})"};
  writer.add(4, "four"), writer.add(9, "");
  writer.commit();
  const RecordReader reader{path};
  EXPECT_EQ(reader.head(), R"({"plan":"a"})");
  ASSERT_EQ(reader.entries().size(), 2U);
  EXPECT_TRUE(reader.whole());
  EXPECT_EQ(reader.read(reader.entries()[0]), "four");
  EXPECT_EQ(reader.read(reader.entries()[1]), "");
}

TEST(RecordFile, LeavesATornTailAsideAndGoesOnBeforeIt) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "frames";
  { RecordWriter{path, "{}", true}.add(1, "one"), RecordWriter{path, "{}", true}.add(2, "two"); }
  const auto whole = files::read(path);
  for (std::size_t cut = whole.size() - 1; cut > whole.size() - 80; cut -= 13) {
    files::write_atomic(path, whole.substr(0, cut));
    EXPECT_EQ(RecordReader{path}.entries().size(), 1U);
    RecordWriter{path, "{}", true}.add(2, "two");
    EXPECT_EQ(files::read(path), whole);
  }
  RecordWriter{path, R"({"other":1})", true}.add(3, "three");
  EXPECT_EQ(RecordReader{path}.entries().size(), 1U) << "another head begins anew";
}

TEST(RecordFile, NoticesAChangedByte) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x";
  RecordWriter{path, "{}", true}.add(1, "payload");
  auto content = files::read(path);
  content.back() = static_cast<char>(content.back() ^ 1);
  files::write_atomic(path, content);
  const RecordReader reader{path};
  EXPECT_THROW(reader.read(reader.entries()[0]), DataError);
  files::write_atomic(path, "no line");
  EXPECT_THROW(RecordReader{path}, DataError);
}

}  // namespace
}  // namespace tessera::run
