//! Dumps: scripts of SQL that make tables and fill them, as `pg_dump`, `mysqldump` and others write them.
//!
//! Nothing is run. Each table that a script makes or fills is an asset; its columns are those of CREATE TABLE, its rows those
//! of COPY ... FROM stdin and INSERT ... VALUES. A declared type holds as long as the rows that are looked at have it; then the next wider
//! one does, or text (`0000-00-00` is no date). Whatever else a script does (UPDATE, DELETE, INSERT ... SELECT) is passed over.

use super::columns::{Misfit, Rows, Spec, Writer, misfit_of};
use super::csv_file::Place;
use super::declared::{boolean, fits};
use super::dump_script::{Dump, Found};
use super::infer::{Guess, Type};
use super::names;
use super::options::FileOptions;
use crate::catalog::SqlType;
use crate::config::SOURCE_SAMPLE_BYTES;
use crate::error::{Error, Kind, Result};
use crate::fail;
use std::collections::HashMap;

/// Whether a script looks like a dump: rows are written in it, or it says so.
pub(super) fn is_dump(text: &str) -> bool {
    let starts =
        |line: &str, words: &str| line.get(..words.len()).is_some_and(|start| start.eq_ignore_ascii_case(words));
    text.lines().any(|line| {
        let line = line.trim_start();
        let says = (line.starts_with("--") || line.starts_with("/*")) && line.to_ascii_lowercase().contains(" dump");
        let copies = starts(line, "COPY ") && line.to_ascii_lowercase().contains("from stdin");
        says || copies
            || ["INSERT INTO ", "INSERT IGNORE INTO ", "INSERT \"", "INSERT ["].iter().any(|words| starts(line, words))
    })
}

/// The tables that a dump makes or fills.
pub(super) fn tables(place: &Place, options: &FileOptions) -> Result<Vec<String>> {
    let mut dump = Dump::open(place, options, None, false)?;
    let mut tables: Vec<String> = Vec::new();
    loop {
        match dump.next() {
            Ok(Some(Found::Table(table, _) | Found::Row(table, ..))) => {
                if !tables.contains(&table) {
                    tables.push(table);
                }
            }
            Ok(None) => return Ok(tables),
            // Those before what is broken are there; a scan of the last tells the error.
            Err(error) if tables.is_empty() => return Err(error),
            Err(_) => return Ok(tables),
        }
    }
}

/// What is known of a dump's table before its rows are read.
#[derive(Debug, Clone)]
pub(super) struct DumpLayout {
    table: String,
    positions: HashMap<String, usize>,
    pub(super) specs: Vec<Spec>,
}

