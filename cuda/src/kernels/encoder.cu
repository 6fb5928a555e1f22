// The steps of the text encoder that are no matrix product. The products are cuBLAS's (encoder.rs).
//
// Numbers are stored as T (float, half or bfloat16) and computed as float. Rows of tokens lie one after another without
// padding, as on the processor; `starts` says where each text begins. Every width is even.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace {

constexpr unsigned ALL = 0xffffffffu;
constexpr int WARP = 32;
// Tokens of a text at most: each lane of a warp keeps the scores of ROUNDS of them.
constexpr int ROUNDS = 4;
// Weights in a Q4_0 block, and its bytes: a scale as half, then 16 bytes with two weights each.
constexpr int BLOCK = 32;
constexpr int BLOCK_BYTES = 18;

__device__ float2 pair_of(const float *at) { return *reinterpret_cast<const float2 *>(at); }
__device__ float2 pair_of(const __half *at) { return __half22float2(*reinterpret_cast<const __half2 *>(at)); }
__device__ float2 pair_of(const __nv_bfloat16 *at) {
    return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(at));
}

__device__ void put(float *at, float2 pair) { *reinterpret_cast<float2 *>(at) = pair; }
__device__ void put(__half *at, float2 pair) { *reinterpret_cast<__half2 *>(at) = __float22half2_rn(pair); }
__device__ void put(__nv_bfloat16 *at, float2 pair) {
    *reinterpret_cast<__nv_bfloat162 *>(at) = __float22bfloat162_rn(pair);
}

__device__ float sum_of_warp(float value) {
    for (int step = WARP / 2; step > 0; step /= 2) value += __shfl_xor_sync(ALL, value, step);
    return value;
}

__device__ float top_of_warp(float value) {
    for (int step = WARP / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(ALL, value, step));
    return value;
}

// Mean 0 and variance 1 over `row` (in shared memory, this warp's own), then scale and shift, into `out`.
template <typename T>
__device__ void norm_row(const float *row, int width, const float *weight, const float *bias, float epsilon, T *out) {
    int lane = threadIdx.x % WARP;
    float sum = 0;
    for (int c = 2 * lane; c < width; c += 2 * WARP) sum += row[c] + row[c + 1];
    float mean = sum_of_warp(sum) / width;
    float squares = 0;
    for (int c = 2 * lane; c < width; c += 2 * WARP) {
        float one = row[c] - mean, two = row[c + 1] - mean;
        squares += one * one + two * two;
    }
    float scale = 1.0f / sqrtf(sum_of_warp(squares) / width + epsilon);
    for (int c = 2 * lane; c < width; c += 2 * WARP) {
        float2 pair = {(row[c] - mean) * scale * weight[c] + bias[c],
                       (row[c + 1] - mean) * scale * weight[c + 1] + bias[c + 1]};
        put(out + c, pair);
    }
}

__device__ float word_at(const unsigned char *words, size_t row_bytes, unsigned word, int column) {
    const unsigned char *block = words + word * row_bytes + column / BLOCK * BLOCK_BYTES;
    float scale = __half2float(*reinterpret_cast<const __half *>(block));
    int place = column % BLOCK;
    int packed = block[2 + place % (BLOCK / 2)];
    int weight = place < BLOCK / 2 ? packed & 15 : packed >> 4;
    return scale * (weight - 8);
}

// The input of the first layer, one warp for each token: word plus position, normalised. `places` is each token's place
// within its text.
template <typename T>
__device__ void embed(const unsigned *tokens, const unsigned *places, int count, const unsigned char *words,
                      const float *positions, const float *weight, const float *bias, float epsilon, int width,
                      T *x) {
    extern __shared__ float shared[];
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    int token = blockIdx.x * (blockDim.x / WARP) + warp;
    if (token >= count) return;
    float *row = shared + warp * width;
    size_t row_bytes = size_t(width) / BLOCK * BLOCK_BYTES;
    const float *position = positions + size_t(places[token]) * width;
    unsigned word = tokens[token];
    for (int c = 2 * lane; c < width; c += 2 * WARP) {
        row[c] = word_at(words, row_bytes, word, c) + position[c];
        row[c + 1] = word_at(words, row_bytes, word, c + 1) + position[c + 1];
    }
    norm_row(row, width, weight, bias, epsilon, x + size_t(token) * width);
}

