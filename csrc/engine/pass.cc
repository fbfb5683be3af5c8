// Rows of one branch lie together; a seat's logits lie together per branch, in the order of its masked cells.
#include "engine/pass.h"

namespace dimoo {
namespace {

struct Packed {
  std::vector<int32_t> tokens, positions, head_rows;
  std::vector<BranchRows> branches;
  std::vector<UnmaskJob> jobs;
};

void pack(Seat& seat, Packed& packed) {
  const auto masked = static_cast<int64_t>(seat.canvas->masked().size());
  UnmaskJob job;
  job.rows = masked;
  job.branches = static_cast<int>(seat.layout->branches());
  seat.rows = 0;
  for (int64_t branch = 0; branch < seat.layout->branches(); branch++) {
    const auto first = static_cast<int64_t>(packed.tokens.size());
    seat.canvas->append(branch, packed.tokens, packed.positions);
    packed.branches.push_back({first, static_cast<int64_t>(packed.tokens.size()) - first});
    seat.rows += packed.branches.back().count;
    job.logits[branch].tensor.rows = static_cast<int64_t>(packed.head_rows.size());  // first row, for now
    if (branch > 0) job.guidance[branch - 1] = seat.guidance[static_cast<size_t>(branch - 1)];
    for (const int32_t cell : seat.canvas->masked())
      packed.head_rows.push_back(static_cast<int32_t>(first + seat.layout->position(branch, cell)));
  }
  seat.codes.resize(static_cast<size_t>(masked)), seat.confidence.resize(static_cast<size_t>(masked)),
      seat.stays.resize(static_cast<size_t>(masked));
  job.temperature = seat.temperature;
  job.seed = seat.canvas->seed();
  job.step = static_cast<uint32_t>(seat.canvas->step());
  job.keep = seat.canvas->keep();
  job.cells = seat.canvas->masked().data();
  job.sample_noise = seat.sample_noise;
  job.cut_noise = seat.cut_noise;
  job.codes = seat.codes.data();
  job.confidence = seat.confidence.data();
  job.stays = seat.stays.data();
  packed.jobs.push_back(job);
}

}  // namespace

void Pass::run(std::span<Seat> seats) {
  Packed packed;
  for (Seat& seat : seats) pack(seat, packed);
  const auto o = static_cast<int64_t>(packed.head_rows.size());
  const int64_t bytes = Backbone::logits_bytes(hyper_, o, Slice::codes);
  if (static_cast<int64_t>(logits_.bytes()) < bytes) {
    logits_ = Buffer();
    logits_ = device_.allocate(bytes);
  }
  const Tensor logits(static_cast<float*>(logits_.data()), o, hyper_.vq.codebook_size);
  backbone_.forward({packed.tokens, packed.positions, packed.branches, packed.head_rows}, Slice::codes, logits);
  for (UnmaskJob& job : packed.jobs)
    for (int b = 0; b < job.branches; b++) job.logits[b].tensor = logits.slice(job.logits[b].tensor.rows, job.rows);
  device_.unmask(packed.jobs);
  for (Seat& seat : seats) seat.fixed = seat.canvas->apply(seat.codes, seat.confidence, seat.stays);
}

}  // namespace dimoo
