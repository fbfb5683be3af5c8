// Rows of one branch lie together. Seats whose logits are read once come first, codes before text, so that each slice's head is one
// product; the logits of seats that keep them are computed in pieces, of which only maxima and wanted rows stay.
#include "engine/pass.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace dimoo {
namespace {

constexpr int64_t kPieceBytes = Pass::kPieces / 2;  // logits of one piece, and of its wanted rows

/// Logits come straight out of the pass, or from what earlier steps kept.
bool direct(const StepPlan& plan) { return plan.pass != PassKind::cached && !plan.surveys; }

/// Positions that a step computes in one branch; empty: all of them.
std::vector<int32_t> chosen_rows(const Canvas& canvas, const Memo* memo, int64_t branch) {
  const PassKind pass = canvas.plan().pass;
  if (pass == PassKind::cached) return memo->rows(branch);
  std::vector<int32_t> rows;
  if (pass == PassKind::text)
    for (const int32_t cell : canvas.fresh()) rows.push_back(static_cast<int32_t>(canvas.layout().position(branch, cell)));
  return rows;
}

/// Softmax over a row of logits at these ids, in f64.
std::vector<double> softmax_at(const std::vector<float>& logits, std::span<const int32_t> ids) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += std::exp(l - top);
  std::vector<double> probabilities;
  for (const int32_t id : ids) probabilities.push_back(std::exp(logits[static_cast<size_t>(id)] - top) / sum);
  return probabilities;
}

}  // namespace

int64_t rows_to_compute(const Canvas& canvas, const Memo* memo) {
  switch (canvas.plan().pass) {
    case PassKind::full: return canvas.layout().all_rows();
    case PassKind::text: return canvas.layout().branches() * static_cast<int64_t>(canvas.fresh().size());
    case PassKind::cached: break;
  }
  int64_t rows = 0;
  for (int64_t branch = 0; branch < canvas.layout().branches(); branch++) rows += static_cast<int64_t>(memo->rows(branch).size());
  return rows;
}

struct Pass::Packed {
  /// One branch of one seat.
  struct Part {
    Seat* seat = nullptr;
    int64_t branch = 0;
    StepPlan plan;
    std::vector<int32_t> rows;    // positions computed; empty: all
    int64_t head = 0, heads = 0;  // its part of head_rows
    std::vector<int32_t> wanted;  // of the head rows, those of wanted cells; with `slots` beside it
    std::vector<int32_t> slots;
    std::vector<int32_t> chosen;      // rows of the next step, where this one surveys
    Tensor logits;                    // of the wanted cells
    std::vector<int32_t> logit_rows;  // empty: in order
  };
  std::vector<int32_t> tokens, positions, head_rows;
  std::vector<BranchRows> branches;
  std::vector<Part> parts;
};

void Pass::pack(Seat& seat, Packed& packed) {
  const Canvas& canvas = *seat.canvas;
  const Layout& layout = canvas.layout();
  const StepPlan plan = canvas.plan();
  seat.rows = 0;
  seat.block = canvas.block();
  seat.pass = plan.pass;
  if (plan.surveys && plan.pass == PassKind::full) seat.memo->begin(canvas, backbone_.slice_width(seat.slice));
  for (int64_t branch = 0; branch < layout.branches(); branch++) {
    Packed::Part part;
    part.seat = &seat, part.branch = branch, part.plan = plan;
    part.rows = chosen_rows(canvas, seat.memo, branch);
    part.head = static_cast<int64_t>(packed.head_rows.size());
    const auto first = static_cast<int64_t>(packed.tokens.size());
    const auto count = part.rows.empty() && plan.pass == PassKind::full ? layout.sequence(branch) : static_cast<int64_t>(part.rows.size());
    std::vector<int32_t> packed_row(static_cast<size_t>(layout.sequence(branch)), -1);  // per position
    for (int64_t i = 0; i < count; i++) {
      const int32_t position = part.rows.empty() ? static_cast<int32_t>(i) : part.rows[static_cast<size_t>(i)];
      packed.tokens.push_back(layout.token(branch, position, canvas.cells()));
      packed.positions.push_back(position);
      packed_row[static_cast<size_t>(position)] = static_cast<int32_t>(first + i);
      if (plan.surveys) packed.head_rows.push_back(static_cast<int32_t>(first + i));
    }
    std::vector<int32_t> cells;
    for (const int32_t cell : canvas.wanted()) {
      const int32_t row = packed_row[static_cast<size_t>(layout.position(branch, cell))];
      if (row < 0) continue;
      if (!plan.surveys) packed.head_rows.push_back(row);
      part.wanted.push_back(plan.surveys ? static_cast<int32_t>(row - first) : static_cast<int32_t>(part.wanted.size()));
      cells.push_back(cell);
    }
    if (!direct(plan)) part.slots = seat.memo->slots(cells);
    part.heads = static_cast<int64_t>(packed.head_rows.size()) - part.head;
    packed.branches.push_back({first, count, seat.memo && (plan.keeps || plan.pass != PassKind::full) ? &seat.memo->kv(branch) : nullptr});
    packed.parts.push_back(std::move(part));
    seat.rows += count;
  }
}

