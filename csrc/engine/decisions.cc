#include "engine/decisions.h"

#include <algorithm>
#include <cmath>

namespace dimoo {
namespace {

/// Softmax over a row of logits at these ids, in f64.
std::vector<double> softmax_at(const std::vector<float>& logits, std::span<const int32_t> ids) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float l : logits) sum += std::exp(l - top);
  std::vector<double> probabilities;
  for (const int32_t id : ids) probabilities.push_back(std::exp(logits[static_cast<size_t>(id)] - top) / sum);
  return probabilities;
}

int64_t wanted(const Seat& seat) { return static_cast<int64_t>(seat.canvas->wanted().size()); }

}  // namespace

Decisions::Decisions(Device& device, std::span<Seat> seats)
    : device_(device), seats_(seats), confidences_(seats.size()), sure_(seats.size()) {
  for (size_t i = 0; i < seats.size(); i++) {
    const size_t rows = seats[i].canvas->wanted().size();
    seats[i].sampled = {std::vector<int32_t>(rows), std::vector<double>(rows), std::vector<uint8_t>(rows)};
    if (seats[i].slice == Slice::codes) confidences_[i].resize(rows);
  }
}

UnmaskJob Decisions::picture_job(Seat& seat, int64_t first, int64_t count) {
  UnmaskJob job;
  job.rows = count, job.branches = static_cast<int>(seat.canvas->layout().branches());
  std::copy(seat.guidance.begin(), seat.guidance.end(), job.guidance);
  job.floor = seat.floor, job.temperature = seat.temperature;
  job.seed = seat.canvas->seed(), job.step = static_cast<uint32_t>(seat.canvas->step());
  job.keep = seat.canvas->keep(), job.cells = seat.canvas->wanted().data() + first;
  if (seat.cut_noise) job.cut_noise = seat.cut_noise + first;
  job.codes = seat.sampled.values.data() + first;
  job.confidence = confidences_[static_cast<size_t>(&seat - seats_.data())].data() + first;
  job.stays = seat.sampled.stays.data() + first;
  return job;
}

TextUnmaskJob Decisions::answer_job(Seat& seat, int64_t first, int64_t count) {
  TextUnmaskJob job;
  job.rows = count, job.branches = static_cast<int>(seat.canvas->layout().branches());
  if (!seat.guidance.empty()) job.guidance = seat.guidance[0];
  job.temperature = seat.temperature, job.seed = seat.canvas->seed(), job.step = static_cast<uint32_t>(seat.canvas->step());
  job.tokens = seat.canvas->wanted().data() + first;
  job.ids = seat.sampled.values.data() + first, job.confidence = seat.sampled.confidence.data() + first;
  return job;
}

void Decisions::queue(Seat& seat, int64_t first, int64_t count, std::span<const LogitRows> logits) {
  if (first == 0 && !seat.probe.empty()) probe(seat, logits[0]);
  const int64_t width = logits[0].tensor.cols;
  if (seat.slice == Slice::codes) {
    UnmaskJob job = picture_job(seat, first, count);
    std::copy(logits.begin(), logits.end(), job.logits);
    if (seat.sample_noise) job.sample_noise = seat.sample_noise + first * width;
    if (count < wanted(seat)) job.stays = nullptr, job.sure = sure(seat).slice(first, count);
    pictures_.push_back(job);
  } else {
    TextUnmaskJob job = answer_job(seat, first, count);
    std::copy(logits.begin(), logits.end(), job.logits);
    if (seat.text_noise) job.noise = seat.text_noise + first * width;
    answers_.push_back(job);
  }
  if (seat.slice == Slice::vocabulary || first + count < wanted(seat) || count == wanted(seat)) return;
  cuts_.push_back(picture_job(seat, 0, wanted(seat)));
  cuts_.back().branches = 0, cuts_.back().sure = sure(seat);
}

/// (wanted, 1)
Tensor Decisions::sure(const Seat& seat) {
  Buffer& memory = sure_[static_cast<size_t>(&seat - seats_.data())];
  if (memory.bytes() == 0) memory = device_.allocate(wanted(seat) * 4);
  return {static_cast<float*>(memory.data()), wanted(seat), 1};
}

/// Of the seat's first row.
void Decisions::probe(Seat& seat, const LogitRows& logits) {
  std::vector<float> row(static_cast<size_t>(logits.tensor.cols));
  device_.download(row.data(), logits.tensor.slice(logits.rows ? logits.rows[0] : 0, 1));
  seat.probabilities = softmax_at(row, seat.probe);
}

void Decisions::flush() {
  device_.unmask(pictures_);
  device_.unmask_text(answers_);
  pictures_.clear(), answers_.clear();
}

void Decisions::finish() {
  flush();
  device_.unmask(cuts_);
}

void Decisions::deliver() {
  for (size_t i = 0; i < seats_.size(); i++)
    std::copy(confidences_[i].begin(), confidences_[i].end(), seats_[i].sampled.confidence.begin());
}

}  // namespace dimoo
