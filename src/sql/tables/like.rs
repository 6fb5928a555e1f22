//! LIKE by several parts of a text (`%special%requests%`), which the engine makes a regular expression of.

use arrow::array::{Array, BooleanArray, StringArray};
use arrow::buffer::BooleanBuffer;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, LikeExpr, Literal};
use memchr::memmem::Finder;
use std::sync::Arc;

/// What a text must have, one behind the other.
#[derive(Debug)]
pub struct Parts {
    negated: bool,
    first: Vec<u8>,
    between: Vec<Finder<'static>>,
    last: Vec<u8>,
}

impl Parts {
    /// The parts of a condition, if it is that a column is, or is not, LIKE more than one of them.
    pub fn of(condition: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        let like = condition.downcast_ref::<LikeExpr>().filter(|like| !like.case_insensitive())?;
        like.expr().downcast_ref::<Column>()?;
        match like.pattern().downcast_ref::<Literal>()?.value() {
            ScalarValue::Utf8(Some(pattern)) => Self::new(pattern, like.negated()),
            _ => None,
        }
    }

    fn new(pattern: &str, negated: bool) -> Option<Self> {
        let parts: Vec<&[u8]> = pattern.split('%').map(str::as_bytes).collect();
        // One part is quick as it is; a sign for any letter is for letters to count.
        if pattern.contains(['_', '\\']) || parts.iter().filter(|part| !part.is_empty()).count() < 2 || parts.len() < 2
        {
            return None;
        }
        let between = parts[1..parts.len() - 1].iter().filter(|part| !part.is_empty());
        let between = between.map(|part| Finder::new(part).into_owned()).collect();
        Some(Self { negated, first: parts[0].to_vec(), between, last: parts[parts.len() - 1].to_vec() })
    }

    fn fits(&self, text: &[u8]) -> bool {
        let Some(mut rest) = text.strip_prefix(self.first.as_slice()) else { return false };
        for part in &self.between {
            let Some(at) = part.find(rest) else { return false };
            rest = &rest[at + part.needle().len()..];
        }
        rest.ends_with(&self.last)
    }

    /// The answer for each text, NULL for NULL.
    pub fn ask(&self, texts: &StringArray) -> BooleanArray {
        let (bytes, ends) = (texts.value_data(), texts.value_offsets());
        let text = |row: usize| &bytes[ends[row] as usize..ends[row + 1] as usize];
        let told = BooleanBuffer::collect_bool(texts.len(), |row| self.fits(text(row)) != self.negated);
        BooleanArray::new(told, texts.nulls().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::compute::kernels::comparison::{like, nlike};

    #[test]
    fn parts_are_found_as_the_pattern_says() {
        let texts = [
            "",
            "a",
            "ab",
            "aab",
            "special requests",
            "the special x requests.",
            "requests special",
            "abcabc",
            "商品 special 的 requests",
        ];
        let texts = StringArray::from_iter(texts.into_iter().map(Some).chain([None]));
        for pattern in
            ["%special%requests%", "a%b", "a%b%", "%a%b", "a%%b", "ab%bc%abc", "abc%abc", "%商%的%", "abc%cabc"]
        {
            for negated in [false, true] {
                let parts = Parts::new(pattern, negated).unwrap();
                let one = arrow::array::Scalar::new(StringArray::from(vec![pattern]));
                let engines = if negated { nlike(&texts, &one) } else { like(&texts, &one) };
                assert_eq!(parts.ask(&texts), engines.unwrap(), "{pattern}");
                let slice = texts.slice(2, 5);
                assert_eq!(parts.ask(&slice), parts.ask(&texts).slice(2, 5));
            }
        }
        for pattern in ["", "%", "%a%", "a%", "%a", "a", "a_%b", "a\\%b%c"] {
            assert!(Parts::new(pattern, false).is_none(), "{pattern}");
        }
    }
}