Tensor Pass::scratch(Buffer& buffer, int64_t rows, int64_t cols) {
  if (static_cast<int64_t>(buffer.bytes()) < rows * cols * 4) {
    buffer = Buffer();
    buffer = device_.allocate(rows * cols * 4);
  }
  return {static_cast<float*>(buffer.data()), rows, cols};
}

/// One product per slice; the parts' logits are views of it.
void Pass::direct_logits(Packed& packed, Tensor hidden) {
  int64_t rows[2] = {};
  for (const Packed::Part& part : packed.parts)
    if (direct(part.plan)) rows[part.seat->slice == Slice::vocabulary] += part.heads;
  const int64_t codes = backbone_.slice_width(Slice::codes), vocabulary = backbone_.slice_width(Slice::vocabulary);
  const Tensor all = scratch(logits_, 1, rows[0] * codes + rows[1] * vocabulary);
  const Tensor pictures(all.f32(), rows[0], codes), text(all.f32() + rows[0] * codes, rows[1], vocabulary);
  if (rows[0] > 0) backbone_.head(hidden.slice(0, rows[0]), Slice::codes, pictures);
  if (rows[1] > 0) backbone_.head(hidden.slice(rows[0], rows[1]), Slice::vocabulary, text);
  for (Packed::Part& part : packed.parts) {
    if (!direct(part.plan)) continue;
    const bool is_text = part.seat->slice == Slice::vocabulary;
    part.logits = is_text ? text.slice(part.head - rows[0], part.heads) : pictures.slice(part.head, part.heads);
  }
}

/// ML-Cache: maxima of all rows surveyed and logits of wanted cells into the memo, and the rows that the next step computes.
void Pass::remember(Packed& packed, Tensor hidden) {
  for (Packed::Part& part : packed.parts) {
    if (direct(part.plan)) continue;
    const Tensor kept = part.seat->memo->logits(part.branch);
    const int64_t width = kept.cols, piece = std::clamp<int64_t>(kPieceBytes / (4 * width), 32, 1024);
    size_t next = 0;  // of the wanted rows
    for (int64_t first = 0; first < part.heads; first += piece) {
      const int64_t count = std::min(piece, part.heads - first);
      const Tensor logits = scratch(chunk_, piece, width).slice(0, count);
      backbone_.head(hidden.slice(part.head + first, count), part.seat->slice, logits);
      if (part.plan.surveys) {
        const Tensor all = part.seat->memo->maxima(part.branch), some = scratch(maxima_, piece, 1).slice(0, count);
        device_.row_max(logits, part.rows.empty() ? all.slice(first, count) : some);
        if (!part.rows.empty())
          device_.scatter(some, std::span(part.rows).subspan(static_cast<size_t>(first), static_cast<size_t>(count)), all);
      }
      std::vector<int32_t> from;
      const size_t begin = next;
      for (; next < part.wanted.size() && part.wanted[next] < first + count; next++)
        from.push_back(static_cast<int32_t>(part.wanted[next] - first));
      if (from.empty()) continue;
      const Tensor picked = scratch(picked_, piece, width).slice(0, static_cast<int64_t>(from.size()));
      device_.gather(logits, from, picked);
      device_.scatter(picked, std::span(part.slots).subspan(begin, from.size()), kept);
    }
    part.logits = kept;
    part.logit_rows = part.seat->memo->slots(part.seat->canvas->wanted());
  }
  std::vector<ChooseJob> choices;
  for (Packed::Part& part : packed.parts)
    if (part.plan.surveys) choices.push_back({part.seat->memo->maxima(part.branch), part.seat->canvas->reuse().ratio, &part.chosen});
  device_.choose(choices);
}

