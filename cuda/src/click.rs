//! A click model on the device: what `src/models/ctr/network.rs` and `parts.rs` do, a batch at a time.
//!
//! The tables of weights and vectors are buffers of their own; everything else lies in one, the bias first, so that one kernel
//! steps it. The first epoch over some rows records its step as a graph, which later steps replay: a step is some twenty-five
//! small kernels, whose launches would take longer than their work.

mod step;

use std::ops::Range;
use std::sync::Mutex;

use cudarc::driver::sys::{CUdeviceptr, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaGraph, DeviceRepr, ValidAsZeroBits};

use crate::abi;
use crate::arguments;
use crate::gpu::{self, Buffer, Device, Fault, Gpu, Kernel, Result, THREADS, address, hold};
use crate::rows::Rows;
use step::{Step, forward};

/// Rows that pass at once where nothing is learnt.
const FORWARD_ROWS: usize = 1 << 14;
/// Numbers of one gathered batch at most; wider rows come in fewer at once.
const FORWARD_NUMBERS: usize = 1 << 26;

/// The shape as the kernels see it; `Shape` of click.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct ShapeAt {
    table_rows: u32,
    slots: u32,
    plain: u32,
    dim: u32,
    dense: u32,
    bags: u32,
    width: u32,
    is_linear: u32,
    is_factorised: u32,
}

/// A batch as the kernels see it.
#[repr(C)]
#[derive(Clone, Copy)]
struct BatchAt {
    order: CUdeviceptr,
    clock: CUdeviceptr,
    first: u64,
    rows: u64,
    batch_rows: u32,
}

/// A table as the kernels see it.
#[repr(C)]
#[derive(Clone, Copy)]
struct TableAt {
    values: CUdeviceptr,
    gradient: CUdeviceptr,
    mean: CUdeviceptr,
    square: CUdeviceptr,
    penalty: CUdeviceptr,
    stamp: CUdeviceptr,
}

/// Where a step of an epoch stands; the kernels see the first two.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Clock {
    step: u32,
    first_step: u32,
}

/// A step's factors, as the interface has them.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Scale(abi::Scale);

// SAFETY: plain numbers, laid out as C does, for which zero is a value.
unsafe impl DeviceRepr for Clock {}
unsafe impl ValidAsZeroBits for Clock {}
unsafe impl DeviceRepr for Scale {}
unsafe impl ValidAsZeroBits for Scale {}

/// A layer of the tower.
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Places in the dense buffer.
    weight: usize,
    bias: usize,
}

/// What the model looks like: kernels' shape, and where in the dense buffer each block lies.
struct Plan {
    shape: ShapeAt,
    /// In the order of the interface's blocks, without the two tables.
    dense_blocks: Vec<Range<usize>>,
    bias: usize,
    dense_weights: usize,
    bilinear: Option<(usize, usize, usize)>,
    tower: Vec<Layer>,
    cross_layers: usize,
    /// Weight and bias of each cross layer, then the weights of their sum, without gaps.
    cross: usize,
    numbers: usize,
}

struct Table {
    values: Buffer<f32>,
    width: usize,
    gradient: Buffer<i64>,
    mean: Buffer<f32>,
    square: Buffer<f32>,
}

struct Kernels {
    gather: Kernel,
    add_bias: Kernel,
    add_to: Kernel,
    shut: Kernel,
    pick: Kernel,
    bilinear: Kernel,
    bilinear_item_back: Kernel,
    bilinear_user_back: Kernel,
    cross: Kernel,
    cross_back: Kernel,
    slopes_of: Kernel,
    begin_row_slope: Kernel,
    scatter: Kernel,
    step_tables: Kernel,
    step_dense: Kernel,
    tick: Kernel,
}

/// Buffers of one batch.
struct Work {
    rows: usize,
    row: Buffer<f32>,
    row_slope: Buffer<f32>,
    sums: Buffer<f32>,
    logits: Buffer<f32>,
    slopes: Buffer<f32>,
    ones: Buffer<f32>,
    /// Outputs of each layer of the tower, and slopes at them.
    tower: Vec<(Buffer<f32>, Buffer<f32>)>,
    user: Buffer<f32>,
    item: Buffer<f32>,
    product: Buffer<f32>,
    crossed: Buffer<f32>,
    cross_slopes: Buffer<f32>,
    scale_slopes: Buffer<f32>,
}

