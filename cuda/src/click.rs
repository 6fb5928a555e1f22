//! A click model on the device: what `src/models/ctr/network.rs` and `parts.rs` do, a batch at a time.
//!
//! The tables of weights and vectors are buffers of their own; everything else lies in one, the bias first, so that one kernel
//! steps it. The first epoch over some rows records its step as a graph, which later steps replay: a step is some twenty-five
//! small kernels, whose launches would take longer than their work.

use std::ops::Range;
use std::sync::Mutex;

use cudarc::driver::sys::{CUdeviceptr, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaGraph, DeviceRepr, ValidAsZeroBits};

use crate::abi;
use crate::arguments;
use crate::gpu::{
    self, Buffer, Device, Fault, Gpu, Kernel, Product, Result, THREADS, WARP, address, address_at, hold, plain,
    transposed,
};
use crate::rows::{Rows, RowsAt};

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

/// Blocks of a kernel with a thread for each number.
fn for_each(count: u32) -> (u32, u32) {
    (count.div_ceil(THREADS), 1)
}

/// Blocks of a kernel with a warp for each row.
fn for_rows(rows: u32) -> (u32, u32) {
    (rows.div_ceil(THREADS / WARP), 1)
}

/// Leaves the logits of a batch in the work's buffer.
///
/// # Safety
/// Buffers are as long as plan, rows and batch say; the work has room for the batch.
unsafe fn forward(gpu: &Gpu, click: &Click, state: &State, rows: &RowsAt, batch: &BatchAt) -> Result<()> {
    let (plan, kernels, work) = (&click.plan, &click.kernels, &state.work);
    let (count, width) = (batch.batch_rows, plan.width());
    let (row, sums, logits) = (address(&work.row), address(&work.sums), address(&work.logits));
    let (linear, vectors) = (address(&state.linear.values), address(&state.vectors.values));
    let bias = address_at(&state.dense, plan.bias);
    let dense_weights = address_at(&state.dense, plan.dense_weights);
    let with = arguments![plan.shape, *rows, *batch, linear, vectors, bias, dense_weights, row, sums, logits];
    // SAFETY: promised by the caller, here and below.
    unsafe { gpu.launch(&kernels.gather, for_rows(count), THREADS, 0, with) }?;
    if let Some((users, items, form)) = plan.bilinear {
        let (user, item, product) = (address(&work.user), address(&work.item), address(&work.product));
        for (columns, picked, to) in [(&state.user_columns, users, user), (&state.item_columns, items, item)] {
            let (columns, picked) = (address(columns), picked as u32);
            let (numbers, width) = (count * picked, width as u32);
            let with = arguments![row, columns, width, picked, to, numbers];
            // SAFETY: as above.
            unsafe { gpu.launch(&kernels.pick, for_each(numbers), THREADS, 0, with) }?;
        }
        let shape = Product::single((count as usize, users, items));
        let items = items as u32;
        // SAFETY: as above.
        unsafe {
            gpu.multiply(&shape, plain(user), plain(address_at(&state.dense, form)), product, false)?;
            let with = arguments![product, item, items, logits, count];
            gpu.launch(&kernels.bilinear, for_rows(count), THREADS, 0, with)?;
        }
    }
    let mut input = row;
    for (number, layer) in plan.tower.iter().enumerate() {
        let output = address(&work.tower[number].0);
        let shape = Product::single((count as usize, layer.inputs, layer.outputs));
        let (bias, outputs) = (address_at(&state.dense, layer.bias), layer.outputs as u32);
        let (numbers, is_rectified) = (count * outputs, u32::from(number + 1 < plan.tower.len()));
        // SAFETY: as above.
        unsafe {
            gpu.multiply(&shape, plain(input), plain(address_at(&state.dense, layer.weight)), output, false)?;
            let with = arguments![output, bias, numbers, outputs, is_rectified];
            gpu.launch(&kernels.add_bias, for_each(numbers), THREADS, 0, with)?;
        }
        input = output;
    }
    if !plan.tower.is_empty() {
        // SAFETY: as above.
        unsafe { gpu.launch(&kernels.add_to, for_each(count), THREADS, 0, arguments![logits, input, count]) }?;
    }
    if plan.cross_layers > 0 {
        let (blocks, crossed) = (address_at(&state.dense, plan.cross), address(&work.crossed));
        let (layers, width) = (plan.cross_layers as u32, width as u32);
        let with = arguments![row, width, layers, blocks, crossed, logits, count];
        // SAFETY: as above.
        unsafe { gpu.launch(&kernels.cross, for_rows(count), THREADS, 0, with) }?;
    }
    Ok(())
}

