//! Encoded rows with one column changed, to ask what the column is worth, and which values were not known.

use super::encoded::{Bag, Encoded};
use super::spec::{ColumnSpec, FeatureSpec, Shape};

impl FeatureSpec {
    /// `encoded` with one column put to its commonest value in every row (an empty text for words).
    pub(crate) fn without(&self, encoded: &Encoded, name: &str) -> Encoded {
        self.replace(encoded, name, |column, _, place| column.commonest.get(place).copied(), |_| 0.0)
    }

    /// `encoded` with one column's values dealt to other rows: row i gets those of `order[i]`.
    pub(crate) fn permuted(&self, encoded: &Encoded, name: &str, order: &[usize]) -> Encoded {
        let other = encoded.take(order);
        let Some(column) = self.columns.iter().find(|column| column.name == name) else { return encoded.clone() };
        let mut changed = encoded.clone();
        let (places, dense) = self.places(column);
        for place in places {
            if let Some(bag) = place.checked_sub(self.width) {
                if let (Some(to), Some(from)) = (changed.bags.get_mut(bag), other.bags.get(bag)) {
                    *to = from.clone();
                }
                continue;
            }
            copy_stride(&mut changed.ids, &other.ids, self.width, place);
        }
        for place in dense {
            copy_stride(&mut changed.dense, &other.dense, self.dense_width, place);
        }
        changed
    }

    fn replace(
        &self,
        encoded: &Encoded,
        name: &str,
        id: impl Fn(&ColumnSpec, usize, usize) -> Option<u32>,
        number: impl Fn(usize) -> f32,
    ) -> Encoded {
        let mut changed = encoded.clone();
        let Some(column) = self.columns.iter().find(|column| column.name == name) else { return changed };
        let (places, dense) = self.places(column);
        for (which, place) in places.into_iter().enumerate() {
            if let Some(bag) = place.checked_sub(self.width) {
                if let Some(bag) = changed.bags.get_mut(bag) {
                    *bag = Bag { starts: vec![0; encoded.rows + 1], ids: Vec::new() };
                }
                continue;
            }
            for (row, to) in changed.ids.iter_mut().skip(place).step_by(self.width.max(1)).enumerate() {
                *to = id(column, row, which).unwrap_or(*to);
            }
        }
        for place in dense {
            for (row, to) in changed.dense.iter_mut().skip(place).step_by(self.dense_width.max(1)).enumerate() {
                *to = number(row);
            }
        }
        changed
    }

    /// For each row, whether `name` holds a value that training did not see often enough to know.
    pub(crate) fn unknown(&self, encoded: &Encoded, name: &str) -> Vec<bool> {
        let column = self.columns.iter().find(|column| column.name == name);
        match column.map(|column| &column.shape) {
            Some(Shape::Category { slot, base, buckets, .. }) => (0..encoded.rows)
                .map(|row| encoded.ids_of(row).get(*slot).is_none_or(|id| *id <= base + buckets))
                .collect(),
            _ => vec![false; encoded.rows],
        }
    }
}

fn copy_stride<T: Copy>(to: &mut [T], from: &[T], width: usize, place: usize) {
    for (to, from) in to.iter_mut().skip(place).step_by(width.max(1)).zip(from.iter().skip(place).step_by(width.max(1)))
    {
        *to = *from;
    }
}
