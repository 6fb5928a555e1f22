//! Power cuts, simulated: what was not synced may be gone, in part and in any order.
//!
//! Children work in a folder while `recorder.c` notes everything that they do to it. A cut is a place in that record: what
//! was synced before it stays; of the rest pieces are kept or lost at random, under one of three models of a disk:
//!
//! * `posix`: pieces are pages of 4 KiB; a name is durable when its folder was synced, and unsynced changes of names come true
//!   in any selection;
//! * `ext4`: as `posix`, but any sync makes all changes of names before it durable, and the others come true in order;
//! * `torn`: pieces are sectors of 512 bytes, and names as in one or the other.
//!
//! What is left is opened and looked at like the folder of a killed process. `STEWARD_CRASH_CUTS` asks for more cuts.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing that was done.
pub struct Event {
    kind: u8,
    inode: u64,
    offset: usize,
    length: usize,
    path: String,
    data: Vec<u8>,
}

impl Event {
    /// Whether it made something durable.
    pub fn is_sync(&self) -> bool {
        self.kind == 4
    }
}

/// Builds a library that is loaded before libc, `recorder` or `faults`; none where there is no C compiler.
pub fn library(name: &str, folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash").join(name).with_extension("c");
    let library = folder.join(name).with_extension("so");
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-shared", "-fPIC", "-D_LARGEFILE64_SOURCE", "-o"]).arg(&library).arg(source).arg("-lpthread");
    match compile.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{name}.c does not compile: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => None,
    }
}

/// Reads a record.
pub fn read(path: &Path) -> Vec<Event> {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (mut events, mut at) = (Vec::new(), 0);
    while at + 27 <= bytes.len() {
        let (kind, inode, offset, length) = (bytes[at], word(at + 1), word(at + 9) as usize, word(at + 17) as usize);
        let name = u16::from_le_bytes(bytes[at + 25..at + 27].try_into().unwrap()) as usize;
        at += 27;
        let path = String::from_utf8(bytes[at..at + name].to_vec()).unwrap();
        at += name;
        let data = if matches!(kind, 2 | 5 | 9) { bytes[at..at + length].to_vec() } else { Vec::new() };
        at += data.len();
        events.push(Event { kind, inode, offset, length, path, data });
    }
    events
}

/// How a disk loses what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Posix,
    Ext4,
    Torn,
}

/// Pseudo-random numbers that a seed repeats.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// A file's bytes: those that are durable, and what was done since.
#[derive(Default, Clone)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A change of names.
#[derive(Clone)]
enum Naming {
    Made(String, u64),
    Moved(String, String, Option<u64>),
    Gone(String),
}

impl Naming {
    /// The folder whose sync makes it durable.
    fn folder(&self) -> &str {
        let (Self::Made(path, _) | Self::Moved(_, path, _) | Self::Gone(path)) = self;
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Made(path, inode) => _ = names.insert(path.clone(), *inode),
            Self::Gone(path) => _ = names.remove(path),
            Self::Moved(from, to, inode) => {
                let below = format!("{from}/");
                let moved: Vec<_> = names.keys().filter(|p| *p == from || p.starts_with(&below)).cloned().collect();
                // Where the file's first name never came true, its second one does.
                if let (true, Some(inode)) = (moved.is_empty(), inode) {
                    names.insert(to.clone(), *inode);
                }
                for path in moved {
                    let inode = names.remove(&path).unwrap();
                    names.insert(format!("{to}{}", &path[from.len()..]), inode);
                }
            }
        }
    }
}

/// Stands for a folder among the names.
const FOLDER: u64 = 0;

/// A disk on which a record is played back.
#[derive(Default)]
pub struct Disk {
    nodes: HashMap<u64, Node>,
    /// Which file an inode is now: the system gives the number of a removed file to the next one.
    current: HashMap<u64, u64>,
    made: u64,
    /// Names that are durable whatever the model, in `posix` and in `ext4`.
    durable: [BTreeMap<String, u64>; 2],
    pending: [Vec<Naming>; 2],
    live: BTreeMap<String, u64>,
    /// The last number acknowledged.
    pub acknowledged: Option<i64>,
}

