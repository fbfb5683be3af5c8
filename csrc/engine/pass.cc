// Rows of one branch lie together. Seats whose logits are read once come first, codes before text. Logits are computed a piece at a time
// and decided upon before the next: all branches of the same cells lie in one piece. Of seats that keep logits, a piece leaves
// maxima and wanted rows behind.
#include "engine/pass.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dimoo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kPieceBytes = int64_t{32} << 20;     // logits of one piece, where that is
constexpr int64_t kLeastRows = 128, kMostRows = 1024;  // enough rows for the head to run at its speed

/// Logits come straight out of the pass, or from what earlier steps kept.
bool direct(const StepWork& work) { return work.pass != PassKind::cached && !work.surveys; }

/// Positions that a step computes in one branch; empty: all of them.
std::vector<int32_t> chosen_rows(const Canvas& canvas, const Memo* memo, int64_t branch) {
  const PassKind pass = canvas.work().pass;
  if (pass == PassKind::cached) return memo->rows(branch);
  std::vector<int32_t> rows;
  if (pass == PassKind::text)
    for (const int32_t cell : canvas.fresh()) rows.push_back(static_cast<int32_t>(canvas.layout().position(branch, cell)));
  return rows;
}

}  // namespace

int64_t rows_to_compute(const Canvas& canvas, const Memo* memo) {
  switch (canvas.work().pass) {
    case PassKind::full: return canvas.layout().all_rows();
    case PassKind::text: return canvas.layout().branches() * static_cast<int64_t>(canvas.fresh().size());
    case PassKind::cached: break;
  }
  int64_t rows = 0;
  for (int64_t branch = 0; branch < canvas.layout().branches(); branch++) rows += static_cast<int64_t>(memo->rows(branch).size());
  return rows;
}

/// A model without image codes has a slice of width 0.
int64_t Pass::piece_rows(int64_t width) { return std::clamp(kPieceBytes / (4 * std::max<int64_t>(width, 1)), kLeastRows, kMostRows); }

int64_t Pass::logits_bytes(const Hyperparameters& hyper, int64_t rows, Slice slice) {
  const int64_t width = Backbone::slice_width(hyper, slice), piece = std::min(rows, piece_rows(width));
  return piece * width * 4 + (rows > piece ? piece * hyper.d_model * 4 + rows * 4 : 0);
}

int64_t Pass::kept_logits_bytes(const Hyperparameters& hyper, int64_t rows, Slice slice) {
  const int64_t width = Backbone::slice_width(hyper, slice);
  return std::min(rows, piece_rows(width)) * (width + std::max(width, hyper.d_model) + 1) * 4;
}

struct Pass::Packed {
  /// One branch of one seat.
  struct Part {
    Seat* seat = nullptr;
    int64_t branch = 0;
    StepWork work;
    std::vector<int32_t> rows;    // positions computed; empty: all
    int64_t head = 0, heads = 0;  // its part of head_rows
    std::vector<int32_t> wanted;  // of the head rows, those of wanted cells; with `slots` beside it
    std::vector<int32_t> slots;
    std::vector<int32_t> kept;    // where the wanted cells' logits lie in the memo
    std::vector<int32_t> chosen;  // rows of the next step, where this one surveys
  };
  std::vector<int32_t> tokens, positions, head_rows;
  std::vector<BranchRows> branches;
  std::vector<Part> parts;
};

