// Every launcher of the CUDA device, one file an op. Shapes were checked at the device's door; all pointers are device memory and all
// launches go to the stream's order. Nothing here waits for the GPU.
#pragma once
#include <span>

#include "cuda/runtime.h"
#include "device/device.h"

namespace dimoo::cuda {

/// A weight matrix as it lies on the device: (rows, cols), rows `pitch` bytes apart; plain types are padded with zeros to 16 bytes.
struct Matrix {
  const std::byte* data = nullptr;
  DType type = DType::f32;
  int64_t rows = 0, cols = 0, pitch = 0;
};

// Rows -------------------------------------------------------------------------------------------------------------------
void embed(Stream& stream, const Matrix& table, const int32_t* ids, Tensor out);
/// `out` f32 or bf16.
void norm(Stream& stream, Tensor x, Tensor weight, float eps, Tensor out);
void rotary(Stream& stream, Tensor x, const int32_t* positions, Tensor table, int heads);
/// `rows` null: in order. Both f32 or bf16.
void gather(Stream& stream, Tensor x, const int32_t* rows, Tensor out);
void scatter(Stream& stream, Tensor x, const int32_t* rows, Tensor out);
void row_max(Stream& stream, Tensor x, Tensor out);
/// x = silu(x) * y.
void silu_times(Stream& stream, Tensor x, Tensor y);
/// out (r, pitch) = x (f32 or bf16) in bf16, zeros behind the columns.
void round_rows(Stream& stream, Tensor x, uint16_t* out, int64_t pitch);

// Products ---------------------------------------------------------------------------------------------------------------
/// f32 multiply-adds in the order of K, any stored type.
void linear_f32(Stream& stream, Tensor x, const Matrix& w, Epilogue epilogue, Tensor out);
/// x (rows, pitch) in bf16: rows of whole tiles of K, aligned to 16 bytes; what lies behind K is finite.
struct Operand {
  const uint16_t* data;
  int64_t rows, pitch;
};
/// Values of a row of x for tensor core products: K rounded up to whole tiles.
int64_t mma_pitch(int64_t k);
/// bf16 tensor cores, f32 accumulation. `out` f32, or bf16 where nothing is added.
void linear_mma(Stream& stream, const Operand& x, const Matrix& w, Epilogue epilogue, Tensor out);
/// out (f32 or bf16) = silu(x gate^T) * (x up^T); both matrices of one stored type.
void gated_mma(Stream& stream, const Operand& x, const Matrix& gate, const Matrix& up, Tensor out);
/// Rows of a product that go elsewhere: packed row first + i to row rows[i] (null: i) of `out`, which is of the product's type.
struct PlacedRows {
  int64_t first, count;
  const int32_t* rows;
  void* out;
  int64_t stride;
};
/// out (f32 or bf16) = x w^T with rotary on pairs of columns by `positions` (null: none), then rows to their places, of which there is a
/// list on the device.
struct Turned {
  const int32_t* positions;
  const float* table;
  int64_t table_stride;
  int half;  // of a head
};
void project_mma(Stream& stream, const Operand& x, const Matrix& w, const Turned& turned, std::span<const PlacedRows> places, Tensor out);
/// Makes `w`, of another stored type, bf16 (dequantised exactly, then rounded), in memory that the buffer holds.
Buffer expand(Stream& stream, Matrix& w);

// Attention --------------------------------------------------------------------------------------------------------------
inline constexpr int64_t kMostHeadDim = 256;
void attention_f32(Stream& stream, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out);
/// bf16 tensor cores; head dimension 32, 64, 96 or 128; queries, keys, values and results f32 or bf16.
void attention_mma(Stream& stream, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out);
bool attention_mma_fits(int64_t head_dim);
/// Bytes that it may take for what chunks of keys leave of few queries, and for what those before left of queries that are taken 32 a warp.
inline constexpr int64_t kMostAttentionParts = 64 << 20;

// Decisions: results come when the stream's read-backs settle ----------------------------------------------------------------
void choose(Stream& stream, std::span<const ChooseJob> jobs);
/// Throws model/corrupt when it settles unless all values are finite.
void finite(Stream& stream, Tensor x);
void unmask(Stream& stream, std::span<const UnmaskJob> jobs);
void unmask_text(Stream& stream, std::span<const TextUnmaskJob> jobs);

// Image tokenizer --------------------------------------------------------------------------------------------------------
/// sums (2, c) += each channel's sum and sum of squares, one row of pixels after another.
void channel_sums(Stream& stream, Image x, double* sums);
/// conv of act(x * scale + shift), on strips; scale (c) null: of x as it is. kernel (out, taps * in) f32, taps outermost.
struct Scaling {
  const float *scale, *shift;
  Activation act;
};
void conv(Stream& stream, Image x, const Scaling& scaling, const Matrix& kernel, int64_t taps, Tensor bias, Sampling sampling,
          Image residual, Image out);
void nearest(Stream& stream, Tensor x, const Matrix& table, int32_t* ids);

}  // namespace dimoo::cuda
