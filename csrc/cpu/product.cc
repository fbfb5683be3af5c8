// Blocking: a task is a block of rows and a group of panels. K goes in pieces of kDepth, outermost: a piece of the block's rows stays in
// L2 while the pieces of the group's panels pass by, each read once, and so does the task's product until it is whole: rows of the
// output lie pages apart. Super-blocks of kSuperRows bound the packed activations.
#include "cpu/product.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "cpu/activations.h"

namespace dimoo::cpu {
namespace {

constexpr int64_t kSuperRows = 1536;
constexpr int64_t kRowStep = 24;            // a multiple of every tile's rows
constexpr int64_t kBlockBytes = 384 << 10;  // of a piece of a block's rows
constexpr int64_t kGroupPanels = 4;         // share a piece of rows
constexpr int64_t kTasksOfThread = 4;       // at least, so that threads end together

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/// How a product of `rows` rows and `panels` panels is cut. Cuts never run through K: they change no result.
struct Cut {
  int64_t rows, panels;  // of one task
  int64_t blocks, groups;

  Cut(const Activations& x, int64_t all_panels, bool cached, int threads) {
    const int64_t value = x.compute == Compute::int8 ? bytes_of(x.form) : x.compute == Compute::bf16 ? 2 : 4;
    // A panel that is packed on the way is packed for as many rows as there are.
    const int64_t most = cached ? kBlockBytes / (kDepth * value) : kSuperRows;
    blocks = std::max<int64_t>(1, (x.count + most - 1) / most);
    rows = round_up((x.count + blocks - 1) / blocks, kRowStep);
    blocks = std::max<int64_t>(1, (x.count + rows - 1) / rows);
    panels = cached ? std::clamp<int64_t>(all_panels * blocks / (kTasksOfThread * threads), 1, kGroupPanels) : 1;
    groups = (all_panels + panels - 1) / panels;
  }
  int64_t tasks() const { return blocks * groups; }
};

/// The worker's own: a panel packed on the way where it is not cached, a widened piece of int8, and products [rows][width].
struct Room {
  int64_t panel = 0, piece = 0, product = 0;
  int64_t width = 0;

  Room(const Cut& cut, std::initializer_list<const CpuWeight*> weights) : width(cut.panels * kPanel) {
    for (const CpuWeight* w : weights) {
      if (!w->packed) panel = std::max(panel, round_up(w->panel_bytes(), 64));
      if (w->compute() == Compute::int8)
        piece = std::max(piece, round_up(widened_bytes(std::min<int64_t>(kDepth, w->cols()), w->group()), 64));
      product += cut.rows * width * 4;
    }
  }
  int64_t bytes() const { return panel + piece + product; }
};

/// Rows [first, first + count) times panels [panel, panel + panels) of one super-block.
struct Task {
  const Kernels& kernels;
  const Activations& x;
  const Room& room;
  int64_t first, count, panel, panels;
  std::byte* own;

  Task(const Kernels& k, const Activations& packed, const Cut& cut, const Room& r, int64_t all_panels, int64_t number, std::byte* scratch)
      : kernels(k), x(packed), room(r), own(scratch) {
    first = number / cut.groups * cut.rows, panel = number % cut.groups * cut.panels;
    count = std::min(cut.rows, packed.count - first), panels = std::min(cut.panels, all_panels - panel);
  }

  /// The i-th product of the task, [count][room.width].
  float* product(int64_t i, const Cut& cut) const {
    return reinterpret_cast<float*>(own + room.panel + room.piece) + i * cut.rows * room.width;
  }

  void multiply(const CpuWeight& w, float* c) const {
    if (!w.packed) w.pack(panel, own);  // then the task has one panel
    for (int64_t from = 0; from < x.units(); from += kDepth)
      for (int64_t p = 0; p < panels; p++) {
        const std::byte* data = w.packed ? w.packed + (panel + p) * w.panel_bytes() : own;
        if (x.compute == Compute::int8)
          multiply_int8(w, data, from, c + p * kPanel);
        else
          multiply_plain(w, data, p + 1 < panels ? w.panel_bytes() : 0, from, c + p * kPanel);
      }
  }

