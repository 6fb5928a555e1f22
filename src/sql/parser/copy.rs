//! Grammar of COPY: PostgreSQL's options, and the form of them from before its version 9.0.

use super::own::{Own, Relation};
use super::words::Words;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::fail;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

/// `COPY`
#[derive(Debug, Clone)]
pub struct Copy {
    /// Where rows come from or go to.
    pub relation: Option<Relation>,
    /// The query whose rows go out.
    pub query: Option<Box<ast::Query>>,
    /// Columns, all if none are named.
    pub columns: Vec<String>,
    /// Into the table, not out of it.
    pub from: bool,
    /// A file of the server; without one the client has the data.
    pub file: Option<String>,
    /// How the data are written.
    pub form: CopyForm,
    /// Rows are to be frozen, for which the table must be new.
    pub freeze: bool,
    /// Which rows come in.
    pub condition: Option<Box<ast::Expr>>,
}

/// How COPY's data are written.
#[derive(Debug, Clone)]
pub struct CopyForm {
    /// Their form.
    pub format: CopyFormat,
    /// A first line of names.
    pub header: CopyHeader,
    /// Between columns.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// Around values, for CSV.
    pub quote: u8,
    /// Before a quote within quotes, for CSV.
    pub escape: u8,
    /// Columns whose values are always in quotes.
    pub force_quote: Chosen,
    /// Columns in which nothing is NULL.
    pub force_not_null: Chosen,
    /// Columns in which NULL may be in quotes.
    pub force_null: Chosen,
    /// Their encoding, where it is not the client's.
    pub encoding: Option<Charset>,
}

/// Form of COPY's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    /// PostgreSQL's text form.
    Text,
    /// CSV.
    Csv,
    /// PostgreSQL's binary form.
    Binary,
    /// A Parquet file.
    Parquet,
    /// A version of a model as a safetensors file.
    Safetensors,
}

/// Whether there is a first line of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyHeader {
    /// There is none.
    None,
    /// There is one, whatever it says.
    Line,
    /// There is one that names the columns.
    Match,
}

/// Some columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All of them.
    All,
    /// Those that are named.
    Named(Vec<String>),
}

impl CopyForm {
    /// CSV as it is written without options.
    pub fn csv() -> Self {
        let none = || Chosen::Named(Vec::new());
        Self {
            format: CopyFormat::Csv,
            header: CopyHeader::None,
            delimiter: b',',
            null: String::new(),
            quote: b'"',
            escape: b'"',
            force_quote: none(),
            force_not_null: none(),
            force_null: none(),
            encoding: None,
        }
    }
}

/// What is written behind the name of an option.
#[derive(Debug)]
enum Value {
    Nothing,
    Text(String),
    Star,
    List(Vec<String>),
}

/// Options as they are written.
type Options = Vec<(String, Value)>;

/// Reads a COPY.
pub fn parse(words: &mut Words) -> Result<Own> {
    words.expect(&["COPY"])?;
    let mut options = Options::new();
    if words.take(&["BINARY"]) {
        options.push(("format".to_owned(), Value::Text("binary".to_owned())));
    }
    let (mut relation, mut query, mut columns) = (None, None, Vec::new());
    if words.token(&Token::LParen) {
        let mut read = words.parser.parse_query().map_err(Error::from)?;
        super::read_back(&mut read)?;
        query = Some(read);
        words.expect_token(&Token::RParen)?;
    } else {
        relation = Some(words.relation()?);
        if words.token(&Token::LParen) {
            columns = words.names()?;
            words.expect_token(&Token::RParen)?;
        }
    }
    let from = query.is_none() && words.take(&["FROM"]);
    if !from {
        words.expect(&["TO"])?;
    }
    let file = place(words, from)?;
    if words.take(&["USING", "DELIMITERS"]) {
        options.push(("delimiter".to_owned(), Value::Text(words.string()?)));
    }
    words.take(&["WITH"]);
    match words.token(&Token::LParen) {
        true => listed(words, &mut options)?,
        false => old_style(words, &mut options)?,
    }
    let mut condition = None;
    if words.take(&["WHERE"]) {
        let mut read = words.parser.parse_expr().map_err(Error::from)?;
        super::read_back(&mut read)?;
        condition = Some(Box::new(read));
        if !from {
            fail!(Syntax, "WHERE clause not allowed with COPY TO");
        }
    }
    let (form, freeze) = form(options, from)?;
    Ok(Own::Copy(Box::new(Copy { relation, query, columns, from, file, form, freeze, condition })))
}

