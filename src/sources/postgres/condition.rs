//! Conditions as another server's SQL.
//!
//! Only what means the same there: numbers, days and moments in any comparison, texts for being equal. How texts are ordered is
//! each database's own affair. What cannot be said is left out, so that more rows may come than are wanted.

use super::listing::{RemoteColumn, literal, quoted};
use crate::encoding::pg_text::{write_date, write_timestamp, write_timestamptz};
use crate::sources::{Comparison, Predicate, Scalar};

/// The condition of a query; none where nothing can be said.
pub(super) fn condition(filters: &[Predicate], columns: &[RemoteColumn]) -> Option<String> {
    let parts: Vec<String> = filters.iter().filter_map(|filter| written(filter, columns)).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

fn written(filter: &Predicate, columns: &[RemoteColumn]) -> Option<String> {
    let name = |column: &usize| columns.get(*column).map(|column| quoted(&column.name));
    match filter {
        Predicate::Compare(column, is, to) => {
            let to = constant(columns.get(*column)?, to, *is == Comparison::Equal)?;
            Some(format!("{} {} {to}", name(column)?, is.as_str()))
        }
        Predicate::In(column, values) => {
            let of = columns.get(*column)?;
            let values: Option<Vec<String>> = values.iter().map(|value| constant(of, value, true)).collect();
            let values = values.filter(|values| !values.is_empty())?;
            Some(format!("{} IN ({})", name(column)?, values.join(", ")))
        }
        Predicate::Null(column, true) => Some(format!("{} IS NULL", name(column)?)),
        Predicate::Null(column, false) => Some(format!("{} IS NOT NULL", name(column)?)),
        // Parts of AND may be left out, parts of OR not.
        Predicate::All(parts) => condition(parts, columns).map(|all| format!("({all})")),
        Predicate::Any(parts) => {
            let parts: Option<Vec<String>> = parts.iter().map(|part| written(part, columns)).collect();
            parts.filter(|parts| !parts.is_empty()).map(|parts| format!("({})", parts.join(" OR ")))
        }
    }
}

/// A constant in SQL, if the column's type there compares with it as ours does here.
fn constant(column: &RemoteColumn, value: &Scalar, equal: bool) -> Option<String> {
    let kind = column.type_name.split('(').next().unwrap_or_default();
    let whole = ["smallint", "integer", "bigint"].contains(&kind);
    let is_timed = column.type_name.starts_with("timestamp");
    let zoned = is_timed && column.type_name.ends_with(" with time zone");
    let moment = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut text = Vec::new();
        write(&mut text);
        String::from_utf8(text).ok().map(|text| literal(&text))
    };
    match value {
        Scalar::Bool(value) if kind == "boolean" => Some(value.to_string()),
        Scalar::Int(value) if whole => Some(value.to_string()),
        // Without places there are more there than are kept here: what is equal here need not be there.
        Scalar::Decimal(value, places) if kind == "numeric" && column.type_name.contains('(') => {
            decimal(*value, *places)
        }
        Scalar::Float(value) if ["real", "double precision"].contains(&kind) => {
            Some(format!("'{value:e}'::double precision")).filter(|_| value.is_finite())
        }
        Scalar::Text(value) if equal && ["text", "character varying"].contains(&kind) && !value.contains('\0') => {
            Some(literal(value))
        }
        Scalar::Date(days) if kind == "date" => {
            Some(format!("{}::date", moment(&|text| write_date((*days).into(), text))?))
        }
        Scalar::Timestamp(micros) if is_timed && !zoned => {
            Some(format!("{}::timestamp", moment(&|text| write_timestamp(*micros, text))?))
        }
        Scalar::Timestamptz(micros) if zoned => {
            Some(format!("{}::timestamptz", moment(&|text| write_timestamptz(*micros, 0, text))?))
        }
        _ => None,
    }
}

fn decimal(value: i128, places: i8) -> Option<String> {
    let places = usize::try_from(places).ok()?;
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if value < 0 { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_say_what_means_the_same_there() {
        let column = |name: &str, kind: &str| RemoteColumn { name: name.to_owned(), type_name: kind.to_owned() };
        let columns = [
            column("id", "bigint"),
            column("o\"k", "text"),
            column("price", "numeric(10,2)"),
            column("at", "timestamp(3) with time zone"),
            column("day", "date"),
            column("mood", "shop.mood"),
            column("score", "double precision"),
            column("any", "numeric"),
        ];
        use Comparison::{AtLeast, Equal, Less, NotEqual};
        let said = |filter: Predicate| condition(&[filter], &columns);
        let compare = |column, is, to| said(Predicate::Compare(column, is, to));
        assert_eq!(compare(0, Less, Scalar::Int(-5)).unwrap(), "\"id\" < -5");
        assert_eq!(compare(1, Equal, Scalar::Text("it's\\".into())).unwrap(), "\"o\"\"k\" = 'it''s\\'");
        assert_eq!(compare(1, Less, Scalar::Text("a".into())), None);
        assert_eq!(compare(1, NotEqual, Scalar::Text("a".into())), None);
        assert_eq!(compare(2, AtLeast, Scalar::Decimal(-5, 2)).unwrap(), "\"price\" >= -0.05");
        assert_eq!(compare(3, Less, Scalar::Timestamptz(0)).unwrap(), "\"at\" < '1970-01-01 00:00:00+00'::timestamptz");
        assert_eq!(compare(4, Equal, Scalar::Date(1)).unwrap(), "\"day\" = '1970-01-02'::date");
        assert_eq!(compare(5, Equal, Scalar::Text("x".into())), None);
        assert_eq!(compare(6, Less, Scalar::Float(0.1)).unwrap(), "\"score\" < '1e-1'::double precision");
        assert_eq!(compare(6, Less, Scalar::Float(f64::NAN)), None);
        assert_eq!(compare(7, Less, Scalar::Decimal(1, 9)), None);
        assert_eq!(compare(9, Less, Scalar::Int(1)), None);
        let (known, unknown) = (Predicate::Null(0, false), Predicate::Compare(5, Equal, Scalar::Int(1)));
        assert_eq!(said(Predicate::All(vec![known.clone(), unknown.clone()])).unwrap(), "(\"id\" IS NOT NULL)");
        assert_eq!(said(Predicate::Any(vec![known, unknown])), None);
        let values = vec![Scalar::Text("a".into()), Scalar::Text("b".into())];
        assert_eq!(said(Predicate::In(1, values)).unwrap(), "\"o\"\"k\" IN ('a', 'b')");
    }
}