/// What training needs beside the weights.
struct Training {
    penalty: Buffer<f32>,
    stamp: Buffer<u32>,
    gradient: Buffer<f32>,
    mean: Buffer<f32>,
    square: Buffer<f32>,
    clock: Buffer<Clock>,
    loss: Buffer<f64>,
    order: Buffer<u32>,
    scales: Buffer<Scale>,
}

/// A step on certain rows, recorded.
struct Recorded {
    rows: u64,
    count: usize,
    batch_rows: u32,
    decay: u32,
    graph: CudaGraph,
}

/// A model's weights on a device.
pub struct Click {
    device: Device,
    plan: Plan,
    kernels: Kernels,
    state: Mutex<State>,
}

struct State {
    /// First, as it is dropped first: it points to what follows.
    recorded: Option<Recorded>,
    linear: Table,
    vectors: Table,
    dense: Buffer<f32>,
    user_columns: Buffer<u32>,
    item_columns: Buffer<u32>,
    still: Buffer<Clock>,
    work: Work,
    training: Option<Training>,
}

// SAFETY: the graph is used only under the lock.
unsafe impl Send for State {}

impl Plan {
    fn new(shape: &abi::ClickShape, user: &[u32], item: &[u32]) -> Result<Self> {
        let slots = shape.plain + shape.bags;
        let width = slots as usize * shape.dim as usize + shape.dense as usize;
        if width > 1 << 24 || shape.tower_layers as usize > shape.tower.len() || shape.cross_layers > 16 {
            return Err(Fault::refused("a click model too wide or too deep"));
        }
        if user.iter().chain(item).any(|column| *column as usize >= width) {
            return Err(Fault::refused("a side of the click model has a column that no row has"));
        }
        let is = |flag: u32| flag != 0;
        let (mut dense_blocks, mut numbers) = (Vec::new(), 1usize);
        let mut block = |count: usize| {
            dense_blocks.push(numbers..numbers + count);
            numbers += count;
            numbers - count
        };
        // The bias lies at 0, wherever the interface has it.
        let dense_weights = block(if is(shape.is_linear) { shape.dense as usize } else { 0 });
        let sides = (user.len() + 1, item.len() + 1);
        let form = block(if is(shape.is_bilinear) { sides.0 * sides.1 } else { 0 });
        let mut inputs = width;
        let mut tower = Vec::new();
        for outputs in shape.tower[..shape.tower_layers as usize].iter().map(|outputs| *outputs as usize) {
            let weight = block(inputs * outputs);
            tower.push(Layer { inputs, outputs, weight, bias: block(outputs) });
            inputs = outputs;
        }
        if tower.last().is_some_and(|layer| layer.outputs != 1) || tower.iter().any(|layer| layer.outputs == 0) {
            return Err(Fault::refused("the tower of a click model must end in one number"));
        }
        let cross_layers = shape.cross_layers as usize;
        let cross = block(0);
        for _ in 0..2 * cross_layers {
            block(width);
        }
        let cross_out = dense_blocks.len();
        dense_blocks.push(numbers..numbers + if cross_layers > 0 { width } else { 0 });
        numbers = dense_blocks[cross_out].end;
        // As the interface has them: dense, bias, bilinear, cross_out, tower, cross.
        let of_cross = dense_blocks.len() - 1 - 2 * cross_layers..dense_blocks.len() - 1;
        let of_tower = 2..2 + 2 * tower.len();
        let mut ordered = vec![dense_blocks[0].clone(), 0..1, dense_blocks[1].clone(), dense_blocks[cross_out].clone()];
        ordered.extend(dense_blocks[of_tower].iter().cloned());
        ordered.extend(dense_blocks[of_cross].iter().cloned());
        Ok(Self {
            shape: ShapeAt {
                table_rows: shape.table_rows,
                slots,
                plain: shape.plain,
                dim: shape.dim,
                dense: shape.dense,
                bags: shape.bags,
                width: width as u32,
                is_linear: shape.is_linear,
                is_factorised: shape.is_factorised,
            },
            dense_blocks: ordered,
            bias: 0,
            dense_weights,
            bilinear: is(shape.is_bilinear).then_some((sides.0, sides.1, form)),
            tower,
            cross_layers,
            cross,
            numbers,
        })
    }