/// The client, or a file of the server.
fn place(words: &mut Words, from: bool) -> Result<Option<String>> {
    if words.take(&["STDIN"]) || words.take(&["STDOUT"]) {
        return Ok(None);
    }
    if words.take(&["PROGRAM"]) {
        let message = format!("COPY {} PROGRAM is not supported", if from { "FROM" } else { "TO" });
        return Err(Error::new(Kind::Unsupported, message)
            .with_hint("The server runs no programs; psql's \\copy does, on the client's side."));
    }
    match words.parser.peek_token().token {
        Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) => words.string().map(Some),
        _ => Err(words.unexpected("STDIN, STDOUT or the path of a file")),
    }
}

/// `name [value], ... )`
fn listed(words: &mut Words, options: &mut Options) -> Result<()> {
    loop {
        let name = words.name()?;
        let value = match words.parser.peek_token().token {
            Token::Comma | Token::RParen => Value::Nothing,
            Token::Mul => {
                words.parser.next_token();
                Value::Star
            }
            Token::LParen => {
                words.parser.next_token();
                let names = words.names()?;
                words.expect_token(&Token::RParen)?;
                Value::List(names)
            }
            Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) => Value::Text(words.string()?),
            Token::Number(..) | Token::Minus | Token::Plus => Value::Text(words.value()?),
            _ => Value::Text(words.name()?),
        };
        options.push((name, value));
        if !words.token(&Token::Comma) {
            return words.expect_token(&Token::RParen);
        }
    }
}

/// The form of PostgreSQL before 9.0, which scripts still use.
fn old_style(words: &mut Words, options: &mut Options) -> Result<()> {
    loop {
        let mut add = |name: &str, value| options.push((name.to_owned(), value));
        let text = |words: &mut Words| {
            words.take(&["AS"]);
            words.string().map(Value::Text)
        };
        match () {
            () if words.take(&["BINARY"]) => add("format", Value::Text("binary".to_owned())),
            () if words.take(&["CSV"]) => add("format", Value::Text("csv".to_owned())),
            () if words.take(&["HEADER"]) => add("header", Value::Nothing),
            () if words.take(&["FREEZE"]) => add("freeze", Value::Nothing),
            () if words.take(&["DELIMITER"]) => add("delimiter", text(words)?),
            () if words.take(&["NULL"]) => add("null", text(words)?),
            () if words.take(&["QUOTE"]) => add("quote", text(words)?),
            () if words.take(&["ESCAPE"]) => add("escape", text(words)?),
            () if words.take(&["ENCODING"]) => add("encoding", text(words)?),
            () if words.take(&["FORCE", "NOT", "NULL"]) => add("force_not_null", Value::List(words.names()?)),
            () if words.take(&["FORCE", "NULL"]) => add("force_null", Value::List(words.names()?)),
            () if words.take(&["FORCE", "QUOTE"]) => {
                let all = words.token(&Token::Mul);
                add("force_quote", if all { Value::Star } else { Value::List(words.names()?) });
            }
            () => return Ok(()),
        }
    }
}