void Pass::decide(std::span<Seat> seats, Packed& packed) {
  std::vector<UnmaskJob> pictures;
  std::vector<TextUnmaskJob> answers;
  std::vector<std::vector<float>> confidences(seats.size());
  for (size_t i = 0; i < seats.size(); i++) {
    Seat& seat = seats[i];
    const Canvas& canvas = *seat.canvas;
    const std::vector<int32_t>& wanted = canvas.wanted();
    LogitRows logits[3];
    for (const Packed::Part& part : packed.parts)
      if (part.seat == &seat) logits[part.branch] = {part.logits, part.logit_rows.empty() ? nullptr : part.logit_rows.data()};
    seat.sampled = {std::vector<int32_t>(wanted.size()), std::vector<double>(wanted.size()), std::vector<uint8_t>(wanted.size())};
    const auto rows = static_cast<int64_t>(wanted.size());
    const auto branches = static_cast<int>(canvas.layout().branches());
    const auto step = static_cast<uint32_t>(canvas.step());
    if (seat.slice == Slice::codes) {
      confidences[i].resize(wanted.size());
      pictures.push_back({rows,
                          branches,
                          {logits[0], logits[1], logits[2]},
                          {},
                          seat.temperature,
                          canvas.seed(),
                          step,
                          canvas.keep(),
                          wanted.data(),
                          seat.sample_noise,
                          seat.cut_noise,
                          seat.sampled.values.data(),
                          confidences[i].data(),
                          seat.sampled.stays.data()});
      std::copy(seat.guidance.begin(), seat.guidance.end(), pictures.back().guidance);
    } else {
      answers.push_back({rows,
                         branches,
                         {logits[0], logits[1]},
                         branches > 1 ? seat.guidance[0] : 0.0f,
                         seat.temperature,
                         canvas.seed(),
                         step,
                         wanted.data(),
                         seat.text_noise,
                         seat.sampled.values.data(),
                         seat.sampled.confidence.data()});
    }
    if (seat.probe.empty()) continue;
    std::vector<float> row(static_cast<size_t>(logits[0].tensor.cols));
    device_.download(row.data(), logits[0].tensor.slice(0, 1));
    seat.probabilities = softmax_at(row, seat.probe);
  }
  device_.unmask(pictures);
  device_.unmask_text(answers);
  device_.settle();
  for (size_t i = 0; i < seats.size(); i++) std::copy(confidences[i].begin(), confidences[i].end(), seats[i].sampled.confidence.begin());
}

void Pass::run(std::span<Seat> seats) {
  const auto rank = [](const Seat& seat) { return direct(seat.canvas->plan()) ? int{seat.slice == Slice::vocabulary} : 2; };
  Packed packed;
  for (int now = 0; now < 3; now++)
    for (Seat& seat : seats)
      if (rank(seat) == now) pack(seat, packed);
  struct Abandoned {
    Device& device;
    ~Abandoned() { device.abandon(); }
  } const abandoned{device_};  // on every way out
  try {
    compute(seats, packed);
  } catch (const Error& error) {
    if (error.code() != Code::model_corrupt) throw;
    device_.abandon();
    backbone_.find_bad_layer({packed.tokens, packed.positions, packed.branches, packed.head_rows});
    throw;
  }
  for (Packed::Part& part : packed.parts)
    if (part.plan.surveys) part.seat->memo->choose(part.branch, std::move(part.chosen));
  for (Seat& seat : seats) seat.fixed = seat.canvas->apply(seat.sampled);
}

void Pass::compute(std::span<Seat> seats, Packed& packed) {
  const auto start = std::chrono::steady_clock::now();
  const Tensor hidden = backbone_.forward({packed.tokens, packed.positions, packed.branches, packed.head_rows});
  direct_logits(packed, hidden);
  remember(packed, hidden);
  forward_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  decide(seats, packed);
}

}  // namespace dimoo
