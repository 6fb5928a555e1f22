// Click models: the steps of src/models/ctr that are no matrix product, with the same arithmetic.
//
// A batch is `batch_rows` rows of `order`, from the place that the clock shows; where fewer are left, the missing rows are
// zero and have no slope, so that every step of an epoch has one shape and can be replayed as a graph. Sums over rows have
// a fixed order, and gradients of table rows are summed as whole numbers, whose order does not matter: the same rows and
// seed give the same weights, bit for bit.

namespace {

constexpr unsigned ALL = 0xffffffffu;
constexpr int WARP = 32;
// Decay of the mean and of the mean square of gradients, and what keeps a step finite (ctr/parameters.rs).
constexpr float MEAN_KEPT = 0.9f, SQUARE_KEPT = 0.999f, EPSILON = 1e-8f;
// One as a gradient in whole numbers: steps of 1e-12, up to eight million.
constexpr float WHOLE = 1099511627776.0f;

} // namespace

struct Shape {
    unsigned table_rows, slots, plain, dim, dense, bags, width;
    unsigned is_linear, is_factorised;
};

struct Rows {
    const unsigned *ids;
    const float *dense;
    // For each bag one more than there are rows; places in bag_ids.
    const unsigned long long *bag_starts;
    const unsigned *bag_ids;
    const unsigned char *labels;
    unsigned long long rows;
};

struct Batch {
    // Null: rows in their order.
    const unsigned *order;
    const unsigned *clock;
    unsigned long long first, rows;
    unsigned batch_rows;
};

struct Scale {
    float rate, mean, square;
};

// Weights and optimiser of a table.
struct Table {
    float *values;
    long long *gradient;
    float *mean, *square;
    const float *penalty;
    unsigned *stamp;
};

namespace {

__device__ float sum_of_warp(float value) {
    for (int step = WARP / 2; step > 0; step /= 2) value += __shfl_xor_sync(ALL, value, step);
    return value;
}

__device__ unsigned long long first_of(const Batch &batch) {
    return batch.first + (unsigned long long)(batch.clock[0]) * batch.batch_rows;
}

__device__ unsigned live_of(const Batch &batch) {
    unsigned long long first = first_of(batch);
    if (first >= batch.rows) return 0;
    unsigned long long left = batch.rows - first;
    return left < batch.batch_rows ? unsigned(left) : batch.batch_rows;
}

// The row that stands at place `place` of the batch, or ~0 past the last.
__device__ unsigned long long row_of(const Batch &batch, unsigned place) {
    if (place >= live_of(batch)) return ~0ull;
    unsigned long long at = first_of(batch) + place;
    return batch.order ? batch.order[at] : at;
}

__device__ void bag_of(const Rows &rows, unsigned bag, unsigned long long row, unsigned long long &from,
                       unsigned long long &to, float &weight) {
    const unsigned long long *starts = rows.bag_starts + bag * (rows.rows + 1) + row;
    from = starts[0];
    to = starts[1];
    weight = 1.0f / sqrtf(float(to > from ? to - from : 1));
}

__device__ float adam(float slope, float &mean, float &square, const Scale &scale) {
    mean = MEAN_KEPT * mean + (1.0f - MEAN_KEPT) * slope;
    square = SQUARE_KEPT * square + (1.0f - SQUARE_KEPT) * slope * slope;
    return scale.rate * mean * scale.mean / (sqrtf(square * scale.square) + EPSILON);
}

__device__ void add_whole(long long *to, float value) {
    atomicAdd(reinterpret_cast<unsigned long long *>(to), (unsigned long long)(__float2ll_rn(value * WHOLE)));
}

} // namespace

