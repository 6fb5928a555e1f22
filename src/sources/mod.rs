//! Readers of what lies outside: a folder of files, or another PostgreSQL database, read in place.
//!
//! `CREATE SOURCE` names a folder on the server's machine; [`discover()`] walks it and gives an [`Asset`] for every table
//! that it finds, without copying anything. An asset knows its [`Form`], its [`Asset::schema`] and how to
//! [`Asset::scan`] itself into Arrow batches:
//!
//! | form | an asset is | its rows |
//! |---|---|---|
//! | CSV of any dialect | a file | its records |
//! | JSON, JSON lines | a file, or a member of its object | elements, lines, members |
//! | XML | a file | the element that repeats |
//! | Parquet | a file | its rows |
//! | XLSX | a sheet | its rows |
//! | SQL dump | a table that it makes or fills | what COPY and INSERT put there |
//! | HTML | the pages of a folder | the products that pages describe, or the page |
//! | images | the images below a folder without data | the images, their folder as label |
//! | text | the texts of a folder | path and content |
//! | anything else | a file | path, format, size |
//!
//! **The journey of a CSV file.** `sniff` looks at its first bytes, not only at its name, and says CSV. At the first
//! `schema`, `charset` tells the encoding, `dialect` the delimiter and quote, `csv_file` reads the sample (32 MiB,
//! so most files whole) and `infer` narrows each column's type cell by cell. What was found out stays with the
//! asset, so that every scan has the schema that the plan was made with. `columns` then fills typed builders, only
//! for the columns asked for.
//!
//! **Promises.** CSV, JSON and XML lose no value silently: a column is typed only if every value of the sample is,
//! and a value beyond it that does not fit is an error that names file, line, column and type, but never the value.
//! Bytes in memory, nesting and counts are bounded ([`crate::config`]); what exceeds them is `LimitExceeded`. Files
//! are opened only below the root, links included. Nothing in a file is run, fetched or expanded, and no file,
//! however broken, stops the server.
//!
//! Texts that gzip has packed are read as what they are. Other databases are [`postgres`].
//!
//! **Left out.** Avro, the older spreadsheets and archives are listed, with their format, but not read. Images are decoded where their look is asked for, and then only
//! PNG, JPEG, GIF and BMP ([`image`]); their size comes from the header. Where
//! the encoding had to be guessed (neither a mark nor UTF-8), what does not fit the guess becomes U+FFFD. Of pages
//! only what they say to machines is columns; a price that is no number is NULL beside its JSON-LD.

mod archive;
mod asset;
mod charset;
mod columns;
mod csv_file;
#[cfg(test)]
mod damaged;
mod declared;
mod dialect;
mod discover;
mod dump;
mod dump_cast;
mod dump_script;
mod dump_types;
mod dump_words;
mod glob;
mod html;
mod html_depth;
pub mod image;
mod infer;
mod input;
mod json;
mod json_document;
mod json_value;
mod known;
mod markup;
mod names;
mod objects;
mod options;
mod parquet_file;
pub mod postgres;
mod predicate;
mod products;
mod records;
mod remarks;
mod sniff;
#[cfg(test)]
mod testing;
mod xlsx;
mod xlsx_sheet;
mod xlsx_style;
mod xml;
mod xml_element;

pub use asset::{Asset, Form, Structure, forget};
pub use columns::Scan;
pub use discover::discover;
pub use options::FileOptions;
pub use predicate::{Comparison, Predicate, Scalar};
