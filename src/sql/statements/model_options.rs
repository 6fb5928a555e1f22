//! OPTIONS of CREATE MODEL as a recipe: names, values, and what is wrong with them.

use crate::error::{Error, Kind, Result};
use crate::models::{
    Architecture, CalibrationMethod, CtrOptions, EmbeddingOptions, ImportOptions, Pooling, Recipe, Split,
    TabularOptions, Task, TextOptions, Unlabelled, model_types,
};
use std::collections::BTreeMap;

/// The option that says what is trained.
pub const MODEL_TYPE: &str = "model_type";

/// Options of click models.
const CTR: &[&str] = &[
    "label_col",
    "conversion_col",
    "user_col",
    "item_col",
    "time_col",
    "user_features",
    "item_features",
    "architecture",
    "split",
    "eval_fraction",
    "max_iterations",
    "learn_rate",
    "l2_reg",
    "batch_size",
    "embedding_dim",
    "hidden_units",
    "seed",
    "calibration",
];

/// Options of imported encoders.
const IMPORTED: &[&str] =
    &["path", "format", "input", "output", "pooling", "query_prefix", "passage_prefix", "max_tokens"];

/// Pieces of a text that an imported encoder may be asked to read.
const MAX_TOKENS: usize = 8192;

/// The recipe that options ask for. An option that the type has not, or a value that it cannot have, is
/// [`Kind::InvalidParameter`]; an unknown type [`Kind::Unsupported`].
pub fn recipe(options: &BTreeMap<String, String>) -> Result<Recipe> {
    let model_type = options.get(MODEL_TYPE).ok_or_else(|| {
        Error::new(Kind::InvalidParameter, "option model_type is needed")
            .with_hint(format!("Available types: {}.", model_types().join(", ")))
    })?;
    let mut recipe = Recipe::of(model_type)?;
    let known = match &recipe {
        Recipe::Ctr(_) => CTR.to_vec(),
        Recipe::Tabular(options) => TabularOptions::names(options.model_type),
        Recipe::Text(_) => TextOptions::names(),
        Recipe::Embedding(_) => EmbeddingOptions::names(),
        Recipe::Imported { .. } => IMPORTED.to_vec(),
    };
    for (name, value) in options.iter().filter(|(name, _)| *name != MODEL_TYPE) {
        if !known.contains(&name.as_str()) {
            let message = format!("unrecognized option \"{name}\" of a {model_type} model");
            return Err(Error::new(Kind::InvalidParameter, message)
                .with_hint(format!("Available options: {}.", known.join(", "))));
        }
        match &mut recipe {
            Recipe::Ctr(ctr) => set_ctr(ctr, name, value)?,
            Recipe::Tabular(tabular) => set_tabular(tabular, name, value)?,
            Recipe::Text(text) => set_text(text, name, value)?,
            Recipe::Embedding(embedding) => set_embedding(embedding, name, value)?,
            Recipe::Imported { options, path } => set_imported(options, path, name, value)?,
        }
    }
    recipe.check()?;
    Ok(recipe)
}

fn set_ctr(ctr: &mut CtrOptions, name: &str, value: &str) -> Result<()> {
    match name {
        "label_col" => ctr.label_col = value.to_owned(),
        "conversion_col" => ctr.conversion_col = Some(value.to_owned()),
        "user_col" => ctr.user_col = Some(value.to_owned()),
        "item_col" => ctr.item_col = Some(value.to_owned()),
        "time_col" => ctr.time_col = Some(value.to_owned()),
        "user_features" => ctr.user_features = columns(value),
        "item_features" => ctr.item_features = columns(value),
        "architecture" => ctr.architecture = Architecture::parse(value)?,
        "split" => ctr.split = Some(split(name, value)?),
        "calibration" => {
            ctr.calibration = match value {
                "none" => CalibrationMethod::None,
                "platt" => CalibrationMethod::Platt,
                "isotonic" => CalibrationMethod::Isotonic,
                _ => return Err(one_of(name, value, "none, platt, isotonic")),
            }
        }
        "eval_fraction" => ctr.eval_fraction = number(name, value)?,
        "max_iterations" => ctr.max_iterations = number(name, value)?,
        "learn_rate" => ctr.learn_rate = Some(number(name, value)?),
        "l2_reg" => ctr.l2_reg = Some(number(name, value)?),
        "batch_size" => ctr.batch_size = Some(number(name, value)?),
        "embedding_dim" => ctr.embedding_dim = number(name, value)?,
        "hidden_units" => {
            let units = columns(value);
            ctr.hidden_units = Some(units.iter().map(|units| number(name, units)).collect::<Result<_>>()?);
        }
        "seed" => ctr.seed = number(name, value)?,
        _ => return Err(Error::internal(format!("option {name} is known and not read"))),
    }
    Ok(())
}