 private:
  void multiply_int8(const CpuWeight& w, const std::byte* data, int64_t from, float* c) const {
    PackedPiece packed = w.int8_piece(data, from, x.depth(from));
    packed.form = x.form;
    kernels.tile_int8(first, count, kPanel, x.int8(from), kernels.widen(packed, own + room.panel), c, room.width, from > 0);
  }
  /// `next`: bytes from this panel to the one multiplied after it, or 0.
  void multiply_plain(const CpuWeight& w, const std::byte* data, int64_t next, int64_t from, float* c) const {
    const int64_t depth = x.depth(from), pitch = depth * kernels.rows;
    const auto* a = reinterpret_cast<const float*>(x.plain(from, first));
    if (x.compute == Compute::f32) {
      const float* b = reinterpret_cast<const float*>(data) + from * kPanel;
      return kernels.tile(count, kPanel, depth, a, pitch, b, next ? b + next / 4 : nullptr, c, room.width, from > 0);
    }
    if (x.compute == Compute::widened) {
      const uint16_t* b = reinterpret_cast<const uint16_t*>(data) + from * kPanel;
      return kernels.tile_halves(count, kPanel, depth, a, pitch, b, next ? b + next / 2 : nullptr, w.type() == DType::bf16, c, room.width,
                                 from > 0);
    }
    const auto* b = reinterpret_cast<const uint16_t*>(data) + from * kPanel * 2;
    for (int64_t i = 0; i < count; i += kernels.rows)
      kernels.tile_bf16(static_cast<int>(std::min<int64_t>(kernels.rows, count - i)), kPanel, depth * 2,
                        reinterpret_cast<const uint16_t*>(a + i * depth), b, c + i * room.width, room.width, from > 0);
  }
};

}  // namespace

void Products::linear(Tensor x, const CpuWeight& w, Epilogue epilogue, Tensor out) {
  for (int64_t top = 0; top < x.rows; top += kSuperRows) {
    const Activations packed = pack_activations(*this, x.slice(top, std::min(kSuperRows, x.rows - top)), w);
    const Cut cut(packed, w.panels(), w.packed != nullptr, pool.threads());
    const Room room(cut, {&w});
    pool.run(cut.tasks(), [&](int64_t number, int worker) {
      const Task task(kernels, packed, cut, room, w.panels(), number, scratch.of(worker, room.bytes()));
      const float* product = task.product(0, cut);
      task.multiply(w, task.product(0, cut));
      const int64_t column = task.panel * kPanel, columns = std::min(task.panels * kPanel, w.rows() - column);
      for (int64_t i = 0; i < task.count; i++, product += room.width) {
        float* to = out.f32_row(top + task.first + i) + column;
        if (epilogue == Epilogue::store) {
          std::memcpy(to, product, static_cast<size_t>(columns) * 4);
        } else {
          for (int64_t j = 0; j < columns; j++) to[j] += product[j];
        }
      }
    });
  }
}

void Products::gated(Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out) {
  for (int64_t top = 0; top < x.rows; top += kSuperRows) {
    const Activations packed = pack_activations(*this, x.slice(top, std::min(kSuperRows, x.rows - top)), gate);
    const Cut cut(packed, gate.panels(), gate.packed && up.packed, pool.threads());
    const Room room(cut, {&gate, &up});
    pool.run(cut.tasks(), [&](int64_t number, int worker) {
      const Task task(kernels, packed, cut, room, gate.panels(), number, scratch.of(worker, room.bytes()));
      float *product = task.product(0, cut), *factor = task.product(1, cut);
      task.multiply(gate, product);
      task.multiply(up, factor);
      const int64_t column = task.panel * kPanel, columns = std::min(task.panels * kPanel, gate.rows() - column);
      for (int64_t i = 0; i < task.count; i++, product += room.width, factor += room.width) {
        kernels.silu_times(product, factor, columns);
        std::memcpy(out.f32_row(top + task.first + i) + column, product, static_cast<size_t>(columns) * 4);
      }
    });
  }
}

std::byte* Scratch::grow(Buffer& buffer, int64_t bytes) {
  if (static_cast<int64_t>(buffer.bytes()) < bytes) {
    buffer = Buffer();
    buffer = allocate(memory_, bytes);
  }
  return static_cast<std::byte*>(buffer.data());
}

}  // namespace dimoo::cpu
