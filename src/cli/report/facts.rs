//! What a report tells, asked of the database as the role may see it: names, counts and shares, never a value of a row.

use super::graph::Arrow;
use super::problem::Problem;
use crate::encoding::pg_text::cell_text_of;
use crate::error::{Kind, Result};
use crate::sql::{Session, literal};
use std::collections::{BTreeMap, BTreeSet};

/// Roles whose view of sensitive columns is told at most.
const ROLES_MAX: usize = 50;

/// Everything that a report tells.
#[derive(Debug, Default)]
pub struct Facts {
    /// The database.
    pub database: String,
    /// When it was asked, and as whom.
    pub made_at: String,
    /// The role that asked.
    pub role: String,
    /// Every asset.
    pub assets: Vec<Asset>,
    /// Relations that the role may read and nobody looked at.
    pub unseen: Vec<String>,
    /// Columns found to be sensitive.
    pub sensitive: Vec<Sensitive>,
    /// Results by dimension.
    pub dimensions: Vec<Score>,
    /// Dimension, day, share of rows that are as they should be.
    pub history: Vec<(String, String, f64)>,
    /// Where data and models come from.
    pub lineage: Vec<Arrow>,
    /// Foreign keys, declared and discovered.
    pub references: Vec<Arrow>,
    /// What is wrong, worst first.
    pub problems: Vec<Problem>,
    /// Models: name, type, deployed version.
    pub models: Vec<[String; 3]>,
}

/// An asset, as INVENTORY found it.
#[derive(Debug)]
pub struct Asset {
    /// Name with its schema or source.
    pub name: String,
    /// table, view or file.
    pub kind: String,
    /// What it is made of: table, csv, xml, image ...
    pub form: String,
    /// Business domain.
    pub domain: String,
    /// structured, semi_structured, unstructured.
    pub structure: String,
    /// Rows, if they were counted.
    pub rows: Option<i64>,
    /// Bytes.
    pub bytes: Option<i64>,
    /// high, medium, low, none.
    pub sensitivity: String,
    /// Grade of GB/T 43697.
    pub grade: String,
    /// 0 to 1; none of what nobody judged.
    pub quality: Option<f64>,
    /// Days since the newest moment in it.
    pub age_days: Option<f64>,
    /// Who owns it.
    pub owner: String,
    /// The day of the last INVENTORY.
    pub looked_at: String,
}

/// A sensitive column, and who sees it.
#[derive(Debug)]
pub struct Sensitive {
    /// The asset.
    pub asset: String,
    /// The column.
    pub column: String,
    /// Semantic type in English and Chinese.
    pub semantic_type: (String, String),
    /// high or medium.
    pub level: String,
    /// Grade of GB/T 43697.
    pub grade: String,
    /// suggested or confirmed.
    pub state: String,
    /// Roles that see it behind a mask.
    pub masked_for: Vec<String>,
    /// Roles, besides owner and superusers, that see it plain.
    pub plain_for: Vec<String>,
}

/// What the results of a dimension come to.
#[derive(Debug)]
pub struct Score {
    /// The DAMA dimension.
    pub dimension: String,
    /// Checks.
    pub checks: i64,
    /// Checks that were passed.
    pub passed: i64,
    /// Share of all checked rows that are as they should be, if any were counted.
    pub share: Option<f64>,
}

/// Texts of a query's rows.
type Rows = Vec<Vec<Option<String>>>;

async fn rows(session: &mut Session, sql: &str) -> Result<Rows> {
    let batches = session.query(sql).await?;
    let mut rows = Vec::new();
    for batch in &batches {
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let cells = schema.fields().iter().zip(batch.columns());
            rows.push(cells.map(|(field, array)| cell_text_of(field, array, row)).collect());
        }
    }
    Ok(rows)
}

/// The cells of a row in turn.
struct Cells(std::vec::IntoIter<Option<String>>);

impl Cells {
    fn text(&mut self) -> String {
        self.0.next().flatten().unwrap_or_default()
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.0.next().flatten().and_then(|text| text.parse().ok())
    }
}