fn set_tabular(tabular: &mut TabularOptions, name: &str, value: &str) -> Result<()> {
    match name {
        "label_col" => tabular.label_col = Some(value.to_owned()),
        "time_col" => tabular.time_col = Some(value.to_owned()),
        "category_cols" => tabular.category_cols = columns(value),
        "split" => tabular.split = Some(split(name, value)?),
        "task" => {
            tabular.task = match value {
                "auto" => Task::Auto,
                "regression" => Task::Regression,
                "classification" => Task::Classification,
                _ => return Err(one_of(name, value, "auto, regression, classification")),
            }
        }
        "num_clusters" => {
            tabular.num_clusters = if value == "auto" { None } else { Some(number(name, value)?) };
        }
        "hidden_units" => {
            let units = columns(value);
            tabular.hidden_units = Some(units.iter().map(|units| number(name, units)).collect::<Result<_>>()?);
        }
        "eval_fraction" => tabular.eval_fraction = number(name, value)?,
        "max_iterations" => tabular.max_iterations = Some(number(name, value)?),
        "learn_rate" => tabular.learn_rate = Some(number(name, value)?),
        "l1_reg" => tabular.l1_reg = Some(number(name, value)?),
        "l2_reg" => tabular.l2_reg = Some(number(name, value)?),
        "batch_size" => tabular.batch_size = Some(number(name, value)?),
        "embedding_dim" => tabular.embedding_dim = number(name, value)?,
        "contamination" => tabular.contamination = number(name, value)?,
        "seed" => tabular.seed = number(name, value)?,
        _ => return Err(Error::internal(format!("option {name} is known and not read"))),
    }
    Ok(())
}

fn set_text(text: &mut TextOptions, name: &str, value: &str) -> Result<()> {
    match name {
        "text_col" => text.text_col = Some(value.to_owned()),
        "label_col" => text.label_col = Some(value.to_owned()),
        "time_col" => text.time_col = Some(value.to_owned()),
        "split" => text.split = Some(split(name, value)?),
        "eval_fraction" => text.eval_fraction = number(name, value)?,
        "seed" => text.seed = number(name, value)?,
        "l2_reg" => text.l2_reg = Some(number(name, value)?),
        "max_iterations" => text.max_iterations = Some(number(name, value)?),
        "hidden_units" => {
            let units = columns(value);
            text.hidden_units = Some(units.iter().map(|units| number(name, units)).collect::<Result<_>>()?);
        }
        "encoder_rows" => text.encoder_rows = number(name, value)?,
        "adapter_rank" => text.adapter_rank = number(name, value)?,
        "adapter_layers" => text.adapter_layers = Some(number(name, value)?),
        "adapter_epochs" => text.adapter_epochs = Some(number(name, value)?),
        "unlabelled" => {
            text.unlabelled = match value {
                "ignore" => Unlabelled::Ignore,
                "pseudo" => Unlabelled::Pseudo,
                _ => return Err(one_of(name, value, "ignore, pseudo")),
            }
        }
        "base" => text.base = Some(value.to_owned()),
        _ => return Err(Error::internal(format!("option {name} is known and not read"))),
    }
    Ok(())
}

fn set_embedding(embedding: &mut EmbeddingOptions, name: &str, value: &str) -> Result<()> {
    match name {
        "query_col" => embedding.query_col = Some(value.to_owned()),
        "passage_col" => embedding.passage_col = Some(value.to_owned()),
        "weight_col" => embedding.weight_col = Some(value.to_owned()),
        "time_col" => embedding.time_col = Some(value.to_owned()),
        "split" => embedding.split = Some(split(name, value)?),
        "eval_fraction" => embedding.eval_fraction = number(name, value)?,
        "seed" => embedding.seed = number(name, value)?,
        "max_iterations" => embedding.max_iterations = number(name, value)?,
        "batch_size" => embedding.batch_size = number(name, value)?,
        "temperature" => embedding.temperature = number(name, value)?,
        "adapter_rank" => embedding.adapter_rank = number(name, value)?,
        "adapter_layers" => embedding.adapter_layers = Some(number(name, value)?),
        "base" => embedding.base = Some(value.to_owned()),
        _ => return Err(Error::internal(format!("option {name} is known and not read"))),
    }
    Ok(())
}

