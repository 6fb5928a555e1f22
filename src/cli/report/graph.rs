//! Where data go, drawn: names in layers from left to right, arrows between them.
//!
//! A layered drawing in the manner of Sugiyama, Tagawa and Toda (1981): a name stands one layer behind the last of those it
//! comes from; within a layer names are ordered by the mean place of their neighbours, a few sweeps to and fro. Arrows that
//! close a circle are drawn, but move nobody.

use super::markup::escaped;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Names that are drawn at most; those with the most arrows come first.
const NAMES_MAX: usize = 60;
/// Sweeps that order the layers.
const SWEEPS: usize = 4;
const BOX: (f64, f64) = (196.0, 26.0);
const GAP: (f64, f64) = (84.0, 12.0);

/// An arrow from one name to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// What it stands for; its kind gives it its colour.
    pub kind: String,
    /// What is said where the pointer rests on it.
    pub told: String,
}

/// A drawing, and how many names it leaves out.
pub struct Drawing {
    /// An `svg` element; empty without arrows.
    pub svg: String,
    /// Names without a place.
    pub left_out: usize,
}

/// Draws arrows.
pub fn drawn(arrows: &[Arrow]) -> Drawing {
    let mut degrees: BTreeMap<&str, usize> = BTreeMap::new();
    for arrow in arrows.iter().filter(|arrow| arrow.from != arrow.to) {
        *degrees.entry(&arrow.from).or_default() += 1;
        *degrees.entry(&arrow.to).or_default() += 1;
    }
    let mut names: Vec<&str> = degrees.keys().copied().collect();
    names.sort_by_key(|name| (std::cmp::Reverse(degrees[name]), *name));
    let left_out = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    names.sort_unstable();
    let number: BTreeMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let kept = arrows.iter().filter(|arrow| arrow.from != arrow.to);
    let ends: Vec<(usize, usize, &Arrow)> = kept
        .filter_map(|arrow| Some((*number.get(arrow.from.as_str())?, *number.get(arrow.to.as_str())?, arrow)))
        .collect();
    if ends.is_empty() {
        return Drawing { svg: String::new(), left_out };
    }
    let pairs: BTreeSet<(usize, usize)> = ends.iter().map(|(from, to, _)| (*from, *to)).collect();
    let layers = ordered(layered(names.len(), &pairs), &pairs);
    Drawing { svg: svg(&names, &layers, &ends), left_out }
}

/// The layers, each a list of names' numbers: a name stands behind all that it comes from, but for circles.
fn layered(count: usize, pairs: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let mut waiting: Vec<usize> = vec![0; count];
    pairs.iter().for_each(|(_, to)| waiting[*to] += 1);
    let mut layer = vec![0; count];
    let mut open: BTreeSet<usize> = (0..count).collect();
    while !open.is_empty() {
        // Of a circle the one that waits for the fewest goes first.
        let next = *open.iter().min_by_key(|name| (waiting[**name], **name)).unwrap_or(&0);
        open.remove(&next);
        for (_, to) in pairs.range((next, 0)..=(next, usize::MAX)).filter(|(_, to)| open.contains(to)) {
            waiting[*to] -= 1;
            layer[*to] = layer[*to].max(layer[next] + 1);
        }
    }
    let mut layers = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    (0..count).for_each(|name| layers[layer[name]].push(name));
    layers
}

/// The layers with neighbours near each other.
fn ordered(mut layers: Vec<Vec<usize>>, pairs: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    for sweep in 0..SWEEPS {
        let mut place = BTreeMap::new();
        for layer in &layers {
            let middle = layer.len() as f64 / 2.0;
            layer.iter().enumerate().for_each(|(at, name)| _ = place.insert(*name, at as f64 - middle));
        }
        let mut at: Vec<usize> = (0..layers.len()).collect();
        if sweep % 2 == 1 {
            at.reverse();
        }
        for at in at {
            let mean = |name: usize| {
                let before = pairs.iter().filter(|(_, to)| *to == name).map(|(from, _)| *from);
                let behind = pairs.iter().filter(|(from, _)| *from == name).map(|(_, to)| *to);
                let near: Vec<f64> = if sweep % 2 == 0 { before.collect() } else { behind.collect::<Vec<_>>() }
                    .iter()
                    .map(|name| place[name])
                    .collect();
                if near.is_empty() { place[&name] } else { near.iter().sum::<f64>() / near.len() as f64 }
            };
            let mut means: Vec<(f64, usize)> = layers[at].iter().map(|name| (mean(*name), *name)).collect();
            means.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let middle = means.len() as f64 / 2.0;
            means.iter().enumerate().for_each(|(at, (_, name))| _ = place.insert(*name, at as f64 - middle));
            layers[at] = means.into_iter().map(|(_, name)| name).collect();
        }
    }
    layers
}

