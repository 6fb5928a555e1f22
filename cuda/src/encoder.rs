//! The text encoder's forward pass on the device: the same steps as `src/models/encoder/network.rs`, whole batches at once.
//!
//! Tokens of all texts of a call lie one after another; each linear layer is one product over all of them, and biases are
//! added by whatever comes next. Buffers grow to the largest batch and stay.

use cudarc::cublas::sys::{cublasComputeType_t, cudaDataType_t};
use cudarc::driver::sys::CUdeviceptr;

use crate::abi::{self, EncoderShape};
use crate::arguments;
use crate::gpu::{
    self, Buffer, Device, Fault, Gpu, Kernel, Product, Result, THREADS, WARP, address, hold, plain, transposed,
};

/// Tokens of a text at most: what the attention's kernel keeps in registers.
const TOKENS_MAX: usize = 128;
/// Tokens of a call at most.
const BATCH_TOKENS_MAX: usize = 1 << 20;
/// Warps of a block where each deals with a token.
const TOKENS_A_BLOCK: u32 = 4;
/// Threads of a block of the attention.
const ATTEND_THREADS: u32 = 128;
/// Threads of a block that sums up a text.
const POOL_THREADS: u32 = 128;

/// A linear layer: weights as stored for products, a row for each output, and its bias.
struct Linear {
    weights: Buffer<u8>,
    bias: Buffer<f32>,
    inputs: usize,
    outputs: usize,
}

struct Norm {
    weight: Buffer<f32>,
    bias: Buffer<f32>,
}

struct Layer {
    qkv: Linear,
    attended: Linear,
    attended_norm: Norm,
    up: Linear,
    down: Linear,
    down_norm: Norm,
}

struct Kernels {
    embed: Kernel,
    add_norm: Kernel,
    bias_gelu: Kernel,
    attend: Kernel,
    pool: Kernel,
}

/// Buffers of one batch.
struct Work {
    tokens_max: usize,
    x: Buffer<u8>,
    qkv: Buffer<u8>,
    attended: Buffer<u8>,
    added: Buffer<u8>,
    wide: Buffer<u8>,
}

/// How numbers are stored and multiplied.
#[derive(Clone, Copy)]
struct Precision {
    name: &'static str,
    bytes: usize,
    kind: cudaDataType_t,
    compute: cublasComputeType_t,
}

impl Precision {
    fn of(number: u32) -> Result<Self> {
        use cublasComputeType_t::{CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32};
        use cudaDataType_t::{CUDA_R_16BF, CUDA_R_16F, CUDA_R_32F};
        let (name, bytes, kind, compute) = match number {
            abi::F32 => ("f32", 4, CUDA_R_32F, CUBLAS_COMPUTE_32F),
            abi::TF32 => ("f32", 4, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32),
            abi::F16 => ("f16", 2, CUDA_R_16F, CUBLAS_COMPUTE_32F),
            abi::BF16 => ("bf16", 2, CUDA_R_16BF, CUBLAS_COMPUTE_32F),
            _ => return Err(Fault::refused(format!("there is no precision {number}"))),
        };
        Ok(Self { name, bytes, kind, compute })
    }
}

/// An encoder's weights on a device.
pub struct Encoder {
    device: Device,
    shape: EncoderShape,
    precision: Precision,
    kernels: Kernels,
    words: Buffer<u8>,
    positions: Buffer<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    /// Taken only while the device is held.
    work: std::sync::Mutex<Work>,
}

/// Takes the blocks one after the other, each of a known length.
struct Blocks<'a>(std::slice::Iter<'a, &'a [f32]>);

impl<'a> Blocks<'a> {
    fn next(&mut self, count: usize) -> Result<&'a [f32]> {
        match self.0.next() {
            Some(block) if block.len() == count => Ok(block),
            Some(block) => {
                Err(Fault::refused(format!("a block of the encoder has {} numbers, not {count}", block.len())))
            }
            None => Err(Fault::refused("the encoder lacks a block")),
        }
    }
}

