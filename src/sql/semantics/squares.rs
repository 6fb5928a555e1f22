//! Averages, variances, correlations and regressions of floating point numbers, as PostgreSQL computes them (Youngs and Cramer, 1971): with
//! its digits, and with an error where what is made of finite numbers is none. The engine's go on with infinity.

mod distinct;

use self::distinct::Distinct;
use super::floats::overflow;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;

/// What is told of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Gives {
    Average,
    Variance { sample: bool, root: bool },
    Covariance { sample: bool },
    Correlation,
    AverageX,
    AverageY,
    SquaresX,
    SquaresY,
    Products,
    Slope,
    Intercept,
    Determination,
}

impl Gives {
    /// By the engine's name of the aggregate.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "avg" => Self::Average,
            "var" => Self::Variance { sample: true, root: false },
            "var_pop" => Self::Variance { sample: false, root: false },
            "stddev" => Self::Variance { sample: true, root: true },
            "stddev_pop" => Self::Variance { sample: false, root: true },
            "covar_samp" => Self::Covariance { sample: true },
            "covar_pop" => Self::Covariance { sample: false },
            "corr" => Self::Correlation,
            "regr_avgx" => Self::AverageX,
            "regr_avgy" => Self::AverageY,
            "regr_sxx" => Self::SquaresX,
            "regr_syy" => Self::SquaresY,
            "regr_sxy" => Self::Products,
            "regr_slope" => Self::Slope,
            "regr_intercept" => Self::Intercept,
            "regr_r2" => Self::Determination,
            _ => return None,
        })
    }

    /// Whether it is of one number of each row, and not of two.
    fn is_of_one(self) -> bool {
        matches!(self, Self::Average | Self::Variance { .. })
    }
}