/// What the options say together, and whether rows are to be frozen. Checks and their order are PostgreSQL's.
fn form(options: Options, from: bool) -> Result<(CopyForm, bool)> {
    let mut given = Given::default();
    for (name, value) in options {
        given.take(&name, value)?;
    }
    let format = given.format.unwrap_or(CopyFormat::Text);
    if matches!(format, CopyFormat::Parquet | CopyFormat::Safetensors) {
        given.must_fit_file(format, from)?;
    }
    if format == CopyFormat::Binary {
        match &given {
            Given { delimiter: Some(_), .. } => fail!(Syntax, "cannot specify DELIMITER in BINARY mode"),
            Given { null: Some(_), .. } => fail!(Syntax, "cannot specify NULL in BINARY mode"),
            Given { header: Some(CopyHeader::Line | CopyHeader::Match), .. } => {
                fail!(Unsupported, "cannot specify HEADER in BINARY mode")
            }
            _ => {}
        }
    }
    let csv = format == CopyFormat::Csv;
    let delimiter = given.delimiter.as_deref().unwrap_or(if csv { "," } else { "\t" });
    let null = given.null.clone().unwrap_or_else(|| if csv { String::new() } else { "\\N".to_owned() });
    let quote = given.quote.as_deref().unwrap_or("\"");
    let escape = given.escape.as_deref().unwrap_or(quote);
    let delimiter = one_byte("delimiter", delimiter)?;
    if matches!(delimiter, b'\n' | b'\r') {
        fail!(InvalidParameter, "COPY delimiter cannot be newline or carriage return");
    }
    if null.contains(['\n', '\r']) {
        fail!(InvalidParameter, "COPY null representation cannot use newline or carriage return");
    }
    if !csv && b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&delimiter) {
        fail!(InvalidParameter, "COPY delimiter cannot be \"{}\"", char::from(delimiter));
    }
    if !csv && given.quote.is_some() {
        fail!(Unsupported, "COPY quote available only in CSV mode");
    }
    let quote = one_byte("quote", quote)?;
    if csv && delimiter == quote {
        fail!(InvalidParameter, "COPY delimiter and quote must be different");
    }
    if !csv && given.escape.is_some() {
        fail!(Unsupported, "COPY escape available only in CSV mode");
    }
    let escape = one_byte("escape", escape)?;
    given.must_fit(csv, from)?;
    if null.bytes().any(|byte| byte == delimiter) {
        fail!(Unsupported, "COPY delimiter must not appear in the NULL specification");
    }
    if csv && null.bytes().any(|byte| byte == quote) {
        fail!(Unsupported, "CSV quote character must not appear in the NULL specification");
    }
    let chosen = |chosen: Option<Chosen>| chosen.unwrap_or(Chosen::Named(Vec::new()));
    let form = CopyForm {
        format,
        header: given.header.unwrap_or(CopyHeader::None),
        delimiter,
        null,
        quote,
        escape,
        force_quote: chosen(given.force_quote),
        force_not_null: chosen(given.force_not_null),
        force_null: chosen(given.force_null),
        encoding: given.encoding,
    };
    Ok((form, given.freeze.unwrap_or(false)))
}

/// The options that are given, each at most once.
#[derive(Debug, Default)]
struct Given {
    format: Option<CopyFormat>,
    freeze: Option<bool>,
    header: Option<CopyHeader>,
    delimiter: Option<String>,
    null: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Chosen>,
    force_not_null: Option<Chosen>,
    force_null: Option<Chosen>,
    encoding: Option<Charset>,
}

impl Given {
    fn take(&mut self, name: &str, value: Value) -> Result<()> {
        match name {
            "format" => put(&mut self.format, format(&text(name, value)?)?),
            "freeze" => {
                let wanted = boolean(&value).ok_or_else(|| Error::new(Kind::Syntax, "freeze requires a Boolean value"));
                put(&mut self.freeze, wanted?)
            }
            "header" => put(&mut self.header, header(&value)?),
            "delimiter" => put(&mut self.delimiter, text(name, value)?),
            "null" => put(&mut self.null, text(name, value)?),
            "quote" => put(&mut self.quote, text(name, value)?),
            "escape" => put(&mut self.escape, text(name, value)?),
            "force_quote" => put(&mut self.force_quote, columns(name, value, true)?),
            "force_not_null" => put(&mut self.force_not_null, columns(name, value, false)?),
            "force_null" => put(&mut self.force_null, columns(name, value, false)?),
            "encoding" => put(&mut self.encoding, encoding(&text(name, value)?)?),
            other => fail!(Syntax, "option \"{other}\" not recognized"),
        }
    }

    /// Columns are forced in CSV only, and each way in one direction only.
    fn must_fit(&self, csv: bool, from: bool) -> Result<()> {
        let only = [
            ("quote", "TO", self.force_quote.is_some(), !from),
            ("not null", "FROM", self.force_not_null.is_some(), from),
            ("null", "FROM", self.force_null.is_some(), from),
        ];
        for (what, way, is_given, fits) in only {
            if is_given && !csv {
                fail!(Unsupported, "COPY force {what} available only in CSV mode");
            }
            if is_given && !fits {
                fail!(Unsupported, "COPY force {what} only available using COPY {way}");
            }
        }
        match self.header {
            Some(CopyHeader::Match) if !from => {
                fail!(Unsupported, "cannot use \"match\" with HEADER in COPY TO")
            }
            _ => Ok(()),
        }
    }