impl Encoder {
    /// Puts an encoder on the device.
    pub fn new(device: &Device, shape: EncoderShape, words: &[u8], blocks: &[&[f32]]) -> Result<Self> {
        let precision = Precision::of(shape.precision)?;
        let (hidden, wide) = (shape.hidden as usize, shape.wide as usize);
        let part = hidden.checked_div(shape.heads as usize).unwrap_or(0);
        if part == 0 || !part.is_multiple_of(2) || part * shape.heads as usize != hidden {
            return Err(Fault::refused(format!("{} heads in {hidden} numbers", shape.heads)));
        }
        if !hidden.is_multiple_of(32) || !wide.is_multiple_of(2) || hidden > 3072 || wide == 0 {
            return Err(Fault::refused(format!("an encoder {hidden} and {wide} wide")));
        }
        if words.len() != shape.words as usize * (hidden / 32 * 18) {
            return Err(Fault::refused("the word table is not as long as its shape"));
        }
        let gpu = hold(device)?;
        let kernel = |step: &str| gpu.kernel(gpu::Kernels::Encoder, &format!("{step}_{}", precision.name));
        let kernels = Kernels {
            embed: kernel("embed")?,
            add_norm: kernel("add_norm")?,
            bias_gelu: kernel("bias_gelu")?,
            attend: kernel("attend")?,
            pool: kernel("pool")?,
        };
        let narrow = kernel("narrow")?;
        let mut blocks = Blocks(blocks.iter());
        let positions = gpu.upload(blocks.next(shape.positions as usize * hidden)?)?;
        let norm = |blocks: &mut Blocks| -> Result<Norm> {
            Ok(Norm { weight: gpu.upload(blocks.next(hidden)?)?, bias: gpu.upload(blocks.next(hidden)?)? })
        };
        let linear = |blocks: &mut Blocks, inputs: usize, outputs: usize| -> Result<Linear> {
            let weights = stored(&gpu, &narrow, precision, blocks.next(inputs * outputs)?)?;
            Ok(Linear { weights, bias: gpu.upload(blocks.next(outputs)?)?, inputs, outputs })
        };
        let first_norm = norm(&mut blocks)?;
        let mut layers = Vec::new();
        for _ in 0..shape.layers {
            layers.push(Layer {
                qkv: linear(&mut blocks, hidden, 3 * hidden)?,
                attended: linear(&mut blocks, hidden, hidden)?,
                attended_norm: norm(&mut blocks)?,
                up: linear(&mut blocks, hidden, wide)?,
                down: linear(&mut blocks, wide, hidden)?,
                down_norm: norm(&mut blocks)?,
            });
        }
        if blocks.0.next().is_some() {
            return Err(Fault::refused("the encoder has more blocks than its shape says"));
        }
        let words = gpu.upload(words)?;
        gpu.allow_shared(&kernels.attend, attend_bytes(TOKENS_MAX, part))?;
        let work = std::sync::Mutex::new(Work::new(&gpu, &shape, precision, 0)?);
        gpu.finish()?;
        drop(gpu);
        Ok(Self { device: device.clone(), shape, precision, kernels, words, positions, norm: first_norm, layers, work })
    }

    /// Numbers of an embedding.
    pub fn hidden(&self) -> usize {
        self.shape.hidden as usize
    }

    /// The embeddings of texts, given as tokens one after another and where each text begins.
    pub fn run(&self, tokens: &[u32], starts: &[u32], out: &mut [f32]) -> Result<()> {
        let texts = starts.len().saturating_sub(1);
        let mut places = Vec::with_capacity(tokens.len());
        let mut longest = 0;
        for pair in starts.windows(2) {
            let length = pair[1].saturating_sub(pair[0]) as usize;
            if pair[1] < pair[0] || length > TOKENS_MAX || length > self.shape.positions as usize {
                return Err(Fault::refused(format!("a text of {length} tokens")));
            }
            longest = longest.max(length);
            places.extend(0..length as u32);
        }
        if places.len() != tokens.len() || starts.first() != Some(&0) || out.len() != texts * self.hidden() {
            return Err(Fault::refused("texts, tokens and room for embeddings do not fit together"));
        }
        if tokens.len() > BATCH_TOKENS_MAX {
            return Err(Fault::refused(format!("{} tokens at once", tokens.len())));
        }
        if let Some(word) = tokens.iter().find(|word| **word >= self.shape.words) {
            return Err(Fault::refused(format!("there is no word {word} in a table of {}", self.shape.words)));
        }
        if tokens.is_empty() {
            out.fill(0.0);
            return Ok(());
        }
        let gpu = hold(&self.device)?;
        let mut work = self.work.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if work.tokens_max < tokens.len() {
            *work = Work::new(&gpu, &self.shape, self.precision, tokens.len())?;
        }
        let (device_tokens, device_places) = (gpu.upload(tokens)?, gpu.upload(&places)?);
        let device_starts = gpu.upload(starts)?;
        let embeddings = gpu.zeros::<f32>(out.len())?;
        let batch = Batch {
            count: tokens.len(),
            texts,
            longest,
            tokens: address(&device_tokens),
            places: address(&device_places),
            starts: address(&device_starts),
        };
        // SAFETY: every buffer is as long as its shape and the batch say, and lives until the copy below is done.
        unsafe { self.forward(&gpu, &work, &batch, address(&embeddings)) }?;
        gpu.stream.memcpy_dtoh(&embeddings, out)?;
        gpu.finish()
    }

