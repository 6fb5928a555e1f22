//! Compiles the kernels with NVIDIA's compiler, which needs no GPU and comes from PyPI where no CUDA toolkit is (README.md).

use std::env;
use std::path::PathBuf;
use std::process::Command;

const KERNELS: [&str; 2] = ["encoder", "click"];

/// Machine code for what data centres have, and the portable form that the driver compiles for everything newer than the
/// first: STEWARD_CUDA_TARGETS changes it, as in `80 90 90p`.
const TARGETS: &str = "80 86 89 90 90p";

fn main() {
    println!("cargo:rerun-if-changed=src/kernels");
    for name in ["NVCC", "CUDA_HOME", "STEWARD_CUDA_TARGETS"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN");
    let compiler = env::var("NVCC").map(PathBuf::from).unwrap_or_else(|_| {
        env::var("CUDA_HOME").map_or_else(|_| PathBuf::from("nvcc"), |home| PathBuf::from(home).join("bin/nvcc"))
    });
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo says where outputs go"));
    let targets = env::var("STEWARD_CUDA_TARGETS").unwrap_or_else(|_| TARGETS.to_owned());
    for kernel in KERNELS {
        let mut command = Command::new(&compiler);
        command.args(["-fatbin", "-O3", "-std=c++17", "-o"]).arg(out.join(format!("{kernel}.fatbin")));
        for target in targets.split_whitespace() {
            match target.strip_suffix('p') {
                Some(number) => command.arg(format!("-gencode=arch=compute_{number},code=compute_{number}")),
                None => command.arg(format!("-gencode=arch=compute_{target},code=sm_{target}")),
            };
        }
        command.arg(format!("src/kernels/{kernel}.cu"));
        let done = command.status().unwrap_or_else(|error| {
            panic!(
                "{} cannot be run ({error}): set NVCC or CUDA_HOME; README.md says how to get it",
                compiler.display()
            )
        });
        assert!(done.success(), "{} refused src/kernels/{kernel}.cu", compiler.display());
    }
}
