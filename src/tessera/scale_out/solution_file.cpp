#include "tessera/scale_out/solution_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tessera/base/error.h"
#include "tessera/pipeline/frame_records.h"
#include "tessera/scale_out/parts.h"

namespace tessera::scale_out {
namespace {

/// Record 0 of the part: what is of no frame; records 1 … the blocks of frames.
void put_common(run::ByteWriter& bytes, const pipeline::FramePass& pass, const std::vector<run::Caveat>& caveats) {
  const auto& o = pass.offsets;
  bytes.put(static_cast<std::int32_t>(pass.weighting));
  bytes.put(pass.background_error);
  bytes.put(static_cast<std::int32_t>(o.groups)), bytes.put(static_cast<std::int32_t>(o.order)), bytes.put(static_cast<std::int32_t>(o.covariance.terms()));
  bytes.put(static_cast<std::uint8_t>(o.covariance.frames() > 0));
  bytes.put(static_cast<std::uint64_t>(caveats.size()));
  for (const auto& c : caveats) bytes.put(c.kind), bytes.put(c.message), bytes.put(c.count);
}

void get_common(run::ByteReader& bytes, Solution& s, int& terms, bool& matched) {
  s.pass.weighting = static_cast<coadd::Weighting>(bytes.get<std::int32_t>());
  bytes.get(s.pass.background_error);
  s.pass.offsets.groups = bytes.get<std::int32_t>(), s.pass.offsets.order = bytes.get<std::int32_t>(), terms = bytes.get<std::int32_t>();
  matched = bytes.get<std::uint8_t>() != 0;
  const auto count = bytes.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& c = s.caveats.emplace_back();
    bytes.get(c.kind), bytes.get(c.message), bytes.get(c.count);
  }
}

/// A frame's state, its rows of the covariance (other ≥ frame), the pairs it is the first of, its files.
void put_frame(run::ByteWriter& bytes, const pipeline::FramePass& pass, std::size_t i, std::span<const background::PairDifference> pairs, const std::vector<run::InputRecord>& inputs) {
  pipeline::put(bytes, pass.frames[i]);
  const auto& c = pass.offsets.covariance;
  std::vector<std::int32_t> others;
  std::vector<double> values;
  if (c.frames() > 0) {
    const auto [first, last] = c.slots_of(i);
    const auto block = static_cast<std::size_t>(c.terms()) * static_cast<std::size_t>(c.terms());
    for (auto slot = first; slot < last; ++slot) {
      others.push_back(c.other(slot));
      const double* b = c.block(static_cast<std::ptrdiff_t>(slot));
      values.insert(values.end(), b, b + block);
    }
  }
  bytes.put(others), bytes.put(values);
  bytes.put(std::vector<background::PairDifference>(pairs.begin(), pairs.end()));
  bytes.put(static_cast<std::uint64_t>(inputs.size()));
  for (const auto& in : inputs) bytes.put(in.path), bytes.put(in.bytes), bytes.put(in.sha256), bytes.put(static_cast<std::uint8_t>(in.lost));
}

struct CovarianceRow {
  std::size_t frame = 0;
  std::vector<std::int32_t> others;
  std::vector<double> values;
};

void get_frame(run::ByteReader& bytes, pipeline::FrameState& state, CovarianceRow& row, std::vector<background::PairDifference>& pairs, std::vector<run::InputRecord>& inputs) {
  pipeline::get(bytes, state);
  bytes.get(row.others), bytes.get(row.values), bytes.get(pairs);
  inputs.resize(bytes.get<std::uint64_t>());
  for (auto& in : inputs) bytes.get(in.path), bytes.get(in.bytes), bytes.get(in.sha256), in.lost = bytes.get<std::uint8_t>() != 0;
}

background::OffsetCovariance covariance_of(std::size_t frames, int terms, const std::vector<CovarianceRow>& rows) {
  std::vector<std::pair<int, int>> pairs;
  for (const auto& row : rows)
    for (const auto other : row.others)
      if (static_cast<std::size_t>(other) != row.frame) pairs.emplace_back(static_cast<int>(row.frame), other);
  background::OffsetCovariance c{frames, pairs, terms};
  const auto block = static_cast<std::size_t>(terms) * static_cast<std::size_t>(terms);
  for (const auto& row : rows)
    for (std::size_t k = 0; k < row.others.size(); ++k)
      std::copy_n(row.values.begin() + static_cast<std::ptrdiff_t>(k * block), block, c.block(c.slot(static_cast<int>(row.frame), row.others[k])));
  return c;
}

}  // namespace

