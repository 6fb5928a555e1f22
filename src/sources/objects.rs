//! Files whose rows are themselves: images, plain texts, and what cannot be read as data.

use super::charset;
use super::columns::{Cell, Rows, Spec, Writer};
use super::image::{self, Trouble};
use super::infer::{Order, Type};
use super::input::{Fnv, io_error, open, read_bounded, relative};
use super::options::FileOptions;
use super::remarks::Met;
use super::sniff;
use crate::catalog::SqlType;
use crate::config::{SOURCE_IMAGE_BYTES_MAX, SOURCE_TEXT_BYTES_MAX};
use crate::error::Result;
use std::collections::VecDeque;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The columns of images; `folder` is the label where classes lie in folders.
pub(super) fn image_specs() -> Vec<Spec> {
    let mut specs: Vec<Spec> = ["path", "folder", "format"].map(|name| Spec::new(name, Type::Text)).into();
    specs.extend(["width", "height", "bytes"].map(|name| Spec::new(name, Type::Int)));
    specs.extend(["content_hash", "phash"].map(|name| Spec::new(name, Type::Text)));
    specs.push(Spec::of("thumbnail", SqlType::Bytea));
    specs
}

/// Places of columns that only a look at the picture tells.
const PHASH: usize = 7;
const THUMBNAIL: usize = 8;

/// The columns of plain texts.
pub(super) fn text_specs() -> Vec<Spec> {
    ["path", "content"].map(|name| Spec::new(name, Type::Text)).into()
}

/// The columns of files that are only known to be there.
pub(super) fn unknown_specs() -> Vec<Spec> {
    let mut specs: Vec<Spec> = ["path", "format"].map(|name| Spec::new(name, Type::Text)).into();
    specs.push(Spec::new("bytes", Type::Int));
    specs.push(Spec::new("modified", Type::Timestamp(Order::Year)));
    specs
}

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objects {
    Images,
    Texts,
    Unknown,
}

/// A row for each file.
pub(super) struct ObjectRows {
    pub(super) kind: Objects,
    pub(super) root: PathBuf,
    pub(super) paths: VecDeque<PathBuf>,
    pub(super) options: FileOptions,
    /// The folder that all images lie under.
    pub(super) top: PathBuf,
    pub(super) unseen: Unseen,
}

/// Images whose look was asked for and is not known.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    damaged: Met,
    large: Met,
    other: Met,
}

impl Rows for ObjectRows {
    fn next_row(&mut self, writer: &mut Writer) -> Result<bool> {
        let Some(path) = self.paths.pop_front() else { return Ok(false) };
        let row = match self.kind {
            Objects::Images => self.image(&path, writer)?,
            Objects::Texts => self.text(&path, writer)?,
            Objects::Unknown => self.unknown(&path, writer)?,
        };
        writer.push_row(&row)?;
        Ok(true)
    }