// One warp for each row: the linear part into `logits`, the vectors and dense numbers into `row`, and for factorised
// models the sums over slots.
extern "C" __global__ void gather(Shape shape, Rows rows, Batch batch, const float *linear, const float *vectors,
                                  const float *bias, const float *dense_weights, float *row, float *sums,
                                  float *logits) {
    unsigned place = (blockIdx.x * blockDim.x + threadIdx.x) / WARP, lane = threadIdx.x % WARP;
    if (place >= batch.batch_rows) return;
    unsigned long long at = row_of(batch, place);
    bool is_live = at != ~0ull;
    float *own = row + (unsigned long long)(place) * shape.width;
    float logit = 0;
    if (is_live && shape.is_linear) {
        for (unsigned slot = lane; slot < shape.plain; slot += WARP) {
            unsigned id = rows.ids[at * shape.plain + slot];
            if (id < shape.table_rows) logit += linear[id];
        }
        for (unsigned bag = 0; bag < shape.bags; bag++) {
            unsigned long long from, to;
            float weight;
            bag_of(rows, bag, at, from, to, weight);
            for (unsigned long long entry = from + lane; entry < to; entry += WARP) {
                unsigned id = rows.bag_ids[entry];
                if (id < shape.table_rows) logit += weight * linear[id];
            }
        }
        for (unsigned d = lane; d < shape.dense; d += WARP) {
            logit += rows.dense[at * shape.dense + d] * dense_weights[d];
        }
    }
    unsigned vectors_width = shape.slots * shape.dim;
    for (unsigned c = lane; c < vectors_width; c += WARP) {
        unsigned slot = c / shape.dim, d = c % shape.dim;
        float value = 0;
        if (is_live && slot < shape.plain) {
            unsigned id = rows.ids[at * shape.plain + slot];
            if (id < shape.table_rows) value = vectors[(unsigned long long)(id) * shape.dim + d];
        } else if (is_live) {
            unsigned long long from, to;
            float weight;
            bag_of(rows, slot - shape.plain, at, from, to, weight);
            for (unsigned long long entry = from; entry < to; entry++) {
                unsigned id = rows.bag_ids[entry];
                if (id < shape.table_rows) value += weight * vectors[(unsigned long long)(id) * shape.dim + d];
            }
        }
        own[c] = value;
    }
    for (unsigned d = lane; d < shape.dense; d += WARP) {
        own[vectors_width + d] = is_live ? rows.dense[at * shape.dense + d] : 0;
    }
    if (shape.is_factorised) {
        __syncwarp();
        // Half of (square of the sum - sum of squares).
        for (unsigned d = lane; d < shape.dim; d += WARP) {
            float sum = 0, squares = 0;
            for (unsigned slot = 0; slot < shape.slots; slot++) {
                float value = own[slot * shape.dim + d];
                sum += value;
                squares += value * value;
            }
            sums[(unsigned long long)(place) * shape.dim + d] = sum;
            logit += 0.5f * (sum * sum - squares);
        }
    }
    logit = sum_of_warp(logit);
    if (lane == 0) logits[place] = logit + bias[0];
}

// values = values + bias of the column, shut at 0 if `is_rectified`.
extern "C" __global__ void add_bias(float *values, const float *bias, unsigned count, unsigned width,
                                    unsigned is_rectified) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    float value = values[at] + bias[at % width];
    values[at] = is_rectified ? fmaxf(value, 0.0f) : value;
}

// to = to + from.
extern "C" __global__ void add_to(float *to, const float *from, unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count) to[at] += from[at];
}

// Shuts slopes where the rectifier was shut.
extern "C" __global__ void shut(float *slopes, const float *values, unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count && !(values[at] > 0)) slopes[at] = 0;
}

// The columns of one side of a bilinear form, behind a constant 1.
extern "C" __global__ void pick(const float *row, const unsigned *columns, unsigned width, unsigned picked, float *to,
                                unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    unsigned place = at / picked, column = at % picked;
    to[at] = column == 0 ? 1.0f : row[(unsigned long long)(place) * width + columns[column - 1]];
}

// logits += product . item, one warp for each row.
extern "C" __global__ void bilinear(const float *product, const float *item, unsigned items, float *logits,
                                    unsigned rows) {
    unsigned place = (blockIdx.x * blockDim.x + threadIdx.x) / WARP, lane = threadIdx.x % WARP;
    if (place >= rows) return;
    float sum = 0;
    for (unsigned c = lane; c < items; c += WARP) {
        unsigned long long at = (unsigned long long)(place) * items + c;
        sum += product[at] * item[at];
    }
    sum = sum_of_warp(sum);
    if (lane == 0) logits[place] += sum;
}

// Adds slope * product to the item's columns, and scales the items by the slope.
extern "C" __global__ void bilinear_item_back(const float *product, float *item, const unsigned *columns,
                                              unsigned items, const float *slopes, float *row_slope, unsigned width,
                                              unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    unsigned place = at / items, column = at % items;
    item[at] *= slopes[place];
    if (column > 0) {
        row_slope[(unsigned long long)(place) * width + columns[column - 1]] += slopes[place] * product[at];
    }
}

// Adds the slope at the user's side to its columns.
extern "C" __global__ void bilinear_user_back(const float *user_slope, const unsigned *columns, unsigned users,
                                              float *row_slope, unsigned width, unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    unsigned place = at / users, column = at % users;
    if (column > 0) row_slope[(unsigned long long)(place) * width + columns[column - 1]] += user_slope[at];
}

