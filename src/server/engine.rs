//! Errors that end a stream of rows, by what they mean.
//!
//! A room below that has something to say wraps its own error; for the rest only the engine's kind of error is passed
//! on, since its texts may quote values that the client must not see.

use crate::error::{Error, Kind};
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

/// The house's error for one of the engine.
pub fn engine_error(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => house_error(inner.as_ref()),
        DataFusionError::Context(_, inner) => engine_error(inner),
        DataFusionError::Diagnostic(_, inner) => engine_error(inner),
        DataFusionError::Shared(inner) => engine_error(inner),
        DataFusionError::ArrowError(inner, _) => arrow_error(inner),
        DataFusionError::ResourcesExhausted(_) => {
            Error::new(Kind::OutOfMemory, "the statement needs more memory than it may use")
        }
        DataFusionError::IoError(inner) => Error::io("running the statement", inner),
        DataFusionError::NotImplemented(text) => Error::new(Kind::Unsupported, text),
        _ => Error::internal("the engine could not finish the statement"),
    }
}

fn arrow_error(error: &ArrowError) -> Error {
    match error {
        ArrowError::DivideByZero => Error::new(Kind::DivisionByZero, "division by zero"),
        ArrowError::ArithmeticOverflow(_) => Error::new(Kind::NumericOutOfRange, "value out of range"),
        ArrowError::CastError(_) | ArrowError::ParseError(_) => {
            Error::new(Kind::InvalidText, "a value cannot be read as the type it is cast to")
        }
        ArrowError::ExternalError(inner) => house_error(inner.as_ref()),
        ArrowError::IoError(_, inner) => Error::io("running the statement", inner),
        ArrowError::MemoryError(_) => Error::new(Kind::OutOfMemory, "out of memory"),
        _ => Error::internal("the engine could not finish the statement"),
    }
}

fn house_error(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    if let Some(own) = error.downcast_ref::<Error>() {
        return own.clone();
    }
    match (error.downcast_ref::<DataFusionError>(), error.downcast_ref::<ArrowError>()) {
        (Some(inner), _) => engine_error(inner),
        (_, Some(inner)) => arrow_error(inner),
        _ => Error::internal("the engine could not finish the statement"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_errors_come_through() {
        let own = Error::new(Kind::Privilege, "permission denied for table users");
        let wrapped = DataFusionError::External(Box::new(own)).context("while scanning");
        let arrow = DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(Box::new(wrapped))), None);
        assert_eq!(engine_error(&arrow).kind(), Kind::Privilege);
        let zero = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        assert_eq!(engine_error(&zero).kind(), Kind::DivisionByZero);
        let cast = ArrowError::CastError("Cannot cast string 'secret' to value of Int32".into());
        let error = engine_error(&DataFusionError::ArrowError(Box::new(cast), None));
        assert_eq!(error.kind(), Kind::InvalidText);
        assert!(!error.message().contains("secret"));
    }
}