// x = norm(x + added + added_bias), one warp for each token.
template <typename T>
__device__ void add_norm(T *x, const T *added, const float *added_bias, int count, const float *weight,
                         const float *bias, float epsilon, int width) {
    extern __shared__ float shared[];
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    int token = blockIdx.x * (blockDim.x / WARP) + warp;
    if (token >= count) return;
    float *row = shared + warp * width;
    T *own = x + size_t(token) * width;
    const T *more = added + size_t(token) * width;
    for (int c = 2 * lane; c < width; c += 2 * WARP) {
        float2 one = pair_of(own + c), two = pair_of(more + c);
        row[c] = one.x + two.x + added_bias[c];
        row[c + 1] = one.y + two.y + added_bias[c + 1];
    }
    norm_row(row, width, weight, bias, epsilon, own);
}

__device__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }

// values = gelu(values + bias), two numbers a thread.
template <typename T> __device__ void bias_gelu(T *values, const float *bias, size_t count, int width) {
    size_t at = 2 * (size_t(blockIdx.x) * blockDim.x + threadIdx.x);
    if (at >= count) return;
    int column = at % width;
    float2 pair = pair_of(values + at);
    put(values + at, float2{gelu(pair.x + bias[column]), gelu(pair.y + bias[column + 1])});
}

// Attention of one head of one text: blockIdx.x is the text, blockIdx.y the head. Keys and values of the head lie in
// shared memory; each warp answers every fourth query.
template <typename T>
__device__ void attend(const T *qkv, const float *bias, const unsigned *starts, int width, int part, int tokens_max,
                       T *out) {
    extern __shared__ float shared[];
    int text = blockIdx.x, head = blockIdx.y;
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    int start = starts[text], tokens = starts[text + 1] - starts[text];
    int pitch = part + 1;
    float *keys = shared, *values = keys + tokens_max * pitch;
    float *query = values + tokens_max * part + warp * (part + tokens_max), *chances = query + part;
    int first = head * part;
    const T *rows = qkv + size_t(start) * 3 * width;
    int pairs = part / 2;
    for (int at = threadIdx.x; at < tokens * pairs; at += blockDim.x) {
        int token = at / pairs, d = at % pairs * 2;
        const T *row = rows + size_t(token) * 3 * width + first + d;
        float2 key = pair_of(row + width), value = pair_of(row + 2 * width);
        keys[token * pitch + d] = key.x + bias[width + first + d];
        keys[token * pitch + d + 1] = key.y + bias[width + first + d + 1];
        values[token * part + d] = value.x + bias[2 * width + first + d];
        values[token * part + d + 1] = value.y + bias[2 * width + first + d + 1];
    }
    __syncthreads();
    for (int token = warp; token < tokens; token += warps) {
        const T *row = rows + size_t(token) * 3 * width + first;
        for (int d = 2 * lane; d < part; d += 2 * WARP) {
            float2 pair = pair_of(row + d);
            query[d] = pair.x + bias[first + d];
            query[d + 1] = pair.y + bias[first + d + 1];
        }
        __syncwarp();
        float scores[ROUNDS], top = -INFINITY;
#pragma unroll
        for (int round = 0; round < ROUNDS; round++) {
            int other = round * WARP + lane;
            float score = -INFINITY;
            if (other < tokens) {
                score = 0;
                for (int d = 0; d < part; d++) score += query[d] * keys[other * pitch + d];
            }
            scores[round] = score;
            top = fmaxf(top, score);
        }
        top = top_of_warp(top);
        float sum = 0;
#pragma unroll
        for (int round = 0; round < ROUNDS; round++) {
            int other = round * WARP + lane;
            if (other < tokens) {
                float chance = expf(scores[round] - top);
                chances[other] = chance;
                sum += chance;
            }
        }
        float scale = 1.0f / sum_of_warp(sum);
        __syncwarp();
        for (int d = 2 * lane; d < part; d += 2 * WARP) {
            float2 mixed = {0, 0};
            for (int other = 0; other < tokens; other++) {
                float chance = chances[other];
                mixed.x += chance * values[other * part + d];
                mixed.y += chance * values[other * part + d + 1];
            }
            put(out + size_t(start + token) * width + first + d, float2{mixed.x * scale, mixed.y * scale});
        }
        __syncwarp();
    }
}

