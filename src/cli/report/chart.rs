//! Bars and lines.

use super::markup::{escaped, percent};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A share of 0 to 1 as a bar with its number. Its colour says how good it is.
pub fn bar(share: f64) -> String {
    let state = match share {
        share if share >= 0.98 => "good",
        share if share >= 0.9 => "fair",
        _ => "poor",
    };
    let width = (share.clamp(0.0, 1.0) * 100.0).max(1.0);
    format!("<span class=\"bar {state}\"><i style=\"width:{width:.1}%\"></i></span> {}", percent(share))
}

/// A part of the largest as a plain bar with a text.
pub fn length(part: f64, largest: f64, text: &str) -> String {
    let width = if largest > 0.0 { (part / largest * 100.0).max(1.0) } else { 1.0 };
    format!("<span class=\"bar\"><i style=\"width:{width:.1}%\"></i></span> {}", escaped(text))
}

/// Lines over days: (name, day, share). Empty where there are fewer than two days.
pub fn lines(points: &[(String, String, f64)], name_of: impl Fn(&str) -> String) -> String {
    const SIZE: (f64, f64) = (720.0, 200.0);
    const MARGIN: (f64, f64) = (52.0, 24.0);
    const COLOURS: [&str; 6] = ["#2563a8", "#b4551d", "#2f7d4f", "#7a4fa0", "#a33a4b", "#5b6470"];
    let days: BTreeSet<&str> = points.iter().map(|(_, day, _)| day.as_str()).collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return String::new() };
    if days.len() < 2 {
        return String::new();
    }
    let least = points.iter().map(|(_, _, share)| *share).fold(1.0, f64::min);
    // Room below the least, and some height where all is well.
    let bottom = (least - (1.0 - least) * 0.2).clamp(0.0, 0.99);
    let place: BTreeMap<&str, f64> = days
        .iter()
        .enumerate()
        .map(|(at, day)| (*day, MARGIN.0 + at as f64 * (SIZE.0 - MARGIN.0 - 10.0) / (days.len() - 1) as f64))
        .collect();
    let height = |share: f64| MARGIN.1 / 2.0 + (1.0 - share) / (1.0 - bottom) * (SIZE.1 - 1.5 * MARGIN.1);
    let mut svg =
        format!("<svg class=\"lines\" viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\">", SIZE.0, SIZE.1, SIZE.0);
    for share in [1.0, (1.0 + bottom) / 2.0, bottom] {
        let y = height(share);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{} {y:.1}H{}\"/><text x=\"0\" y=\"{:.1}\">{}</text>",
            MARGIN.0,
            SIZE.0 - 10.0,
            y + 4.0,
            percent(share)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{2}\">{first}</text><text x=\"{1}\" y=\"{2}\" text-anchor=\"end\">{last}</text>",
        MARGIN.0,
        SIZE.0 - 10.0,
        SIZE.1 - 4.0
    );
    let mut series: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    points.iter().for_each(|(name, day, share)| series.entry(name).or_default().push((day, *share)));
    let mut legend = String::from("<p class=\"legend\">");
    for ((name, mut line), colour) in series.into_iter().zip(COLOURS.iter().cycle()) {
        line.sort_by(|a, b| a.0.cmp(b.0));
        let at = |(day, share): &(&str, f64)| (place[day], height(*share));
        let path: Vec<String> = line.iter().map(|point| format!("{:.1} {:.1}", at(point).0, at(point).1)).collect();
        let _ = write!(svg, "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" d=\"M{}\"/>", path.join("L"));
        for point in &line {
            let (x, y) = at(point);
            let told = format!("{}, {}: {}", name_of(name), point.0, percent(point.1));
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"><title>{}</title></circle>",
                escaped(&told)
            );
        }
        let _ = write!(legend, "<span><i style=\"background:{colour}\"></i>{}</span>", escaped(&name_of(name)));
    }
    format!("{svg}</svg>{legend}</p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_say_how_good() {
        assert!(bar(1.0).contains("good") && bar(0.95).contains("fair") && bar(0.2).contains("poor"));
        assert!(bar(-1.0).contains("width:1.0%") && length(0.0, 0.0, "<").contains("&lt;"));
    }

    #[test]
    fn one_day_is_no_line() {
        let point = |day: &str, share| ("validity".to_owned(), day.to_owned(), share);
        assert!(lines(&[], str::to_owned).is_empty());
        assert!(lines(&[point("2026-01-01", 0.5)], str::to_owned).is_empty());
        let drawn = lines(&[point("2026-01-02", 1.0), point("2026-01-01", 0.5)], str::to_owned);
        assert_eq!(drawn.matches("<circle").count(), 2);
        assert!(!drawn.contains("NaN") && !lines(&[point("a", 1.0), point("b", 1.0)], str::to_owned).contains("NaN"));
    }
}
