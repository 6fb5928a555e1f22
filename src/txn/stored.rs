//! A page as it is kept in memory: as narrow as it is on disk, and made wide where it is looked at.
//!
//! Money takes sixteen bytes a value where the engine computes, and two or three on disk. What is kept narrow takes a fraction of
//! the memory, and is compared with a constant without being made wide; and of rows that a condition leaves out nothing is
//! made at all. Texts that repeat are kept with their dictionary, by whose words a condition is answered for many rows at once.

use super::condition::Comparison;
use super::members::Members;
use super::page::{self, Form};
use arrow::array::{
    AnyDictionaryArray, Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, BooleanBufferBuilder,
    PrimitiveArray, Scalar, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::{FilterPredicate, cast};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Some thousand values of one column.
#[derive(Debug)]
pub struct Page {
    data_type: DataType,
    rows: usize,
    form: Form,
    /// The texts of a dictionary, once they were wanted whole.
    whole: OnceLock<ArrayRef>,
}

impl Page {
    /// The page of these bytes, of `rows` values of this type; none if they are not one.
    pub fn read(bytes: &[u8], data_type: &DataType, rows: usize) -> Option<Self> {
        let form = page::form(bytes, data_type, rows)?;
        Some(Self { data_type: data_type.clone(), rows, form, whole: OnceLock::new() })
    }

    /// Values as they are.
    pub fn of(array: ArrayRef) -> Self {
        let (data_type, rows) = (array.data_type().clone(), array.len());
        Self { data_type, rows, form: Form::Whole(array), whole: OnceLock::new() }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes that it takes, or may come to take.
    pub fn bytes(&self) -> usize {
        match &self.form {
            Form::Whole(array) | Form::Above(_, array) => array.get_array_memory_size(),
            Form::Same(_) => 0,
            Form::Words(words) => {
                let texts = words.as_any_dictionary().values().get_array_memory_size();
                let average = texts / words.as_any_dictionary().values().len().max(1);
                words.get_array_memory_size() + self.rows * average.max(4)
            }
        }
    }

    /// All values.
    pub fn whole(&self) -> Option<ArrayRef> {
        match &self.form {
            Form::Words(words) => {
                if let Some(whole) = self.whole.get() {
                    return Some(whole.clone());
                }
                let whole = cast(words, &self.data_type).ok()?;
                Some(self.whole.get_or_init(|| whole).clone())
            }
            form => page::wide(form, &self.data_type, self.rows),
        }
    }

    /// The values of some consecutive rows.
    pub fn slice(&self, rows: Range<usize>) -> Option<ArrayRef> {
        let count = rows.len();
        match &self.form {
            Form::Above(base, narrow) => {
                page::wide(&Form::Above(*base, narrow.slice(rows.start, count)), &self.data_type, count)
            }
            Form::Same(base) => page::wide(&Form::Same(*base), &self.data_type, count),
            Form::Whole(array) => Some(array.slice(rows.start, count)),
            Form::Words(words) if self.whole.get().is_none() && count < self.rows / 8 => {
                cast(&words.slice(rows.start, count), &self.data_type).ok()
            }
            Form::Words(_) => Some(self.whole()?.slice(rows.start, count)),
        }
    }

    /// The values that a filter lets through.
    pub fn filtered(&self, filter: &FilterPredicate) -> Option<ArrayRef> {
        match &self.form {
            Form::Above(base, narrow) => {
                let narrow = filter.filter(narrow).ok()?;
                page::wide(&Form::Above(*base, narrow), &self.data_type, filter.count())
            }
            Form::Same(base) => page::wide(&Form::Same(*base), &self.data_type, filter.count()),
            Form::Whole(array) => filter.filter(array).ok(),
            Form::Words(words) => match self.whole.get() {
                Some(whole) => filter.filter(whole).ok(),
                None => cast(&filter.filter(words).ok()?, &self.data_type).ok(),
            },
        }
    }

    /// For each value whether it compares so with a constant, NULL where it is NULL; none where that is not told more cheaply here than
    /// from the values.
    pub fn compare(&self, comparison: Comparison, constant: &ArrayRef) -> Option<BooleanArray> {
        if *constant.data_type() != self.data_type || constant.is_null(0) {
            return None;
        }
        match &self.form {
            Form::Above(base, narrow) => above(narrow, number(constant)?.checked_sub(*base)?, comparison),
            Form::Same(base) => {
                let holds = comparison.holds(base.cmp(&number(constant)?));
                Some(BooleanArray::new(
                    if holds { BooleanBuffer::new_set(self.rows) } else { BooleanBuffer::new_unset(self.rows) },
                    None,
                ))
            }
            Form::Whole(_) | Form::Words(_) => None,
        }
    }

    /// For each row that `asked` names, or for all rows, whether its number is a member; NULL is none. Nothing for what are no whole
    /// numbers.
    pub fn among(&self, members: &Members, asked: Option<&BooleanBuffer>) -> Option<BooleanBuffer> {
        match &self.form {
            Form::Same(base) if is_whole(&self.data_type) => Some(match members.has(i64::try_from(*base).ok()?) {
                true => BooleanBuffer::new_set(self.rows),
                false => BooleanBuffer::new_unset(self.rows),
            }),
            Form::Above(base, narrow) if is_whole(&self.data_type) => {
                let shift = i64::try_from(*base).ok()?.wrapping_sub(members.first()) as u64;
                match narrow.data_type() {
                    DataType::UInt8 => {
                        among(narrow.as_primitive::<UInt8Type>(), asked, |v| shift.wrapping_add(v.into()), members)
                    }
                    DataType::UInt16 => {
                        among(narrow.as_primitive::<UInt16Type>(), asked, |v| shift.wrapping_add(v.into()), members)
                    }
                    DataType::UInt32 => {
                        among(narrow.as_primitive::<UInt32Type>(), asked, |v| shift.wrapping_add(v.into()), members)
                    }
                    DataType::UInt64 => {
                        among(narrow.as_primitive::<UInt64Type>(), asked, |v| shift.wrapping_add(v), members)
                    }
                    _ => return None,
                }
                .into()
            }
            Form::Whole(array) => {
                let first = members.first();
                let above = |v: i64| v.wrapping_sub(first) as u64;
                match array.data_type() {
                    DataType::Int16 => among(array.as_primitive::<Int16Type>(), asked, |v| above(v.into()), members),
                    DataType::Int32 => among(array.as_primitive::<Int32Type>(), asked, |v| above(v.into()), members),
                    DataType::Int64 => among(array.as_primitive::<Int64Type>(), asked, above, members),
                    _ => return None,
                }
                .into()
            }
            _ => None,
        }
    }

    /// The words of a dictionary.
    pub fn words(&self) -> Option<&dyn AnyDictionaryArray> {
        match &self.form {
            Form::Words(words) => words.as_any_dictionary_opt(),
            _ => None,
        }
    }
}

/// Whether values are whole numbers of at most 64 bits.
pub fn is_whole(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int16 | DataType::Int32 | DataType::Int64)
}

fn among<T: ArrowPrimitiveType>(
    numbers: &PrimitiveArray<T>,
    asked: Option<&BooleanBuffer>,
    above: impl Fn(T::Native) -> u64,
    members: &Members,
) -> BooleanBuffer {
    let values = numbers.values();
    let told = match asked {
        Some(asked) => {
            let mut told = BooleanBufferBuilder::new(values.len());
            told.append_n(values.len(), false);
            asked
                .set_indices()
                .filter(|row| members.has_above(above(values[*row])))
                .for_each(|row| told.set_bit(row, true));
            told.finish()
        }
        None => BooleanBuffer::collect_bool(values.len(), |row| members.has_above(above(values[row]))),
    };
    match numbers.nulls() {
        Some(nulls) => &told & nulls.inner(),
        None => told,
    }
}

/// A number of a type whose pages may be narrow.
fn number(constant: &ArrayRef) -> Option<i128> {
    Some(match constant.data_type() {
        DataType::Int16 => constant.as_primitive::<Int16Type>().value(0).into(),
        DataType::Int32 => constant.as_primitive::<Int32Type>().value(0).into(),
        DataType::Int64 => constant.as_primitive::<Int64Type>().value(0).into(),
        DataType::Date32 => constant.as_primitive::<Date32Type>().value(0).into(),
        DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => {
            constant.as_primitive::<TimestampMicrosecondType>().value(0).into()
        }
        DataType::Decimal128(..) => constant.as_primitive::<Decimal128Type>().value(0),
        _ => return None,
    })
}

/// For each narrow value whether it compares so with a number, which may be none that it can have.
fn above(narrow: &ArrayRef, constant: i128, comparison: Comparison) -> Option<BooleanArray> {
    let most = match narrow.data_type() {
        DataType::UInt8 => u64::from(u8::MAX),
        DataType::UInt16 => u64::from(u16::MAX),
        DataType::UInt32 => u64::from(u32::MAX),
        _ => u64::MAX,
    };
    let outside = if constant < 0 {
        Some(0i128.cmp(&constant))
    } else {
        (constant > i128::from(most)).then_some(i128::from(most).cmp(&constant))
    };
    if let Some(each) = outside {
        let rows = narrow.len();
        let told = if comparison.holds(each) { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) };
        return Some(BooleanArray::new(told, narrow.nulls().cloned()));
    }
    let constant = u64::try_from(constant).ok()?;
    let constant: ArrayRef = match narrow.data_type() {
        DataType::UInt8 => Arc::new(UInt8Array::from(vec![constant as u8])),
        DataType::UInt16 => Arc::new(UInt16Array::from(vec![constant as u16])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![constant as u32])),
        _ => Arc::new(UInt64Array::from(vec![constant])),
    };
    let constant = Scalar::new(constant);
    match comparison {
        Comparison::Equal => cmp::eq(narrow, &constant),
        Comparison::Less => cmp::lt(narrow, &constant),
        Comparison::LessOrEqual => cmp::lt_eq(narrow, &constant),
        Comparison::Greater => cmp::gt(narrow, &constant),
        Comparison::GreaterOrEqual => cmp::gt_eq(narrow, &constant),
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Int32Array, Int64Array, StringArray};
    use arrow::compute::{FilterBuilder, filter};

    fn pages() -> Vec<(Page, ArrayRef)> {
        let money =
            Decimal128Array::from_iter((0..5000).map(|n: i128| (n % 9 > 0).then_some(n * 7919 % 100_000 - 40_000)));
        let money = money.with_precision_and_scale(15, 2).unwrap();
        let words = StringArray::from_iter((0..5000).map(|n| (n % 7 > 0).then(|| ["sent", "new", "lost"][n * n % 3])));
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(money),
            Arc::new(words),
            Arc::new(Int32Array::from_iter((0..5000).map(|n| (n % 5 > 0).then_some(n * 31 % 200 + 77)))),
            Arc::new(Int64Array::from_iter_values((0..5000).map(|n| n * 4_000_000_000 - 9))),
            Arc::new(Date32Array::from(vec![18_000; 5000])),
            Arc::new(Int64Array::from(vec![-3; 5000])),
            Arc::new(StringArray::from_iter_values((0..5000).map(|n| format!("text {n}")))),
        ];
        let stored = |array: ArrayRef| {
            let mut bytes = Vec::new();
            page::encode(&array, &mut bytes).unwrap();
            (Page::read(&bytes, array.data_type(), array.len()).unwrap(), array)
        };
        arrays.into_iter().map(stored).collect()
    }

    #[test]
    fn parts_of_a_page_are_those_of_its_values() {
        for (page, array) in pages() {
            assert_eq!(page.len(), array.len());
            for rows in [0..1, 17..18, 100..4000, 4999..5000, 0..5000] {
                assert_eq!(&page.slice(rows.clone()).unwrap(), &array.slice(rows.start, rows.len()), "{page:?}");
            }
            let chosen: BooleanArray = (0..5000).map(|n| Some(n % 11 == 3)).collect();
            let made = page.filtered(&FilterBuilder::new(&chosen).optimize().build()).unwrap();
            assert_eq!(&made, &filter(&array, &chosen).unwrap(), "{page:?}");
            assert_eq!(&page.whole().unwrap(), &array);
            assert_eq!(&page.slice(3..9).unwrap(), &array.slice(3, 6), "{page:?}");
        }
    }

    #[test]
    fn narrow_numbers_compare_as_wide_ones() {
        let all = [
            Comparison::Equal,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ];
        let mut told = 0;
        for (page, array) in pages() {
            let far: ArrayRef = match array.data_type() {
                DataType::Decimal128(..) => {
                    let far = Decimal128Array::from(vec![-(10i128.pow(30)), 10i128.pow(30), 59_999, 60_000]);
                    Arc::new(far.with_data_type(array.data_type().clone()))
                }
                DataType::Int32 => Arc::new(Int32Array::from(vec![i32::MIN, i32::MAX, 76, 77])),
                DataType::Int64 => Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, -3, -9])),
                _ => array.slice(1, 1),
            };
            let near = [array.slice(1, 1), array.slice(4321, 1)];
            let constants = near.into_iter().chain((0..far.len()).map(|n| far.slice(n, 1)));
            for constant in constants.filter(|constant| constant.is_valid(0)) {
                for comparison in all {
                    let Some(quick) = page.compare(comparison, &constant) else { continue };
                    let wide = match comparison {
                        Comparison::Equal => cmp::eq(&array, &Scalar::new(&constant)),
                        Comparison::Less => cmp::lt(&array, &Scalar::new(&constant)),
                        Comparison::LessOrEqual => cmp::lt_eq(&array, &Scalar::new(&constant)),
                        Comparison::Greater => cmp::gt(&array, &Scalar::new(&constant)),
                        Comparison::GreaterOrEqual => cmp::gt_eq(&array, &Scalar::new(&constant)),
                    };
                    assert_eq!(quick, wide.unwrap(), "{comparison:?} {constant:?}");
                    told += 1;
                }
            }
        }
        assert!(told >= 100, "{told}");
    }

    #[test]
    fn members_are_found_at_every_width() {
        let mut told = 0;
        for (page, array) in pages() {
            let members = Members::of(&[vec![77, 100, 150, -3], vec![276]]).unwrap();
            let asked = BooleanBuffer::collect_bool(5000, |n| n % 3 == 0);
            let (Some(all), Some(some)) = (page.among(&members, None), page.among(&members, Some(&asked))) else {
                assert!(!is_whole(array.data_type()), "{array:?}");
                continue;
            };
            let numbers = cast(&array, &DataType::Int64).unwrap();
            let numbers = numbers.as_primitive::<Int64Type>();
            let expected = BooleanBuffer::collect_bool(5000, |n| numbers.is_valid(n) && members.has(numbers.value(n)));
            assert_eq!(all, expected);
            assert_eq!(&some & &asked, &expected & &asked);
            told += 1;
        }
        assert_eq!(told, 3);
    }
}