async fn told<T>(session: &mut Session, sql: &str, of: impl Fn(&mut Cells) -> T) -> Result<Vec<T>> {
    let rows = rows(session, sql).await?;
    Ok(rows.into_iter().map(|row| of(&mut Cells(row.into_iter()))).collect())
}

/// Asks for all of it.
pub async fn gathered(session: &mut Session) -> Result<Facts> {
    let mut facts = Facts::default();
    let about = "SELECT current_database()::text, to_char(now(), 'YYYY-MM-DD HH24:MI TZ'), current_user::text";
    if let Some(row) = rows(session, about).await?.pop() {
        let mut cells = Cells(row.into_iter());
        (facts.database, facts.made_at, facts.role) = (cells.text(), cells.text(), cells.text());
    }
    facts.assets = told(
        session,
        "SELECT name, kind, form, domain, structure, row_count, size_bytes, sensitivity, grade, quality,
                extract(epoch FROM freshness) / 86400, owner, last_scan::date
         FROM steward.assets ORDER BY domain, name",
        |cells| Asset {
            name: cells.text(),
            kind: cells.text(),
            form: cells.text(),
            domain: cells.text(),
            structure: cells.text(),
            rows: cells.number(),
            bytes: cells.number(),
            sensitivity: cells.text(),
            grade: cells.text(),
            quality: cells.number(),
            age_days: cells.number(),
            owner: cells.text(),
            looked_at: cells.text(),
        },
    )
    .await?;
    let relations = told(
        session,
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'steward')
           AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1",
        Cells::text,
    )
    .await?;
    let seen: BTreeSet<&str> = facts.assets.iter().map(|asset| asset.name.as_str()).collect();
    facts.unseen = relations.into_iter().filter(|name| !seen.contains(name.as_str())).collect();
    facts.dimensions = told(
        session,
        "SELECT dimension, count(*), count(*) FILTER (WHERE passed),
                sum(total_rows - failed_rows)::float8 / nullif(sum(total_rows), 0)
         FROM steward.quality_results GROUP BY dimension ORDER BY dimension",
        |cells| Score {
            dimension: cells.text(),
            checks: cells.number().unwrap_or(0),
            passed: cells.number().unwrap_or(0),
            share: cells.number(),
        },
    )
    .await?;
    facts.history = told(
        session,
        "SELECT dimension, as_of::date, sum(total_rows - failed_rows)::float8 / nullif(sum(total_rows), 0)
         FROM steward.quality_results WHERE total_rows > 0 GROUP BY 1, 2 ORDER BY 1, 2",
        |cells| (cells.text(), cells.text(), cells.number().unwrap_or(0.0)),
    )
    .await?;
    facts.lineage = told(
        session,
        "SELECT src, dst, kind, count(DISTINCT (src_column, dst_column)), max(at)::date
         FROM steward.lineage WHERE NOT src_dropped AND NOT dst_dropped AND src <> 'stdin'
         GROUP BY src, dst, kind ORDER BY src, dst, kind",
        |cells| {
            let (from, to, kind) = (cells.text(), cells.text(), cells.text());
            let told = format!("{from} → {to}: {kind}, {} columns, {}", cells.text(), cells.text());
            Arrow { from, to, kind, told }
        },
    )
    .await?;
    facts.references = told(
        session,
        "SELECT from_asset, to_asset, from_columns ->> 0, to_columns ->> 0, cardinality, constraint_name,
                round((100 * support)::numeric, 1), round(confidence::numeric, 2)
         FROM steward.relationships ORDER BY 1, 2, 3",
        |cells| {
            let (from, to, column, key) = (cells.text(), cells.text(), cells.text(), cells.text());
            let (cardinality, name) = (cells.text(), cells.text());
            let (support, confidence) = (cells.text(), cells.text());
            let told = match name.is_empty() {
                false => format!("{from} → {to}: {name}"),
                true => format!(
                    "{from}.{column} → {to}.{key}: {cardinality}, {support} % of its values, confidence {confidence}"
                ),
            };
            Arrow { from, to, kind: "references".to_owned(), told }
        },
    )
    .await?;
    facts.models =
        told(session, "SELECT name, model_type, deployed_version FROM steward.models ORDER BY name", |cells| {
            [cells.text(), cells.text(), cells.text()]
        })
        .await?;
    facts.sensitive = sensitive(session).await?;
    facts.problems = problems(session).await?;
    Ok(facts)
}