/// The aggregate of floating point numbers in the place of the engine's; itself if it is none of these.
pub fn of(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    let is_ours = (function.inner().as_ref() as &dyn Any).is::<Squares>();
    match Gives::named(function.name()).filter(|_| !is_ours) {
        Some(gives) => Arc::new(AggregateUDF::new_from_impl(Squares { engines: function, gives })),
        None => function,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Squares {
    /// The engine's: its names and types, and what is done with DISTINCT in a frame that moves.
    engines: Arc<AggregateUDF>,
    gives: Gives,
}

impl AggregateUDFImpl for Squares {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.engines.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DfResult<Vec<FieldRef>> {
        if args.is_distinct {
            return Ok(vec![distinct::state(args.name)]);
        }
        let width = if self.gives.is_of_one() { One::WIDTH } else { Two::WIDTH };
        let field = |at| Arc::new(Field::new(format!("{}[{at}]", args.name), DataType::Float64, true));
        Ok((0..width).map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let gives = self.gives;
        let gathered: Box<dyn Accumulator> = match gives.is_of_one() {
            true if args.is_distinct => Box::new(Distinct::<One>::new(gives)),
            false if args.is_distinct => Box::new(Distinct::<Two>::new(gives)),
            true => Box::new(Gathered { sums: One::default(), gives }),
            false => Box::new(Gathered { sums: Two::default(), gives }),
        };
        Ok(gathered)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let gives = self.gives;
        let gathered: Box<dyn Accumulator> = match gives.is_of_one() {
            _ if args.is_distinct => return self.engines.create_sliding_accumulator(args),
            true => Box::new(InFrame { rows: VecDeque::new(), sums: One::default(), gives }),
            false => Box::new(InFrame { rows: VecDeque::new(), sums: Two::default(), gives }),
        };
        Ok(gathered)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        let gives = self.gives;
        let groups: Box<dyn GroupsAccumulator> = match gives.is_of_one() {
            true => Box::new(Groups::<One> { sums: Vec::new(), gives }),
            false => Box::new(Groups::<Two> { sums: Vec::new(), gives }),
        };
        Ok(groups)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// What is kept of the numbers of some rows.
trait Sums: Debug + Clone + Copy + Default + Send + Sync + 'static {
    /// How many columns it is kept in between two steps.
    const WIDTH: usize;

    /// Adds a row; of one number it is that number twice.
    fn add(&mut self, row: [f64; 2]) -> Result<()>;

    /// Adds the rows of another.
    fn merge(&mut self, other: Self) -> Result<()>;

    /// The result; none of too few rows.
    fn result(self, gives: Gives) -> Option<f64>;

    /// A value for each column.
    fn columns(self) -> Vec<f64>;

    /// What the columns tell.
    fn of_columns(column: impl Fn(usize) -> f64) -> Self;
}

/// Whether a sum is infinite though nothing that it is made of is.
fn overflows(sum: f64, of: [f64; 2]) -> bool {
    sum.is_infinite() && !of.iter().any(|part| part.is_infinite())
}

fn checked(sum: f64, of: [f64; 2]) -> Result<f64> {
    if overflows(sum, of) { Err(overflow()) } else { Ok(sum) }
}

/// Numbers, one of each row.
#[derive(Debug, Clone, Copy, Default)]
struct One {
    count: f64,
    sum: f64,
    /// Of their distances to the average.
    squares: f64,
}

impl Sums for One {
    const WIDTH: usize = 3;

    fn add(&mut self, [value, _]: [f64; 2]) -> Result<()> {
        let before = *self;
        self.count += 1.0;
        self.sum += value;
        if before.count == 0.0 {
            if !value.is_finite() {
                self.squares = f64::NAN;
            }
            return Ok(());
        }
        let distance = value * self.count - self.sum;
        self.squares += distance * distance / (self.count * before.count);
        if self.sum.is_infinite() || self.squares.is_infinite() {
            checked(f64::INFINITY, [before.sum, value])?;
            self.squares = f64::NAN;
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        if self.count == 0.0 || other.count == 0.0 {
            *self = if self.count == 0.0 { other } else { *self };
            return Ok(());
        }
        let count = self.count + other.count;
        let between = self.sum / self.count - other.sum / other.count;
        let squares = self.squares + other.squares + self.count * other.count * between * between / count;
        self.sum = checked(self.sum + other.sum, [self.sum, other.sum])?;
        self.squares = checked(squares, [self.squares, other.squares])?;
        self.count = count;
        Ok(())
    }

    fn result(self, gives: Gives) -> Option<f64> {
        let Self { count, sum, squares } = self;
        match gives {
            Gives::Variance { sample, root } => {
                let least = if sample { 2.0 } else { 1.0 };
                let variance = (count >= least).then(|| squares / (if sample { count - 1.0 } else { count }));
                variance.map(|variance| if root { variance.sqrt() } else { variance })
            }
            _ => (count > 0.0).then(|| sum / count),
        }
    }

    fn columns(self) -> Vec<f64> {
        vec![self.count, self.sum, self.squares]
    }

    fn of_columns(column: impl Fn(usize) -> f64) -> Self {
        Self { count: column(0), sum: column(1), squares: column(2) }
    }
}

/// One of two numbers of each row.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    sum: f64,
    /// Of the distances to the average.
    squares: f64,
}

impl Side {
    fn is_infinite(self) -> bool {
        self.sum.is_infinite() || self.squares.is_infinite()
    }
}

/// Pairs of numbers: in the order of their arguments `y` and `x`.
#[derive(Debug, Clone, Copy, Default)]
struct Two {
    count: f64,
    x: Side,
    y: Side,
    /// Of the distances to both averages.
    products: f64,
}

impl Sums for Two {
    const WIDTH: usize = 6;

    fn add(&mut self, [y, x]: [f64; 2]) -> Result<()> {
        let before = *self;
        self.count += 1.0;
        self.x.sum += x;
        self.y.sum += y;
        if before.count == 0.0 {
            for (side, value) in [(&mut self.x, x), (&mut self.y, y)] {
                if !value.is_finite() {
                    (side.squares, self.products) = (f64::NAN, f64::NAN);
                }
            }
            return Ok(());
        }
        let (to_x, to_y) = (x * self.count - self.x.sum, y * self.count - self.y.sum);
        let scale = 1.0 / (self.count * before.count);
        self.x.squares += to_x * to_x * scale;
        self.y.squares += to_y * to_y * scale;
        self.products += to_x * to_y * scale;
        if self.x.is_infinite() || self.y.is_infinite() || self.products.is_infinite() {
            let had = |sum: f64, value: f64| sum.is_infinite() || value.is_infinite();
            let (had_x, had_y) = (had(before.x.sum, x), had(before.y.sum, y));
            let of_finite = self.x.is_infinite() && !had_x
                || self.y.is_infinite() && !had_y
                || self.products.is_infinite() && !had_x && !had_y;
            if of_finite {
                return Err(overflow());
            }
            for sum in [&mut self.x.squares, &mut self.y.squares, &mut self.products] {
                if sum.is_infinite() {
                    *sum = f64::NAN;
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        if self.count == 0.0 || other.count == 0.0 {
            *self = if self.count == 0.0 { other } else { *self };
            return Ok(());
        }
        let (mine, theirs, count) = (self.count, other.count, self.count + other.count);
        let between = |one: Side, two: Side| one.sum / mine - two.sum / theirs;
        let (in_x, in_y) = (between(self.x, other.x), between(self.y, other.y));
        let both = |one: Side, two: Side, between: f64| -> Result<Side> {
            let squares = one.squares + two.squares + mine * theirs * between * between / count;
            Ok(Side {
                sum: checked(one.sum + two.sum, [one.sum, two.sum])?,
                squares: checked(squares, [one.squares, two.squares])?,
            })
        };
        let products = self.products + other.products + mine * theirs * in_x * in_y / count;
        *self = Self {
            count,
            x: both(self.x, other.x, in_x)?,
            y: both(self.y, other.y, in_y)?,
            products: checked(products, [self.products, other.products])?,
        };
        Ok(())
    }

    fn result(self, gives: Gives) -> Option<f64> {
        let Self { count, x, y, products } = self;
        let least = if gives == (Gives::Covariance { sample: true }) { 2.0 } else { 1.0 };
        if count < least {
            return None;
        }
        let along_x = x.squares != 0.0;
        match gives {
            Gives::Covariance { sample: true } => Some(products / (count - 1.0)),
            Gives::Covariance { sample: false } => Some(products / count),
            Gives::AverageX => Some(x.sum / count),
            Gives::AverageY => Some(y.sum / count),
            Gives::SquaresX => Some(x.squares),
            Gives::SquaresY => Some(y.squares),
            Gives::Products => Some(products),
            Gives::Correlation => (along_x && y.squares != 0.0).then(|| products / (x.squares * y.squares).sqrt()),
            Gives::Slope => along_x.then(|| products / x.squares),
            Gives::Intercept => along_x.then(|| (y.sum - x.sum * products / x.squares) / count),
            // All on one line along x.
            Gives::Determination if along_x && y.squares == 0.0 => Some(1.0),
            Gives::Determination => along_x.then(|| products * products / (x.squares * y.squares)),
            Gives::Average | Gives::Variance { .. } => None,
        }
    }

    fn columns(self) -> Vec<f64> {
        vec![self.count, self.x.sum, self.x.squares, self.y.sum, self.y.squares, self.products]
    }

    fn of_columns(column: impl Fn(usize) -> f64) -> Self {
        let side = |at| Side { sum: column(at), squares: column(at + 1) };
        Self { count: column(0), x: side(1), y: side(3), products: column(5) }
    }
}

/// The numbers of each row; none of a row that lacks one.
fn rows(values: &[ArrayRef]) -> impl Iterator<Item = Option<[f64; 2]>> {
    let column = |at: usize| values[at].as_primitive::<Float64Type>();
    let (first, last) = (column(0), column(values.len() - 1));
    first.iter().zip(last).map(|(first, last)| Some([first?, last?]))
}

/// What is kept in each row of such columns.
fn kept<S: Sums>(states: &[ArrayRef]) -> impl Iterator<Item = S> {
    let columns: Vec<&Float64Array> = states.iter().map(|column| column.as_primitive()).collect();
    let rows = columns.first().map_or(0, |column| column.len());
    (0..rows).map(move |row| S::of_columns(|at| columns[at].value(row)))
}

/// The columns that such rows are kept in.
fn as_columns<S: Sums>(all: &[S]) -> Vec<ArrayRef> {
    let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(all.len()); S::WIDTH];
    for sums in all {
        columns.iter_mut().zip(sums.columns()).for_each(|(column, value)| column.push(value));
    }
    columns.into_iter().map(|column| Arc::new(Float64Array::from(column)) as ArrayRef).collect()
}

/// One result.
#[derive(Debug)]
struct Gathered<S> {
    sums: S,
    gives: Gives,
}

impl<S: Sums> Accumulator for Gathered<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        Ok(rows(values).flatten().try_for_each(|row| self.sums.add(row))?)
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Float64(self.sums.result(self.gives)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(self.sums.columns().into_iter().map(ScalarValue::from).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        Ok(kept::<S>(states).try_for_each(|other| self.sums.merge(other))?)
    }
}

/// The rows of a frame that moves. What leaves it is not taken away from the sums: that would leave what was lost to it.
#[derive(Debug)]
struct InFrame<S> {
    rows: VecDeque<Option<[f64; 2]>>,
    /// Of no row.
    sums: S,
    gives: Gives,
}

impl<S: Sums> InFrame<S> {
    fn sums(&self) -> Result<S> {
        let mut sums = self.sums;
        self.rows.iter().flatten().try_for_each(|row| sums.add(*row))?;
        Ok(sums)
    }
}

impl<S: Sums> Accumulator for InFrame<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.rows.extend(rows(values));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.rows.drain(..values[0].len());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Float64(self.sums()?.result(self.gives)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.capacity() * size_of::<Option<[f64; 2]>>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(self.sums()?.columns().into_iter().map(ScalarValue::from).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        Ok(kept::<S>(states).try_for_each(|other| self.sums.merge(other))?)
    }
}

/// The results of groups.
#[derive(Debug)]
struct Groups<S> {
    sums: Vec<S>,
    gives: Gives,
}

/// Whether a filter lets a row through.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl<S: Sums> GroupsAccumulator for Groups<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> DfResult<()> {
        self.sums.resize(count, S::default());
        for (at, (row, group)) in rows(values).zip(groups).enumerate() {
            if let Some(row) = row
                && passes(filter, at)
            {
                self.sums[*group].add(row)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> DfResult<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        Ok(Arc::new(sums.into_iter().map(|sums| sums.result(self.gives)).collect::<Float64Array>()))
    }

    fn state(&mut self, emit: EmitTo) -> DfResult<Vec<ArrayRef>> {
        Ok(as_columns(&emit.take_needed(&mut self.sums)))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> DfResult<()> {
        self.sums.resize(count, S::default());
        Ok(kept::<S>(states).zip(groups).try_for_each(|(other, group)| self.sums[*group].merge(other))?)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let one = |(at, row): (usize, Option<[f64; 2]>)| -> Result<S> {
            let mut sums = S::default();
            if let Some(row) = row.filter(|_| passes(filter, at)) {
                sums.add(row)?;
            }
            Ok(sums)
        };
        let all: Vec<S> = rows(values).enumerate().map(one).collect::<Result<_>>()?;
        Ok(as_columns(&all))
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<S>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<S: Sums>(rows: &[[f64; 2]]) -> Result<S> {
        let mut sums = S::default();
        rows.iter().try_for_each(|row| sums.add(*row))?;
        Ok(sums)
    }

    const PAIRS: [[f64; 2]; 4] = [[0.1, 3.3], [0.3, 0.22], [0.77, 12.0], [1123.456, -77.0]];

    #[test]
    fn digits_are_postgresqls() {
        let one: One = of(&PAIRS).unwrap();
        assert_eq!(one.result(Gives::Variance { sample: true, root: false }), Some(315_319.388_955_666_5));
        assert_eq!(one.result(Gives::Variance { sample: false, root: true }), Some(486.301_903_879_421_3));
        let two: Two = of(&PAIRS).unwrap();
        assert_eq!(two.result(Gives::Covariance { sample: false }), Some(-17_302.743_594_999_996));
        assert_eq!(two.result(Gives::Determination), Some(0.985_371_860_140_988));
        assert_eq!(two.result(Gives::Intercept), Some(74.156_192_425_874_76));
    }

    #[test]
    fn parts_are_as_the_whole() {
        for cut in 0..=PAIRS.len() {
            let (first, last) = PAIRS.split_at(cut);
            let mut two: Two = of(first).unwrap();
            two.merge(of(last).unwrap()).unwrap();
            let kept: Vec<Two> = kept(&as_columns(&[two])).collect();
            let slope = kept[0].result(Gives::Slope).unwrap();
            assert!((slope + 13.467_814_416_013_352).abs() < 1e-12, "{slope}");
        }
    }

    #[test]
    fn only_infinite_numbers_give_infinity() {
        assert!(of::<One>(&[[1.7e308; 2], [1.7e308; 2]]).is_err());
        assert!(of::<Two>(&[[1e200, 1.0], [-1e200, 2.0]]).is_err());
        let far: One = of(&[[f64::INFINITY; 2], [1.7e308; 2], [1.7e308; 2]]).unwrap();
        assert_eq!(far.result(Gives::Average), Some(f64::INFINITY));
        assert!(far.result(Gives::Variance { sample: false, root: false }).unwrap().is_nan());
    }
}
