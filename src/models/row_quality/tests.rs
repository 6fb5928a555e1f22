//! A made-up table of orders with planted errors: each must be found with its reason, and right rows left alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};

use super::*;
use crate::error::{Error, Kind, Result};
use crate::models::random::Random;

const CITIES: [(&str, &str); 5] = [
    ("Hamburg", "20095"),
    ("Frankfurt", "60311"),
    ("Stuttgart", "70173"),
    ("Dortmund", "44135"),
    ("Nuremberg", "90402"),
];

/// Right rows; `plant` changes some.
fn orders(rows: usize, plant: impl Fn(usize, &mut [Option<String>; 4])) -> RecordBatch {
    let mut random = Random::new(5);
    let mut columns: [Vec<Option<String>>; 4] = Default::default();
    let mut prices = Vec::new();
    for row in 0..rows {
        let (city, code) = CITIES[random.below(5)];
        let number = format!("ORD-{:06}", 100_000 + row);
        let mut cells = [Some(number), Some(city.to_string()), Some(code.to_string()), Some("paid".to_string())];
        cells[3] = Some(if random.below(4) == 0 { "open" } else { "paid" }.to_string());
        plant(row, &mut cells);
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        prices.push(if row == 77 { 4_999_900.0 } else { (500 + random.below(9000)) as f64 / 100.0 });
    }
    let [numbers, cities, codes, states] = columns.map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
    let price = Arc::new(Float64Array::from(prices)) as ArrayRef;
    RecordBatch::try_from_iter([
        ("number", numbers),
        ("city", cities),
        ("code", codes),
        ("state", states),
        ("price", price),
    ])
    .unwrap()
}

fn planted() -> RecordBatch {
    orders(2000, |row, cells| match row {
        10 => cells[0] = Some("123456".into()),
        20 => (cells[1], cells[2]) = (Some("Hamburgh".into()), Some("20095".into())),
        30 => cells[2] = Some(if cells[1].as_deref() == Some("Hamburg") { "60311" } else { "20095" }.into()),
        40 => cells[3] = None,
        50 => cells[3] = Some("N/A".into()),
        60 => cells[1] = cells[1].as_ref().map(|city| city.to_uppercase()),
        _ => {}
    })
}

#[test]
fn planted_errors_are_found_and_right_rows_left_alone() -> Result<()> {
    let batch = planted();
    let model = RowQualityModel::train(std::slice::from_ref(&batch), &mut |_| Ok(()))?;
    let (scores, details) = (model.score(&batch)?, model.detail(&batch)?);
    let wrong = [(10, "number"), (20, "city"), (30, "code"), (40, "state"), (50, "state"), (60, "city"), (77, "price")];
    for (row, column) in wrong {
        assert!(scores[row] < 0.5, "row {row}: {}", scores[row]);
        assert_eq!(details[row][0].column, column, "row {row}: {:?}", details[row]);
    }
    assert_eq!(details[20][0].expected.as_deref(), Some("Hamburg"));
    let alarms = (0..2000).filter(|row| scores[*row] < 0.5 && wrong.iter().all(|(at, _)| at != row)).count();
    assert_eq!(alarms, 0);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    Ok(())
}