    fn width(&self) -> usize {
        self.shape.width as usize
    }
}

impl Click {
    /// Puts a model on the device.
    pub fn new(
        device: &Device,
        shape: &abi::ClickShape,
        (user, item): (&[u32], &[u32]),
        blocks: &[&[f32]],
    ) -> Result<Self> {
        let plan = Plan::new(shape, user, item)?;
        let [linear, vectors, rest @ ..] = blocks else {
            return Err(Fault::refused("a click model lacks its tables"));
        };
        let table_rows = shape.table_rows as usize;
        let linear_rows = if shape.is_linear != 0 { table_rows } else { 0 };
        if linear.len() != linear_rows || vectors.len() != table_rows * shape.dim as usize {
            return Err(Fault::refused("a table of the click model is not as long as its shape"));
        }
        if rest.len() != plan.dense_blocks.len() {
            return Err(Fault::refused(format!(
                "{} blocks of a click model instead of {}",
                rest.len(),
                plan.dense_blocks.len()
            )));
        }
        let mut dense = vec![0.0f32; plan.numbers];
        for (block, place) in rest.iter().zip(&plan.dense_blocks) {
            if block.len() != place.len() {
                return Err(Fault::refused("a block of the click model is not as long as its shape"));
            }
            dense[place.clone()].copy_from_slice(block);
        }
        let gpu = hold(device)?;
        let table = |values: &[f32], width: usize| -> Result<Table> {
            // Room for training comes with training.
            let none = || gpu.zeros::<f32>(1);
            Ok(Table { values: gpu.upload(values)?, width, gradient: gpu.zeros(1)?, mean: none()?, square: none()? })
        };
        let state = State {
            recorded: None,
            linear: table(linear, 1)?,
            vectors: table(vectors, shape.dim as usize)?,
            dense: gpu.upload(&dense)?,
            user_columns: gpu.upload(user)?,
            item_columns: gpu.upload(item)?,
            still: gpu.zeros(1)?,
            work: Work::new(&gpu, &plan, 0)?,
            training: None,
        };
        let kernels = Kernels::of(&gpu)?;
        gpu.finish()?;
        drop(gpu);
        Ok(Self { device: device.clone(), plan, kernels, state: Mutex::new(state) })
    }

    /// Room for training, with the penalty of one occurrence of each row of the tables.
    pub fn prepare(&self, penalties: &[f32]) -> Result<()> {
        let table_rows = self.plan.shape.table_rows as usize;
        if penalties.len() != table_rows {
            return Err(Fault::refused("there must be a penalty for each row of the tables"));
        }
        let gpu = hold(&self.device)?;
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let state = &mut *state;
        for table in [&mut state.linear, &mut state.vectors] {
            let count = table.values.len();
            table.gradient = gpu.zeros(count)?;
            (table.mean, table.square) = (gpu.zeros(count)?, gpu.zeros(count)?);
        }
        let numbers = self.plan.numbers;
        state.recorded = None;
        state.training = Some(Training {
            penalty: gpu.upload(penalties)?,
            stamp: gpu.zeros(table_rows)?,
            gradient: gpu.zeros(numbers)?,
            mean: gpu.zeros(numbers)?,
            square: gpu.zeros(numbers)?,
            clock: gpu.zeros(1)?,
            loss: gpu.zeros(1)?,
            order: gpu.zeros(1)?,
            scales: gpu.zeros(1)?,
        });
        gpu.finish()
    }