// All cross layers, one warp for each row: x(l+1) = x(0) * (x(l) . w) + b + x(l), then a weighted sum of the last.
// `crossed` has a matrix for each layer; `blocks` weight and bias of each layer, then the weights of the sum.
extern "C" __global__ void cross(const float *row, unsigned width, unsigned layers, const float *blocks, float *crossed,
                                 float *logits, unsigned rows) {
    unsigned place = (blockIdx.x * blockDim.x + threadIdx.x) / WARP, lane = threadIdx.x % WARP;
    if (place >= rows) return;
    const float *first = row + (unsigned long long)(place) * width;
    const float *input = first;
    for (unsigned layer = 0; layer < layers; layer++) {
        const float *weight = blocks + (unsigned long long)(layer) * 2 * width, *bias = weight + width;
        float *output = crossed + ((unsigned long long)(layer) * rows + place) * width;
        float scale = 0;
        for (unsigned c = lane; c < width; c += WARP) scale += input[c] * weight[c];
        scale = sum_of_warp(scale);
        for (unsigned c = lane; c < width; c += WARP) output[c] = first[c] * scale + bias[c] + input[c];
        __syncwarp();
        input = output;
    }
    const float *out = blocks + (unsigned long long)(layers) * 2 * width;
    float sum = 0;
    for (unsigned c = lane; c < width; c += WARP) sum += input[c] * out[c];
    sum = sum_of_warp(sum);
    if (lane == 0) logits[place] += sum;
}

// The way back through the cross layers. Leaves for each layer the slopes at its output and at its scale, from which the
// gradients of its weights are products over the rows.
extern "C" __global__ void cross_back(const float *row, unsigned width, unsigned layers, const float *blocks,
                                      const float *crossed, const float *slopes, float *out_slopes,
                                      float *scale_slopes, float *row_slope, unsigned rows) {
    unsigned place = (blockIdx.x * blockDim.x + threadIdx.x) / WARP, lane = threadIdx.x % WARP;
    if (place >= rows) return;
    const float *first = row + (unsigned long long)(place) * width;
    float *first_slope = row_slope + (unsigned long long)(place) * width;
    const float *out = blocks + (unsigned long long)(layers) * 2 * width;
    auto at = [&](unsigned layer) { return ((unsigned long long)(layer) * rows + place) * width; };
    for (unsigned c = lane; c < width; c += WARP) out_slopes[at(layers - 1) + c] = slopes[place] * out[c];
    for (unsigned layer = layers; layer-- > 0;) {
        const float *weight = blocks + (unsigned long long)(layer) * 2 * width;
        const float *input = layer == 0 ? first : crossed + at(layer - 1);
        const float *slope = out_slopes + at(layer);
        float scale = 0, scale_slope = 0;
        for (unsigned c = lane; c < width; c += WARP) {
            scale += input[c] * weight[c];
            scale_slope += slope[c] * first[c];
        }
        scale = sum_of_warp(scale);
        scale_slope = sum_of_warp(scale_slope);
        if (lane == 0) scale_slopes[(unsigned long long)(layer) * rows + place] = scale_slope;
        for (unsigned c = lane; c < width; c += WARP) {
            first_slope[c] += slope[c] * scale;
            float before = slope[c] + scale_slope * weight[c];
            if (layer == 0) {
                first_slope[c] += before;
            } else {
                out_slopes[at(layer - 1) + c] = before;
            }
        }
        __syncwarp();
    }
}

// In one block: the loss's slope at each logit and its sum (the bias's gradient), and the losses into `loss`.
extern "C" __global__ void slopes_of(Rows rows, Batch batch, const float *logits, float *slopes, float *bias_gradient,
                                     double *loss) {
    __shared__ double losses[WARP];
    __shared__ float sums[WARP];
    unsigned live = live_of(batch);
    float count = live > 0 ? float(live) : 1.0f, sum = 0;
    double lost = 0;
    for (unsigned place = threadIdx.x; place < batch.batch_rows; place += blockDim.x) {
        unsigned long long at = row_of(batch, place);
        float slope = 0;
        if (at != ~0ull) {
            float logit = logits[place];
            bool label = rows.labels[at] != 0;
            float towards = label ? logit : -logit;
            lost += double(log1pf(expf(-fabsf(towards))) + fmaxf(-towards, 0.0f));
            slope = (1.0f / (1.0f + expf(-logit)) - (label ? 1.0f : 0.0f)) / count;
        }
        slopes[place] = slope;
        sum += slope;
    }
    for (int step = WARP / 2; step > 0; step /= 2) lost += __shfl_xor_sync(ALL, lost, step);
    sum = sum_of_warp(sum);
    if (threadIdx.x % WARP == 0) {
        losses[threadIdx.x / WARP] = lost;
        sums[threadIdx.x / WARP] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (unsigned warp = 1; warp < blockDim.x / WARP; warp++) {
            lost += losses[warp];
            sum += sums[warp];
        }
        *loss += lost;
        *bias_gradient = sum;
    }
}

