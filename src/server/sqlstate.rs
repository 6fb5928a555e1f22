//! The SQLSTATE of every kind of error, and the fields of error and notice messages.

use super::backend::{Notice, Severity};
use crate::error::{About, Error, Kind};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

/// PostgreSQL's code for a kind of error. Without a catch-all, so that a new kind does not compile until it has one.
pub fn sqlstate(kind: Kind) -> &'static str {
    match kind {
        Kind::Syntax => "42601",
        Kind::UndefinedTable => "42P01",
        Kind::UndefinedColumn => "42703",
        Kind::UndefinedFunction => "42883",
        Kind::AmbiguousFunction => "42725",
        Kind::UndefinedObject => "42704",
        Kind::UndefinedSchema => "3F000",
        Kind::UndefinedDatabase => "3D000",
        Kind::UndefinedStatement => "26000",
        Kind::UndefinedCursor => "34000",
        Kind::UndefinedSavepoint => "3B001",
        Kind::UndefinedParameter => "42P02",
        Kind::DuplicateTable => "42P07",
        Kind::DuplicateSchema => "42P06",
        Kind::DuplicateColumn => "42701",
        Kind::DuplicateAlias => "42712",
        Kind::InvalidLogarithm => "2201E",
        Kind::InvalidPower => "2201F",
        Kind::InvalidRegex => "2201B",
        Kind::DuplicateObject => "42710",
        Kind::DuplicateFunction => "42723",
        Kind::DuplicateStatement => "42P05",
        Kind::DuplicateCursor => "42P03",
        Kind::AmbiguousColumn => "42702",
        Kind::Grouping => "42803",
        Kind::InvalidColumnReference => "42P10",
        Kind::InvalidRowCount => "2201W",
        Kind::InvalidRowOffset => "2201X",
        Kind::Windowing => "42P20",
        Kind::FrameSize => "22013",
        Kind::Ntile => "22014",
        Kind::NthValue => "22016",
        Kind::DatatypeMismatch => "42804",
        Kind::IndeterminateType => "42P18",
        Kind::CannotCoerce => "42846",
        Kind::InvalidName => "42602",
        Kind::ReservedName => "42939",
        Kind::NameTooLong => "42622",
        Kind::WrongObject => "42809",
        Kind::GeneratedAlways => "428C9",
        Kind::SequenceLimit => "2200H",
        Kind::InvalidDefinition => "42P17",
        Kind::InvalidFunction => "42P13",
        Kind::InvalidGrant => "0LP01",
        Kind::InvalidSubstring => "22011",
        Kind::InvalidWidthBucket => "2201G",
        Kind::InvalidCursor => "42P11",
        Kind::InvalidTableDefinition => "42P16",
        Kind::InvalidForeignKey => "42830",
        Kind::InvalidText => "22P02",
        Kind::InvalidByteSequence => "22021",
        Kind::Untranslatable => "22P05",
        Kind::InvalidDatetime => "22007",
        Kind::BadCopy => "22P04",
        Kind::DivisionByZero => "22012",
        Kind::NumericOutOfRange => "22003",
        Kind::StringTooLong => "22001",
        Kind::DatetimeOutOfRange => "22008",
        Kind::InvalidParameter => "22023",
        Kind::JsonMember => "2203A",
        Kind::JsonArray => "22039",
        Kind::JsonObject => "2203C",
        Kind::JsonNumber => "2203B",
        Kind::JsonSingleton => "22038",
        Kind::JsonSubscript => "22033",
        Kind::JsonItem => "22036",
        Kind::Cardinality => "21000",
        Kind::NotNull => "23502",
        Kind::Unique => "23505",
        Kind::Check => "23514",
        Kind::CheckOption => "44000",
        Kind::ForeignKey => "23503",
        Kind::Dependent => "2BP01",
        Kind::Serialization => "40001",
        Kind::Deadlock => "40P01",
        Kind::LockNotAvailable => "55P03",
        Kind::Privilege => "42501",
        Kind::Unsupported => "0A000",
        Kind::NotReady => "55000",
        Kind::SnapshotTooOld => "72000",
        Kind::InUse => "55006",
        Kind::LimitExceeded => "53400",
        Kind::ProgramLimit => "54000",
        Kind::OutOfMemory => "53200",
        Kind::IdleInTransaction => "25P03",
        Kind::IdleSession => "57P05",
        Kind::TooManyConnections => "53300",
        Kind::DiskFull => "53100",
        Kind::Io => "58030",
        Kind::UndefinedFile => "58P01",
        Kind::Foreign => "HV000",
        Kind::ForeignConnection => "08001",
        Kind::InvalidBinary => "22P03",
        Kind::Cancelled => "57014",
        Kind::FailedTransaction => "25P02",
        Kind::ActiveTransaction => "25001",
        Kind::NoActiveTransaction => "25P01",
        Kind::ReadOnlyTransaction => "25006",
        Kind::Authentication => "28P01",
        Kind::NotAuthorized => "28000",
        Kind::Protocol => "08P01",
        Kind::WrongKey => "XX001",
        Kind::Corruption => "XX001",
        Kind::FormatVersion => "0A000",
        Kind::Configuration => "F0000",
        Kind::Shutdown => "57P01",
        Kind::Internal => "XX000",
    }
}