    fn remarks(&self) -> Vec<String> {
        let so = "phash and thumbnail are NULL";
        let Unseen { damaged, large, other } = &self.unseen;
        [
            damaged.remark("image", "something in it that is damaged or cut off", so),
            large.remark("image", "more pixels or bytes than are read", so),
            other.remark("image", "a format that is not decoded", so),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn integer(value: impl TryInto<i64>) -> Cell {
    value.try_into().map_or(Cell::Null, Cell::Int)
}

impl ObjectRows {
    fn image(&mut self, path: &Path, writer: &Writer) -> Result<Vec<Cell>> {
        let shown = relative(&self.root, path);
        let folder = path.parent().unwrap_or(&self.root);
        let below = relative(&self.top, folder);
        let label =
            if below.is_empty() { folder.file_name().map(|name| name.to_string_lossy().into()) } else { Some(below) };
        let mut row = vec![Cell::Text(shown.clone()), label.into()];
        // Opening each file is only worth it for what lies in it.
        if (2..=THUMBNAIL).any(|column| writer.wants(column)) {
            let fail = |error: std::io::Error| io_error(&shown, &error);
            let file = open(&self.root, path)?;
            let bytes = file.metadata().map_err(fail)?.len();
            let mut reader = BufReader::new(file);
            let mut head = Vec::new();
            (&mut reader).take(64).read_to_end(&mut head).map_err(fail)?;
            let format = sniff::image_format(&head).map(str::to_owned).or_else(|| sniff::image_extension(path));
            reader.rewind().map_err(fail)?;
            let size = imagesize::reader_size(&mut reader).ok();
            row.push(format.clone().into());
            row.push(size.map_or(Cell::Null, |size| integer(size.width)));
            row.push(size.map_or(Cell::Null, |size| integer(size.height)));
            row.push(integer(bytes));
            if writer.wants(6) {
                reader.rewind().map_err(fail)?;
                row.push(Cell::Text(format!("{:016x}", content_hash(&mut reader).map_err(fail)?)));
            } else {
                row.push(Cell::Null);
            }
            if writer.wants(PHASH) || writer.wants(THUMBNAIL) {
                let picture = match bytes <= SOURCE_IMAGE_BYTES_MAX {
                    true => {
                        reader.rewind().map_err(fail)?;
                        let mut content = Vec::new();
                        reader.take(SOURCE_IMAGE_BYTES_MAX).read_to_end(&mut content).map_err(fail)?;
                        image::read(format.as_deref().unwrap_or_default(), &content)
                    }
                    false => Err(Trouble::TooLarge),
                };
                let place = || shown.clone();
                match &picture {
                    Ok(_) => {}
                    Err(Trouble::Damaged) => self.unseen.damaged.note(place),
                    Err(Trouble::TooLarge) => self.unseen.large.note(place),
                    Err(Trouble::NotRead(_)) => self.unseen.other.note(place),
                }
                let picture = picture.ok();
                let hash = picture.as_ref().filter(|_| writer.wants(PHASH)).map(image::phash);
                row.push(hash.map(|hash| format!("{hash:016x}")).into());
                let small = picture.as_ref().filter(|_| writer.wants(THUMBNAIL)).map(image::thumbnail);
                row.push(small.map_or(Cell::Null, Cell::Bytes));
            }
        }
        Ok(row)
    }

    fn text(&self, path: &Path, writer: &Writer) -> Result<Vec<Cell>> {
        let mut row = vec![Cell::Text(relative(&self.root, path))];
        if writer.wants(1) {
            let bytes = read_bounded(&self.root, path, SOURCE_TEXT_BYTES_MAX)?;
            let charset = match charset::named(&self.options.encoding)? {
                Some(charset) => charset,
                None => charset::detect_bytes(&bytes, None),
            };
            row.push(Cell::Text(charset::decode(&bytes, charset)));
        }
        Ok(row)
    }

    fn unknown(&self, path: &Path, writer: &Writer) -> Result<Vec<Cell>> {
        let shown = relative(&self.root, path);
        let metadata = path.symlink_metadata().map_err(|error| io_error(&shown, &error))?;
        let format =
            if writer.wants(1) { Cell::Text(sniff::sniff(&self.root, path, &self.options).1) } else { Cell::Null };
        let micros =
            metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_micros());
        let modified = micros.and_then(|micros| i64::try_from(micros).ok()).map_or(Cell::Null, Cell::Time);
        Ok(vec![Cell::Text(shown), format, integer(metadata.len()), modified])
    }
}

fn content_hash(mut reader: impl Read) -> std::io::Result<u64> {
    let mut hash = Fnv::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(hash.finish());
        }
        hash.write(buffer.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, PNG, cells};

    #[test]
    fn class_folders_are_one_asset_of_images() {
        let folder = Folder::new(&[("shop.csv", "a\n1\n"), ("img/README", "photos"), ("img/broken/x.jpg", "no image")]);
        folder.write("img/dress/1.png", PNG);
        folder.write("img/shoe/1.png", PNG);
        let rows = cells(&folder.asset("img"));
        assert_eq!(rows.len(), 3);
        assert!(rows[0].starts_with("img/broken/x.jpg|broken|jpg|||8|"), "{}", rows[0]);
        assert!(rows[1].starts_with("img/dress/1.png|dress|png|2|3|"), "{}", rows[1]);
        assert_eq!(rows[1].rsplit('|').next(), rows[2].rsplit('|').next());
        assert_eq!(cells(&folder.asset("img_texts")), ["img/README|photos"]);
    }

    #[test]
    fn images_are_looked_at_where_their_look_is_asked_for() {
        let plain = include_bytes!("../../tests/fixtures/images/shoe/plain.jpg");
        let folder = Folder::new(&[("cut.png", "\u{89}PNG")]);
        folder.write("plain.jpg", plain);
        folder.write("cut.jpg", &plain[..plain.len() / 2]);
        folder.write("small.png", include_bytes!("../../tests/fixtures/images/shoe/small.png"));
        folder.write("bomb.png", include_bytes!("../../tests/fixtures/images/odd/bomb.png"));
        folder.write("other.webp", include_bytes!("../../tests/fixtures/images/odd/other.webp"));
        let asset = super::super::discover::discover(folder.path(), &Default::default()).unwrap().remove(0);
        let looked = |columns: &[usize]| {
            let mut scan = asset.scan(Some(columns), None).unwrap();
            let batches: Vec<_> = (&mut scan).map(Result::unwrap).collect();
            (batches, scan.remarks())
        };
        let (batches, remarks) = looked(&[0, 3, super::PHASH, super::THUMBNAIL]);
        assert_eq!(
            remarks,
            [
                "2 images have something in it that is damaged or cut off, first at cut.jpg; phash and thumbnail are NULL",
                "1 image has more pixels or bytes than are read, first at bomb.png; phash and thumbnail are NULL",
                "1 image has a format that is not decoded, first at other.webp; phash and thumbnail are NULL",
            ]
        );
        let hashes = arrow::array::AsArray::as_string::<i32>(batches[0].column(2)).iter().flatten().collect::<Vec<_>>();
        assert_eq!(hashes, ["bfc1c03f954a6195"; 2]);
        let small = arrow::array::AsArray::as_binary::<i32>(batches[0].column(3)).iter().flatten().collect::<Vec<_>>();
        assert!(small.iter().all(|png| png.starts_with(b"\x89PNG") && png.len() < 28_500), "{small:?}");
        // Nobody looks into them for their sizes.
        assert_eq!(looked(&[0, 2, 3, 6]).1, [""; 0]);
    }

    #[test]
    fn unreadable_files_are_told_by_their_format() {
        let folder = Folder::new(&[("a.csv", "ORC\u{15}\u{4}"), ("empty.csv", "")]);
        assert!(cells(&folder.asset("a"))[0].starts_with("a.csv|orc|5|"));
        assert!(cells(&folder.asset("empty"))[0].starts_with("empty.csv|empty|0|"));
    }

    #[test]
    fn what_gzip_packed_is_read_as_what_it_is() {
        let packed = |text: &str| {
            let mut encoder = libflate::gzip::Encoder::new(Vec::new()).unwrap();
            std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
            encoder.finish().into_result().unwrap()
        };
        let folder = Folder::new(&[]);
        let rows = packed("id,name\n1,a\n2,b\n");
        folder.write("list.csv.gz", &rows);
        // Two packed files one behind the other are one, as gzip itself has it.
        folder.write("two.csv.gz", &[rows.clone(), packed("3,c\n")].concat());
        folder.write("lines.jsonl.gz", &packed("{\"a\":1}\n{\"a\":2}\n"));
        folder.write("cut.csv.gz", &rows[..rows.len() - 9]);
        folder.write("blob.gz", &packed("\0\u{1}\u{2}\0\0"));
        assert_eq!(cells(&folder.asset("list")), ["1|a", "2|b"]);
        assert_eq!(cells(&folder.asset("two")), ["1|a", "2|b", "3|c"]);
        assert_eq!(cells(&folder.asset("lines")), ["1", "2"]);
        assert!(cells(&folder.asset("blob"))[0].starts_with("blob.gz|gzip|"));
        let error = folder.asset("cut").schema().unwrap_err();
        assert_eq!(error.message(), "cut.csv.gz: what gzip has packed is cut off or damaged");
    }
}