void Pass::pack(Seat& seat, Packed& packed) {
  const Canvas& canvas = *seat.canvas;
  const Layout& layout = canvas.layout();
  const StepWork work = canvas.work();
  seat.rows = 0;
  seat.block = canvas.block();
  seat.pass = work.pass;
  if (work.surveys && work.pass == PassKind::full) seat.memo->begin(canvas, backbone_.slice_width(seat.slice));
  for (int64_t branch = 0; branch < layout.branches(); branch++) {
    Packed::Part part;
    part.seat = &seat, part.branch = branch, part.work = work;
    part.rows = chosen_rows(canvas, seat.memo, branch);
    part.head = static_cast<int64_t>(packed.head_rows.size());
    const auto first = static_cast<int64_t>(packed.tokens.size());
    const auto count = part.rows.empty() && work.pass == PassKind::full ? layout.sequence(branch) : static_cast<int64_t>(part.rows.size());
    std::vector<int32_t> packed_row(static_cast<size_t>(layout.sequence(branch)), -1);  // per position
    for (int64_t i = 0; i < count; i++) {
      const int32_t position = part.rows.empty() ? static_cast<int32_t>(i) : part.rows[static_cast<size_t>(i)];
      packed.tokens.push_back(layout.token(branch, position, canvas.cells()));
      packed.positions.push_back(position);
      packed_row[static_cast<size_t>(position)] = static_cast<int32_t>(first + i);
      if (work.surveys) packed.head_rows.push_back(static_cast<int32_t>(first + i));
    }
    std::vector<int32_t> cells;
    for (const int32_t cell : canvas.wanted()) {
      const int32_t row = packed_row[static_cast<size_t>(layout.position(branch, cell))];
      if (row < 0) continue;
      if (!work.surveys) packed.head_rows.push_back(row);
      part.wanted.push_back(work.surveys ? static_cast<int32_t>(row - first) : static_cast<int32_t>(part.wanted.size()));
      cells.push_back(cell);
    }
    if (!direct(work)) part.slots = seat.memo->slots(cells);
    part.heads = static_cast<int64_t>(packed.head_rows.size()) - part.head;
    packed.branches.push_back({first, count, seat.memo && (work.keeps || work.pass != PassKind::full) ? &seat.memo->kv(branch) : nullptr});
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

void Pass::head(Tensor rows, Slice slice, Tensor logits) {
  const auto start = Clock::now();
  backbone_.head(rows, slice, logits);
  forward_ms_ += std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Cells of several seats whose logits are computed together.
struct Pass::Piece {
  struct Share {
    size_t part;  // the seat's first branch
    int64_t first, count, branches;
  };
  std::vector<Share> shares;
  int64_t rows = 0;
};

/// Seats whose logits are read once, in pieces as full as they get.
void Pass::decide_direct(Packed& packed, Tensor hidden, Slice slice, Decisions& decisions) {
  const int64_t limit = std::min(piece_rows(backbone_.slice_width(slice)), most_piece_rows_);
  Piece piece;
  for (size_t p = 0; p < packed.parts.size(); p++) {
    const Packed::Part& part = packed.parts[p];
    if (part.branch > 0 || !direct(part.work) || part.seat->slice != slice) continue;
    const int64_t branches = part.seat->canvas->layout().branches();
    for (int64_t first = 0, count = 0; first < part.heads; first += count) {
      if (piece.rows > 0 && piece.rows + branches > limit) decide_piece(packed, hidden, slice, std::exchange(piece, {}), decisions);
      count = std::clamp<int64_t>((limit - piece.rows) / branches, 1, part.heads - first);
      piece.shares.push_back({p, first, count, branches});
      piece.rows += count * branches;
    }
  }
  if (piece.rows > 0) decide_piece(packed, hidden, slice, piece, decisions);
}

void Pass::decide_piece(const Packed& packed, Tensor hidden, Slice slice, const Piece& piece, Decisions& decisions) {
  std::vector<int32_t> rows;
  for (const Piece::Share& share : piece.shares)
    for (int64_t branch = 0; branch < share.branches; branch++)
      for (int64_t i = 0; i < share.count; i++)
        rows.push_back(static_cast<int32_t>(packed.parts[share.part + static_cast<size_t>(branch)].head + share.first + i));
  const bool in_order = std::adjacent_find(rows.begin(), rows.end(), [](int32_t a, int32_t b) { return b != a + 1; }) == rows.end();
  Tensor read = hidden.slice(rows.front(), piece.rows);
  if (!in_order) {
    read = scratch(picked_, piece.rows, hidden.cols);
    device_.gather(hidden, rows, read);
  }
  const Tensor logits = scratch(logits_, piece.rows, backbone_.slice_width(slice));
  head(read, slice, logits);
  int64_t at = 0;
  for (const Piece::Share& share : piece.shares) {
    LogitRows of_branch[3];
    for (int64_t branch = 0; branch < share.branches; branch++, at += share.count) of_branch[branch].tensor = logits.slice(at, share.count);
    decisions.queue(*packed.parts[share.part].seat, share.first, share.count, std::span(of_branch, static_cast<size_t>(share.branches)));
  }
  decisions.flush();
}

/// ML-Cache: maxima of all rows surveyed and logits of wanted cells into the memo, and the rows that the next step computes.
void Pass::remember(Packed& packed, Tensor hidden) {
  for (Packed::Part& part : packed.parts) {
    if (direct(part.work)) continue;
    const Tensor kept = part.seat->memo->logits(part.branch);
    const int64_t width = kept.cols, piece = std::min({piece_rows(width), most_piece_rows_, part.heads});
    size_t next = 0;  // of the wanted rows
    for (int64_t first = 0; first < part.heads; first += piece) {
      const int64_t count = std::min(piece, part.heads - first);
      const Tensor logits = scratch(logits_, piece, width).slice(0, count);
      head(hidden.slice(part.head + first, count), part.seat->slice, logits);
      if (part.work.surveys) {
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
    part.kept = part.seat->memo->slots(part.seat->canvas->wanted());
  }
  std::vector<ChooseJob> choices;
  for (Packed::Part& part : packed.parts)
    if (part.work.surveys) choices.push_back({part.seat->memo->maxima(part.branch), part.seat->canvas->reuse().spared(), &part.chosen});
  device_.choose(choices);
}

void Pass::decide_kept(const Packed& packed, Decisions& decisions) {
  for (size_t p = 0; p < packed.parts.size(); p++) {
    const Packed::Part& part = packed.parts[p];
    if (part.branch > 0 || direct(part.work)) continue;
    LogitRows logits[3];
    const int64_t branches = part.seat->canvas->layout().branches();
    for (int64_t branch = 0; branch < branches; branch++)
      logits[branch] = {part.seat->memo->logits(branch), packed.parts[p + static_cast<size_t>(branch)].kept.data()};
    decisions.queue(*part.seat, 0, static_cast<int64_t>(part.kept.size()), std::span(logits, static_cast<size_t>(branches)));
  }
}

/// A device that queues its work does it while we wait, and only then notices values that are not finite.
void Pass::settle(const Batch& batch) {
  const auto start = Clock::now();
  try {
    device_.settle();
  } catch (const Error& error) {
    if (error.code() != Code::model_corrupt) throw;
    device_.abandon();
    backbone_.find_bad_layer(batch);
    throw;
  }
  forward_ms_ += std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void Pass::run(std::span<Seat> seats) {
  const auto rank = [](const Seat& seat) { return direct(seat.canvas->work()) ? int{seat.slice == Slice::vocabulary} : 2; };
  Packed packed;
  for (int now = 0; now < 3; now++)
    for (Seat& seat : seats)
      if (rank(seat) == now) pack(seat, packed);
  struct Abandoned {
    Device& device;
    ~Abandoned() { device.abandon(); }
  } const abandoned{device_};  // on every way out
  compute(seats, packed);
  for (Packed::Part& part : packed.parts)
    if (part.work.surveys) part.seat->memo->choose(part.branch, std::move(part.chosen));
  for (Seat& seat : seats) {
    try {
      seat.fixed = seat.canvas->apply(seat.sampled);
    } catch (...) {
      seat.error = std::current_exception();
    }
  }
}

void Pass::compute(std::span<Seat> seats, Packed& packed) {
  const Batch batch{packed.tokens, packed.positions, packed.branches, packed.head_rows};
  const auto start = Clock::now();
  const Tensor hidden = backbone_.forward(batch);
  forward_ms_ = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  Decisions decisions(device_, seats);
  for (const Slice slice : {Slice::codes, Slice::vocabulary}) decide_direct(packed, hidden, slice, decisions);
  remember(packed, hidden);
  decide_kept(packed, decisions);
  decisions.finish();
  settle(batch);
  decisions.deliver();
}

}  // namespace dimoo