/// One step of training.
struct Step<'a> {
    gpu: &'a Gpu,
    click: &'a Click,
    state: &'a State,
    rows: RowsAt,
    /// Rows of the epoch.
    count: usize,
    epoch: &'a abi::Epoch,
}

impl Step<'_> {
    /// Puts the whole step on the stream.
    ///
    /// # Safety
    /// As for [`forward`].
    unsafe fn step(&self) -> Result<()> {
        let (gpu, state, plan, kernels) = (self.gpu, self.state, &self.click.plan, &self.click.kernels);
        let Some(training) = &state.training else {
            return Err(Fault::refused("the click model was not prepared for training"));
        };
        let work = &state.work;
        let batch = BatchAt {
            order: address(&training.order),
            clock: address(&training.clock),
            first: 0,
            rows: self.count as u64,
            batch_rows: self.epoch.batch_rows,
        };
        let (count, rows) = (batch.batch_rows, self.rows);
        let (logits, slopes, loss) = (address(&work.logits), address(&work.slopes), address(&training.loss));
        let bias_gradient = address_at(&training.gradient, plan.bias);
        let (row, row_slope, sums) = (address(&work.row), address(&work.row_slope), address(&work.sums));
        let numbers = count * plan.shape.width;
        let table = |table: &Table| TableAt {
            values: address(&table.values),
            gradient: address(&table.gradient),
            mean: address(&table.mean),
            square: address(&table.square),
            penalty: address(&training.penalty),
            stamp: address(&training.stamp),
        };
        let (linear, vectors) = (table(&state.linear), table(&state.vectors));
        let (values, gradient) = (address(&state.dense), address(&training.gradient));
        let (mean, square) = (address(&training.mean), address(&training.square));
        let (clock, scales) = (address(&training.clock), address(&training.scales));
        let (dense, decay) = (plan.numbers as u32, self.epoch.decay);
        // SAFETY: promised by the caller.
        unsafe {
            forward(gpu, self.click, state, &rows, &batch)?;
            let with = arguments![rows, batch, logits, slopes, bias_gradient, loss];
            gpu.launch(&kernels.slopes_of, (1, 1), 1024, 0, with)?;
            let with = arguments![plan.shape, row, sums, slopes, row_slope, numbers];
            gpu.launch(&kernels.begin_row_slope, for_each(numbers), THREADS, 0, with)?;
            self.dense_back(training)?;
            self.bilinear_back(training)?;
            self.tower_back(training)?;
            self.cross_back(training)?;
            let with = arguments![plan.shape, rows, batch, slopes, row_slope, linear, vectors];
            gpu.launch(&kernels.scatter, for_rows(count), THREADS, 0, with)?;
            let with = arguments![plan.shape, rows, batch, linear, vectors, scales];
            gpu.launch(&kernels.step_tables, for_rows(count), THREADS, 0, with)?;
            let with = arguments![values, gradient, mean, square, dense, decay, clock, scales];
            gpu.launch(&kernels.step_dense, for_each(dense), THREADS, 0, with)?;
            gpu.launch(&kernels.tick, (1, 1), 1, 0, arguments![clock])
        }
    }

    /// Weights of the dense numbers, which stand at the end of the gathered rows.
    unsafe fn dense_back(&self, training: &Training) -> Result<()> {
        let (plan, work) = (&self.click.plan, &self.state.work);
        let dense = plan.shape.dense as usize;
        if plan.shape.is_linear == 0 || dense == 0 {
            return Ok(());
        }
        let numbers = address_at(&work.row, plan.width() - dense);
        let to = address_at(&training.gradient, plan.dense_weights);
        let shape = (self.epoch.batch_rows as usize, dense, plan.width());
        // SAFETY: promised by the caller of `step`, here and below.
        unsafe { self.gpu.weigh(shape, numbers, address(&work.slopes), to) }
    }

    unsafe fn bilinear_back(&self, training: &Training) -> Result<()> {
        let (plan, kernels, work) = (&self.click.plan, &self.click.kernels, &self.state.work);
        let Some((users, items, form)) = plan.bilinear else { return Ok(()) };
        let (count, width) = (self.epoch.batch_rows, plan.shape.width);
        let (user, item, product) = (address(&work.user), address(&work.item), address(&work.product));
        let (slopes, row_slope) = (address(&work.slopes), address(&work.row_slope));
        let (user_columns, item_columns) = (address(&self.state.user_columns), address(&self.state.item_columns));
        let (user_width, item_width) = (users as u32, items as u32);
        let (of_users, of_items) = (count * user_width, count * item_width);
        let rows = count as usize;
        let (weights, to) = (address_at(&self.state.dense, form), address_at(&training.gradient, form));
        // SAFETY: as above.
        unsafe {
            let with = arguments![product, item, item_columns, item_width, slopes, row_slope, width, of_items];
            self.gpu.launch(&kernels.bilinear_item_back, for_each(of_items), THREADS, 0, with)?;
            self.gpu.multiply(&Product::single((users, rows, items)), transposed(user), plain(item), to, false)?;
            let shape = Product::single((rows, items, users));
            self.gpu.multiply(&shape, plain(item), transposed(weights), product, false)?;
            let with = arguments![product, user_columns, user_width, row_slope, width, of_users];
            self.gpu.launch(&kernels.bilinear_user_back, for_each(of_users), THREADS, 0, with)
        }
    }

    unsafe fn tower_back(&self, training: &Training) -> Result<()> {
        let (gpu, plan, kernels, work) = (self.gpu, &self.click.plan, &self.click.kernels, &self.state.work);
        let (rows, ones) = (self.epoch.batch_rows as usize, address(&work.ones));
        let mut slope = address(&work.slopes);
        for (number, layer) in plan.tower.iter().enumerate().rev() {
            let outputs = layer.outputs as u32;
            let numbers = self.epoch.batch_rows * outputs;
            let output = address(&work.tower[number].0);
            let before = number.checked_sub(1);
            let input = before.map_or(address(&work.row), |before| address(&work.tower[before].0));
            let input_slope = before.map_or(address(&work.row_slope), |before| address(&work.tower[before].1));
            let weights = address_at(&self.state.dense, layer.weight);
            let (to, bias_to) =
                (address_at(&training.gradient, layer.weight), address_at(&training.gradient, layer.bias));
            // SAFETY: as above.
            unsafe {
                if number + 1 < plan.tower.len() {
                    gpu.launch(&kernels.shut, for_each(numbers), THREADS, 0, arguments![slope, output, numbers])?;
                }
                let shape = Product::single((layer.inputs, rows, layer.outputs));
                gpu.multiply(&shape, transposed(input), plain(slope), to, false)?;
                gpu.weigh((rows, layer.outputs, layer.outputs), slope, ones, bias_to)?;
                let shape = Product::single((rows, layer.outputs, layer.inputs));
                gpu.multiply(&shape, plain(slope), transposed(weights), input_slope, number == 0)?;
            }
            slope = input_slope;
        }
        Ok(())
    }

    unsafe fn cross_back(&self, training: &Training) -> Result<()> {
        let (gpu, plan, work) = (self.gpu, &self.click.plan, &self.state.work);
        if plan.cross_layers == 0 {
            return Ok(());
        }
        let (rows, width) = (self.epoch.batch_rows as usize, plan.width());
        let (row, row_slope, slopes) = (address(&work.row), address(&work.row_slope), address(&work.slopes));
        let (columns, layers, count) = (width as u32, plan.cross_layers as u32, self.epoch.batch_rows);
        let (blocks, crossed) = (address_at(&self.state.dense, plan.cross), address(&work.crossed));
        let (out_slopes, scale_slopes) = (address(&work.cross_slopes), address(&work.scale_slopes));
        let with =
            arguments![row, columns, layers, blocks, crossed, slopes, out_slopes, scale_slopes, row_slope, count];
        // SAFETY: as above.
        unsafe { gpu.launch(&self.click.kernels.cross_back, for_rows(count), THREADS, 0, with) }?;
        let matrix = |buffer: &Buffer<f32>, layer: usize| address_at(buffer, layer * rows * width);
        let gradient = |number: usize| address_at(&training.gradient, plan.cross + number * width);
        let shape = (rows, width, width);
        for layer in 0..plan.cross_layers {
            let input = if layer == 0 { row } else { matrix(&work.crossed, layer - 1) };
            let scale_slope = address_at(&work.scale_slopes, layer * rows);
            // SAFETY: as above.
            unsafe {
                gpu.weigh(shape, input, scale_slope, gradient(2 * layer))?;
                gpu.weigh(shape, matrix(&work.cross_slopes, layer), address(&work.ones), gradient(2 * layer + 1))?;
            }
        }
        let last = matrix(&work.crossed, plan.cross_layers - 1);
        // SAFETY: as above.
        unsafe { gpu.weigh(shape, last, slopes, gradient(2 * plan.cross_layers)) }
    }
}