/// An error as the client hears it; `fatal` ones end the connection.
pub(super) fn error_response(error: &Error, fatal: bool) -> PgWireBackendMessage {
    let severity = if fatal { "FATAL" } else { "ERROR" };
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', sqlstate(error.kind()).to_owned()),
        (b'M', clean(error.message())),
    ];
    fields.extend(error.detail().map(|detail| (b'D', clean(detail))));
    fields.extend(error.hint().map(|hint| (b'H', clean(hint))));
    fields.extend(error.context().map(|context| (b'W', clean(context))));
    fields.extend(error.position().map(|position| (b'P', position.to_string())));
    if let Some(About { schema, table, column, constraint }) = error.about() {
        fields.extend([(b's', clean(schema)), (b't', clean(table))]);
        fields.extend(column.as_deref().map(|column| (b'c', clean(column))));
        fields.extend(constraint.as_deref().map(|constraint| (b'n', clean(constraint))));
    }
    fields.extend(error.routine().map(|routine| (b'R', routine.to_owned())));
    PgWireBackendMessage::ErrorResponse(ErrorResponse::new(fields))
}

/// A notice as the client hears it.
pub(super) fn notice_response(notice: &Notice) -> PgWireBackendMessage {
    let (severity, code) = match notice.severity {
        Severity::Debug => ("DEBUG", "00000"),
        Severity::Info => ("INFO", "00000"),
        Severity::Notice => ("NOTICE", "00000"),
        Severity::Warning => ("WARNING", "01000"),
    };
    let code = notice.kind.map_or(code, sqlstate);
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', code.to_owned()),
        (b'M', clean(&notice.message)),
    ];
    fields.extend(notice.detail.as_deref().map(|detail| (b'D', clean(detail))));
    fields.extend(notice.hint.as_deref().map(|hint| (b'H', clean(hint))));
    PgWireBackendMessage::NoticeResponse(NoticeResponse::new(fields))
}

