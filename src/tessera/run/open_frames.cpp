#include "tessera/run/open_frames.h"

#include "tessera/base/error.h"

namespace tessera::run {

std::vector<instrument::FrameFile> open_frames(const std::vector<std::string>& inputs, const instrument::InputOptions& options, const instrument::ProfileSet& profiles, Context& context) {
  std::vector<std::string> notes;
  const auto names = instrument::expand_inputs(inputs, options, profiles, notes);
  if (names.empty()) throw UsageError{"no frames given; name files, folders, globs or @list.txt, or use -I images.txt"};
  for (const auto& note : notes) context.log(Level::info, note);
  std::vector<instrument::FrameFile> frames(names.size());
  context.stage("reading headers", static_cast<std::int64_t>(names.size()));
  context.pool().for_each(static_cast<std::int64_t>(names.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    frames[at] = instrument::open_frame(names[at], options, profiles);
    context.step();
  });
  return frames;
}

}  // namespace tessera::run
