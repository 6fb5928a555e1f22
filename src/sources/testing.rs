//! Folders written by tests, and assets read back as texts.

use super::asset::Asset;
use super::discover::discover;
use super::options::FileOptions;
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::path::Path;

/// The header of a PNG of 2 by 3 pixels.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0";

/// A temporary folder.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(path, text)| folder.write(path, text.as_bytes()));
        folder
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(super) fn asset(&self, name: &str) -> Asset {
        self.asset_with(name, &FileOptions::default())
    }

    pub(super) fn asset_with(&self, name: &str, options: &FileOptions) -> Asset {
        let assets = discover(self.path(), options).unwrap();
        let names: Vec<String> = assets.iter().map(|asset| asset.name.clone()).collect();
        assets.into_iter().find(|asset| asset.name == name).unwrap_or_else(|| panic!("{name} is none of {names:?}"))
    }
}

/// The columns as `name Type, ...`; JSON text as `jsonb`.
pub(super) fn types(asset: &Asset) -> String {
    let schema = asset.schema().unwrap();
    let each =
        schema.fields().iter().map(|field| match field.metadata().get(crate::encoding::pg_text::TYPE_METADATA) {
            Some(kind) => format!("{} {kind}", field.name()),
            None => format!("{} {}", field.name(), field.data_type()),
        });
    each.collect::<Vec<_>>().join(", ")
}

/// The rows, cells between bars.
pub(super) fn cells(asset: &Asset) -> Vec<String> {
    let batches: Vec<RecordBatch> = asset.scan(None, None).unwrap().map(Result::unwrap).collect();
    let mut rows = Vec::new();
    for batch in &batches {
        let options = FormatOptions::default();
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}
