//! One text index: rows in, hits out.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tantivy::columnar::ColumnValues;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergePolicy, NoMergePolicy};
use tantivy::schema::{Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::store::Compressor;
use tantivy::{Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};

use super::damage::{damaged, guarded};
use super::directory::SealedDirectory;
use super::files::SealedFiles;
use super::query::Query;
use super::ranking::{Hit, best, scored};
use super::segments::Segments;
use super::tokenizer::WordTokenizer;
use crate::config;
use crate::error::{Error, Kind, Result};

/// Name of the rules by which texts become terms. With other rules an index must be built anew, so it changes with them.
const RULES: &str = "words_1";
const SEGMENT: &str = "segment";
const ROW: &str = "row";

/// A text index over some columns of a table.
///
/// Many threads may search while one writes; a search sees the last commit. There must be one `TextIndex` for an index
/// at a time.
pub struct TextIndex {
    id: u64,
    columns: Vec<String>,
    directory: SealedDirectory,
    index: Index,
    fields: Fields,
    reader: IndexReader,
    view: ArcSwap<View>,
    writing: Mutex<Option<Writing>>,
}

struct Fields {
    segment: Field,
    row: Field,
    columns: Vec<Field>,
}

/// An index as of one commit. It does not change, and can be searched for as long as it is held.
pub struct View {
    id: u64,
    directory: SealedDirectory,
    fields: Vec<Field>,
    searcher: Searcher,
    /// The row of each document, for each part of the index.
    rows: Vec<Arc<dyn ColumnValues<u64>>>,
    segments: BTreeSet<u64>,
}

/// Changes since the last commit.
struct Writing {
    writer: IndexWriter,
    segments: BTreeSet<u64>,
}

impl TextIndex {
    /// Opens index `index_id` in `files`, or makes it, over as many columns as `columns` names. The names are for messages.
    ///
    /// [`Kind::InvalidDefinition`] if the index was made over another number of columns or by other rules,
    /// [`Kind::Corruption`] if it cannot be read.
    pub fn open_or_create(files: Arc<dyn SealedFiles>, index_id: u64, columns: &[String]) -> Result<Self> {
        if columns.is_empty() {
            return Err(Error::new(Kind::InvalidDefinition, "a text index needs at least one column"));
        }
        let directory = SealedDirectory::open(files, index_id).map_err(|error| {
            if error.kind() == Kind::Corruption { damaged(index_id, error.message()) } else { error }
        })?;
        let (schema, fields) = schema(columns.len());
        let (index, reader) = guarded(index_id, &directory, || {
            let settings = IndexSettings { docstore_compression: Compressor::None, ..IndexSettings::default() };
            let index = if Index::exists(&directory)? {
                Index::open(directory.clone())?
            } else {
                Index::create(directory.clone(), schema.clone(), settings)?
            };
            index.tokenizers().register(RULES, WordTokenizer);
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            Ok((index, reader))
        })?;
        if index.schema() != schema {
            let message = format!("text index {index_id} was made for other columns or by other rules");
            return Err(Error::new(Kind::InvalidDefinition, message).with_hint("Rebuild it with REINDEX."));
        }
        let view = ArcSwap::from_pointee(View::of(index_id, &directory, &index, &reader, &fields)?);
        Ok(Self {
            id: index_id,
            columns: columns.to_vec(),
            directory,
            index,
            fields,
            reader,
            view,
            writing: Mutex::default(),
        })
    }

    /// The index as of the last commit.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The segments that the last commit holds. Written with it, so the two never disagree.
    pub fn indexed_segments(&self) -> BTreeSet<u64> {
        self.view.load().segments.clone()
    }

    /// [`View::search`] in the last commit.
    pub fn search(
        &self,
        query: &Query,
        columns: Option<&[usize]>,
        k: usize,
        accept: &dyn Fn(u64) -> bool,
    ) -> Result<Vec<Hit>> {
        self.view.load_full().search(query, columns, k, accept)
    }

    /// Adds the rows of a segment, each with its offset and its texts in the order of the index's columns. A segment that is
    /// there already is replaced. Rows without any text are passed over. Seen and durable after [`TextIndex::commit`]; on an
    /// error everything since the last commit is forgotten.
    pub fn add_segment<'a, R>(&self, segment_id: u64, rows: impl IntoIterator<Item = (u32, R)>) -> Result<()>
    where
        R: AsRef<[Option<&'a str>]>,
    {
        if u32::try_from(segment_id).is_err() {
            return Err(Error::internal(format!("segment {segment_id} has too large a number for a text index")));
        }
        self.change(|writing| {
            let (fields, columns) = (&self.fields, &self.columns);
            let mut misfit = false;
            guarded(self.id, &self.directory, || {
                writing.writer.delete_term(Term::from_field_u64(fields.segment, segment_id));
                for (offset, texts) in rows {
                    let texts = texts.as_ref();
                    misfit |= texts.len() != columns.len();
                    if misfit || texts.iter().all(Option::is_none) {
                        continue;
                    }
                    let mut document = TantivyDocument::default();
                    document.add_u64(fields.segment, segment_id);
                    document.add_u64(fields.row, segment_id << 32 | u64::from(offset));
                    for (field, text) in fields.columns.iter().zip(texts) {
                        if let Some(text) = text {
                            document.add_text(*field, text);
                        }
                    }
                    writing.writer.add_document(document)?;
                }
                Ok(())
            })?;
            if misfit {
                return Err(Error::internal(format!(
                    "a row for text index {} has not {} texts",
                    self.id,
                    columns.len()
                )));
            }
            writing.segments.insert(segment_id);
            Ok(())
        })
    }

    /// Drops the rows of `segment_ids`. Seen and durable after [`TextIndex::commit`]. Their terms leave the disk when the
    /// part of the index that holds them is rewritten: at the latest with [`TextIndex::compact`].
    pub fn drop_segments(&self, segment_ids: &[u64]) -> Result<()> {
        if segment_ids.is_empty() {
            return Ok(());
        }
        self.change(|writing| {
            for id in segment_ids {
                writing.writer.delete_term(Term::from_field_u64(self.fields.segment, *id));
                writing.segments.remove(id);
            }
            Ok(())
        })
    }

    /// Makes all changes durable and visible, as one, and gives back the memory for writing. On an error the changes are
    /// forgotten and the last commit stands.
    pub fn commit(&self) -> Result<()> {
        let mut writing = self.writing.lock();
        // Taken out, so that a failure leaves no half-made writer behind.
        let Some(changes) = writing.take() else { return Ok(()) };
        self.write(changes, merge_candidates)
    }

    /// Rewrites the index as one part without any dropped row, so that nothing of them is left in its files. Changes not yet
    /// committed are committed with it.
    pub fn compact(&self) -> Result<()> {
        let mut writing = self.writing.lock();
        let changes = match writing.take() {
            Some(changes) => changes,
            None => self.begin()?,
        };
        self.write(changes, |metas| match metas {
            [] => Vec::new(),
            [one] if one.num_deleted_docs() == 0 => Vec::new(),
            _ => vec![metas.iter().map(tantivy::SegmentMeta::id).collect()],
        })
    }

    /// Forgets all changes since the last commit.
    pub fn rollback(&self) {
        drop(self.writing.lock().take());
    }

    /// Opens every seal and compares every checksum of the last commit. [`Kind::Corruption`] if one is broken.
    pub fn verify(&self) -> Result<()> {
        let broken = guarded(self.id, &self.directory, || self.index.validate_checksum())?;
        if broken.is_empty() {
            return Ok(());
        }
        // Checksums report an unreadable file like a changed one; what the storage said of it tells more.
        let seal = self.directory.take_failure().map(|error| error.message().to_string());
        Err(damaged(self.id, seal.unwrap_or_else(|| format!("{} of its files have changed", broken.len()))))
    }

    fn change(&self, change: impl FnOnce(&mut Writing) -> Result<()>) -> Result<()> {
        let mut slot = self.writing.lock();
        let mut writing = match slot.take() {
            Some(writing) => writing,
            None => self.begin()?,
        };
        change(&mut writing)?;
        *slot = Some(writing);
        Ok(())
    }

    fn begin(&self) -> Result<Writing> {
        self.directory.take_failure();
        let writer = guarded(self.id, &self.directory, || {
            let options = IndexWriterOptions::builder()
                .num_worker_threads(1)
                .num_merge_threads(1)
                .memory_budget_per_thread(config::SEARCH_WRITER_BYTES)
                .build();
            let writer: IndexWriter = self.index.writer_with_options(options)?;
            // Parts are merged at commits only, by `write`, so that none is rewritten behind our back.
            writer.set_merge_policy(Box::new(NoMergePolicy));
            // A commit that was cut off between its files and its end leaves names that this one would give again: the same
            // deletions have the same number.
            writer.garbage_collect_files().wait()?;
            Ok(writer)
        })?;
        Ok(Writing { writer, segments: self.indexed_segments() })
    }

    /// Commits `changes`, then merges what `candidates` chooses, until it chooses nothing more.
    fn write(
        &self,
        changes: Writing,
        candidates: impl Fn(&[tantivy::SegmentMeta]) -> Vec<Vec<tantivy::index::SegmentId>>,
    ) -> Result<()> {
        let Writing { mut writer, segments } = changes;
        guarded(self.id, &self.directory, || {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&Segments::write(&segments));
            commit.commit()?;
            Ok(())
        })?;
        let merged = guarded(self.id, &self.directory, || {
            loop {
                let chosen = candidates(&self.index.searchable_segment_metas()?);
                if chosen.is_empty() {
                    return Ok(());
                }
                for ids in chosen {
                    writer.merge(&ids).wait()?;
                }
            }
        });
        self.reload()?;
        // Only now has the old view let go of the files that the commit replaced.
        let cleaned = guarded(self.id, &self.directory, || writer.garbage_collect_files().wait().map(drop));
        drop(writer);
        let cleaned = cleaned.and_then(|()| self.directory.flush());
        // The commit stands whatever becomes of the tidying: the next one tries it again.
        for error in [merged, cleaned].into_iter().filter_map(Result::err) {
            tracing::warn!(index = self.id, kind = ?error.kind(), "a text index could not be tidied after a commit");
        }
        Ok(())
    }

    fn reload(&self) -> Result<()> {
        guarded(self.id, &self.directory, || self.reader.reload())?;
        let view = View::of(self.id, &self.directory, &self.index, &self.reader, &self.fields)?;
        self.view.store(Arc::new(view));
        Ok(())
    }
}

impl View {
    fn of(id: u64, directory: &SealedDirectory, index: &Index, reader: &IndexReader, fields: &Fields) -> Result<Self> {
        let (searcher, rows, payload) = guarded(id, directory, || {
            let searcher = reader.searcher();
            let parts = searcher.segment_readers().iter();
            let rows = parts.map(|part| Ok(part.fast_fields().u64(ROW)?.first_or_default_col(0)));
            let rows = rows.collect::<tantivy::Result<_>>()?;
            Ok((searcher, rows, index.load_metas()?.payload))
        })?;
        let segments = Segments::read(payload.as_deref().unwrap_or_default())
            .ok_or_else(|| damaged(id, "its list of segments makes no sense"))?;
        Ok(Self { id, directory: directory.clone(), fields: fields.columns.clone(), searcher, rows, segments })
    }

    /// The segments whose rows are here.
    pub fn segments(&self) -> &BTreeSet<u64> {
        &self.segments
    }

    /// Rows that are here.
    pub fn rows(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// The `k` best rows for `query` in the columns numbered `columns` (all if `None`), best first, equal ones by row.
    ///
    /// Only rows that `accept` lets pass count among the `k`. It is asked about a row at most once a search, and only if the
    /// row would be among the best so far.
    pub fn search(
        &self,
        query: &Query,
        columns: Option<&[usize]>,
        k: usize,
        accept: &dyn Fn(u64) -> bool,
    ) -> Result<Vec<Hit>> {
        let fields = match columns {
            None => self.fields.clone(),
            Some(columns) => columns.iter().map(|column| self.field(*column)).collect::<Result<_>>()?,
        };
        if fields.is_empty() {
            return Err(Error::new(Kind::InvalidParameter, "a search needs at least one column"));
        }
        let Some(query) = scored(query, &fields).filter(|_| k > 0) else { return Ok(Vec::new()) };
        guarded(self.id, &self.directory, || best(&self.searcher, &self.rows, query.as_ref(), k, accept))
    }

    fn field(&self, column: usize) -> Result<Field> {
        self.fields.get(column).copied().ok_or_else(|| {
            Error::new(Kind::UndefinedColumn, format!("text index {} has no column number {column}", self.id))
        })
    }
}

fn schema(columns: usize) -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let segment = schema.add_u64_field(SEGMENT, NumericOptions::default().set_indexed());
    let row = schema.add_u64_field(ROW, NumericOptions::default().set_fast());
    // Terms and positions only: the text itself is in the table, and nowhere else.
    let words =
        TextFieldIndexing::default().set_tokenizer(RULES).set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text = TextOptions::default().set_indexing_options(words);
    let columns = (0..columns).map(|n| schema.add_text_field(&format!("c{n}"), text.clone())).collect();
    (schema.build(), Fields { segment, row, columns })
}

/// Parts of about the same size, eight or more of them, and parts with many dropped rows.
fn merge_candidates(metas: &[tantivy::SegmentMeta]) -> Vec<Vec<tantivy::index::SegmentId>> {
    let mut policy = LogMergePolicy::default();
    policy.set_del_docs_ratio_before_merge(config::SEARCH_DROPPED_SHARE_MAX);
    policy.compute_merge_candidates(metas).into_iter().map(|candidate| candidate.0).collect()
}
