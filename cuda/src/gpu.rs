//! A device: its stream, the kernels, cuBLAS, and what can go wrong.

use std::ffi::{CString, c_int, c_void};
use std::sync::{Arc, Mutex, MutexGuard};

use cudarc::cublas::result as blas_result;
use cudarc::cublas::sys as blas;
use cudarc::driver::result as driver_result;
use cudarc::driver::sys::{self as driver, CUdeviceptr, CUfunction, CUresult};
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DevicePtr, DeviceRepr, DriverError, ValidAsZeroBits};

use crate::abi;

/// Threads of a block where nothing else is said.
pub const THREADS: u32 = 256;
/// Threads that run in step.
pub const WARP: u32 = 32;
/// cuBLAS's room for partial sums, given once so that no product has to ask for it, and all run as if for the first time.
const WORKSPACE_BYTES: usize = 64 << 20;

/// Why something could not be done: a status of the interface, and words.
pub struct Fault {
    pub status: u32,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub fn new(status: u32, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// Arguments that do not fit together.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(abi::REFUSED, message)
    }
}

impl From<DriverError> for Fault {
    fn from(error: DriverError) -> Self {
        let status = match error.0 {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => abi::MEMORY,
            CUresult::CUDA_ERROR_NO_DEVICE
            | CUresult::CUDA_ERROR_INVALID_DEVICE
            | CUresult::CUDA_ERROR_STUB_LIBRARY
            | CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
            | CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU
            | CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => abi::ABSENT,
            _ => abi::FAILED,
        };
        Self::new(status, format!("the CUDA driver says {:?}", error.0))
    }
}

impl From<blas_result::CublasError> for Fault {
    fn from(error: blas_result::CublasError) -> Self {
        let status = match error.0 {
            blas::cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED => abi::MEMORY,
            _ => abi::FAILED,
        };
        Self::new(status, format!("cuBLAS says {:?}", error.0))
    }
}

/// Numbers on the device.
pub type Buffer<T> = CudaSlice<T>;

/// An open device. What is done with it is done in order on one stream, by whoever holds the lock.
pub struct Gpu {
    pub context: Arc<CudaContext>,
    pub stream: Arc<CudaStream>,
    encoder: driver::CUmodule,
    click: driver::CUmodule,
    blas: blas::cublasHandle_t,
    _workspace: Buffer<u8>,
}

// SAFETY: the raw handles are only used by the holder of the lock in `Device`, with the context bound to its thread.
unsafe impl Send for Gpu {}

/// A device behind its lock, shared by everything that lies on it.
pub type Device = Arc<Mutex<Gpu>>;

/// The device, its context bound to this thread. One whose holder panicked is taken as it is: the interface reported it.
pub fn hold(device: &Device) -> Result<MutexGuard<'_, Gpu>> {
    let gpu = device.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    gpu.context.bind_to_thread()?;
    Ok(gpu)
}

/// Fatbins want to lie on eight bytes.
#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);
static ENCODER: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/encoder.fatbin")));
static CLICK: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/click.fatbin")));

impl Gpu {
    /// Opens device number `ordinal`.
    pub fn open(ordinal: u32) -> Result<Self> {
        // SAFETY: only looks whether the libraries can be opened.
        let (has_driver, has_blas) = unsafe { (driver::is_culib_present(), blas::is_culib_present()) };
        if !has_driver {
            return Err(Fault::new(abi::ABSENT, "there is no CUDA driver (libcuda.so.1)"));
        }
        if !has_blas {
            return Err(Fault::new(
                abi::ABSENT,
                "there is no cuBLAS (libcublas.so.13): put it beside the plugin or into LD_LIBRARY_PATH",
            ));
        }
        driver_result::init()?;
        let devices = CudaContext::device_count()?;
        if i64::from(ordinal) >= i64::from(devices) {
            return Err(Fault::new(abi::ABSENT, format!("there is no CUDA device {ordinal}; there are {devices}")));
        }
        let context = CudaContext::new(ordinal as usize)?;
        // SAFETY: one stream does everything, in order.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream()?;
        let load = |code: &[u8]| -> Result<driver::CUmodule> {
            // SAFETY: the bytes are a whole fatbin, made by this crate's build.
            Ok(unsafe { driver_result::module::load_data(code.as_ptr().cast()) }?)
        };
        let (encoder, click) = (load(&ENCODER.0)?, load(&CLICK.0)?);
        // SAFETY: written by cuBLAS before it reads it.
        let workspace = unsafe { stream.alloc::<u8>(WORKSPACE_BYTES)? };
        let blas_handle = blas_result::create_handle()?;
        // SAFETY: handle, stream and workspace live as long as the device.
        unsafe {
            blas_result::set_stream(blas_handle, stream.cu_stream().cast())?;
            blas::cublasSetWorkspace_v2(blas_handle, address(&workspace) as *mut c_void, WORKSPACE_BYTES).result()?;
        }
        Ok(Self { context, stream, encoder, click, blas: blas_handle, _workspace: workspace })
    }

