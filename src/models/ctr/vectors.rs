//! The learnt vectors of users and items, turned so that their inner product orders items as the model does.
//!
//! What the ids of user u and item i add to the logit beside what is the same for all items:
//!
//! | architecture | of u and i | user's vector | item's vector |
//! | --- | --- | --- | --- |
//! | `fm`, `deepfm` | `v_u . v_i + w_i` | `v_u`, then 1 | `v_i`, then `w_i` |
//! | `bilinear` | `v_u^T W v_i + w^T v_i` | `W^T v_u + w` | `v_i` |
//!
//! where `w_i` is the item's weight, W the part of the bilinear form between the two columns, and `w` its row of the constant. Of `deepfm`
//! the network beside it is not in it. Where user and item are the only columns of `fm` and `bilinear` the order is the model's own.
//! (The last number as in Bachrach et al., "Speeding Up the Xbox Recommender System", RecSys 2014.)

use arrow::array::ArrayRef;

use super::model::CtrModel;
use super::options::Architecture;
use crate::error::{Error, Kind, Result};
use crate::models::features::InputColumn;

/// Vectors of some values; none of what is not known.
pub type Vectors = Vec<Option<Vec<f32>>>;

impl CtrModel {
    /// The column of users, or of items: what [`vectors`](Self::vectors) are asked by. [`Kind::Unsupported`] for an architecture without such
    /// vectors, [`Kind::InvalidParameter`] where the option was not given.
    pub fn vector_column(&self, of_user: bool) -> Result<InputColumn> {
        let architecture = self.options.architecture;
        if !matches!(architecture, Architecture::Fm | Architecture::DeepFm | Architecture::Bilinear) {
            let message =
                format!("a model of architecture \"{}\" has no vectors that can be compared", architecture.name());
            return Err(Error::new(Kind::Unsupported, message)
                .with_hint("Those of fm, deepfm and bilinear have an inner product that means something."));
        }
        let (option, name) = match of_user {
            true => ("user_col", &self.options.user_col),
            false => ("item_col", &self.options.item_col),
        };
        let input = name.as_ref().and_then(|name| self.spec.inputs().into_iter().find(|input| input.name == *name));
        input.ok_or_else(|| {
            Error::new(Kind::InvalidParameter, format!("the model was trained without {option}"))
                .with_hint(format!("CREATE MODEL ... OPTIONS ({option} = ...) says which column that is."))
        })
    }