/// Finds out a table's columns and their types.
pub(super) fn inspect(place: &Place, options: &FileOptions, table: Option<&str>) -> Result<DumpLayout> {
    let Some(table) = table else {
        let first = tables(place, options).map(|_| ());
        return Err(first.err().unwrap_or_else(|| {
            Error::new(Kind::InvalidText, format!("{}: no table is made or filled in it", place.shown()))
        }));
    };
    let mut dump = Dump::open(place, options, Some(table), true)?;
    let mut columns: Vec<(String, Vec<SqlType>)> = Vec::new();
    // What the values of each column allow: by themselves, and how many of its declared types they rule out.
    let mut guesses: Vec<(Guess, usize)> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    let (mut rows, mut bytes) = (0usize, 0u64);
    while rows < options.sample_rows.unwrap_or(usize::MAX) && bytes < SOURCE_SAMPLE_BYTES {
        let before = dump.words.bytes();
        match dump.next()? {
            None => break,
            Some(Found::Table(made, given)) if made == table && columns.is_empty() => {
                positions = given.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
                columns = given;
            }
            Some(Found::Table(..)) => {}
            Some(Found::Row(_, given, values)) => {
                rows += 1;
                bytes += dump.words.bytes() - before;
                // A table that is filled and not made has the columns that its rows name.
                for at in columns.len()..given.as_ref().map_or(values.len(), |given| given.len()) {
                    if positions.is_empty() || given.is_none() {
                        let name = given.as_ref().and_then(|given| given.get(at)).cloned().unwrap_or_default();
                        columns.push((name, Vec::new()));
                    }
                }
                if positions.is_empty() && given.is_some() {
                    positions = columns.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
                }
                guesses.resize(columns.len().max(guesses.len()), (Guess::new(), 0));
                for (at, value) in
                    placed(given.as_deref(), &positions, &values).map_err(|name| unknown(&dump, table, &name))?
                {
                    let (Some(text), Some((guess, out))) = (value, guesses.get_mut(at)) else { continue };
                    // An empty text is a value here, and none of another type's.
                    guess.see(if text.trim().is_empty() { "-" } else { text });
                    if let Some((_, types)) = columns.get(at) {
                        while types.get(*out).is_some_and(|declared| !fits(declared, text)) {
                            *out += 1;
                        }
                    }
                }
            }
        }
    }
    if columns.is_empty() {
        fail!(InvalidText, "{}: nothing tells the columns of table {table}", place.shown());
    }
    guesses.resize(columns.len(), (Guess::new(), 0));
    let given: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let named = names::columns(&given, options.normalize_names);
    /// A column as it is declared, and what its values look like with how many of its types do not hold them.
    type Seen<'a> = (&'a (String, Vec<SqlType>), &'a (Guess, usize));
    let spec = |(name, ((_, types), (guess, out))): (String, Seen<'_>)| {
        let moment = types.iter().any(|is| matches!(is, SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz));
        match types.get(*out) {
            _ if options.all_varchar => Spec::new(name, Type::Text),
            Some(declared) => Spec::of(name, declared.clone()),
            None if types.is_empty() => Spec::new(name, guess.decide()),
            // 7/4/1996 is a day, in another order than is usual.
            None if moment => Spec::new(name, guess.decide_moment()),
            // Without digits of its own a numeric is what its values are.
            None if types.contains(&SqlType::Numeric(None)) => Spec::new(name, guess.decide()),
            None => Spec::new(name, Type::Text),
        }
    };
    let specs = named.into_iter().zip(columns.iter().zip(&guesses)).map(spec).collect();
    Ok(DumpLayout { table: table.to_owned(), positions, specs })
}

fn unknown(dump: &Dump, table: &str, column: &str) -> Error {
    dump.words.broken(&format!("table {table} has no column {column}"))
}

/// The values with the positions of their columns; the name of a column that is not there.
fn placed<'a>(
    given: Option<&Vec<String>>,
    positions: &HashMap<String, usize>,
    values: &'a [Option<String>],
) -> Result<Vec<(usize, Option<&'a str>)>, String> {
    let place = |(at, value): (usize, &'a Option<String>)| {
        let at = match given {
            Some(names) => {
                let name = names.get(at).ok_or_else(|| format!("number {}", at + 1))?;
                *positions.get(name).ok_or_else(|| name.clone())?
            }
            None => at,
        };
        Ok((at, value.as_deref()))
    };
    values.iter().enumerate().map(place).collect()
}

/// The rows of a dump's table.
pub(super) struct DumpRows {
    dump: Dump,
    layout: DumpLayout,
}

impl DumpRows {
    pub(super) fn open(place: &Place, options: &FileOptions, layout: &DumpLayout) -> Result<Self> {
        let dump = Dump::open(place, options, Some(&layout.table), true)?;
        Ok(Self { dump, layout: layout.clone() })
    }
}

impl Rows for DumpRows {
    fn next_row(&mut self, writer: &mut Writer) -> Result<bool> {
        let before = self.dump.words.bytes();
        let (given, values) = loop {
            match self.dump.next()? {
                None => return Ok(false),
                Some(Found::Row(_, given, values)) => break (given, values),
                Some(Found::Table(..)) => {}
            }
        };
        let table = &self.layout.table;
        let placed = placed(given.as_deref(), &self.layout.positions, &values);
        let placed = placed.map_err(|name| unknown(&self.dump, table, &name))?;
        let mut row: Vec<Option<&str>> = vec![None; self.layout.specs.len()];
        for (at, value) in placed {
            let Some(cell) = row.get_mut(at) else {
                return Err(self.dump.words.broken(&format!("more values than table {table} has columns")));
            };
            *cell = value;
        }
        for (index, column) in writer.columns() {
            let (Some(spec), Some(cell)) = (self.layout.specs.get(index), row.get(index)) else { continue };
            let pushed = match (cell, spec.kind) {
                (None, _) => {
                    column.push_null();
                    Ok(())
                }
                (Some(text), Type::Bool) => boolean(text).ok_or(Misfit).and_then(|text| column.push_text(text)),
                (Some(text), Type::Json) if !fits(&SqlType::Json, text) => Err(Misfit),
                // An empty text is a value here.
                (Some(text), _) => column.push_declared(text),
            };
            if pushed.is_err_and(|Misfit| true) {
                let place = format!("line {}", self.dump.words.line());
                let error = misfit_of(self.dump.words.shown(), &place, &spec.name, &spec.type_name());
                return Err(
                    error.with_hint("Set all_varchar = true on the source; REFRESH SOURCE if the file has changed.")
                );
            }
        }
        writer.end_row(usize::try_from(self.dump.words.bytes() - before).unwrap_or(usize::MAX));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, cells, types};
    use super::*;

