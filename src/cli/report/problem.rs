//! One thing that is wrong, with the SQL that shows it.

use super::language::Language;
use crate::sql::{literal, quoted};

/// A check that was not passed.
#[derive(Debug)]
pub struct Problem {
    /// The asset.
    pub asset: String,
    /// The rule, or what INVENTORY checked by itself.
    pub rule: String,
    /// The DAMA dimension.
    pub dimension: String,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// What was measured.
    pub metric: String,
    /// The measurement.
    pub value: Option<f64>,
    /// What it should have been.
    pub threshold: Option<f64>,
    /// Rows that are not as they should be.
    pub failed_rows: Option<i64>,
    /// Of so many.
    pub total_rows: Option<i64>,
    /// Whether it is a rule that somebody made.
    pub is_of_user: bool,
}

impl Problem {
    /// Share of the rows that are not as they should be.
    pub fn share(&self) -> Option<f64> {
        match (self.failed_rows, self.total_rows) {
            (Some(failed), Some(total)) if total > 0 => Some(failed as f64 / total as f64),
            _ => None,
        }
    }

    /// What should be so. A rule that somebody made has the name that it was given.
    pub fn wanted(&self, language: Language) -> String {
        let inventory = language == Language::Zh && !self.is_of_user;
        let chinese = match self.metric.as_str() {
            "null_percent" => "值不应缺失",
            "positive_percent" => "价格应大于零",
            "duplicate_count" => "键不应重复",
            "valid_percent" => "值应符合其语义类型",
            "regex" => "值应符合该列的格式",
            "mean_p_right" => "行模型应认为单元格正确",
            _ => &self.rule,
        };
        if inventory { chinese.to_owned() } else { self.rule.clone() }
    }

    /// A statement that shows the rows.
    pub fn sql(&self) -> String {
        let relation = relation(&self.asset);
        if self.is_of_user {
            return format!("SELECT * FROM QUALITY_FAILURES({}, {}, 20);", literal(&self.asset), literal(&self.rule));
        }
        let Some(column) = self.column.as_deref().map(quoted) else {
            return format!("SELECT * FROM QUALITY_REPORT({}) WHERE NOT passed;", literal(&self.asset));
        };
        match self.metric.as_str() {
            "null_percent" => {
                format!("SELECT * FROM {relation} WHERE {column} IS NULL OR btrim({column}::text) = '' LIMIT 20;")
            }
            "positive_percent" => format!("SELECT * FROM {relation} WHERE {column} <= 0 LIMIT 20;"),
            "duplicate_count" => format!(
                "SELECT {column}, count(*) FROM {relation} GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 20;"
            ),
            "valid_percent" => format!(
                "SELECT CLASSIFY({column}::text) AS form, count(*), min({column}::text) AS example FROM {relation} \
                 WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2;"
            ),
            "regex" => format!(
                "SELECT regexp_replace(regexp_replace({column}::text, '[0-9]', '9', 'g'), '[A-Za-z]', 'a', 'g') AS format, \
                 count(*) FROM {relation} GROUP BY 1 ORDER BY 2 LIMIT 20;"
            ),
            "mean_p_right" => format!(
                "SELECT QUALITY_DETAIL(t) -> {} AS why, t.* FROM {relation} t WHERE QUALITY_DETAIL(t) -> {} IS NOT NULL LIMIT 20;",
                literal(self.column.as_deref().unwrap_or_default()),
                literal(self.column.as_deref().unwrap_or_default())
            ),
            _ => format!("SELECT * FROM QUALITY_REPORT({}) WHERE NOT passed;", literal(&self.asset)),
        }
    }
}

/// `schema.name` as SQL reads it; the first dot parts the two.
fn relation(asset: &str) -> String {
    match asset.split_once('.') {
        Some((schema, name)) => format!("{}.{}", quoted(schema), quoted(name)),
        None => quoted(asset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(metric: &str, column: Option<&str>) -> Problem {
        Problem {
            asset: "public.Order lines".to_owned(),
            rule: "it's there".to_owned(),
            dimension: "completeness".to_owned(),
            column: column.map(str::to_owned),
            metric: metric.to_owned(),
            value: None,
            threshold: None,
            failed_rows: Some(1),
            total_rows: Some(4),
            is_of_user: false,
        }
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        let sql = problem("null_percent", Some("order")).sql();
        assert!(sql.starts_with("SELECT * FROM public.\"Order lines\" WHERE \"order\" IS NULL"), "{sql}");
        let rule = Problem { is_of_user: true, ..problem("check", None) };
        assert_eq!(rule.sql(), "SELECT * FROM QUALITY_FAILURES('public.Order lines', 'it''s there', 20);");
    }

    #[test]
    fn shares_are_of_rows() {
        assert_eq!(problem("regex", None).share(), Some(0.25));
        assert_eq!(Problem { total_rows: Some(0), ..problem("regex", None) }.share(), None);
    }
}