    fn must_fit_file(&self, format: CopyFormat, from: bool) -> Result<()> {
        let name = if format == CopyFormat::Parquet { "parquet" } else { "safetensors" };
        if !from {
            return Err(Error::new(Kind::Unsupported, format!("COPY TO in format \"{name}\" is not supported"))
                .with_hint("EXPORT DATABASE writes such files."));
        }
        if self.header.is_some() || self.delimiter.is_some() || self.null.is_some() {
            fail!(Syntax, "cannot specify HEADER, DELIMITER or NULL with COPY format \"{name}\"");
        }
        Ok(())
    }
}

fn put<T>(place: &mut Option<T>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => fail!(Syntax, "conflicting or redundant options"),
    }
}

fn text(name: &str, value: Value) -> Result<String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Star => Ok("*".to_owned()),
        Value::Nothing | Value::List(_) => fail!(Syntax, "{name} requires a parameter"),
    }
}

fn format(name: &str) -> Result<CopyFormat> {
    Ok(match name {
        "text" => CopyFormat::Text,
        "csv" => CopyFormat::Csv,
        "binary" => CopyFormat::Binary,
        "parquet" => CopyFormat::Parquet,
        "safetensors" => CopyFormat::Safetensors,
        other => fail!(InvalidParameter, "COPY format \"{other}\" not recognized"),
    })
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Nothing => Some(true),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" => Some(true),
            "false" | "off" | "0" => Some(false),
            _ => None,
        },
        Value::Star | Value::List(_) => None,
    }
}

fn header(value: &Value) -> Result<CopyHeader> {
    match (boolean(value), value) {
        (Some(true), _) => Ok(CopyHeader::Line),
        (Some(false), _) => Ok(CopyHeader::None),
        (None, Value::Text(text)) if text.eq_ignore_ascii_case("match") => Ok(CopyHeader::Match),
        (None, _) => fail!(Syntax, "header requires a Boolean value or \"match\""),
    }
}

fn columns(name: &str, value: Value, star: bool) -> Result<Chosen> {
    match value {
        Value::Star if star => Ok(Chosen::All),
        Value::List(names) => Ok(Chosen::Named(names)),
        _ => fail!(InvalidParameter, "argument to option \"{name}\" must be a list of column names"),
    }
}

fn encoding(name: &str) -> Result<Charset> {
    Charset::named(name).map_err(|error| match error.kind() {
        Kind::InvalidParameter => {
            Error::new(Kind::InvalidParameter, "argument to option \"encoding\" must be a valid encoding name")
        }
        _ => error,
    })
}

