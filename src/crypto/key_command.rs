//! A master key from a command: the hook for a key service.
//!
//! The command's standard output is the key: 64 hexadecimal digits, or the same 32 bytes in Base64, or as they are; space
//! around the first two does not count. The command itself is never shown or logged, since a secret may stand in it, nor is
//! its output. Its standard error stream is ours, so that the service's own words reach whoever starts the program.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::master::MasterKey;
use crate::config::KEY_COMMAND_SECONDS_MAX;
use crate::encoding::unhex_pair;
use crate::error::{Error, Kind, Result};

/// Bytes of output that are read; a key has fewer.
const OUTPUT_BYTES_MAX: u64 = 1024;

impl MasterKey {
    /// Runs a command by `sh -c` and takes its output for the key. It has [`KEY_COMMAND_SECONDS_MAX`] seconds.
    pub fn from_command(command: &str) -> Result<Self> {
        Self::from_command_within(command, Duration::from_secs(KEY_COMMAND_SECONDS_MAX))
    }

    fn from_command_within(command: &str, patience: Duration) -> Result<Self> {
        let refuse = |how: String| {
            Error::new(Kind::Configuration, format!("the key command {how}"))
                .with_hint("Its standard output must be the key: 64 hexadecimal digits, or 32 bytes in Base64.")
        };
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .env_remove("STEWARD_KEY")
            .env_remove("STEWARD_PASSPHRASE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| refuse(format!("cannot be run: {error}")))?;
        let (sender, output) = mpsc::channel();
        let stdout = child.stdout.take();
        // On a thread of its own: what the command leaves running may hold its output open for ever.
        thread::spawn(move || {
            let mut text = Zeroizing::new(Vec::with_capacity(OUTPUT_BYTES_MAX as usize + 1));
            let read = stdout.map(|stdout| stdout.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut text));
            let _ = sender.send(read.unwrap_or(Ok(0)).map(|_| text));
        });
        let begun = Instant::now();
        let late = || refuse(format!("did not end within {} seconds", patience.as_secs()));
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() < patience => thread::sleep(Duration::from_millis(10)),
                Ok(None) => {
                    end_group(&child);
                    let _ = child.wait();
                    return Err(late());
                }
                Err(error) => return Err(Error::io("waiting for the key command", &error)),
            }
        };
        if !status.success() {
            return Err(refuse(format!("failed: {}", shown(status))));
        }
        let left = patience.saturating_sub(begun.elapsed()).max(Duration::from_millis(100));
        let text = output.recv_timeout(left).map_err(|_| late())?;
        let text = text.map_err(|error| Error::io("reading from the key command", &error))?;
        Self::from_text(&text).ok_or_else(|| refuse("gave something else than a key".to_owned()))
    }

    /// The key that these bytes spell; `None` when they spell none.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let trimmed = text.trim_ascii();
        let bytes = match (text.len(), trimmed.len()) {
            (_, 64) => hexadecimal(trimmed)?,
            (_, 43 | 44) => base64(trimmed)?,
            (32, _) => Zeroizing::new(text.to_vec()),
            _ => return None,
        };
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(bytes.get(..32).filter(|_| bytes.len() == 32)?);
        Some(Self::from_bytes(*key))
    }
}

/// Ends a command that leads a process group, and whatever it started.
fn end_group(leader: &Child) {
    // SAFETY: the call takes numbers only. The leader was not waited for, so nobody else has its number.
    unsafe { libc::kill(-(leader.id() as libc::pid_t), libc::SIGKILL) };
}

fn shown(status: ExitStatus) -> String {
    match status.code() {
        Some(127) => "there is no such command".to_owned(),
        Some(code) => format!("exit code {code}"),
        None => "it was ended by a signal".to_owned(),
    }
}

fn hexadecimal(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    for pair in digits.chunks_exact(2) {
        bytes.push(unhex_pair(pair[0], pair[1])?);
    }
    Some(bytes)
}

/// Base64 of RFC 4648, with its padding or without.
fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(33));
    let (mut bits, mut count) = (Zeroizing::new(0u32), 0);
    for &c in text.strip_suffix(b"=").unwrap_or(text) {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        *bits = *bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((*bits >> count) as u8);
            *bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_command_gives_a_key_in_any_of_three_spellings() {
        let expected: [u8; 32] = std::array::from_fn(|n| n as u8);
        for command in [
            format!("echo {HEX}"),
            format!("echo ' {BASE64}'"),
            format!("printf %s {}", BASE64.trim_end_matches('=')),
            format!("echo {BASE64} | base64 -d"),
        ] {
            let key = MasterKey::from_command(&command).unwrap();
            assert_eq!(key.bytes(), &expected, "{command}");
        }
    }

    #[test]
    fn a_failure_is_told_without_the_command() {
        for (command, told) in [
            ("token=geheim; exit 3", "exit code 3"),
            ("geheim-no-such-command", "no such command"),
            ("echo geheim", "something else"),
            ("printf %070d 0", "something else"),
            ("kill -9 $$ # geheim", "signal"),
            ("true geheim", "something else"),
        ] {
            let error = MasterKey::from_command(command).unwrap_err();
            assert_eq!(error.kind(), Kind::Configuration);
            assert!(error.message().contains(told), "{error}");
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
    }

    #[test]
    fn a_late_command_ends_with_all_that_it_started() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("number");
        let command = format!("sleep 600 & echo $! > {}; wait", file.display());
        let error = MasterKey::from_command_within(&command, Duration::from_millis(500)).unwrap_err();
        assert!(error.message().contains("did not end"), "{error}");
        let number = std::fs::read_to_string(file).unwrap();
        let gone = || !Path::new("/proc").join(number.trim()).join("exe").exists();
        assert!(
            (0..500).any(|_| gone() || {
                thread::sleep(Duration::from_millis(10));
                false
            }),
            "it still runs"
        );
    }
}
