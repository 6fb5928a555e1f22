//! Pages: some thousand values of one column as bytes, smaller than they are in memory where that wins.
//!
//! ```text
//! 0 u8 | Arrow IPC stream of one array                             as it is; texts that repeat as a dictionary
//! 1 u8 | base i128 | Arrow IPC stream of one unsigned array        numbers as what they have more than the base
//! 2 u8 | base i128                                                 one number throughout, never NULL
//! ```
//!
//! Buffers of the streams are compressed with LZ4, each unless it would grow. Narrowing comes before: most numbers,
//! money above all (16 bytes a value in memory), differ within a page by what one, two or four bytes hold, and adding
//! the base back is cheaper than undoing LZ4 on wide values.

use super::hash::{Hashes, hash_bytes};
use crate::error::{Error, Result};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, PrimitiveArray, RecordBatch, StringArray,
    UInt8Array, UInt16Array,
};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Int16Type, Int32Type, Int64Type, Schema, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use std::collections::HashMap;
use std::sync::Arc;

const PLAIN: u8 = 0;
const NARROWED: u8 = 1;
const CONSTANT: u8 = 2;

/// Bytes of a base.
const BASE_BYTES: usize = 16;
/// Different texts that a page's dictionary may have.
const DICTIONARY_MAX: usize = 4096;
/// Texts after which it shows whether they repeat.
const DICTIONARY_TRIAL: usize = 1024;

/// Appends the bytes of a page.
pub fn encode(array: &ArrayRef, out: &mut Vec<u8>) -> Result<()> {
    let narrowed = match array.data_type() {
        DataType::Int16 => narrow(array.as_primitive::<Int16Type>(), out),
        DataType::Int32 => narrow(array.as_primitive::<Int32Type>(), out),
        DataType::Int64 => narrow(array.as_primitive::<Int64Type>(), out),
        DataType::Date32 => narrow(array.as_primitive::<Date32Type>(), out),
        DataType::Time64(TimeUnit::Microsecond) => narrow(array.as_primitive::<Time64MicrosecondType>(), out),
        DataType::Timestamp(TimeUnit::Microsecond, _) => narrow(array.as_primitive::<TimestampMicrosecondType>(), out),
        DataType::Decimal128(..) => narrow(array.as_primitive::<Decimal128Type>(), out),
        _ => Ok(false),
    };
    if narrowed.map_err(|e| failed(&e))? {
        return Ok(());
    }
    let dictionary = match array.data_type() {
        DataType::Utf8 => dictionary(array.as_string()).map_err(|e| failed(&e))?,
        _ => None,
    };
    out.push(PLAIN);
    write(dictionary.unwrap_or_else(|| array.clone()), true, out).map_err(|e| failed(&e))
}

/// What a page's bytes hold.
#[derive(Debug)]
pub enum Form {
    /// The values as they are.
    Whole(ArrayRef),
    /// Texts as a dictionary.
    Words(ArrayRef),
    /// What numbers have more than a base.
    Above(i128, ArrayRef),
    /// One number throughout.
    Same(i128),
}

/// What the page that [`encode`] wrote holds, of `rows` values of this type; none if the bytes are not one.
pub fn form(bytes: &[u8], data_type: &DataType, rows: usize) -> Option<Form> {
    let (kind, rest) = bytes.split_first()?;
    let form = match *kind {
        PLAIN => {
            let array = read(rest)?;
            let fits = array.len() == rows;
            match array.data_type() {
                DataType::Dictionary(_, values) if **values == *data_type => fits.then_some(Form::Words(array))?,
                whole if whole == data_type => fits.then_some(Form::Whole(array))?,
                _ => return None,
            }
        }
        kind @ (NARROWED | CONSTANT) => {
            let (base, rest) = rest.split_first_chunk::<BASE_BYTES>()?;
            let base = i128::from_le_bytes(*base);
            if !is_number(data_type) {
                return None;
            }
            match kind {
                CONSTANT => Form::Same(base),
                _ => Form::Above(
                    base,
                    read(rest).filter(|narrow| narrow.len() == rows && is_narrow(narrow.data_type()))?,
                ),
            }
        }
        _ => return None,
    };
    Some(form)
}

