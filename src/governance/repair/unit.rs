//! Numbers with a unit: units by all their names, and one in the measure of another.

use super::number;
use super::text::half_width;
use crate::models::row_quality::number_with_unit;

/// What a unit measures, its own sign, how many of the first one of its kind it is, and its names.
type Unit = (&'static str, &'static str, f64, &'static [&'static str]);

const UNITS: &[Unit] = &[
    ("mass", "g", 1.0, &["g", "gr", "gm", "gram", "grams", "克"]),
    ("mass", "mg", 0.001, &["mg", "milligram", "milligrams", "毫克"]),
    ("mass", "kg", 1000.0, &["kg", "kgs", "kilo", "kilos", "kilogram", "公斤", "千克"]),
    ("mass", "t", 1_000_000.0, &["t", "ton", "tonne", "tonnes", "吨"]),
    ("mass", "斤", 500.0, &["斤", "市斤"]),
    ("mass", "oz", 28.349_523_125, &["oz", "ozs", "ounce", "ounces", "盎司"]),
    ("mass", "lb", 453.592_37, &["lb", "lbs", "pound", "pounds", "磅"]),
    ("length", "m", 1.0, &["m", "meter", "meters", "metre", "metres", "米"]),
    ("length", "mm", 0.001, &["mm", "毫米"]),
    ("length", "cm", 0.01, &["cm", "cms", "厘米", "公分"]),
    ("length", "km", 1000.0, &["km", "kms", "公里", "千米"]),
    ("length", "in", 0.0254, &["in", "inch", "inches", "英寸", "\""]),
    ("length", "ft", 0.3048, &["ft", "foot", "feet", "英尺"]),
    ("volume", "L", 1.0, &["l", "lt", "ltr", "liter", "liters", "litre", "litres", "升"]),
    ("volume", "mL", 0.001, &["ml", "mls", "毫升"]),
    ("volume", "fl oz", 0.029_573_529_562_5, &["fl.oz", "floz"]),
    ("volume", "gal", 3.785_411_784, &["gal", "gallon", "gallons", "加仑"]),
    ("time", "s", 1.0, &["s", "sec", "secs", "second", "seconds", "秒"]),
    ("time", "min", 60.0, &["min", "mins", "minute", "minutes", "分钟"]),
    ("time", "h", 3600.0, &["h", "hr", "hrs", "hour", "hours", "小时"]),
    ("time", "d", 86400.0, &["day", "days", "天"]),
    ("share", "%", 1.0, &["%", "percent", "pct"]),
    ("data", "MB", 1.0, &["mb", "兆"]),
    ("data", "GB", 1024.0, &["gb"]),
    ("data", "TB", 1_048_576.0, &["tb"]),
    ("power", "W", 1.0, &["w", "watt", "watts", "瓦"]),
    ("power", "kW", 1000.0, &["kw", "千瓦"]),
    ("temperature", "°C", 1.0, &["°c", "℃"]),
];

/// A unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known(usize);

impl Known {
    /// The unit of this name.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().trim_end_matches('.').to_lowercase();
        UNITS.iter().position(|(_, _, _, names)| names.contains(&name.as_str())).map(Self)
    }

    fn facts(self) -> Unit {
        UNITS.get(self.0).copied().unwrap_or(("", "", 1.0, &[]))
    }

    /// Its sign.
    pub fn sign(self) -> &'static str {
        self.facts().1
    }

    /// How many of `other` one of it is; `None` where they measure different things.
    pub fn in_terms_of(self, other: Self) -> Option<f64> {
        let ((kind, _, factor, _), (other_kind, _, other_factor, _)) = (self.facts(), other.facts());
        (kind == other_kind).then_some(factor / other_factor)
    }
}

/// The amount in plain digits and the unit of a text of both.
pub fn parted(text: &str) -> Option<(String, Known)> {
    let text = half_width(text);
    let (amount, unit) = number_with_unit(text.trim())?;
    Some((number::number(amount)?, Known::named(unit)?))
}

/// A number as a text of at most 12 digits that count.
pub fn written(value: f64) -> String {
    let rounded: f64 = format!("{value:.11e}").parse().unwrap_or(value);
    rounded.to_string()
}

/// An amount with the sign of its unit, `1 kg`; in the measure of `target` if one is told. `None` for what is no number with a unit that
/// is known, and for a target that measures something else.
pub fn unit(text: &str, target: Option<&str>) -> Option<String> {
    let (amount, known) = parted(text)?;
    let amount = number::without_noise(&amount);
    match target {
        None => Some(format!("{amount} {}", known.sign())),
        Some(target) => {
            let target = Known::named(target)?;
            if target == known {
                return Some(format!("{amount} {}", known.sign()));
            }
            let value = amount.parse::<f64>().ok()? * known.in_terms_of(target)?;
            Some(format!("{} {}", written(value), target.sign()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn units() {
        assert_eq!(unit("12.0 OZ.", None).as_deref(), Some("12 oz"));
        assert_eq!(unit("２．５公斤", None).as_deref(), Some("2.5 kg"));
        assert_eq!(unit("2.5kg", Some("g")).as_deref(), Some("2500 g"));
        assert_eq!(unit("1 lb", Some("oz")).as_deref(), Some("16 oz"));
        assert_eq!((unit("2 kg", Some("cm")), unit("12", None), unit("3 things", None)), (None, None, None));
    }
}