// The slope at the gathered rows: that of the factorised part, or zero.
extern "C" __global__ void begin_row_slope(Shape shape, const float *row, const float *sums, const float *slopes,
                                           float *row_slope, unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    unsigned place = at / shape.width, column = at % shape.width;
    float slope = 0;
    if (shape.is_factorised && column < shape.slots * shape.dim) {
        slope = slopes[place] * (sums[(unsigned long long)(place) * shape.dim + column % shape.dim] - row[at]);
    }
    row_slope[at] = slope;
}

// Adds the slope of each entry, and the penalty of one occurrence, to the gradients of the tables. One warp for each row.
extern "C" __global__ void scatter(Shape shape, Rows rows, Batch batch, const float *slopes, const float *row_slope,
                                   Table linear, Table vectors) {
    unsigned place = (blockIdx.x * blockDim.x + threadIdx.x) / WARP, lane = threadIdx.x % WARP;
    unsigned long long at = place < batch.batch_rows ? row_of(batch, place) : ~0ull;
    if (at == ~0ull) return;
    float count = float(live_of(batch));
    const float *own = row_slope + (unsigned long long)(place) * shape.width;
    for (unsigned slot = 0; slot < shape.slots; slot++) {
        bool is_bag = slot >= shape.plain;
        unsigned long long from = at * shape.plain + slot, to = from + 1;
        float weight = 1.0f;
        if (is_bag) bag_of(rows, slot - shape.plain, at, from, to, weight);
        const unsigned *ids = is_bag ? rows.bag_ids : rows.ids;
        if (shape.is_linear) {
            for (unsigned long long entry = from + lane; entry < to; entry += WARP) {
                unsigned id = ids[entry];
                if (id >= shape.table_rows) continue;
                add_whole(linear.gradient + id, weight * slopes[place] + linear.penalty[id] / count * linear.values[id]);
            }
        }
        unsigned long long numbers = (to - from) * shape.dim;
        for (unsigned long long number = lane; number < numbers; number += WARP) {
            unsigned id = ids[from + number / shape.dim], d = unsigned(number % shape.dim);
            if (id >= shape.table_rows) continue;
            unsigned long long to_at = (unsigned long long)(id) * shape.dim + d;
            float decay = vectors.penalty[id] / count;
            add_whole(vectors.gradient + to_at, weight * own[slot * shape.dim + d] + decay * vectors.values[to_at]);
        }
    }
}

namespace {

__device__ void step_row(const Table &table, unsigned id, unsigned width, const Scale &scale) {
    for (unsigned d = 0; d < width; d++) {
        unsigned long long at = (unsigned long long)(id) * width + d;
        float gradient = __ll2float_rn(table.gradient[at]) * (1.0f / WHOLE);
        table.values[at] -= adam(gradient, table.mean[at], table.square[at], scale);
        table.gradient[at] = 0;
    }
}

__device__ void step_entry(const Shape &shape, unsigned id, const Table &linear, const Table &vectors, unsigned now,
                           const Scale &scale) {
    // Whoever comes first steps the row.
    if (id >= shape.table_rows || atomicExch(vectors.stamp + id, now) == now) return;
    if (shape.is_linear) step_row(linear, id, 1, scale);
    step_row(vectors, id, shape.dim, scale);
}

} // namespace

// Steps each table row that the batch touches once. One warp for each row of the batch, one lane for each entry.
extern "C" __global__ void step_tables(Shape shape, Rows rows, Batch batch, Table linear, Table vectors,
                                       const Scale *scales) {
    unsigned place = (blockIdx.x * blockDim.x + threadIdx.x) / WARP, lane = threadIdx.x % WARP;
    unsigned long long at = place < batch.batch_rows ? row_of(batch, place) : ~0ull;
    if (at == ~0ull) return;
    unsigned now = batch.clock[1] + batch.clock[0];
    Scale scale = scales[batch.clock[0]];
    for (unsigned slot = lane; slot < shape.plain; slot += WARP) {
        step_entry(shape, rows.ids[at * shape.plain + slot], linear, vectors, now, scale);
    }
    for (unsigned bag = 0; bag < shape.bags; bag++) {
        unsigned long long from, to;
        float weight;
        bag_of(rows, bag, at, from, to, weight);
        for (unsigned long long entry = from + lane; entry < to; entry += WARP) {
            step_entry(shape, rows.bag_ids[entry], linear, vectors, now, scale);
        }
    }
}

// Steps the dense numbers; the first is the bias, which has no penalty.
extern "C" __global__ void step_dense(float *values, const float *gradient, float *mean, float *square, unsigned count,
                                      float decay, const unsigned *clock, const Scale *scales) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    float slope = gradient[at] + (at == 0 ? 0.0f : decay * values[at]);
    values[at] -= adam(slope, mean[at], square[at], scales[clock[0]]);
}

// The next step.
extern "C" __global__ void tick(unsigned *clock) { clock[0] += 1; }

extern "C" __global__ void fill(float *values, float value, unsigned count) {
    unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count) values[at] = value;
}