fn is_number(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Decimal128(..)
    )
}

fn is_narrow(data_type: &DataType) -> bool {
    matches!(data_type, DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64)
}

/// The values of a page, or of as many rows as its form has.
pub fn wide(form: &Form, data_type: &DataType, rows: usize) -> Option<ArrayRef> {
    let (base, narrow) = match form {
        Form::Whole(array) => return Some(array.clone()),
        Form::Words(words) => return cast(words, data_type).ok(),
        Form::Above(base, narrow) => (*base, Some(narrow)),
        Form::Same(base) => (*base, None),
    };
    match data_type {
        DataType::Int16 => widen::<Int16Type>(base, narrow, rows),
        DataType::Int32 => widen::<Int32Type>(base, narrow, rows),
        DataType::Int64 => widen::<Int64Type>(base, narrow, rows),
        DataType::Date32 => widen::<Date32Type>(base, narrow, rows),
        DataType::Time64(_) => widen::<Time64MicrosecondType>(base, narrow, rows),
        DataType::Timestamp(_, zone) => {
            Some(Arc::new(widened::<TimestampMicrosecondType>(base, narrow, rows)?.with_timezone_opt(zone.clone())))
        }
        DataType::Decimal128(..) => {
            Some(Arc::new(widened::<Decimal128Type>(base, narrow, rows)?.with_data_type(data_type.clone())))
        }
        _ => None,
    }
}

fn failed(error: &ArrowError) -> Error {
    Error::internal(format!("a page cannot be encoded: {error}"))
}

/// Numbers that can be written as what they have more than a base.
trait Number: Copy {
    fn wide(self) -> i128;
    /// What it has more than `base`, if that fits; else anything.
    fn above(self, base: Self) -> u64;
    fn restore(base: Self, above: u64) -> Self;
    fn of(wide: i128) -> Self;
}

macro_rules! number {
    ($($native:ty, $bits:ty);*) => {$(
        impl Number for $native {
            fn wide(self) -> i128 {
                i128::from(self)
            }
            #[inline]
            fn above(self, base: Self) -> u64 {
                self.wrapping_sub(base) as $bits as u64
            }
            #[inline]
            fn restore(base: Self, above: u64) -> Self {
                base.wrapping_add(above as Self)
            }
            fn of(wide: i128) -> Self {
                wide as Self
            }
        }
    )*};
}
number!(i16, u16; i32, u32; i64, u64; i128, u64);

/// Writes numbers as unsigned ones above the least of them; tells whether that made them narrower.
fn narrow<T>(array: &PrimitiveArray<T>, out: &mut Vec<u8>) -> Result<bool, ArrowError>
where
    T: ArrowPrimitiveType,
    T::Native: Number,
{
    let zero = T::Native::of(0);
    let (base, top) = (min(array).unwrap_or(zero), max(array).unwrap_or(zero));
    let range = top.wide().wrapping_sub(base.wide()) as u128;
    let width = (0..=3).map(|power| 1usize << power).find(|bytes| range < 1 << (8 * bytes));
    let Some(width) = width.filter(|width| *width < size_of::<T::Native>()) else { return Ok(false) };
    let constant = range == 0 && array.null_count() == 0;
    out.push(if constant { CONSTANT } else { NARROWED });
    out.extend_from_slice(&base.wide().to_le_bytes());
    if constant {
        return Ok(true);
    }
    let narrow: ArrayRef = match width {
        1 => Arc::new(array.unary::<_, UInt8Type>(|value| value.above(base) as u8)),
        2 => Arc::new(array.unary::<_, UInt16Type>(|value| value.above(base) as u16)),
        4 => Arc::new(array.unary::<_, UInt32Type>(|value| value.above(base) as u32)),
        _ => Arc::new(array.unary::<_, UInt64Type>(|value| value.above(base))),
    };
    write(narrow, true, out)?;
    Ok(true)
}

