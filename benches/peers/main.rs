//! Three questions of speed, each asked beside a peer on the same machine in the same run (`benches/README.md`).
//!
//! * `load`: bulk load and three queries of TPC-H at scale 0.1, beside PostgreSQL;
//! * `classify`: texts a second through CLASSIFY, beside the same encoder under ONNX Runtime;
//! * `ctr`: rows a second through PREDICT_CTR, beside LightGBM or scikit-learn.
//!
//! Steward is asked as its users ask it: over the wire, on a sealed database in a folder, commits durable. A peer that is
//! not installed is said to be missing and nothing else; our own figure stands alone then.

mod classify;
mod ctr;
mod door;
mod postgres;
mod python;
mod table;
mod tpch;

use table::Table;

fn main() {
    // Cargo adds `--bench`.
    let mut wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if wanted.is_empty() {
        wanted = ["load", "classify", "ctr"].map(str::to_owned).to_vec();
    }
    if let Some(unknown) = wanted.iter().find(|word| !matches!(word.as_str(), "load" | "classify" | "ctr")) {
        eprintln!("there is no bench \"{unknown}\": choose from load, classify, ctr");
        std::process::exit(2);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(16 << 20).build().expect("threads");
    let mut table = Table::default();
    for name in &wanted {
        match name.as_str() {
            "load" => runtime.block_on(tpch::run(&mut table)),
            "classify" => runtime.block_on(classify::run(&mut table)),
            _ => runtime.block_on(ctr::run(&mut table)),
        }
    }
    println!("\n{table}");
}
