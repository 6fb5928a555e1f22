//! Asking for a secret on the terminal, which does not show it.

use crate::error::{Error, Kind, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use zeroize::Zeroizing;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// Asks for a passphrase; `None` when the process has no terminal.
pub fn ask(question: &str) -> Result<Option<Zeroizing<String>>> {
    let Ok(terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty") else { return Ok(None) };
    let told = |error: io::Error| Error::io("asking on the terminal", &error);
    let mut writer = terminal.try_clone().map_err(told)?;
    writer.write_all(question.as_bytes()).map_err(told)?;
    let line = {
        let _silence = Silence::begin(&terminal).map_err(told)?;
        read_line(&mut &terminal)
    };
    // The newline that the terminal did not show.
    writer.write_all(b"\n").map_err(told)?;
    match line.map_err(told)? {
        Some(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
            Err(_) => Err(Error::new(Kind::Configuration, "the passphrase is not valid UTF-8")),
        },
        None => Err(Error::new(Kind::Cancelled, "no passphrase was given")),
    }
}

/// Reads up to the end of the line; `None` when the user interrupts. The terminal hands over single bytes, so that
/// correcting is up to us.
fn read_line(from: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Reserved at once, so that growing leaves no copy behind.
    let mut line = Zeroizing::new(Vec::with_capacity(1024));
    let mut byte = [0];
    loop {
        if from.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\n' | b'\r' => return Ok(Some(line)),
            END if line.is_empty() => return Ok(None),
            INTERRUPT => return Ok(None),
            BACKSPACE | DELETE => {
                // A character, not a byte: what follows its first byte has 10 as its highest bits.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            ERASE_LINE => line.clear(),
            other if line.len() < 1024 => line.push(other),
            _ => {}
        }
    }
}

/// A terminal that shows nothing and gives each byte at once, until this is dropped.
struct Silence<'t> {
    terminal: &'t File,
    before: libc::termios,
}

impl<'t> Silence<'t> {
    fn begin(terminal: &'t File) -> io::Result<Self> {
        // SAFETY: a `termios` of zeros is a valid value, and the calls only write into it and read from it.
        let before = unsafe {
            let mut before: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(terminal.as_raw_fd(), &mut before) != 0 {
                return Err(io::Error::last_os_error());
            }
            before
        };
        let mut silent = before;
        // Without signals: one would end the program and leave the terminal silent.
        silent.c_lflag &= !(libc::ECHO | libc::ICANON | libc::ISIG);
        set(terminal, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // If it fails there is nothing better to do; `reset` brings a terminal back.
        let _ = set(self.terminal, &self.before);
    }
}

fn set(terminal: &File, how: &libc::termios) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `terminal` lives, and `how` is a whole termios.
    match unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSAFLUSH, how) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_corrected_and_given_up() {
        let read =
            |bytes: &[u8]| read_line(&mut &*bytes).unwrap().map(|line| String::from_utf8(line.to_vec()).unwrap());
        assert_eq!(read("geheim\nrest".as_bytes()).as_deref(), Some("geheim"));
        assert_eq!(read("a密\u{7f}b\u{8}\u{8}\u{8}c\r".as_bytes()).as_deref(), Some("c"));
        assert_eq!(read(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(read(b"half\x03"), None);
        assert_eq!(read(b"cut off"), None);
    }
}
