// What the seats of a pass decide, from logits that come in pieces: a seat's rows are queued as their logits are computed, `flush`
// hands what is queued to the device, and a picture whose rows came in several pieces is cut once all its confidences are there.
#pragma once
#include "engine/seat.h"

namespace dimoo {

class Decisions {
 public:
  Decisions(Device& device, std::span<Seat> seats);
  /// Cells [first, first + count) of the seat's wanted ones, with one entry of `logits` a branch; both last until `flush`.
  void queue(Seat& seat, int64_t first, int64_t count, std::span<const LogitRows> logits);
  /// model/corrupt where logits are not finite.
  void flush();
  /// Nothing is left to ask the device for.
  void finish();
  /// After the device has settled: every seat's outcome is complete.
  void deliver();

 private:
  UnmaskJob picture_job(Seat& seat, int64_t first, int64_t count);
  TextUnmaskJob answer_job(Seat& seat, int64_t first, int64_t count);
  void probe(Seat& seat, const LogitRows& logits);
  Tensor sure(const Seat& seat);

  Device& device_;
  std::span<Seat> seats_;
  std::vector<std::vector<float>> confidences_;  // of pictures
  std::vector<Buffer> sure_;                     // the same on the device, of pictures in pieces
  std::vector<UnmaskJob> pictures_, cuts_;
  std::vector<TextUnmaskJob> answers_;
};

}  // namespace dimoo