    #[test]
    fn tables_of_pg_dump_are_read() {
        let text = "--\n-- PostgreSQL database dump\n--\n\\restrict abc\nSET client_encoding = 'UTF8';\n\
            CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS $_$ SELECT 1; INSERT INTO x VALUES (1); $_$;\n\
            CREATE TABLE public.orders (\n    id integer NOT NULL,\n    note text DEFAULT 'a, b'::text,\n    \
            price numeric(10,2),\n    \"At\" timestamp with time zone,\n    paid boolean,\n    facts jsonb,\n    \
            CONSTRAINT c CHECK ((price > (0)::numeric))\n);\nALTER TABLE public.orders OWNER TO shop;\n\
            CREATE TABLE sales.empty (n bigint);\n\
            COPY public.orders (id, note, price, \"At\", paid, facts) FROM stdin;\n\
            1\ta\\tb\\\\\t9.50\t2024-05-01 10:00:00+02\tt\t{\"a\": 1}\n2\t\t\\N\t\\N\tf\t\\N\n\\.\n\n\
            INSERT INTO public.orders (price, id) VALUES (-1.5, 3), ('2', 4);\nCOPY sales.empty (n) FROM stdin;\n\\.\n";
        let folder = Folder::new(&[("shop.sql", text)]);
        let orders = folder.asset("shop_orders");
        assert_eq!(
            types(&orders),
            "id Int32, note Utf8, price Decimal128(10, 2), At Timestamp(µs, \"UTC\"), paid Boolean, facts jsonb"
        );
        assert_eq!(
            cells(&orders),
            ["1|a\tb\\|9.50|2024-05-01T08:00:00Z|true|{\"a\": 1}", "2||||false|", "3||-1.50|||", "4||2.00|||"]
        );
        assert_eq!(types(&folder.asset("shop_sales_empty")), "n Int64");
    }

    #[test]
    fn tables_of_mysqldump_are_read() {
        let text = "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8 */;\nCREATE TABLE `item` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  \
            `name` varchar(20) DEFAULT NULL COMMENT 'a; b',\n  `made` date DEFAULT '0000-00-00',\n  `at` datetime,\n  `raw` blob,\n  \
            PRIMARY KEY (`id`),\n  KEY `n` (`name`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8;\nLOCK TABLES `item` WRITE;\n\
            /*!40000 ALTER TABLE `item` DISABLE KEYS */;\n\
            INSERT INTO `item` VALUES (1,'O\\'Neil\\n','2020-01-02','2020-01-02 03:04:05',0xABcd),(2,'a;),(b','0000-00-00',NULL,_binary 'x');\n\
            UNLOCK TABLES;\nDELIMITER ;;\nCREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW BEGIN INSERT INTO log VALUES (1); END ;;\nDELIMITER ;\n\
            INSERT IGNORE INTO `other` (`b`,`a`) VALUES (1,'x') ON DUPLICATE KEY UPDATE a = 'y';\n";
        let folder = Folder::new(&[("shop.sql", text)]);
        let item = folder.asset("shop_item");
        assert_eq!(types(&item), "id Int32, name varchar(20), made Utf8, at Timestamp(µs), raw Utf8");
        assert_eq!(cells(&item), ["1|O'Neil\n|2020-01-02|2020-01-02T03:04:05|\\xabcd", "2|a;),(b|0000-00-00||x"]);
        assert_eq!(types(&folder.asset("shop_other")), "b Int64, a Utf8");
        assert_eq!(discover_names(&folder), ["shop_item", "shop_other"]);
    }

