//! The fields of error and notice messages.

use super::backend::{Notice, Severity};
use crate::error::{About, Error};
pub use crate::wording::sqlstate;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

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
    use crate::error::Kind;

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