#[test]
fn reports_of_several_sources_are_put_to_a_vote() -> Result<()> {
    let (mut things, mut sources, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for thing in 0..60usize {
        for source in 0..6usize {
            things.push(format!("thing {thing}"));
            sources.push(format!("source {source}"));
            // Two sources are mostly wrong, each in its own way.
            let wrong = (source < 2 && (thing + source) % 4 != 0) as usize;
            values.push(format!("{}:{:02}", thing % 12, (thing * 7 + wrong * (5 + source)) % 60));
        }
    }
    let columns = [("thing", things), ("source", sources), ("value", values)];
    let batch = RecordBatch::try_from_iter(
        columns.map(|(name, column)| (name, Arc::new(StringArray::from(column)) as ArrayRef)),
    )
    .unwrap();
    let model = RowQualityModel::train(std::slice::from_ref(&batch), &mut |_| Ok(()))?;
    for (row, detail) in model.detail(&batch)?.iter().enumerate() {
        let (thing, source) = (row / 6, row % 6);
        let wrong = source < 2 && (thing + source) % 4 != 0;
        let said = detail.iter().any(|verdict| verdict.column == "value" && verdict.p_error > 0.5);
        assert_eq!(said, wrong, "row {row}: {detail:?}");
    }
    Ok(())
}

#[test]
fn bytes_keep_the_verdicts_and_damage_is_corruption() -> Result<()> {
    let batch = planted();
    let model = RowQualityModel::train(std::slice::from_ref(&batch), &mut |_| Ok(()))?;
    let bytes = model.to_bytes()?;
    let loaded = RowQualityModel::from_bytes(&bytes)?;
    for (a, b) in model.score(&batch)?.into_iter().zip(loaded.score(&batch)?) {
        assert!((a - b).abs() < 1e-9);
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 53) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        let kind = RowQualityModel::from_bytes(&damaged).unwrap_err().kind();
        assert!(kind == Kind::Corruption || (8..12).contains(&place));
    }
    Ok(())
}

#[test]
fn other_columns_no_rows_and_cancelling() -> Result<()> {
    let model = RowQualityModel::train(&[planted()], &mut |_| Ok(()))?;
    let other: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let batch = RecordBatch::try_from_iter([("unknown", other)]).unwrap();
    assert_eq!(model.score(&batch)?, [1.0, 1.0]);
    assert_eq!(RowQualityModel::train(&[], &mut |_| Ok(())).unwrap_err().kind(), Kind::InvalidParameter);
    let stop = RowQualityModel::train(&[planted()], &mut |_| Err(Error::new(Kind::Cancelled, "stop")));
    assert_eq!(stop.unwrap_err().kind(), Kind::Cancelled);
    Ok(())
}

#[test]
fn a_consistent_minority_is_no_error() -> Result<()> {
    let mut columns: [Vec<Option<String>>; 5] = Default::default();
    for row in 0..2000usize {
        let other = row % 20 == 0;
        let code = if other { format!("ZH-{:03}A", row / 20) } else { format!("{}", 10_000 + row) };
        let year = if other { 2025 } else { 2011 };
        let seen =
            if row == 400 { "2052-05-11".into() } else { format!("{year}-{:02}-{:02}", 1 + row % 12, 1 + row % 28) };
        let price = if row == 800 { "169000".into() } else { format!("{}.5", 1 + row % 300) };
        let lang = if other { "zh" } else { "en" };
        let currency = if row == 1200 {
            "RMB"
        } else if other {
            "CNY"
        } else {
            "GBP"
        };
        let cells = [code, seen, price, lang.to_string(), currency.to_string()];
        columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(Some(cell)));
    }
    let names = ["sku", "first_seen", "price", "lang", "currency"];
    let arrays = columns.map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
    let batch = RecordBatch::try_from_iter(names.into_iter().zip(arrays)).unwrap();
    let model = RowQualityModel::train(std::slice::from_ref(&batch), &mut |_| Ok(()))?;
    let loaded = RowQualityModel::from_bytes(&model.to_bytes()?)?;
    let details = loaded.detail(&batch)?;
    for (row, score) in loaded.score(&batch)?.into_iter().enumerate() {
        match row {
            400 | 800 => assert!(score < 0.5, "row {row}: {score}"),
            1200 => assert!(score <= 0.61, "row {row}: {score}"),
            _ => assert!(score > 0.9, "row {row}: {score} {:?}", details[row]),
        }
    }
    assert_eq!((details[400][0].column.as_str(), details[800][0].column.as_str()), ("first_seen", "price"));
    Ok(())
}
