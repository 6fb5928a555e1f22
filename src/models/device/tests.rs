//! Where no CUDA device is: every way in which there can be none, and what is said of it. Where one is (`STEWARD_CUDA` names the
//! plugin): its answers beside the processor's.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;

/// The message of a decision that must fail for `cuda:0` and must fall to the processor, with the same reason, for `auto`.
fn refusal(file: &Path) -> String {
    let automatic = decide(Choice::Auto, file).unwrap();
    assert!(automatic.device.is_none());
    let error = decide(Choice::Cuda(0), file).unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration);
    assert!(error.hint().unwrap_or_default().contains("--device auto"), "{error}");
    let reason = error.message().strip_prefix("cuda:0 cannot be used: ").unwrap().to_owned();
    assert_eq!(automatic.told, format!("Models run on the processor: {reason}"));
    reason
}

/// A library made of some lines of C; none where there is no C compiler.
fn library(folder: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (from, to) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    fs::write(&from, source).unwrap();
    let done = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&to).arg(&from).status();
    done.is_ok_and(|status| status.success()).then_some(to)
}

#[test]
fn choices_are_read_as_they_are_written() {
    for (text, choice) in [
        ("auto", Choice::Auto),
        ("CPU", Choice::Cpu),
        ("cuda", Choice::Cuda(0)),
        ("cuda:0", Choice::Cuda(0)),
        ("cuda:7", Choice::Cuda(7)),
    ] {
        assert_eq!(text.parse(), Ok(choice));
    }
    for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:one", "cuda:0:1"] {
        assert!(text.parse::<Choice>().is_err(), "{text}");
    }
}

#[test]
fn without_a_plugin_the_processor_works_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refusal(&folder.path().join(PLUGIN_FILE)), "there is no CUDA plugin");
    let none = decide(Choice::Cpu, Path::new("/nowhere")).unwrap();
    assert_eq!((none.device.is_none(), none.told.as_str()), (true, "Models run on the processor, as was asked for"));
}

#[test]
fn files_that_are_no_plugin_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.so");
    fs::write(&text, "no library").unwrap();
    assert_eq!(refusal(&text), "the CUDA plugin cannot be opened as a library");
    assert_eq!(refusal(folder.path()), "the CUDA plugin cannot be opened as a library");
    let Some(other) = library(folder.path(), "other", "int something(void) { return 1; }") else {
        eprintln!("skipped: no C compiler");
        return;
    };
    assert_eq!(refusal(&other), "the CUDA plugin's file is a library of something else");
    let null = "const void *steward_cuda_plugin(void) { return 0; }";
    let null = library(folder.path(), "null", null).unwrap();
    assert_eq!(refusal(&null), "the CUDA plugin's file is a library of something else");
    let newer = "static unsigned version = 4000000; const void *steward_cuda_plugin(void) { return &version; }";
    let newer = library(folder.path(), "newer", newer).unwrap();
    let needed = abi::VERSION;
    assert_eq!(refusal(&newer), format!("the CUDA plugin is of version 4000000, this program needs {needed}"));
}

#[test]
fn what_a_plugin_refuses_becomes_an_error_with_its_words() {
    let said = |status: u32, words: &'static str| {
        checked(|message| {
            // SAFETY: the message is that of the call.
            let message = unsafe { &mut *message };
            message.text[..words.len()].copy_from_slice(words.as_bytes());
            message.count = words.len();
            status
        })
    };
    assert!(said(abi::DONE, "").is_ok());
    let kinds = [
        (abi::ABSENT, Kind::Configuration),
        (abi::MEMORY, Kind::OutOfMemory),
        (abi::REFUSED, Kind::Internal),
        (abi::FAILED, Kind::Io),
        (99, Kind::Io),
    ];
    for (status, kind) in kinds {
        let error = said(status, "words").unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.message().contains("words"));
    }
    // A count that no message can have must not be believed.
    let error = checked(|message| {
        // SAFETY: as above.
        unsafe { (*message).count = usize::MAX };
        abi::FAILED
    });
    assert_eq!(error.unwrap_err().message(), "the CUDA device failed: ");
}