impl Disk {
    /// Does once more what was done.
    pub fn play(&mut self, event: &Event) {
        match event.kind {
            1 => {
                self.made += 1;
                self.current.insert(event.inode, self.made);
                self.nodes.insert(self.made, Node::default());
                self.name(Naming::Made(event.path.clone(), self.made));
            }
            2 => {
                let node = self.node(event.inode);
                let end = event.offset + event.data.len();
                node.live.resize(node.live.len().max(end), 0);
                node.live[event.offset..end].copy_from_slice(&event.data);
                node.pending.push(Change::Write(event.offset, event.data.clone()));
            }
            3 => {
                let node = self.node(event.inode);
                node.live.resize(event.length, 0);
                node.pending.push(Change::Length(event.length));
            }
            4 => self.sync(event),
            5 => {
                let inode = self.live.get(&event.path).copied();
                self.name(Naming::Moved(event.path.clone(), String::from_utf8(event.data.clone()).unwrap(), inode));
            }
            6 => self.name(Naming::Gone(event.path.clone())),
            7 => self.name(Naming::Made(event.path.clone(), FOLDER)),
            _ => {
                let text = String::from_utf8_lossy(&event.data);
                let number =
                    text.lines().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).next_back();
                self.acknowledged = number.or(self.acknowledged);
            }
        }
    }

    fn node(&mut self, inode: u64) -> &mut Node {
        let current = self.current.get(&inode).copied().unwrap_or(u64::MAX);
        self.nodes.entry(current).or_default()
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.live);
        self.pending.iter_mut().for_each(|pending| pending.push(naming.clone()));
    }

    fn sync(&mut self, event: &Event) {
        let current = self.current.get(&event.inode);
        if let Some(node) = current.and_then(|current| self.nodes.get_mut(current)) {
            node.durable.clone_from(&node.live);
            node.pending.clear();
        }
        let [posix, ext4] = &mut self.durable;
        self.pending[1].drain(..).for_each(|naming| naming.apply(ext4));
        self.pending[0].retain(|naming| {
            let made = naming.folder() == event.path;
            if made {
                naming.apply(posix);
            }
            !made
        });
    }

    /// Writes what a cut now may leave into the folder `to`.
    pub fn cut(&self, model: Model, dice: &mut Dice, to: &Path) {
        let strict = model == Model::Posix || model == Model::Torn && dice.below(2) == 0;
        let which = usize::from(!strict);
        let mut names = self.durable[which].clone();
        let pending = &self.pending[which];
        let luck = [0, 1, 5, 9, 10][dice.below(5)];
        match strict {
            true => pending.iter().filter(|_| dice.below(10) < luck).for_each(|naming| naming.apply(&mut names)),
            false => pending[..dice.below(pending.len() + 1)].iter().for_each(|naming| naming.apply(&mut names)),
        }
        let piece = if model == Model::Torn { 512 } else { 4096 };
        let is_there = |path: &str| {
            let mut folders = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
            folders.all(|folder| names.contains_key(folder))
        };
        fs::create_dir_all(to).unwrap();
        for (path, inode) in names.iter().filter(|(path, _)| is_there(path)) {
            let target = to.join(path.trim_start_matches('/'));
            match self.nodes.get(inode) {
                _ if *inode == FOLDER => fs::create_dir_all(&target).unwrap(),
                Some(node) => fs::write(&target, node.left(piece, dice)).unwrap(),
                None => fs::write(&target, b"").unwrap(),
            }
        }
    }
}

impl Node {
    /// The bytes that a cut leaves.
    fn left(&self, piece: usize, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let luck = [0, 1, 5, 9, 10][dice.below(5)];
        for change in &self.pending {
            match change {
                Change::Length(length) if dice.below(10) < luck => bytes.resize(*length, 0),
                Change::Length(_) => {}
                Change::Write(offset, data) => {
                    let (mut at, end) = (*offset, offset + data.len());
                    while at < end {
                        let next = ((at / piece + 1) * piece).min(end);
                        if dice.below(10) < luck {
                            bytes.resize(bytes.len().max(next), 0);
                            bytes[at..next].copy_from_slice(&data[at - offset..next - offset]);
                        }
                        at = next;
                    }
                }
            }
        }
        bytes
    }
}