void write_solution(const PlanFile& plan, const pipeline::FramePass& pass, const std::vector<std::vector<run::InputRecord>>& inputs, const std::vector<run::Caveat>& caveats) {
  auto pairs = pass.offsets.pairs;
  std::stable_sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.m < b.m; });
  const auto part = new_part(plan, Pass::solve, 0, 0);
  run::ByteWriter common;
  put_common(common, pass, caveats);
  part->add(0, common.bytes());
  for (std::size_t first = 0; first < pass.frames.size(); first += frames_per_block) {
    run::ByteWriter bytes;
    for (std::size_t i = first; i < std::min(pass.frames.size(), first + frames_per_block); ++i) {
      const auto begin = std::lower_bound(pairs.begin(), pairs.end(), static_cast<int>(i), [](const auto& p, int m) { return p.m < m; });
      const auto end = std::find_if(begin, pairs.end(), [&](const auto& p) { return p.m != static_cast<int>(i); });
      put_frame(bytes, pass, i, std::span{begin, end}, inputs[i]);
    }
    part->add(1 + first / frames_per_block, bytes.bytes());
  }
  part->commit();
}

bool has_solution(const PlanFile& plan) { return Parts{plan, Pass::solve, {0, 0}}.has(0); }

Solution read_solution(const PlanFile& plan, std::span<const std::size_t> wanted) {
  const std::size_t n = plan.plan().frames.size();
  const Parts parts{plan, Pass::solve, {0, static_cast<std::int64_t>(1 + n / frames_per_block)}};
  if (!parts.has(0)) throw UsageError{fmt::format("{}: the offsets are not solved yet; run: tessera work {} --pass solve", plan.path().string(), plan.path().string())};
  Solution s;
  s.pass.frames.resize(n);
  int terms = 1;
  bool matched = false;
  {
    const auto content = parts.read(0);
    run::ByteReader bytes{content, parts.path_of(0)};
    get_common(bytes, s, terms, matched);
  }
  std::vector<CovarianceRow> rows;
  std::set<std::size_t> blocks;
  for (const auto i : wanted) blocks.insert(i / frames_per_block);
  for (const auto b : blocks) {
    const auto piece = static_cast<std::int64_t>(1 + b);
    const auto content = parts.read(piece);
    run::ByteReader bytes{content, parts.path_of(piece)};
    for (std::size_t i = b * frames_per_block; i < std::min(n, (b + 1) * frames_per_block); ++i) {
      pipeline::FrameState state;
      CovarianceRow row{i, {}, {}};
      std::vector<background::PairDifference> pairs;
      std::vector<run::InputRecord> inputs;
      get_frame(bytes, state, row, pairs, inputs);
      if (!std::binary_search(wanted.begin(), wanted.end(), i)) continue;
      s.pass.frames[i] = std::move(state);
      rows.push_back(std::move(row));
      s.pass.offsets.pairs.insert(s.pass.offsets.pairs.end(), pairs.begin(), pairs.end());
      s.inputs.insert(s.inputs.end(), inputs.begin(), inputs.end());
    }
  }
  if (matched) s.pass.offsets.covariance = covariance_of(n, terms, rows);
  for (const auto& f : s.pass.frames) {
    s.pass.offsets.offset.push_back(f.offset), s.pass.offsets.sigma.push_back(f.offset_sigma), s.pass.offsets.group.push_back(f.group), s.pass.offsets.outlier.push_back(f.offset_outlier);
    if (s.pass.offsets.order > 0) {
      auto more = f.surface;
      more.resize(static_cast<std::size_t>(terms), 0.0);
      s.pass.offsets.surface.insert(s.pass.offsets.surface.end(), more.begin() + 1, more.end());
    }
  }
  return s;
}

}  // namespace tessera::scale_out