/// Sensitive columns, and which roles of those that may read them see them behind a mask.
async fn sensitive(session: &mut Session) -> Result<Vec<Sensitive>> {
    let mut found = told(
        session,
        "SELECT asset, column_name, semantic_type, semantic_type_zh, sensitivity, grade, state FROM steward.columns
         WHERE sensitivity IN ('high', 'medium') AND state <> 'rejected'
         ORDER BY CASE sensitivity WHEN 'high' THEN 0 ELSE 1 END, asset, ordinal",
        |cells| Sensitive {
            asset: cells.text(),
            column: cells.text(),
            semantic_type: (cells.text(), cells.text()),
            level: cells.text(),
            grade: cells.text(),
            state: cells.text(),
            masked_for: Vec::new(),
            plain_for: Vec::new(),
        },
    )
    .await?;
    let assets: BTreeSet<String> = found.iter().map(|column| column.asset.clone()).collect();
    let granted = told(
        session,
        "SELECT p.table_schema || '.' || p.table_name, p.column_name, p.grantee
         FROM information_schema.column_privileges p WHERE p.privilege_type = 'SELECT' AND p.grantor <> p.grantee",
        |cells| ((cells.text(), cells.text()), cells.text()),
    )
    .await?;
    let superusers = told(session, "SELECT name FROM steward.roles WHERE superuser", Cells::text).await?;
    let mut readers: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for ((asset, column), role) in granted {
        if assets.contains(&asset) && !superusers.contains(&role) {
            readers.entry(role).or_default().entry(asset).or_default().insert(column);
        }
    }
    for (role, relations) in readers.into_iter().take(ROLES_MAX) {
        for (asset, columns) in relations {
            // Everybody at once is no role whose masks could be asked for.
            let masked = match role.as_str() {
                "PUBLIC" => Vec::new(),
                role => {
                    let (asset, role) = (literal(&asset), literal(role));
                    let sql = format!("SELECT column_name FROM effective_policy({asset}, {role}) WHERE masked");
                    match told(session, &sql, Cells::text).await {
                        Ok(masked) => masked,
                        // What others see is told to owners alone.
                        Err(error) if error.kind() == Kind::Privilege => continue,
                        Err(error) => return Err(error),
                    }
                }
            };
            for one in found.iter_mut().filter(|one| one.asset == asset && columns.contains(&one.column)) {
                let whom = if masked.contains(&one.column) { &mut one.masked_for } else { &mut one.plain_for };
                whom.push(role.clone());
            }
        }
    }
    Ok(found)
}

async fn problems(session: &mut Session) -> Result<Vec<Problem>> {
    told(
        session,
        "SELECT r.asset, r.rule, r.dimension, r.column_name, r.metric, r.value, r.threshold, r.failed_rows, r.total_rows,
                EXISTS (SELECT 1 FROM steward.quality_rules q WHERE q.relation = r.asset AND q.name = r.rule)
         FROM steward.quality_results r WHERE NOT r.passed
         ORDER BY r.failed_rows::float8 / nullif(r.total_rows, 0) * ln(r.total_rows + 1) DESC NULLS FIRST, r.asset, r.rule",
        |cells| Problem {
            asset: cells.text(),
            rule: cells.text(),
            dimension: cells.text(),
            column: Some(cells.text()).filter(|column| !column.is_empty()),
            metric: cells.text(),
            value: cells.number(),
            threshold: cells.number(),
            failed_rows: cells.number(),
            total_rows: cells.number(),
            is_of_user: cells.text() == "t",
        },
    )
    .await
}