    /// One pass of training; gives the sum of the losses.
    pub fn epoch(&self, rows: &Rows, epoch: &abi::Epoch, order: &[u32], scales: &[abi::Scale]) -> Result<f64> {
        self.must_fit(rows)?;
        let batch_rows = epoch.batch_rows as usize;
        if !rows.has_labels || batch_rows == 0 || scales.len() != order.len().div_ceil(batch_rows) {
            return Err(Fault::refused("an epoch needs labels, rows in a step, and factors for each step"));
        }
        if order.iter().any(|row| *row as usize >= rows.rows) {
            return Err(Fault::refused("an epoch's order names a row that is not there"));
        }
        if order.is_empty() {
            return Ok(0.0);
        }
        let gpu = hold(&self.device)?;
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let state = &mut *state;
        if state.work.rows < batch_rows {
            state.recorded = None;
            state.work = Work::new(&gpu, &self.plan, batch_rows)?;
        }
        let Some(training) = &mut state.training else {
            return Err(Fault::refused("the click model was not prepared for training"));
        };
        if training.order.len() < order.len() || training.scales.len() < scales.len() {
            state.recorded = None;
            (training.order, training.scales) = (gpu.zeros(order.len())?, gpu.zeros(scales.len())?);
        }
        let scales: Vec<Scale> = scales.iter().map(|scale| Scale(*scale)).collect();
        gpu.stream.memcpy_htod(order, &mut training.order)?;
        gpu.stream.memcpy_htod(&scales, &mut training.scales)?;
        let clock = Clock { step: 0, first_step: epoch.first_step };
        gpu.stream.memcpy_htod(&[clock], &mut training.clock)?;
        gpu.stream.memset_zeros(&mut training.loss)?;
        let steps = scales.len();
        let fits = |recorded: &Recorded| {
            recorded.rows == rows.number
                && recorded.count == order.len()
                && recorded.batch_rows == epoch.batch_rows
                && recorded.decay == epoch.decay.to_bits()
        };
        let mut done = 0;
        if !state.recorded.as_ref().is_some_and(fits) {
            // The first step runs as it is: what cuBLAS does at its first call cannot be recorded.
            let run = Step { gpu: &gpu, click: self, state, rows: rows.at(), count: order.len(), epoch };
            // SAFETY: all buffers are as long as plan, rows and batch say, and outlive the stream's work below.
            unsafe { run.step() }?;
            done = 1;
            gpu.finish()?;
            state.recorded = None;
            if steps > 1 {
                let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
                gpu.stream.begin_capture(mode)?;
                let run = Step { gpu: &gpu, click: self, state, rows: rows.at(), count: order.len(), epoch };
                // SAFETY: as above.
                let taken = unsafe { run.step() };
                // Whatever happened, the stream must leave the recording.
                let graph = gpu.stream.end_capture(CUgraphInstantiate_flags(0));
                taken?;
                let graph = graph?.ok_or_else(|| Fault::new(abi::FAILED, "a recorded step is empty"))?;
                state.recorded = Some(Recorded {
                    rows: rows.number,
                    count: order.len(),
                    batch_rows: epoch.batch_rows,
                    decay: epoch.decay.to_bits(),
                    graph,
                });
            }
        }
        if let Some(recorded) = &state.recorded {
            for _ in done..steps {
                recorded.graph.launch()?;
            }
        }
        let mut loss = [0.0];
        if let Some(training) = &state.training {
            gpu.stream.memcpy_dtoh(&training.loss, &mut loss)?;
        }
        gpu.finish()?;
        Ok(loss[0])
    }

    /// The logit of each row.
    pub fn logits(&self, rows: &Rows, out: &mut [f32]) -> Result<()> {
        self.must_fit(rows)?;
        if out.len() != rows.rows {
            return Err(Fault::refused("there must be room for a logit of each row"));
        }
        let gpu = hold(&self.device)?;
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let state = &mut *state;
        let at_once = (FORWARD_NUMBERS / self.plan.width().max(1)).clamp(1, FORWARD_ROWS).min(rows.rows.max(1));
        if state.work.rows < at_once {
            state.recorded = None;
            state.work = Work::new(&gpu, &self.plan, at_once)?;
        }
        for (number, out) in out.chunks_mut(at_once).enumerate() {
            let batch = BatchAt {
                order: 0,
                clock: address(&state.still),
                first: (number * at_once) as u64,
                rows: rows.rows as u64,
                batch_rows: out.len() as u32,
            };
            // SAFETY: as for an epoch.
            unsafe { forward(&gpu, self, state, &rows.at(), &batch) }?;
            gpu.stream.memcpy_dtoh(&state.work.logits.slice(..out.len()), out)?;
        }
        gpu.finish()
    }

