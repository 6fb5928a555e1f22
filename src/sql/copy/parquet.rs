//! COPY FROM STDIN of a Parquet file.
//!
//! Such a file says at its end what is in it, so all of it is gathered, within a bound, before its first row is read. Its
//! row groups are then read in parts, on as many threads as there are cores.

use crate::config::{PARQUET_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX};
use crate::error::{Error, Kind, Result};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use std::ops::Range;

/// What has come of a file.
#[derive(Debug, Default)]
pub struct Gathered {
    bytes: Vec<u8>,
}

/// Rows of one row group of a file.
#[derive(Debug)]
pub struct Part {
    file: Bytes,
    metadata: ArrowReaderMetadata,
    group: usize,
    rows: Range<usize>,
}

impl Gathered {
    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if self.bytes.len() + bytes.len() > PARQUET_BYTES_MAX {
            let message = format!("a Parquet file of more than {} MiB cannot be copied", PARQUET_BYTES_MAX >> 20);
            return Err(Error::new(Kind::LimitExceeded, message).with_hint("Divide it into several files."));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The whole file in parts, each of which becomes a segment.
    pub fn parts(self) -> Result<Vec<Part>> {
        let file = Bytes::from(self.bytes);
        let metadata = ArrowReaderMetadata::load(&file, Default::default()).map_err(unreadable)?;
        let mut parts = Vec::new();
        for (group, facts) in metadata.metadata().row_groups().iter().enumerate() {
            let (all, bytes) = (count(facts.num_rows())?, count(facts.total_byte_size())?);
            let step = (all.saturating_mul(SEGMENT_BYTES_MAX) / bytes.max(1)).clamp(1, SEGMENT_ROWS_MAX);
            let part = |start| Part {
                file: file.clone(),
                metadata: metadata.clone(),
                group,
                rows: start..all.min(start + step),
            };
            parts.extend((0..all).step_by(step).map(part));
        }
        Ok(parts)
    }
}

impl Part {
    /// The rows.
    pub fn read(&self) -> Result<RecordBatch> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone());
        let reader = (builder.with_row_groups(vec![self.group]))
            .with_offset(self.rows.start)
            .with_limit(self.rows.len())
            .with_batch_size(self.rows.len())
            .build()
            .map_err(unreadable)?;
        let schema = self.metadata.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let whole = concat_batches(schema, &batches).map_err(unreadable)?;
        match whole.num_rows() == self.rows.len() {
            true => Ok(whole),
            false => Err(unreadable("a row group has fewer rows than the file says")),
        }
    }
}

fn count(number: i64) -> Result<usize> {
    usize::try_from(number).map_err(unreadable)
}

fn unreadable(cause: impl std::fmt::Display) -> Error {
    Error::new(Kind::BadCopy, "the data are no Parquet file that can be read").with_detail(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::crypto::{KeySource, MasterKey};
    use crate::encoding::pg_text::cell_text;
    use crate::sql::{Database, Session};
    use arrow::array::{ArrayRef, Int32Array, LargeStringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use std::sync::Arc;

    /// A file as another program may write it: other types than the table has, in another order, in three row groups.
    fn file(rows: i32) -> Vec<u8> {
        let texts = LargeStringArray::from_iter((0..rows).map(|n| (n % 3 > 0).then(|| format!("{n}.25"))));
        let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_from_iter([("price", Arc::new(texts) as ArrayRef), ("id", ids)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows as usize / 3 + 1));
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    async fn copy(session: &mut Session, sql: &str, bytes: &[u8]) -> Result<String> {
        testing::copy(session, sql, true, bytes.chunks(1000)).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_of_others_are_read_and_damaged_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        session
            .query("CREATE TABLE t (id bigint PRIMARY KEY, price numeric(10,1), note text DEFAULT 'x')")
            .await
            .unwrap();
        let whole = file(5000);
        let into = "COPY t (id, price) FROM STDIN (FORMAT parquet)";
        assert_eq!(copy(&mut session, into, &whole).await.unwrap(), "COPY 5000");
        let rows = session.query("SELECT count(*), sum(id), count(price), sum(price), min(note) FROM t").await.unwrap();
        let told: Vec<_> = rows[0].columns().iter().map(|column| cell_text(column, 0).unwrap()).collect();
        let sum: f64 = (0..5000).filter(|n| n % 3 > 0).map(|n| f64::from(n) + 0.3).sum();
        assert_eq!(told, ["5000", "12497500", "3333", &format!("{sum:.1}"), "x"]);

        assert_eq!(copy(&mut session, into, &whole).await.unwrap_err().kind(), Kind::Unique);
        let missing = copy(&mut session, "COPY t FROM STDIN (FORMAT parquet)", &whole).await.unwrap_err();
        assert!(missing.kind() == Kind::BadCopy && missing.message().contains("\"note\""), "{missing}");
        let extra = copy(&mut session, "COPY t (id) FROM STDIN (FORMAT parquet)", &whole).await.unwrap_err();
        assert_eq!((extra.kind(), extra.message()), (Kind::BadCopy, "extra data after last expected column"));
        for damaged in [&b""[..], b"PAR1", &whole[..whole.len() - 9], &whole[100..]] {
            assert_eq!(copy(&mut session, into, damaged).await.unwrap_err().kind(), Kind::BadCopy);
        }
        // Where a value cannot be told from another nobody can: but nothing panics.
        session.query("TRUNCATE t").await.unwrap();
        for at in (0..whole.len()).step_by(397) {
            let mut changed = whole.clone();
            changed[at] ^= 0x24;
            if copy(&mut session, into, &changed).await.is_ok() {
                session.query("TRUNCATE t").await.unwrap();
            }
        }
    }
}
