//! What a batch goes through on the device: forward to its logits, and in training back again and a step of the weights.

use super::{BatchAt, Click, State, Table, TableAt, Training};
use crate::abi;
use crate::arguments;
use crate::gpu::{Buffer, Fault, Gpu, Product, Result, THREADS, WARP, address, address_at, plain, transposed};
use crate::rows::RowsAt;

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
pub(super) unsafe fn forward(gpu: &Gpu, click: &Click, state: &State, rows: &RowsAt, batch: &BatchAt) -> Result<()> {
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
pub(super) struct Step<'a> {
    pub(super) gpu: &'a Gpu,
    pub(super) click: &'a Click,
    pub(super) state: &'a State,
    pub(super) rows: RowsAt,
    /// Rows of the epoch.
    pub(super) count: usize,
    pub(super) epoch: &'a abi::Epoch,
}

impl Step<'_> {
    /// Puts the whole step on the stream.
    ///
    /// # Safety
    /// As for [`forward`].
    pub(super) unsafe fn step(&self) -> Result<()> {
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