    /// Writes the weights out, in the order of [`Click::new`].
    pub fn read(&self, blocks: &mut [&mut [f32]]) -> Result<()> {
        let gpu = hold(&self.device)?;
        let state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let [linear, vectors, rest @ ..] = blocks else {
            return Err(Fault::refused("a click model has two tables"));
        };
        for (table, out) in [(&state.linear, linear), (&state.vectors, vectors)] {
            let count = match table.width {
                0 => 0,
                _ if out.is_empty() => 0,
                _ => table.values.len(),
            };
            if out.len() != count {
                return Err(Fault::refused("a table of the click model is of another length"));
            }
            if count > 0 {
                gpu.stream.memcpy_dtoh(&table.values, *out)?;
            }
        }
        let mut dense = vec![0.0f32; self.plan.numbers];
        gpu.stream.memcpy_dtoh(&state.dense, &mut dense)?;
        gpu.finish()?;
        if rest.len() != self.plan.dense_blocks.len() {
            return Err(Fault::refused("a click model has another number of blocks"));
        }
        for (out, place) in rest.iter_mut().zip(&self.plan.dense_blocks) {
            if out.len() != place.len() {
                return Err(Fault::refused("a block of the click model is of another length"));
            }
            out.copy_from_slice(&dense[place.clone()]);
        }
        Ok(())
    }

    fn must_fit(&self, rows: &Rows) -> Result<()> {
        let shape = &self.plan.shape;
        if (rows.plain, rows.bags, rows.dense_width) != (shape.plain, shape.bags, shape.dense) {
            return Err(Fault::refused("the rows are not encoded for this click model"));
        }
        if !std::sync::Arc::ptr_eq(&rows.device, &self.device) {
            return Err(Fault::refused("rows and click model lie on two devices"));
        }
        Ok(())
    }
}

impl Work {
    fn new(gpu: &Gpu, plan: &Plan, rows: usize) -> Result<Self> {
        let room = |width: usize| gpu.zeros::<f32>(rows * width);
        let (users, items) = plan.bilinear.map_or((0, 0), |(users, items, _)| (users, items));
        let crossed = plan.cross_layers * plan.width();
        let ones = room(1)?;
        let (to, one, count) = (address(&ones), 1.0f32, rows as u32);
        let fill = gpu.kernel(gpu::Kernels::Click, "fill")?;
        // SAFETY: the buffer has that many numbers.
        unsafe { gpu.launch(&fill, (count.div_ceil(THREADS), 1), THREADS, 0, arguments![to, one, count]) }?;
        let layer = |layer: &Layer| -> Result<_> { Ok((room(layer.outputs)?, room(layer.outputs)?)) };
        Ok(Self {
            rows,
            row: room(plan.width())?,
            row_slope: room(plan.width())?,
            sums: room(if plan.shape.is_factorised != 0 { plan.shape.dim as usize } else { 0 })?,
            logits: room(1)?,
            slopes: room(1)?,
            ones,
            tower: plan.tower.iter().map(layer).collect::<Result<_>>()?,
            user: room(users)?,
            item: room(items)?,
            product: room(users.max(items))?,
            crossed: room(crossed)?,
            cross_slopes: room(crossed)?,
            scale_slopes: room(plan.cross_layers)?,
        })
    }
}

impl Kernels {
    fn of(gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            gather: gpu.kernel(gpu::Kernels::Click, "gather")?,
            add_bias: gpu.kernel(gpu::Kernels::Click, "add_bias")?,
            add_to: gpu.kernel(gpu::Kernels::Click, "add_to")?,
            shut: gpu.kernel(gpu::Kernels::Click, "shut")?,
            pick: gpu.kernel(gpu::Kernels::Click, "pick")?,
            bilinear: gpu.kernel(gpu::Kernels::Click, "bilinear")?,
            bilinear_item_back: gpu.kernel(gpu::Kernels::Click, "bilinear_item_back")?,
            bilinear_user_back: gpu.kernel(gpu::Kernels::Click, "bilinear_user_back")?,
            cross: gpu.kernel(gpu::Kernels::Click, "cross")?,
            cross_back: gpu.kernel(gpu::Kernels::Click, "cross_back")?,
            slopes_of: gpu.kernel(gpu::Kernels::Click, "slopes_of")?,
            begin_row_slope: gpu.kernel(gpu::Kernels::Click, "begin_row_slope")?,
            scatter: gpu.kernel(gpu::Kernels::Click, "scatter")?,
            step_tables: gpu.kernel(gpu::Kernels::Click, "step_tables")?,
            step_dense: gpu.kernel(gpu::Kernels::Click, "step_dense")?,
            tick: gpu.kernel(gpu::Kernels::Click, "tick")?,
        })
    }
}