fn svg(names: &[&str], layers: &[Vec<usize>], ends: &[(usize, usize, &Arrow)]) -> String {
    let tallest = layers.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let height = tallest * (BOX.1 + GAP.1) + GAP.1;
    let width = layers.len() as f64 * (BOX.0 + GAP.0) - GAP.0 + 4.0;
    let mut place = vec![(0.0, 0.0); names.len()];
    for (column, layer) in layers.iter().enumerate() {
        let free = height - layer.len() as f64 * (BOX.1 + GAP.1) + GAP.1;
        for (row, name) in layer.iter().enumerate() {
            place[*name] = (2.0 + column as f64 * (BOX.0 + GAP.0), free / 2.0 + row as f64 * (BOX.1 + GAP.1));
        }
    }
    let mut svg =
        format!("<svg class=\"graph\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\">");
    svg.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#7a8699\"/></marker></defs>",
    );
    for (from, to, arrow) in ends {
        let ((x, y), (to_x, to_y)) = (place[*from], place[*to]);
        let (x, y, to_y) = (x + BOX.0, y + BOX.1 / 2.0, to_y + BOX.1 / 2.0);
        // One that leads back swings out.
        let reach = if to_x > x { (to_x - x) / 2.0 } else { GAP.0 };
        let _ = write!(
            svg,
            "<path class=\"arrow {}\" d=\"M{x:.0} {y:.0}C{:.0} {y:.0} {:.0} {to_y:.0} {to_x:.0} {to_y:.0}\" \
             marker-end=\"url(#tip)\"><title>{}</title></path>",
            escaped(&arrow.kind),
            x + reach,
            to_x - reach,
            escaped(&arrow.told),
        );
    }
    for (name, (x, y)) in names.iter().zip(&place) {
        let _ = write!(
            svg,
            "<g><title>{0}</title><rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{1}\" height=\"{2}\" rx=\"5\"/>\
             <text x=\"{3:.0}\" y=\"{4:.0}\">{5}</text></g>",
            escaped(name),
            BOX.0,
            BOX.1,
            x + 9.0,
            y + 17.0,
            escaped(&shortened(name)),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A name that fits its box; its end tells more than its beginning.
fn shortened(name: &str) -> String {
    const FITS: usize = 27;
    let wide = |c: char| if c.is_ascii() { 1 } else { 2 };
    if name.chars().map(wide).sum::<usize>() <= FITS {
        return name.to_owned();
    }
    let mut kept = Vec::new();
    let mut width = 1;
    for c in name.chars().rev() {
        width += wide(c);
        if width > FITS {
            break;
        }
        kept.push(c);
    }
    format!("…{}", kept.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, to: &str) -> Arrow {
        Arrow { from: from.to_owned(), to: to.to_owned(), kind: "view".to_owned(), told: format!("{from} → {to}") }
    }

    #[test]
    fn a_name_stands_behind_all_that_it_comes_from() {
        // a -> b -> d, a -> c -> d, a -> d
        let pairs = BTreeSet::from([(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]);
        assert_eq!(layered(4, &pairs), vec![vec![0], vec![1, 2], vec![3]]);
    }

    #[test]
    fn a_circle_ends() {
        let pairs = BTreeSet::from([(0, 1), (1, 2), (2, 0)]);
        assert_eq!(layered(3, &pairs), vec![vec![0], vec![1], vec![2]]);
        let drawing = drawn(&[arrow("a", "b"), arrow("b", "a"), arrow("a", "a")]);
        assert_eq!(drawing.svg.matches("<path class").count(), 2, "none from a name to itself");
    }

    #[test]
    fn arrows_do_not_cross_without_need() {
        // Two chains whose names are given crosswise.
        let pairs = BTreeSet::from([(0, 3), (1, 2)]);
        let layers = ordered(layered(4, &pairs), &pairs);
        assert_eq!(layers, vec![vec![0, 1], vec![3, 2]]);
    }

    #[test]
    fn too_many_names_are_counted() {
        let many: Vec<Arrow> = (0..80).map(|n| arrow("hub", &format!("t{n}"))).collect();
        let drawing = drawn(&many);
        assert_eq!(drawing.left_out, 21);
        assert!(drawing.svg.contains("hub") && drawn(&[]).svg.is_empty());
    }

    #[test]
    fn names_fit_and_are_text() {
        let drawing = drawn(&[arrow("<b>", "public.a_name_that_is_far_too_long_for_its_box")]);
        assert!(drawing.svg.contains("&lt;b&gt;") && !drawing.svg.contains("<b>"));
        assert!(drawing.svg.contains(">…"));
    }
}
