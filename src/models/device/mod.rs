//! What models run on: the processor, or a CUDA device.
//!
//! The program has no CUDA in it. A plugin has, `libsteward_cuda.so`, which is built from the folder `cuda/` and opened here
//! when it lies beside the program; both speak the plain C interface of [`abi`]. So one program runs everywhere: where the
//! plugin, the driver or a device is missing, the processor does the work and [`told`] says why. docs/decisions/cuda-as-a-plugin.md
//! has the reasons.
//!
//! [`choose`] is asked once, when the program starts; what was chosen holds until it ends. Until then, and in tests,
//! [`current`] is the processor. `encoder` and `ctr` each have a file `accelerated` that puts their weights on the device. Answers
//! are the processor's to the digits that docs/sql.md states.
//!
//! A device that was opened but fails in the middle of a prediction is no reason for an error: the processor answers, and the log
//! says so. A training that fails there ends with an error.

// The plugin, which compiles it too, uses the rest.
#[expect(dead_code)]
mod abi;
mod click;
mod library;
mod opened;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Kind, Result};
pub(super) use click::{BagOf, ClickNetwork, ClickPlan, ClickRows, StepScale};
use library::Library;
pub use opened::Device;
#[cfg(test)]
use opened::checked;
pub(super) use text::{TextEncoder, TextShape};

/// Name of the plugin's file, looked for beside the program.
const PLUGIN_FILE: &str = "libsteward_cuda.so";
/// Names another file instead.
const PLUGIN_VARIABLE: &str = "STEWARD_CUDA";

/// Numbers as the plugin takes them; they must outlive the call.
fn numbers(slice: &[f32]) -> abi::Numbers {
    abi::Numbers { start: slice.as_ptr(), count: slice.len() }
}

/// What an administrator wants models to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The first CUDA device if there is one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// This CUDA device and no other.
    Cuda(u32),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = |digits: &str| digits.parse().map(Self::Cuda).ok();
        let known = match text.to_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            other => other.strip_prefix("cuda:").and_then(number),
        };
        known.ok_or_else(|| "write auto, cpu, or cuda:0 with the number of a device".to_owned())
    }
}

/// What models run on.
#[derive(Debug)]
struct Chosen {
    device: Option<Arc<Device>>,
    name: String,
    told: String,
}

impl Chosen {
    fn processor(told: String) -> Self {
        Self { device: None, name: "cpu".to_owned(), told }
    }
}

static CHOSEN: OnceLock<Chosen> = OnceLock::new();

/// Decides for the rest of the program what models run on. [`Kind::Configuration`] when a device was asked for by number that
/// cannot be had. Asked again, it keeps to the first decision.
pub fn choose(choice: Choice) -> Result<()> {
    if CHOSEN.get().is_none() {
        let chosen = decide(choice, &plugin_file())?;
        // Another thread may have been first; its decision holds.
        _ = CHOSEN.set(chosen);
    }
    Ok(())
}

/// The CUDA device that models run on; none: the processor.
pub fn current() -> Option<&'static Arc<Device>> {
    CHOSEN.get()?.device.as_ref()
}

/// What models run on, as `cpu` or `cuda:0`.
pub fn name() -> &'static str {
    CHOSEN.get().map_or("cpu", |chosen| &chosen.name)
}

/// What models run on and why, in a sentence without its full stop.
pub fn told() -> &'static str {
    CHOSEN.get().map_or("Models run on the processor", |chosen| &chosen.told)
}

fn plugin_file() -> PathBuf {
    match std::env::var_os(PLUGIN_VARIABLE) {
        Some(file) if !file.is_empty() => file.into(),
        _ => {
            let program = std::env::current_exe().unwrap_or_default();
            program.parent().unwrap_or(Path::new(".")).join(PLUGIN_FILE)
        }
    }
}

fn decide(choice: Choice, file: &Path) -> Result<Chosen> {
    let ordinal = match choice {
        Choice::Cpu => {
            return Ok(Chosen::processor("Models run on the processor, as was asked for".to_owned()));
        }
        Choice::Auto => 0,
        Choice::Cuda(ordinal) => ordinal,
    };
    match Library::open(file).and_then(|library| Device::open(library, ordinal)) {
        Ok(device) => {
            let (name, gib) = (device.name(), device.memory_bytes() >> 30);
            let told = format!("Models run on cuda:{ordinal}, {name} with {gib} GiB");
            Ok(Chosen { device: Some(Arc::new(device)), name: format!("cuda:{ordinal}"), told })
        }
        Err(error) if choice == Choice::Auto => {
            Ok(Chosen::processor(format!("Models run on the processor: {}", error.message())))
        }
        Err(error) => {
            Err(Error::new(Kind::Configuration, format!("cuda:{ordinal} cannot be used: {}", error.message()))
                .with_hint(format!(
                    "Put {PLUGIN_FILE} beside the program or name it in {PLUGIN_VARIABLE}, and see that the driver and \
                 cuBLAS are installed (cuda/README.md); or say --device auto."
                )))
        }
    }
}

/// The device of tests that want one; none, with a word why, where `STEWARD_CUDA` names no plugin that can open one.
#[cfg(test)]
pub(super) fn for_tests() -> Option<Arc<Device>> {
    let named = std::env::var_os(PLUGIN_VARIABLE).is_some();
    let device = named.then(|| decide(Choice::Auto, &plugin_file()).unwrap().device).flatten();
    if device.is_none() {
        eprintln!("skipped: {PLUGIN_VARIABLE} names no plugin with a CUDA device");
    }
    device
}