fn one_byte(what: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => fail!(Unsupported, "COPY {what} must be a single one-byte character"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, parse as statements};
    use super::*;

    fn read(sql: &str) -> Result<Copy> {
        match statements(sql)?.remove(0).body {
            Body::Own(own) => match *own {
                Own::Copy(copy) => Ok(*copy),
                other => panic!("{other:?}"),
            },
            Body::Sql(other) => panic!("{other}"),
        }
    }

    #[test]
    fn old_and_new_style_say_the_same() {
        for sql in [
            "COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'N', QUOTE '''', ESCAPE '\\', FORCE_NOT_NULL (a), FORCE_NULL (b), FREEZE)",
            "copy t(a,b) from stdin with csv header delimiter as ';' null 'N' quote as '''' escape '\\' force not null a force null b freeze",
        ] {
            let copy = read(sql).unwrap();
            assert_eq!((copy.form.format, copy.form.header), (CopyFormat::Csv, CopyHeader::Line));
            assert_eq!((copy.form.delimiter, copy.form.quote, copy.form.escape), (b';', b'\'', b'\\'));
            assert_eq!((copy.form.null.as_str(), copy.freeze, copy.from), ("N", true, true));
            assert_eq!(copy.form.force_not_null, Chosen::Named(vec!["a".to_owned()]));
            assert_eq!(copy.form.force_null, Chosen::Named(vec!["b".to_owned()]));
        }
        assert_eq!(read("COPY BINARY t TO STDOUT").unwrap().form.format, CopyFormat::Binary);
        assert_eq!(read("COPY t TO STDOUT USING DELIMITERS '|'").unwrap().form.delimiter, b'|');
        assert_eq!(read("COPY t TO '/tmp/x' (FORMAT csv, FORCE_QUOTE *)").unwrap().form.force_quote, Chosen::All);
        assert_eq!(read("COPY t FROM E'/tmp/\\tx'").unwrap().file.as_deref(), Some("/tmp/\tx"));
        assert!(read("COPY t FROM STDIN (FORMAT csv) WHERE a > 1").unwrap().condition.is_some());
        assert_eq!(read("COPY t FROM STDIN (HEADER match)").unwrap().form.header, CopyHeader::Match);
        assert_eq!(read("COPY t FROM STDIN (HEADER 0)").unwrap().form.header, CopyHeader::None);
        assert_eq!(read("COPY t FROM STDIN (DELIMITER E'\\t')").unwrap().form.delimiter, b'\t');
    }

    /// Each as PostgreSQL 15 says it.
    #[test]
    fn what_does_not_go_together_is_refused() {
        for (sql, kind, message) in [
            ("FROM STDIN (FORMAT binary, DELIMITER ',')", Kind::Syntax, "cannot specify DELIMITER in BINARY mode"),
            ("FROM STDIN (FORMAT binary, HEADER)", Kind::Unsupported, "cannot specify HEADER in BINARY mode"),
            ("FROM STDIN (FORMAT csv, FORMAT csv)", Kind::Syntax, "conflicting or redundant options"),
            ("FROM STDIN (FOO)", Kind::Syntax, "option \"foo\" not recognized"),
            ("FROM STDIN (DELIMITER 'ab')", Kind::Unsupported, "COPY delimiter must be a single one-byte character"),
            (
                "FROM STDIN (DELIMITER E'\\n')",
                Kind::InvalidParameter,
                "COPY delimiter cannot be newline or carriage return",
            ),
            ("FROM STDIN (DELIMITER 'a')", Kind::InvalidParameter, "COPY delimiter cannot be \"a\""),
            ("FROM STDIN (DELIMITER)", Kind::Syntax, "delimiter requires a parameter"),
            ("FROM STDIN (QUOTE 'x')", Kind::Unsupported, "COPY quote available only in CSV mode"),
            ("FROM STDIN (ESCAPE 'x')", Kind::Unsupported, "COPY escape available only in CSV mode"),
            (
                "FROM STDIN (FORMAT csv, QUOTE ',')",
                Kind::InvalidParameter,
                "COPY delimiter and quote must be different",
            ),
            ("TO STDOUT (FORCE_QUOTE *)", Kind::Unsupported, "COPY force quote available only in CSV mode"),
            (
                "FROM STDIN (FORMAT csv, FORCE_QUOTE *)",
                Kind::Unsupported,
                "COPY force quote only available using COPY TO",
            ),
            (
                "TO STDOUT (FORMAT csv, FORCE_NULL (a))",
                Kind::Unsupported,
                "COPY force null only available using COPY FROM",
            ),
            (
                "FROM STDIN (FORMAT csv, FORCE_NULL *)",
                Kind::InvalidParameter,
                "argument to option \"force_null\" must be a list of column names",
            ),
            (
                "FROM STDIN (NULL 'a,b', DELIMITER ',')",
                Kind::Unsupported,
                "COPY delimiter must not appear in the NULL specification",
            ),
            (
                "FROM STDIN (FORMAT csv, NULL 'a\"b')",
                Kind::Unsupported,
                "CSV quote character must not appear in the NULL specification",
            ),
            ("TO STDOUT (HEADER match)", Kind::Unsupported, "cannot use \"match\" with HEADER in COPY TO"),
            ("FROM STDIN (HEADER 3)", Kind::Syntax, "header requires a Boolean value or \"match\""),
            ("FROM STDIN (FREEZE foo)", Kind::Syntax, "freeze requires a Boolean value"),
            (
                "FROM STDIN (ENCODING 'nonsense')",
                Kind::InvalidParameter,
                "argument to option \"encoding\" must be a valid encoding name",
            ),
            (
                "FROM STDIN (ENCODING 'EUC_TW')",
                Kind::Unsupported,
                "conversion between EUC_TW and UTF8 is not supported",
            ),
            ("TO STDOUT WHERE a > 1", Kind::Syntax, "WHERE clause not allowed with COPY TO"),
            ("FROM PROGRAM 'ls'", Kind::Unsupported, "COPY FROM PROGRAM is not supported"),
        ] {
            let error = read(&format!("COPY t {sql}")).unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, message), "{sql}");
        }
        assert_eq!(read("COPY (SELECT 1) FROM STDIN").unwrap_err().kind(), Kind::Syntax);
    }
}
