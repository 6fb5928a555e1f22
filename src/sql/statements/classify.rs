//! CLASSIFY TABLE; definitions of classifiers, and what persons say of their verdicts, are on their way to `ddl`.

use super::super::classification::{self, Options};
use super::super::ddl;
use super::super::execute::{command, defining};
use super::super::parser::ClassifyWords;
use super::super::session::{Outcome, Session};
use crate::error::Result;

/// Runs a statement about classification.
pub async fn classify(session: &mut Session, words: ClassifyWords) -> Result<Outcome> {
    let tag = words.tag();
    match words {
        ClassifyWords::Table { table, columns, options } => {
            let pairs = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let options = Options::read(pairs, tag)?;
            let judge = async |ddl: &mut ddl::Ddl<'_>| classification::classify(ddl, &table, &columns, &options).await;
            let count = defining(session, judge).await?;
            command(&format!("{tag} {count}"))
        }
        words => {
            defining(session, async |ddl| ddl::classifier(ddl, words)).await?;
            command(tag)
        }
    }
}