    /// The kernel called `name` of a file of kernels.
    pub fn kernel(&self, file: Kernels, name: &str) -> Result<Kernel> {
        let name = CString::new(name).map_err(|_| Fault::new(abi::FAILED, "a kernel's name has a zero"))?;
        let module = match file {
            Kernels::Encoder => self.encoder,
            Kernels::Click => self.click,
        };
        // SAFETY: the module stays loaded.
        Ok(Kernel(unsafe { driver_result::module::get_function(module, name) }?))
    }

    /// Lets a kernel have `bytes` of shared memory in a block, or says that the device has less.
    pub fn allow_shared(&self, kernel: &Kernel, bytes: usize) -> Result<()> {
        let most = self
            .context
            .attribute(driver::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        if bytes > most as usize {
            return Err(Fault::refused(format!("a block would need {bytes} bytes of shared memory of {most}")));
        }
        let attribute = driver::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function stays loaded.
        unsafe { driver_result::function::set_function_attribute(kernel.0, attribute, bytes as i32) }?;
        Ok(())
    }

    /// Runs a kernel.
    ///
    /// # Safety
    /// `arguments` point to values of the kernel's parameter types, in their order; the buffers among them are as long as
    /// it needs and live until the stream is done.
    pub unsafe fn launch(
        &self,
        kernel: &Kernel,
        (blocks_x, blocks_y): (u32, u32),
        threads: u32,
        shared_bytes: usize,
        arguments: &mut [*mut c_void],
    ) -> Result<()> {
        if blocks_x == 0 || blocks_y == 0 {
            return Ok(());
        }
        let (grid, block) = ((blocks_x, blocks_y, 1), (threads, 1, 1));
        let stream = self.stream.cu_stream();
        // SAFETY: promised by the caller.
        unsafe { driver_result::launch_kernel(kernel.0, grid, block, shared_bytes as u32, stream, arguments) }?;
        Ok(())
    }

    /// A copy of `numbers` on the device; one number where there are none, as a buffer cannot be empty.
    pub fn upload<T: DeviceRepr + ValidAsZeroBits>(&self, numbers: &[T]) -> Result<Buffer<T>> {
        if numbers.is_empty() {
            return self.zeros(1);
        }
        Ok(self.stream.clone_htod(numbers)?)
    }

    /// `count` zeros on the device, at least one.
    pub fn zeros<T: DeviceRepr + ValidAsZeroBits>(&self, count: usize) -> Result<Buffer<T>> {
        Ok(self.stream.alloc_zeros(count.max(1))?)
    }

    /// Waits until all is done.
    pub fn finish(&self) -> Result<()> {
        Ok(self.stream.synchronize()?)
    }

    /// `c (rows x columns) = a (rows x inner) * b (inner x columns)`, added to `c` if `add`; all row-major.
    ///
    /// # Safety
    /// The addresses are of buffers as long as the shapes say.
    pub unsafe fn multiply(&self, product: &Product, a: Matrix, b: Matrix, c: CUdeviceptr, add: bool) -> Result<()> {
        let (rows, inner, columns) = product.shape;
        if rows == 0 || columns == 0 {
            return Ok(());
        }
        let (one, add) = (1.0f32, if add { 1.0f32 } else { 0.0 });
        let flag = |matrix: &Matrix| match matrix.is_transposed {
            true => blas::cublasOperation_t::CUBLAS_OP_T,
            false => blas::cublasOperation_t::CUBLAS_OP_N,
        };
        let step =
            |matrix: &Matrix, rows: usize, columns: usize| (if matrix.is_transposed { rows } else { columns }) as c_int;
        let (a_step, b_step) = (step(&a, rows, inner), step(&b, inner, columns));
        let (kind, compute) = (product.kind, product.compute);
        // cuBLAS thinks in columns: its product of the operands in turn is ours.
        // SAFETY: promised by the caller; the factors are read before the call returns.
        unsafe {
            blas_result::gemm_ex(
                self.blas,
                flag(&b),
                flag(&a),
                columns as c_int,
                rows as c_int,
                inner as c_int,
                (&raw const one).cast(),
                b.at as *const c_void,
                kind,
                b_step,
                a.at as *const c_void,
                kind,
                a_step,
                (&raw const add).cast(),
                c as *mut c_void,
                kind,
                columns as c_int,
                compute,
                blas::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )?;
        }
        Ok(())
    }

    /// `to[column] = sum over rows of matrix[row][column] * weights[row]`, in single precision; rows lie `step` apart.
    ///
    /// # Safety
    /// As for [`Gpu::multiply`].
    pub unsafe fn weigh(
        &self,
        (rows, columns, step): (usize, usize, usize),
        matrix: CUdeviceptr,
        weights: CUdeviceptr,
        to: CUdeviceptr,
    ) -> Result<()> {
        if rows == 0 || columns == 0 {
            return Ok(());
        }
        let (one, none) = (1.0f32, 0.0f32);
        // SAFETY: promised by the caller.
        unsafe {
            blas_result::sgemv(
                self.blas,
                blas::cublasOperation_t::CUBLAS_OP_N,
                columns as c_int,
                rows as c_int,
                &one,
                matrix as *const f32,
                step as c_int,
                weights as *const f32,
                1,
                &none,
                to as *mut f32,
                1,
            )?;
        }
        Ok(())
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure.
        let _ = self.context.bind_to_thread();
        let _ = self.stream.synchronize();
        // SAFETY: neither is used after this.
        unsafe {
            let _ = blas_result::destroy_handle(self.blas);
            for module in [self.encoder, self.click] {
                let _ = driver_result::module::unload(module);
            }
        }
    }
}

/// The files of kernels.
#[derive(Clone, Copy)]
pub enum Kernels {
    /// encoder.cu
    Encoder,
    /// click.cu
    Click,
}

/// A kernel of a loaded module.
#[derive(Clone, Copy)]
pub struct Kernel(CUfunction);

// SAFETY: a handle that the driver lets any thread use.
unsafe impl Send for Kernel {}

/// The shape and the arithmetic of a product.
pub struct Product {
    /// Rows, inner and columns.
    pub shape: (usize, usize, usize),
    /// How numbers are stored.
    pub kind: blas::cudaDataType_t,
    /// How they are multiplied and summed.
    pub compute: blas::cublasComputeType_t,
}

impl Product {
    /// In single precision throughout.
    pub fn single(shape: (usize, usize, usize)) -> Self {
        let kind = blas::cudaDataType_t::CUDA_R_32F;
        Self { shape, kind, compute: blas::cublasComputeType_t::CUBLAS_COMPUTE_32F }
    }
}

/// An operand: where it lies, and whether it lies as its transpose.
#[derive(Clone, Copy)]
pub struct Matrix {
    at: CUdeviceptr,
    is_transposed: bool,
}

/// A matrix as it lies.
pub fn plain(at: CUdeviceptr) -> Matrix {
    Matrix { at, is_transposed: false }
}

/// A matrix that lies as its transpose.
pub fn transposed(at: CUdeviceptr) -> Matrix {
    Matrix { at, is_transposed: true }
}

/// Where a buffer lies.
pub fn address<T>(buffer: &Buffer<T>) -> CUdeviceptr {
    // Without event tracking the stream is not looked at.
    buffer.device_ptr(buffer.stream()).0
}

/// Where number `offset` of a buffer lies.
pub fn address_at<T>(buffer: &Buffer<T>, offset: usize) -> CUdeviceptr {
    address(buffer) + (offset * size_of::<T>()) as CUdeviceptr
}

/// The arguments of a kernel, each a value that stands in a variable.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {
        &mut [$((&raw const $argument).cast_mut().cast::<std::ffi::c_void>()),*]
    };
}