    unsafe fn forward(&self, gpu: &Gpu, work: &Work, batch: &Batch, out: CUdeviceptr) -> Result<()> {
        let (hidden, wide) = (self.hidden(), self.shape.wide as usize);
        let part = (hidden / self.shape.heads as usize) as i32;
        let (count, width, longest) = (batch.count as i32, hidden as i32, batch.longest as i32);
        let epsilon = self.shape.epsilon;
        let (x, qkv, attended) = (address(&work.x), address(&work.qkv), address(&work.attended));
        let (added, widened) = (address(&work.added), address(&work.wide));
        let a_token = (batch.count as u32).div_ceil(TOKENS_A_BLOCK);
        let (threads, row_bytes) = (TOKENS_A_BLOCK * WARP, TOKENS_A_BLOCK as usize * hidden * 4);
        let (words, positions) = (address(&self.words), address(&self.positions));
        let (weight, bias) = (address(&self.norm.weight), address(&self.norm.bias));
        let embed = arguments![batch.tokens, batch.places, count, words, positions, weight, bias, epsilon, width, x];
        // SAFETY: promised by the caller, here and below.
        unsafe { gpu.launch(&self.kernels.embed, (a_token, 1), threads, row_bytes, embed) }?;
        let add_norm = |added_bias: &Buffer<f32>, norm: &Norm| {
            let (added_bias, weight, bias) = (address(added_bias), address(&norm.weight), address(&norm.bias));
            let with = arguments![x, added, added_bias, count, weight, bias, epsilon, width];
            // SAFETY: as above.
            unsafe { gpu.launch(&self.kernels.add_norm, (a_token, 1), threads, row_bytes, with) }
        };
        for layer in &self.layers {
            // SAFETY: as above.
            unsafe {
                self.apply(gpu, &layer.qkv, batch.count, x, qkv)?;
                let bias = address(&layer.qkv.bias);
                let with = arguments![qkv, bias, batch.starts, width, part, longest, attended];
                let (grid, bytes) =
                    ((batch.texts as u32, self.shape.heads), attend_bytes(batch.longest, part as usize));
                gpu.launch(&self.kernels.attend, grid, ATTEND_THREADS, bytes, with)?;
                self.apply(gpu, &layer.attended, batch.count, attended, added)?;
                add_norm(&layer.attended.bias, &layer.attended_norm)?;
                self.apply(gpu, &layer.up, batch.count, x, widened)?;
                let (bias, numbers, columns) = (address(&layer.up.bias), batch.count * wide, wide as i32);
                let blocks = (numbers as u32 / 2).div_ceil(THREADS);
                let with = arguments![widened, bias, numbers, columns];
                gpu.launch(&self.kernels.bias_gelu, (blocks, 1), THREADS, 0, with)?;
                self.apply(gpu, &layer.down, batch.count, widened, added)?;
                add_norm(&layer.down.bias, &layer.down_norm)?;
            }
        }
        let with = arguments![x, batch.starts, width, out];
        let bytes = (hidden + (POOL_THREADS / WARP) as usize) * 4;
        // SAFETY: as above.
        unsafe { gpu.launch(&self.kernels.pool, (batch.texts as u32, 1), POOL_THREADS, bytes, with) }
    }

    /// A layer's product, without its bias.
    unsafe fn apply(&self, gpu: &Gpu, layer: &Linear, rows: usize, x: CUdeviceptr, out: CUdeviceptr) -> Result<()> {
        let shape = (rows, layer.inputs, layer.outputs);
        let product = Product { shape, kind: self.precision.kind, compute: self.precision.compute };
        // SAFETY: promised by the caller.
        unsafe { gpu.multiply(&product, plain(x), transposed(address(&layer.weights)), out, false) }
    }
}

/// What one call works on.
struct Batch {
    count: usize,
    texts: usize,
    longest: usize,
    tokens: CUdeviceptr,
    places: CUdeviceptr,
    starts: CUdeviceptr,
}

impl Work {
    fn new(gpu: &Gpu, shape: &EncoderShape, precision: Precision, tokens: usize) -> Result<Self> {
        let room = |width: u32| gpu.zeros::<u8>(tokens * width as usize * precision.bytes);
        Ok(Self {
            tokens_max: tokens,
            x: room(shape.hidden)?,
            qkv: room(3 * shape.hidden)?,
            attended: room(shape.hidden)?,
            added: room(shape.hidden)?,
            wide: room(shape.wide)?,
        })
    }
}

/// Shared memory of the attention: keys, values, and for each warp a query and its chances.
fn attend_bytes(tokens: usize, part: usize) -> usize {
    let warps = (ATTEND_THREADS / WARP) as usize;
    (tokens * (2 * part + 1) + warps * (part + tokens)) * 4
}

/// Numbers in the encoder's storage.
fn stored(gpu: &Gpu, narrow: &Kernel, precision: Precision, numbers: &[f32]) -> Result<Buffer<u8>> {
    let (from, to) = (gpu.upload(numbers)?, gpu.zeros::<u8>(numbers.len() * precision.bytes)?);
    let (from_at, to_at, count) = (address(&from), address(&to), numbers.len());
    let blocks = (count as u32 / 2).div_ceil(THREADS);
    // SAFETY: both are as long as `count` says; the stream frees `from` after the kernel.
    unsafe { gpu.launch(narrow, (blocks, 1), THREADS, 0, arguments![from_at, to_at, count]) }?;
    Ok(to)
}