/// Fields end at the first zero byte, so none may be inside.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind with the code that PostgreSQL's appendix A gives it.
    const TABLE: &[(Kind, &str)] = &[
        (Kind::Syntax, "42601"),
        (Kind::UndefinedTable, "42P01"),
        (Kind::UndefinedColumn, "42703"),
        (Kind::UndefinedFunction, "42883"),
        (Kind::AmbiguousFunction, "42725"),
        (Kind::InvalidName, "42602"),
        (Kind::ReservedName, "42939"),
        (Kind::NameTooLong, "42622"),
        (Kind::WrongObject, "42809"),
        (Kind::GeneratedAlways, "428C9"),
        (Kind::SequenceLimit, "2200H"),
        (Kind::UndefinedObject, "42704"),
        (Kind::UndefinedSchema, "3F000"),
        (Kind::UndefinedDatabase, "3D000"),
        (Kind::UndefinedStatement, "26000"),
        (Kind::UndefinedCursor, "34000"),
        (Kind::UndefinedSavepoint, "3B001"),
        (Kind::UndefinedParameter, "42P02"),
        (Kind::DuplicateTable, "42P07"),
        (Kind::DuplicateSchema, "42P06"),
        (Kind::DuplicateColumn, "42701"),
        (Kind::DuplicateAlias, "42712"),
        (Kind::InvalidLogarithm, "2201E"),
        (Kind::InvalidPower, "2201F"),
        (Kind::InvalidRegex, "2201B"),
        (Kind::DuplicateObject, "42710"),
        (Kind::DuplicateFunction, "42723"),
        (Kind::InvalidFunction, "42P13"),
        (Kind::InvalidGrant, "0LP01"),
        (Kind::InvalidSubstring, "22011"),
        (Kind::InvalidWidthBucket, "2201G"),
        (Kind::DuplicateStatement, "42P05"),
        (Kind::DuplicateCursor, "42P03"),
        (Kind::AmbiguousColumn, "42702"),
        (Kind::Grouping, "42803"),
        (Kind::InvalidColumnReference, "42P10"),
        (Kind::InvalidRowCount, "2201W"),
        (Kind::InvalidRowOffset, "2201X"),
        (Kind::Windowing, "42P20"),
        (Kind::FrameSize, "22013"),
        (Kind::Ntile, "22014"),
        (Kind::NthValue, "22016"),
        (Kind::DatatypeMismatch, "42804"),
        (Kind::CannotCoerce, "42846"),
        (Kind::IndeterminateType, "42P18"),
        (Kind::InvalidDefinition, "42P17"),
        (Kind::InvalidCursor, "42P11"),
        (Kind::InvalidTableDefinition, "42P16"),
        (Kind::InvalidForeignKey, "42830"),
        (Kind::InvalidText, "22P02"),
        (Kind::InvalidDatetime, "22007"),
        (Kind::InvalidByteSequence, "22021"),
        (Kind::Untranslatable, "22P05"),
        (Kind::BadCopy, "22P04"),
        (Kind::DivisionByZero, "22012"),
        (Kind::NumericOutOfRange, "22003"),
        (Kind::StringTooLong, "22001"),
        (Kind::DatetimeOutOfRange, "22008"),
        (Kind::InvalidParameter, "22023"),
        (Kind::JsonMember, "2203A"),
        (Kind::JsonArray, "22039"),
        (Kind::JsonObject, "2203C"),
        (Kind::JsonNumber, "2203B"),
        (Kind::JsonSingleton, "22038"),
        (Kind::JsonSubscript, "22033"),
        (Kind::JsonItem, "22036"),
        (Kind::Cardinality, "21000"),
        (Kind::NotNull, "23502"),
        (Kind::Unique, "23505"),
        (Kind::Check, "23514"),
        (Kind::CheckOption, "44000"),
        (Kind::ForeignKey, "23503"),
        (Kind::Dependent, "2BP01"),
        (Kind::Serialization, "40001"),
        (Kind::Deadlock, "40P01"),
        (Kind::LockNotAvailable, "55P03"),
        (Kind::Privilege, "42501"),
        (Kind::Unsupported, "0A000"),
        (Kind::NotReady, "55000"),
        (Kind::SnapshotTooOld, "72000"),
        (Kind::InUse, "55006"),
        (Kind::LimitExceeded, "53400"),
        (Kind::ProgramLimit, "54000"),
        (Kind::OutOfMemory, "53200"),
        (Kind::IdleInTransaction, "25P03"),
        (Kind::IdleSession, "57P05"),
        (Kind::TooManyConnections, "53300"),
        (Kind::DiskFull, "53100"),
        (Kind::Io, "58030"),
        (Kind::UndefinedFile, "58P01"),
        (Kind::Foreign, "HV000"),
        (Kind::ForeignConnection, "08001"),
        (Kind::InvalidBinary, "22P03"),
        (Kind::Cancelled, "57014"),
        (Kind::FailedTransaction, "25P02"),
        (Kind::ActiveTransaction, "25001"),
        (Kind::NoActiveTransaction, "25P01"),
        (Kind::ReadOnlyTransaction, "25006"),
        (Kind::Authentication, "28P01"),
        (Kind::NotAuthorized, "28000"),
        (Kind::Protocol, "08P01"),
        (Kind::WrongKey, "XX001"),
        (Kind::Corruption, "XX001"),
        (Kind::FormatVersion, "0A000"),
        (Kind::Configuration, "F0000"),
        (Kind::Shutdown, "57P01"),
        (Kind::Internal, "XX000"),
    ];

    #[test]
    fn every_kind_has_its_code() {
        for (kind, code) in TABLE {
            assert_eq!(sqlstate(*kind), *code, "{kind:?}");
            assert_eq!(code.len(), 5);
        }
        // `Internal` is declared last: the table misses none.
        assert_eq!(TABLE.len(), Kind::Internal as usize + 1);
    }

    #[test]
    fn fields_carry_what_the_error_says() {
        let error = Error::new(Kind::UndefinedColumn, "column \"x\0\" does not exist").with_hint("Try y.").at(8);
        let PgWireBackendMessage::ErrorResponse(response) = error_response(&error, false) else {
            panic!("not an error response");
        };
        let field = |code: u8| response.fields.iter().find(|(name, _)| *name == code).map(|(_, text)| text.as_str());
        assert_eq!(field(b'S'), Some("ERROR"));
        assert_eq!(field(b'C'), Some("42703"));
        assert_eq!(field(b'M'), Some("column \"x\" does not exist"));
        assert_eq!(field(b'H'), Some("Try y."));
        assert_eq!(field(b'P'), Some("8"));
        assert_eq!(field(b'D'), None);
    }

    #[test]
    fn notices_carry_the_code_of_what_they_are_about() {
        let code = |kind: Option<Kind>| {
            let message = "there is no transaction in progress".to_owned();
            let notice = Notice { severity: Severity::Warning, kind, message, detail: None, hint: None };
            let PgWireBackendMessage::NoticeResponse(response) = notice_response(&notice) else {
                panic!("not a notice response");
            };
            response.fields.into_iter().find(|(name, _)| *name == b'C').map(|(_, text)| text)
        };
        assert_eq!(code(None).as_deref(), Some("01000"));
        assert_eq!(code(Some(Kind::NoActiveTransaction)).as_deref(), Some("25P01"));
        assert_eq!(code(Some(Kind::ActiveTransaction)).as_deref(), Some("25001"));
        assert_eq!(code(Some(Kind::NameTooLong)).as_deref(), Some("42622"));
    }
}