    #[test]
    fn declared_types_hold_or_become_the_next_wider() {
        let text = "-- MySQL dump 10.13\nCREATE TABLE `t` (`on` tinyint(1), `kind` tinyint(1), `small` smallint(6), `wide` int(10) unsigned NOT NULL AUTO_INCREMENT,\n\
            `ratio` float, `exact` float, `code` char(4), `name` varchar(3), `mood` enum('a','b'), `at` time, `flag` bit(1), `big` bigint(20) unsigned);\n\
            INSERT INTO `t` VALUES (1,3,-5,4294967295,0.1,0.1,'ab','xyz','a','10:11:12',b'1',18446744073709551615);\n\
            INSERT INTO `t` VALUES (0,0,40000,1,NULL,0.123456789,'abcd  ','more','b','838:59:59',b'0',1);\n";
        let folder = Folder::new(&[("m.sql", text)]);
        let table = folder.asset("m_t");
        assert_eq!(
            types(&table),
            "on Boolean, kind Int16, small Int64, wide Int64, ratio Float32, exact Float64, code char(4), name Utf8, mood Utf8, at Utf8, \
             flag Boolean, big Decimal128(20, 0)"
        );
        assert_eq!(
            cells(&table),
            [
                "true|3|-5|4294967295|0.1|0.1|ab|xyz|a|10:11:12|true|18446744073709551615",
                "false|0|40000|1||0.123456789|abcd|more|b|838:59:59|false|1"
            ]
        );
        // PostgreSQL's: blanks at the end of a char(n) are no part of it, an array is none of the type of its elements.
        let text = "CREATE TABLE public.t (c character(3), v character varying(5) DEFAULT 'a'::character varying CHECK (length((v)::text) > 0), \
            r real, s smallint, a integer[], u uuid, b bytea, n numeric);\nCOPY public.t (c, v, r, s, a, u, b, n) FROM stdin;\n\
            a  \tab \t1.5\t3\t{1,2}\t6f9619ff-8b86-d011-b42d-00c04fc964ff\t\\\\x00ff\t1.25\n\\.\n";
        let folder = Folder::new(&[("p.sql", text)]);
        let table = folder.asset("p_t");
        assert_eq!(types(&table), "c char(3), v varchar(5), r Float32, s Int16, a Utf8, u uuid, b Binary, n numeric");
        assert_eq!(cells(&table), ["a|ab |1.5|3|{1,2}|6f9619ff-8b86-d011-b42d-00c04fc964ff|00ff|1.250000000"]);
    }

    fn discover_names(folder: &Folder) -> Vec<String> {
        let found = super::super::discover::discover(folder.path(), &FileOptions::default()).unwrap();
        found.into_iter().map(|asset| asset.name).collect()
    }

    #[test]
    fn scripts_of_transact_sql_are_read_to_their_ends() {
        let text = "SET NOCOUNT ON\nGO\nCREATE TABLE [dbo].[Genre] ([GenreId] INT NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK] PRIMARY KEY ([GenreId]))\nGO\n\
            SET IDENTITY_INSERT [dbo].[Genre] ON\nINSERT [dbo].[Genre] ([GenreId], [Name]) VALUES (1, N'Rock')\n\
            INSERT \"Genre\" VALUES(2,'Jazz')\nGO\n";
        let folder = Folder::new(&[("g.sql", text)]);
        assert_eq!(cells(&folder.asset("g_genre")), ["1|Rock", "2|Jazz"]);
    }

    #[test]
    fn what_is_broken_is_told_with_its_line() {
        let error = |text: &str| {
            let folder = Folder::new(&[("d.sql", text)]);
            let asset = folder.asset("d_t");
            let scanned = asset.scan(None, None).and_then(|scan| scan.collect::<Result<Vec<_>>>());
            scanned.unwrap_err().message().to_owned()
        };
        assert_eq!(
            error("CREATE TABLE t (a int);\nINSERT INTO t VALUES (now());"),
            "d.sql, line 2: a value of table t is not written out"
        );
        assert_eq!(
            error("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES ('x"),
            "d.sql, line 2: a quote is opened and never closed"
        );
        assert_eq!(
            error("INSERT INTO t VALUES (1);\nCOPY t FROM stdin;\n2\n"),
            "d.sql, line 4: the rows of table t do not end"
        );
        assert_eq!(
            error("INSERT INTO t (a) VALUES (1);\nINSERT INTO t (b) VALUES (1);"),
            "d.sql, line 2: table t has no column b"
        );
    }
}
