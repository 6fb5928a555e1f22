//! Rows as numbers.

/// Rows encoded by a [`FeatureSpec`](super::FeatureSpec): for each row one entry per plain slot, several per bag slot,
/// and the dense numbers. Everything is row-major, so that a row chosen at random costs one cache miss, not one per
/// column.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    /// Rows.
    pub rows: usize,
    /// Plain slots of a row.
    pub width: usize,
    /// `rows * width` places in the shared table.
    pub ids: Vec<u32>,
    /// Dense numbers of a row.
    pub dense_width: usize,
    /// `rows * dense_width` standardised numbers, 0 where missing.
    pub dense: Vec<f32>,
    /// Slots with several entries, after the plain ones.
    pub bags: Vec<Bag>,
}

/// One slot with several entries a row.
#[derive(Debug, Clone, Default)]
pub struct Bag {
    /// Where each row's entries begin in `ids`; one more than there are rows.
    pub starts: Vec<u32>,
    /// Places in the shared table.
    pub ids: Vec<u32>,
}

impl Encoded {
    /// Slots of a row, plain and bags.
    pub fn slots(&self) -> usize {
        self.width + self.bags.len()
    }

    /// The dense numbers of `row`.
    pub fn dense_of(&self, row: usize) -> &[f32] {
        self.dense.get(row * self.dense_width..(row + 1) * self.dense_width).unwrap_or_default()
    }

    /// The plain slots' entries of `row`.
    pub fn ids_of(&self, row: usize) -> &[u32] {
        self.ids.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    /// Calls `each(slot, entry, weight)` for every entry of `row`. A bag's weights are 1/sqrt(entries), so that a long
    /// text does not shout down a short one.
    pub fn entries(&self, row: usize, mut each: impl FnMut(usize, u32, f32)) {
        for (slot, id) in self.ids_of(row).iter().enumerate() {
            each(slot, *id, 1.0);
        }
        for (place, bag) in self.bags.iter().enumerate() {
            let ids = bag.of(row);
            let weight = 1.0 / (ids.len().max(1) as f32).sqrt();
            for id in ids {
                each(self.width + place, *id, weight);
            }
        }
    }

    /// Calls `each(column, value)` for every column of `row` that is not 0 where entries and dense numbers are the columns of one
    /// matrix: `table_rows` for the entries, then the dense numbers.
    pub fn columns(&self, row: usize, table_rows: usize, mut each: impl FnMut(usize, f32)) {
        self.entries(row, |_, id, weight| each(id as usize, weight));
        self.dense_of(row).iter().enumerate().for_each(|(place, value)| each(table_rows + place, *value));
    }

    /// Counts the entries of all rows.
    pub fn count(&self, counts: &mut [u32]) {
        for id in self.ids.iter().chain(self.bags.iter().flat_map(|bag| &bag.ids)) {
            if let Some(count) = counts.get_mut(*id as usize) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The given rows alone, in the given order.
    pub fn take(&self, rows: &[usize]) -> Self {
        let mut taken = Self { rows: rows.len(), width: self.width, dense_width: self.dense_width, ..Self::default() };
        for row in rows {
            taken.ids.extend_from_slice(self.ids_of(*row));
            taken.dense.extend_from_slice(self.dense_of(*row));
        }
        taken.bags = self.bags.iter().map(|bag| bag.take(rows)).collect();
        taken
    }

    /// Appends the rows of `other`, which the same spec encoded.
    pub fn append(&mut self, other: &Self) {
        if self.rows == 0 {
            *self = other.clone();
            return;
        }
        self.rows += other.rows;
        self.ids.extend_from_slice(&other.ids);
        self.dense.extend_from_slice(&other.dense);
        for (bag, more) in self.bags.iter_mut().zip(&other.bags) {
            let shift = bag.ids.len() as u32;
            bag.ids.extend_from_slice(&more.ids);
            bag.starts.extend(more.starts.iter().skip(1).map(|start| start + shift));
        }
    }
}

impl Bag {
    /// The entries of `row`.
    pub fn of(&self, row: usize) -> &[u32] {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(from), Some(to)) => self.ids.get(*from as usize..*to as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    fn take(&self, rows: &[usize]) -> Self {
        let mut taken = Self { starts: vec![0], ids: Vec::new() };
        for row in rows {
            taken.ids.extend_from_slice(self.of(*row));
            taken.starts.push(taken.ids.len() as u32);
        }
        taken
    }
}