fn widened<T>(base: i128, narrow: Option<&ArrayRef>, rows: usize) -> Option<PrimitiveArray<T>>
where
    T: ArrowPrimitiveType,
    T::Native: Number,
{
    let base = T::Native::of(base);
    let Some(narrow) = narrow else { return Some(PrimitiveArray::from_value(base, rows)) };
    Some(match narrow.data_type() {
        DataType::UInt8 => narrow.as_primitive::<UInt8Type>().unary(|v| Number::restore(base, u64::from(v))),
        DataType::UInt16 => narrow.as_primitive::<UInt16Type>().unary(|v| Number::restore(base, u64::from(v))),
        DataType::UInt32 => narrow.as_primitive::<UInt32Type>().unary(|v| Number::restore(base, u64::from(v))),
        DataType::UInt64 => narrow.as_primitive::<UInt64Type>().unary(|v| Number::restore(base, v)),
        _ => return None,
    })
}

fn widen<T>(base: i128, narrow: Option<&ArrayRef>, rows: usize) -> Option<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Number,
{
    Some(Arc::new(widened::<T>(base, narrow, rows)?))
}

/// Texts as a dictionary, if they repeat enough.
fn dictionary(texts: &StringArray) -> Result<Option<ArrayRef>, ArrowError> {
    let mut places: HashMap<&[u8], u16, Hashes> = HashMap::with_hasher(Hashes);
    let mut values: Vec<&str> = Vec::new();
    let mut keys: Vec<u16> = Vec::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        let Some(text) = text else {
            keys.push(0);
            continue;
        };
        let next = values.len() as u16;
        let place = *places.entry(text.as_bytes()).or_insert(next);
        if place == next {
            values.push(text);
        }
        keys.push(place);
        let trial = row == DICTIONARY_TRIAL && values.len() > DICTIONARY_TRIAL / 2;
        if trial || values.len() > DICTIONARY_MAX {
            return Ok(None);
        }
    }
    if values.len() > texts.len() / 2 {
        return Ok(None);
    }
    let nulls = texts.nulls().cloned();
    let few = values.len() <= 1 << 8;
    let texts: ArrayRef = Arc::new(StringArray::from(values));
    Ok(Some(match few {
        true => {
            let keys = UInt8Array::new(keys.into_iter().map(|key| key as u8).collect(), nulls);
            Arc::new(DictionaryArray::<UInt8Type>::try_new(keys, texts)?)
        }
        false => Arc::new(DictionaryArray::<UInt16Type>::try_new(UInt16Array::new(keys.into(), nulls), texts)?),
    }))
}

