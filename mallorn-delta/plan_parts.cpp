#include "mallorn-delta/plan_parts.hpp"

#include <algorithm>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/byte_index.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/relation.hpp"

namespace mallorn::delta {
namespace {

// Shorter runs of equal bytes among others are predicted with them.
constexpr uint64_t kLeastCopy = 4096;

// Saying that another step begins, and where in the base.
constexpr uint64_t kStepCost = uint64_t{1024} * 8 * 4;

class PartsPlanner {
 public:
  PartsPlanner(const Model& base, const Model& result, const Range& range)
      : base_model_(base),
        result_model_(result),
        range_(range),
        block_(dtype_layout(range.dtype).block_bytes),
        base_(base.bytes()),
        result_(result.bytes().subspan(static_cast<size_t>(range.offset_bytes),
                                       static_cast<size_t>(range.length_bytes))) {}

  std::optional<PartsPlan> run(const std::vector<Part>& parts) {
    for (const Part& part : parts) {
      if (part.has_base) {
        add_part(part);
      } else {
        add(StepKind::literal, part.length, 0);
      }
    }
    const Relation relation = relate_all(StepKind::predict);
    if (!is_close(relation)) drop_predicted();
    const bool has_base = std::ranges::any_of(
        plan_.steps, [](const PartStep& step) { return step.kind != StepKind::literal; });
    if (!has_base) return {};
    add_costs(relation);
    add_ranges();
    return std::move(plan_);
  }

 private:
  void add(StepKind kind, uint64_t length, uint64_t base_offset) {
    if (length == 0) return;
    const bool joins = kind == StepKind::literal && !plan_.steps.empty() &&
                       plan_.steps.back().kind == kind;
    if (joins) {
      plan_.steps.back().length += length;
    } else {
      plan_.steps.push_back({kind, length, base_offset});
    }
  }

  // Long runs of equal bytes, whole blocks, are copied.
  void add_part(const Part& part) {
    const ByteView from = base_.subspan(static_cast<size_t>(part.base_offset),
                                        static_cast<size_t>(part.length));
    const ByteView to =
        result_.subspan(static_cast<size_t>(part.offset), static_cast<size_t>(part.length));
    PassedPages passed(result_model_.bytes(), range_.offset_bytes + part.offset);
    PassedPages passed_base(base_model_.bytes(), part.base_offset);
    uint64_t planned = 0;
    for (uint64_t at = 0; at < part.length;) {
      const uint64_t run = common_length(from.subspan(at), to.subspan(at));
      const uint64_t begin = (at + block_ - 1) / block_ * block_;
      uint64_t end = at + run;
      if (end < part.length) end -= end % block_;
      if ((run >= kLeastCopy || run >= part.length - part.length / 4) && end > begin) {
        add(StepKind::predict, begin - planned, part.base_offset + planned);
        add(StepKind::copy, end - begin, part.base_offset + begin);
        planned = end;
      }
      at += run + 1;
      passed.advance_to(range_.offset_bytes + part.offset + std::min(at, part.length));
      passed_base.advance_to(part.base_offset + std::min(at, part.length));
    }
    add(StepKind::predict, part.length - planned, part.base_offset + planned);
  }

  // How steps of a kind are related to the base, or what they cost without one: all of them
  // in one, since many parts are too short to tell.
  Relation relate_all(StepKind kind) const {
    constexpr uint64_t kMostSampled = uint64_t{1} << 20;
    const auto count =
        static_cast<uint64_t>(std::ranges::count(plan_.steps, kind, &PartStep::kind));
    if (count == 0) return {};
    const uint64_t most = std::max(kMostSampled / count / block_, uint64_t{1}) * block_;
    std::vector<uint8_t> from;
    std::vector<uint8_t> to;
    uint64_t at = 0;
    for (const PartStep& step : plan_.steps) {
      const uint64_t length = std::min(step.length, most) / block_ * block_;
      if (step.kind == kind) {
        if (kind == StepKind::predict) append(base_, step.base_offset, length, &from);
        append(result_, at, length, &to);
      }
      at += step.length;
    }
    return relate(range_.dtype, kind == StepKind::predict ? from : to, to);
  }

  static void append(ByteView bytes, uint64_t offset, uint64_t length,
                     std::vector<uint8_t>* to) {
    const ByteView piece =
        bytes.subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
    to->insert(to->end(), piece.begin(), piece.end());
  }

  // Among many places some resemble a tensor a little by chance. Of blocks the sample tells
  // little: what predicts them knows their scales.
  bool is_close(const Relation& relation) const {
    const bool is_blocks = dtype_layout(range_.dtype).block_elements > 1;
    const uint64_t margin = is_blocks ? 0 : relation.direct / 16;
    return relation.is_related && relation.cost + margin < relation.direct;
  }

  void drop_predicted() {
    std::vector<PartStep> steps = std::move(plan_.steps);
    plan_.steps.clear();
    for (const PartStep& step : steps) {
      const bool is_copy = step.kind == StepKind::copy;
      add(is_copy ? StepKind::copy : StepKind::literal, step.length,
          is_copy ? step.base_offset : 0);
    }
  }

  void add_costs(const Relation& relation) {
    const uint64_t unit = relation_unit(range_.dtype);
    const uint64_t direct = relate_all(StepKind::literal).direct;
    for (const PartStep& step : plan_.steps) {
      plan_.cost += kStepCost;
      if (step.kind == StepKind::predict) plan_.cost += step.length / unit * relation.cost;
      if (step.kind == StepKind::literal) plan_.cost += step.length / unit * direct;
    }
  }

  void add_ranges() {
    constexpr size_t kMostShown = 8;
    std::vector<size_t>& ranges = plan_.base_ranges;
    for (const PartStep& step : plan_.steps) {
      if (step.kind == StepKind::literal) continue;
      const size_t last = range_at(base_model_, step.base_offset + step.length - 1);
      for (size_t range = range_at(base_model_, step.base_offset); range <= last; ++range) {
        if (ranges.size() == kMostShown) return;
        if (std::ranges::find(ranges, range) == ranges.end()) ranges.push_back(range);
      }
    }
  }

  const Model& base_model_;
  const Model& result_model_;
  const Range& range_;
  const uint64_t block_;
  const ByteView base_;
  const ByteView result_;
  PartsPlan plan_;
};

}  // namespace

std::optional<PartsPlan> plan_parts(const Model& base, const AnchorIndex& index,
                                    const Model& result, const Range& range,
                                    const std::vector<uint64_t>& expected) {
  return PartsPlanner(base, result, range)
      .run(find_parts(base, index, result, range, expected));
}

}  // namespace mallorn::delta