fn set_imported(options: &mut ImportOptions, path: &mut String, name: &str, value: &str) -> Result<()> {
    let only = |known: &str| match value == known {
        true => Ok(()),
        false => Err(Error::new(Kind::Unsupported, format!("option {name} cannot be \"{value}\"")).with_hint(format!(
            "What is imported is an encoder in format safetensors, from text to embedding: \"{known}\"."
        ))),
    };
    match name {
        "path" => value.clone_into(path),
        "format" => only("safetensors")?,
        "input" => only("text")?,
        "output" => only("embedding")?,
        "pooling" => {
            options.pooling = Some(match value {
                "mean" => Pooling::Mean,
                "cls" => Pooling::Cls,
                _ => return Err(one_of(name, value, "mean, cls")),
            });
        }
        "query_prefix" => options.query_prefix = Some(value.to_owned()),
        "passage_prefix" => options.passage_prefix = Some(value.to_owned()),
        "max_tokens" => {
            let most = number(name, value)?;
            if !(8..=MAX_TOKENS).contains(&most) {
                let message = format!("option {name} must lie between 8 and {MAX_TOKENS}");
                return Err(Error::new(Kind::InvalidParameter, message));
            }
            options.max_tokens = Some(most);
        }
        _ => return Err(Error::internal(format!("option {name} is known and not read"))),
    }
    Ok(())
}

/// The names in a list with commas.
fn columns(text: &str) -> Vec<String> {
    text.split(',').map(|column| column.trim().to_owned()).filter(|column| !column.is_empty()).collect()
}

fn split(name: &str, value: &str) -> Result<Split> {
    match value {
        "time" => Ok(Split::Time),
        "random" => Ok(Split::Random),
        _ => Err(one_of(name, value, "time, random")),
    }
}

fn one_of(name: &str, value: &str, values: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\""))
        .with_hint(format!("Available values: {values}."))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[(&str, &str)]) -> Result<Recipe> {
        recipe(&given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn every_option_that_a_type_names_is_read() -> Result<()> {
        let value = |name: &str| match name {
            "split" => "random",
            "architecture" => "deepfm",
            "calibration" => "platt",
            "task" => "regression",
            "hidden_units" => "16, 8",
            "unlabelled" => "pseudo",
            "format" => "safetensors",
            "input" => "text",
            "output" => "embedding",
            "pooling" => "cls",
            "max_tokens" => "64",
            "label_col" | "passage_col" => "b",
            name if name.ends_with("_col") || name.ends_with("_cols") || name.ends_with("_features") => "a",
            "eval_fraction" | "contamination" | "learn_rate" | "temperature" => "0.2",
            _ => "2",
        };
        for model_type in model_types() {
            let names = match Recipe::of(model_type)? {
                Recipe::Ctr(_) => CTR.to_vec(),
                Recipe::Tabular(options) => TabularOptions::names(options.model_type),
                Recipe::Text(_) => TextOptions::names(),
                Recipe::Embedding(_) => EmbeddingOptions::names(),
                Recipe::Imported { .. } => IMPORTED.to_vec(),
            };
            let all: Vec<(&str, &str)> =
                names.iter().map(|name| (*name, value(name))).chain([(MODEL_TYPE, model_type)]).collect();
            assert!(!of(&all)?.word().is_empty(), "{model_type}");
        }
        Ok(())
    }

    #[test]
    fn refusals_name_what_there_is() {
        let hint = |given: &[(&str, &str)]| {
            let error = of(given).unwrap_err();
            (error.kind(), error.hint().unwrap_or_default().to_owned())
        };
        let (kind, said) = hint(&[("model_type", "forest")]);
        assert!(kind == Kind::Unsupported && model_types().iter().all(|name| said.contains(name)), "{said}");
        let (kind, said) = hint(&[("model_type", "kmeans"), ("label_col", "a")]);
        assert!(
            kind == Kind::InvalidParameter && said.contains("num_clusters") && !said.contains("label_col"),
            "{said}"
        );
        let (kind, said) = hint(&[("model_type", "mlp"), ("label_col", "a"), ("task", "both")]);
        assert!(kind == Kind::InvalidParameter && said.contains("classification"), "{said}");
    }
}