/// Appends an IPC stream of one array.
pub fn write(array: ArrayRef, compressed: bool, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let schema = Arc::new(Schema::new(vec![Field::new("c", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema.clone(), vec![array])?;
    let compression = compressed.then_some(CompressionType::LZ4_FRAME);
    let options = IpcWriteOptions::default().try_with_compression(compression)?;
    let mut writer = StreamWriter::try_new_with_options(out, &schema, options)?;
    writer.write(&batch)?;
    writer.finish()
}

/// The array of an IPC stream.
pub fn read(bytes: &[u8]) -> Option<ArrayRef> {
    let batch = StreamReader::try_new(bytes, None).ok()?.next()?.ok()?;
    batch.columns().first().cloned()
}

/// The hash by which sketches and filters know a value of a column, for each value; none for types that are not hashed.
pub fn hashes(array: &dyn Array) -> Option<Vec<u64>> {
    fn numbers<T>(array: &dyn Array) -> Vec<u64>
    where
        T: ArrowPrimitiveType,
        T::Native: Number,
    {
        let wide = |value: &T::Native| hash_bytes(&value.wide().to_le_bytes());
        array.as_primitive::<T>().values().iter().map(wide).collect()
    }
    Some(match array.data_type() {
        DataType::Int16 => numbers::<Int16Type>(array),
        DataType::Int32 => numbers::<Int32Type>(array),
        DataType::Int64 => numbers::<Int64Type>(array),
        DataType::Date32 => numbers::<Date32Type>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => numbers::<TimestampMicrosecondType>(array),
        DataType::Decimal128(..) => numbers::<Decimal128Type>(array),
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            (0..texts.len()).map(|row| hash_bytes(texts.value(row).as_bytes())).collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, Int16Array, Int64Array, TimestampMicrosecondArray};

    fn decode(bytes: &[u8], data_type: &DataType, rows: usize) -> Option<ArrayRef> {
        wide(&form(bytes, data_type, rows)?, data_type, rows)
    }

    fn comes_back(array: ArrayRef) -> usize {
        let mut bytes = Vec::new();
        encode(&array, &mut bytes).unwrap();
        let again = decode(&bytes, array.data_type(), array.len()).unwrap();
        assert_eq!(&again, &array);
        assert!(decode(&bytes, &DataType::Boolean, array.len()).is_none());
        assert!(bytes[0] == CONSTANT || decode(&bytes, array.data_type(), array.len() + 1).is_none());
        for cut in 0..bytes.len().min(40) {
            assert!(decode(&bytes[..cut], array.data_type(), array.len()).is_none(), "cut at {cut}");
        }
        bytes.len()
    }

    #[test]
    fn numbers_come_back_at_every_width() {
        for top in [1i64, 200, 60_000, 4_000_000_000, i64::MAX] {
            for array in [
                Arc::new(Int64Array::from(vec![Some(0), None, Some(top), Some(top / 3)])) as ArrayRef,
                Arc::new(Int64Array::from(vec![-top, 0, top])),
                Arc::new(
                    Decimal128Array::from(vec![Some(i128::from(top) * -7), None, Some(5)])
                        .with_precision_and_scale(38, 2)
                        .unwrap(),
                ),
                Arc::new(TimestampMicrosecondArray::from(vec![top, 3, 4]).with_timezone("UTC")),
            ] {
                comes_back(array);
            }
        }
        let most = 10i128.pow(38) - 1;
        comes_back(Arc::new(Decimal128Array::from(vec![-most, most]).with_precision_and_scale(38, 0).unwrap()));
        comes_back(Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX])));
        comes_back(Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX)])));
        comes_back(Arc::new(Date32Array::from(vec![None, None::<i32>])));
        comes_back(Arc::new(Int64Array::from(vec![7; 5])));
        comes_back(Arc::new(Float64Array::from(vec![Some(0.5), None, Some(f64::NAN)]).slice(0, 2)));
    }

    #[test]
    fn money_takes_no_more_than_it_needs() {
        let money = Decimal128Array::from_iter_values((0..16_384).map(|n| 90_000 + n * 7919 % 1_000_000));
        let money: ArrayRef = Arc::new(money.with_precision_and_scale(15, 2).unwrap());
        assert!(comes_back(money) < 16_384 * 4 + 1000);
    }

    #[test]
    fn texts_that_repeat_are_written_once() {
        let words = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"];
        let few = StringArray::from_iter((0..16_384).map(|n| (n % 7 > 0).then(|| words[n * n % 4])));
        assert!(comes_back(Arc::new(few)) < 16_384 + 3000);
        let many = StringArray::from_iter_values((0..16_384).map(|n| format!("{} 商品", n % 2000)));
        comes_back(Arc::new(many));
        comes_back(Arc::new(StringArray::from_iter_values((0..3000).map(|n| format!("text {n}")))));
        comes_back(Arc::new(StringArray::from(vec![None::<&str>; 20])));
    }
}