// The mean of each text's rows at unit length, one block for each text.
template <typename T>
__device__ void pool(const T *x, const unsigned *starts, int width, float *out) {
    extern __shared__ float shared[];
    __shared__ float total;
    int text = blockIdx.x;
    if (threadIdx.x == 0) total = 0;
    __syncthreads();
    float squares = 0;
    for (int c = 2 * threadIdx.x; c < width; c += 2 * blockDim.x) {
        float2 sum = {0, 0};
        for (unsigned token = starts[text]; token < starts[text + 1]; token++) {
            float2 pair = pair_of(x + size_t(token) * width + c);
            sum.x += pair.x;
            sum.y += pair.y;
        }
        shared[c] = sum.x;
        shared[c + 1] = sum.y;
        squares += sum.x * sum.x + sum.y * sum.y;
    }
    // In a fixed order, so that the same rows give the same numbers.
    float *parts = shared + width;
    squares = sum_of_warp(squares);
    if (threadIdx.x % WARP == 0) parts[threadIdx.x / WARP] = squares;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (unsigned warp = 0; warp < blockDim.x / WARP; warp++) total += parts[warp];
    }
    __syncthreads();
    // The count of rows cancels out. A zero vector has no direction and stays zero.
    float scale = total > 0 ? 1.0f / sqrtf(total) : 0.0f;
    for (int c = threadIdx.x; c < width; c += blockDim.x) out[size_t(text) * width + c] = shared[c] * scale;
}

template <typename T> __device__ void narrow(const float *from, T *to, size_t count) {
    size_t at = 2 * (size_t(blockIdx.x) * blockDim.x + threadIdx.x);
    if (at < count) put(to + at, pair_of(from + at));
}

} // namespace

// Each step for each way of storing numbers.
#define FOR_TYPE(NAME, T)                                                                                              \
    extern "C" __global__ void embed_##NAME(const unsigned *tokens, const unsigned *places, int count,                 \
                                            const unsigned char *words, const float *positions, const float *weight,   \
                                            const float *bias, float epsilon, int width, T *x) {                       \
        embed<T>(tokens, places, count, words, positions, weight, bias, epsilon, width, x);                            \
    }                                                                                                                  \
    extern "C" __global__ void add_norm_##NAME(T *x, const T *added, const float *added_bias, int count,               \
                                               const float *weight, const float *bias, float epsilon, int width) {     \
        add_norm<T>(x, added, added_bias, count, weight, bias, epsilon, width);                                        \
    }                                                                                                                  \
    extern "C" __global__ void bias_gelu_##NAME(T *values, const float *bias, size_t count, int width) {               \
        bias_gelu<T>(values, bias, count, width);                                                                      \
    }                                                                                                                  \
    extern "C" __global__ void attend_##NAME(const T *qkv, const float *bias, const unsigned *starts, int width,       \
                                             int part, int tokens_max, T *out) {                                       \
        attend<T>(qkv, bias, starts, width, part, tokens_max, out);                                                    \
    }                                                                                                                  \
    extern "C" __global__ void pool_##NAME(const T *x, const unsigned *starts, int width, float *out) {                \
        pool<T>(x, starts, width, out);                                                                                \
    }                                                                                                                  \
    extern "C" __global__ void narrow_##NAME(const float *from, T *to, size_t count) { narrow<T>(from, to, count); }

FOR_TYPE(f32, float)
FOR_TYPE(f16, __half)
FOR_TYPE(bf16, __nv_bfloat16)