    /// The vectors of users (or items), `embedding_dim` numbers, and one more of `fm` and `deepfm`; none of a value that training did not see
    /// often enough to know, nor of none. `values` are of the type of [`vector_column`](Self::vector_column), whose errors are the errors.
    pub fn vectors(&self, of_user: bool, values: &ArrayRef) -> Result<Vectors> {
        let column = self.vector_column(of_user)?;
        let Some((slot, entries)) = self.spec.own_entries(&column.name, values)? else {
            let message = format!("all rows of training had one value of column \"{}\"", column.name);
            return Err(Error::new(Kind::Unsupported, message).with_hint("A vector is learnt of what differs."));
        };
        let network = &self.tasks.click;
        let dim = network.plan.dim;
        if self.options.architecture != Architecture::Bilinear {
            let last =
                |id: u32| if of_user { 1.0 } else { network.linear.row(id).first().copied().unwrap_or_default() };
            let vector = |id: u32| network.vectors.row(id).iter().copied().chain([last(id)]).collect();
            return Ok(entries.into_iter().map(|id| id.map(vector)).collect());
        }
        let item_slot = match of_user {
            true => self.item_slot()?,
            false => slot,
        };
        let items = network.plan.item.len() + 1;
        // Where the numbers of a slot stand on a side; the constant is before them all.
        let places = |slot: usize, side: &[usize]| -> Vec<usize> {
            let first = side.iter().position(|column| *column == slot * dim);
            first.map(|first| (first + 1..=first + dim).collect()).unwrap_or_default()
        };
        let (rows, columns) = (places(slot, &network.plan.user), places(item_slot, &network.plan.item));
        if columns.is_empty() || (of_user && rows.is_empty()) {
            let message = "user_col and item_col are not on the two sides of the model";
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        let weight =
            |row: usize, column: usize| network.bilinear.values.get(row * items + column).copied().unwrap_or_default();
        let vector = |id: u32| -> Vec<f32> {
            let own = network.vectors.row(id);
            if !of_user {
                return own.to_vec();
            }
            let through =
                |column: usize| -> f32 { own.iter().zip(&rows).map(|(v, row)| v * weight(*row, column)).sum() };
            columns.iter().map(|column| through(*column) + weight(0, *column)).collect()
        };
        Ok(entries.into_iter().map(|id| id.map(vector)).collect())
    }

    fn item_slot(&self) -> Result<usize> {
        let column = self.vector_column(false)?;
        self.spec.slot_of(&column.name).ok_or_else(|| {
            let message = format!("all rows of training had one value of column \"{}\"", column.name);
            Error::new(Kind::Unsupported, message).with_hint("A vector is learnt of what differs.")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, StringArray};

    use super::*;
    use crate::models::CtrOptions;
    use crate::models::random::Random;
    use crate::models::tabular::Watch;

    fn trained(architecture: Architecture) -> Result<CtrModel> {
        let mut random = Random::new(4);
        let rows: Vec<(i64, usize)> = (0..4000).map(|_| (random.below(20) as i64, random.below(15))).collect();
        let liked = |(user, item): &(i64, usize)| if *user as usize % 2 == item % 2 { 0.7 } else { 0.1 };
        let labels: Vec<i64> = rows.iter().map(|row| i64::from(random.uniform() < liked(row))).collect();
        let batch = RecordBatch::try_from_iter([
            ("user_id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))) as ArrayRef),
            ("item", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| format!("i{}", row.1))))),
            ("clicked", Arc::new(Int64Array::from(labels))),
        ])
        .unwrap();
        let options = CtrOptions {
            label_col: "clicked".into(),
            user_col: Some("user_id".into()),
            item_col: Some("item".into()),
            architecture,
            ..CtrOptions::default()
        };
        CtrModel::train(&mut std::slice::from_ref(&batch), &options, &mut Watch::nobody())
    }

    #[test]
    fn inner_products_order_items_as_the_model_does() -> Result<()> {
        for architecture in [Architecture::Fm, Architecture::Bilinear] {
            let model = trained(architecture)?;
            let items: ArrayRef = Arc::new(StringArray::from_iter_values((0..15).map(|item| format!("i{item}"))));
            let of_items = model.vectors(false, &items)?;
            for user in 0..20 {
                let users: ArrayRef = Arc::new(Int64Array::from(vec![user; 15]));
                let of_user = model.vectors(true, &users)?[0].clone().unwrap();
                let asked = RecordBatch::try_from_iter([("user_id", users), ("item", items.clone())]).unwrap();
                let mut by_model: Vec<(usize, f64)> = model.predict(&asked)?.into_iter().enumerate().collect();
                by_model.sort_by(|a, b| b.1.total_cmp(&a.1));
                let product = |item: usize| -> f64 {
                    let vector = of_items[item].as_ref().unwrap();
                    of_user.iter().zip(vector).map(|(a, b)| f64::from(a * b)).sum()
                };
                let ordered = by_model.windows(2).all(|pair| product(pair[0].0) >= product(pair[1].0) - 1e-4);
                assert!(ordered, "{architecture:?} {user}");
            }
        }
        Ok(())
    }

    #[test]
    fn the_unknown_have_no_vector_and_some_models_none_at_all() -> Result<()> {
        let model = trained(Architecture::DeepFm)?;
        let users: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), Some(999), None]));
        let vectors = model.vectors(true, &users)?;
        assert_eq!(vectors.iter().map(|v| v.as_ref().map(Vec::len)).collect::<Vec<_>>(), [Some(9), None, None]);
        let wrong: ArrayRef = Arc::new(StringArray::from(vec!["3"]));
        assert_eq!(model.vectors(true, &wrong).unwrap_err().kind(), Kind::DatatypeMismatch);
        let none = trained(Architecture::Lr)?.vectors(true, &users).unwrap_err();
        assert_eq!(none.kind(), Kind::Unsupported);
        Ok(())
    }
}
