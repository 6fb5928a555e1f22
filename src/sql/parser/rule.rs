//! Grammar of quality rules.

use super::own::Relation;
use super::words::{Words, fold, quoted};
use crate::catalog::Timing;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

/// A statement about quality rules.
#[derive(Debug, Clone)]
pub enum RuleWords {
    /// `CREATE QUALITY RULE`
    Create(Box<NewRule>),
    /// `ALTER QUALITY RULE`
    Alter {
        /// The rule.
        name: String,
        /// Its relation, if it is named.
        on: Option<Relation>,
        /// What is changed.
        change: RuleChange,
    },
    /// `DROP QUALITY RULE`
    Drop {
        /// The rule.
        name: String,
        /// Its relation, if it is named.
        on: Option<Relation>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `CHECK QUALITY`
    Check {
        /// The relation.
        on: Relation,
        /// `USING RULES`; all if none are named.
        rules: Vec<String>,
    },
    /// `ALTER TABLE ... SET QUARANTINE OF table`
    Quarantine {
        /// Where rows are put aside.
        quarantine: Relation,
        /// Whose rows.
        of: Relation,
    },
    /// `ALTER TABLE ... SET REPAIRS OF table (column, ...)`
    Repairs {
        /// Where repairs are kept.
        repairs: Relation,
        /// Of which table.
        of: Relation,
        /// Its columns by their numbers; none, written NULL, for one that is gone.
        columns: Vec<Option<String>>,
    },
}

impl RuleWords {
    /// The command tag.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Create(_) => "CREATE QUALITY RULE",
            Self::Alter { .. } => "ALTER QUALITY RULE",
            Self::Drop { .. } => "DROP QUALITY RULE",
            Self::Check { .. } => "CHECK QUALITY",
            Self::Quarantine { .. } | Self::Repairs { .. } => "ALTER TABLE",
        }
    }
}

/// A rule as it is written.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// Its name.
    pub name: String,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its relation.
    pub on: Relation,
    /// The columns that it is about.
    pub columns: Vec<String>,
    /// What it asks.
    pub test: NewTest,
    /// `DIMENSION`
    pub dimension: Option<String>,
    /// `THRESHOLD`
    pub threshold: Option<f64>,
    /// `SEVERITY`
    pub severity: Option<String>,
    /// `ON VIOLATION`
    pub on_violation: Option<Violation>,
    /// `SCHEDULE`
    pub schedule: Option<NewSchedule>,
}

/// When a rule is asked by itself, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewSchedule {
    /// At times, by the clocks of a zone if one is named.
    At(Timing, Option<String>),
    /// `ON CHANGE`
    OnChange,
}

/// What a rule asks, as it is written.
#[derive(Debug, Clone)]
pub enum NewTest {
    /// `CHECK (condition)`
    Check(ast::Expr),
    /// `METRIC name (arguments) EXPECTATION (condition)`
    Metric(String, Vec<ast::Expr>, Option<ast::Expr>),
}

/// `ON VIOLATION`, as it is written.
#[derive(Debug, Clone)]
pub enum Violation {
    /// `WARN`
    Warn,
    /// `DROP ROW`
    DropRow,
    /// `FAIL UPDATE`
    FailUpdate,
    /// `QUARANTINE`
    Quarantine,
    /// `REPAIR USING value`
    Repair(Box<ast::Expr>),
}

/// A change of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange {
    /// `ENABLE`, `DISABLE`
    Enable(bool),
    /// `RENAME TO`
    Rename(String),
    /// `SET SCHEDULE`; none means `DROP SCHEDULE`
    Schedule(Option<NewSchedule>),
}

/// Reads a statement about rules, or nothing if it is none.
pub fn parse(words: &mut Words) -> Result<Option<RuleWords>> {
    if words.take(&["CHECK", "QUALITY"]) {
        words.take(&["TABLE"]);
        let on = words.relation()?;
        let mut rules = Vec::new();
        if words.take(&["USING", "RULES"]) {
            words.expect_token(&Token::LParen)?;
            rules = words.names()?;
            words.expect_token(&Token::RParen)?;
        }
        return Ok(Some(RuleWords::Check { on, rules }));
    }
    let or_replace = words.take(&["CREATE", "OR", "REPLACE", "QUALITY", "RULE"]);
    if or_replace || words.take(&["CREATE", "QUALITY", "RULE"]) {
        return create(words, or_replace).map(Some);
    }
    if words.take(&["DROP", "QUALITY", "RULE"]) {
        let if_exists = words.take(&["IF", "EXISTS"]);
        let name = words.name()?;
        let on = on(words)?;
        // Nothing depends on a rule.
        let _ = words.take(&["CASCADE"]) || words.take(&["RESTRICT"]);
        return Ok(Some(RuleWords::Drop { name, on, if_exists }));
    }
    if words.take(&["ALTER", "QUALITY", "RULE"]) {
        let name = words.name()?;
        let on = on(words)?;
        let change = match () {
            () if words.take(&["ENABLE"]) => RuleChange::Enable(true),
            () if words.take(&["DISABLE"]) => RuleChange::Enable(false),
            () if words.take(&["RENAME", "TO"]) => RuleChange::Rename(words.name()?),
            () if words.take(&["SET", "SCHEDULE"]) => RuleChange::Schedule(Some(schedule(words)?)),
            () if words.take(&["DROP", "SCHEDULE"]) => RuleChange::Schedule(None),
            () => return Err(words.unexpected("ENABLE, DISABLE, SET SCHEDULE, DROP SCHEDULE or RENAME TO")),
        };
        return Ok(Some(RuleWords::Alter { name, on, change }));
    }
    Ok(None)
}

fn on(words: &mut Words) -> Result<Option<Relation>> {
    match words.take(&["ON"]) {
        true => words.relation().map(Some),
        false => Ok(None),
    }
}

fn create(words: &mut Words, or_replace: bool) -> Result<RuleWords> {
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    let name = words.name()?;
    words.expect(&["ON"])?;
    let on = words.relation()?;
    let mut columns = Vec::new();
    if words.token(&Token::LParen) {
        columns = words.names()?;
        words.expect_token(&Token::RParen)?;
    }
    let test = test(words)?;
    let mut rule = NewRule {
        name,
        or_replace,
        if_not_exists,
        on,
        columns,
        test,
        dimension: None,
        threshold: None,
        severity: None,
        on_violation: None,
        schedule: None,
    };
    loop {
        let twice = |is_there: bool, what: &str| match is_there {
            true => Err(Error::new(Kind::Syntax, format!("{what} is given twice"))),
            false => Ok(()),
        };
        if words.take(&["DIMENSION"]) {
            twice(rule.dimension.is_some(), "DIMENSION")?;
            rule.dimension = Some(words.string()?);
        } else if words.take(&["THRESHOLD"]) {
            twice(rule.threshold.is_some(), "THRESHOLD")?;
            rule.threshold = Some(threshold(&words.value()?)?);
        } else if words.take(&["SEVERITY"]) {
            twice(rule.severity.is_some(), "SEVERITY")?;
            rule.severity = Some(words.string()?);
        } else if words.take(&["ON", "VIOLATION"]) {
            twice(rule.on_violation.is_some(), "ON VIOLATION")?;
            rule.on_violation = Some(violation(words)?);
        } else if words.take(&["SCHEDULE"]) {
            twice(rule.schedule.is_some(), "SCHEDULE")?;
            rule.schedule = Some(schedule(words)?);
        } else {
            return Ok(RuleWords::Create(Box::new(rule)));
        }
    }
}

/// `'0 3 * * *'`, `'60 min'`, `ON CHANGE`; with TIME ZONE behind the times.
fn schedule(words: &mut Words) -> Result<NewSchedule> {
    if words.take(&["ON", "CHANGE"]) {
        return Ok(NewSchedule::OnChange);
    }
    let (timing, zone) = Timing::parse(&words.string()?)?;
    let zone = if words.take(&["TIME", "ZONE"]) { Some(words.value()?) } else { zone };
    Ok(NewSchedule::At(timing, zone))
}

fn threshold(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(threshold) if (0.0..=1.0).contains(&threshold) => Ok(threshold),
        _ => Err(Error::new(Kind::InvalidParameter, "THRESHOLD of a quality rule is a share of rows, from 0 to 1")),
    }
}

fn test(words: &mut Words) -> Result<NewTest> {
    if words.take(&["CHECK"]) {
        return parenthesised(words).map(NewTest::Check);
    }
    if !words.take(&["METRIC"]) {
        return Err(words.unexpected("CHECK or METRIC"));
    }
    let metric = words.name()?;
    let mut arguments = Vec::new();
    if words.token(&Token::LParen) {
        while !words.token(&Token::RParen) {
            if !arguments.is_empty() {
                words.expect_token(&Token::Comma)?;
            }
            arguments.push(words.parser.parse_expr().map_err(Error::from)?);
        }
    }
    let expectation = match words.take(&["EXPECTATION"]) {
        true => Some(parenthesised(words)?),
        false => None,
    };
    Ok(NewTest::Metric(metric, arguments, expectation))
}

fn parenthesised(words: &mut Words) -> Result<ast::Expr> {
    words.expect_token(&Token::LParen)?;
    let expression = words.parser.parse_expr().map_err(Error::from)?;
    words.expect_token(&Token::RParen)?;
    Ok(expression)
}

fn violation(words: &mut Words) -> Result<Violation> {
    Ok(match () {
        () if words.take(&["WARN"]) => Violation::Warn,
        () if words.take(&["DROP", "ROW"]) => Violation::DropRow,
        () if words.take(&["FAIL", "UPDATE"]) => Violation::FailUpdate,
        () if words.take(&["QUARANTINE"]) => Violation::Quarantine,
        () if words.take(&["REPAIR", "USING"]) => {
            Violation::Repair(Box::new(words.parser.parse_expr().map_err(Error::from)?))
        }
        () => return Err(words.unexpected("WARN, DROP ROW, FAIL UPDATE, QUARANTINE or REPAIR USING")),
    })
}

/// The relation and the columns that the constants of `foreign_key` name: `t (c, ...)`, `t`, or relation and column as texts. No columns are
/// those of the relation's key.
pub fn referred(arguments: &[ast::Expr]) -> Result<(ast::ObjectName, Vec<String>)> {
    let wrong = || {
        Error::new(Kind::Syntax, "metric foreign_key needs the relation that is referred to")
            .with_hint("Write METRIC foreign_key (customers (id)).")
    };
    let text = |argument: &ast::Expr| match argument {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let one = |name: &ast::Expr| match name {
        ast::Expr::Identifier(name) => Some(fold(name)),
        other => text(other),
    };
    match arguments {
        [ast::Expr::Function(call)] => {
            let ast::FunctionArguments::List(list) = &call.args else { return Err(wrong()) };
            let names = list.args.iter().map(|arg| match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(name)) => one(name),
                _ => None,
            });
            Ok((call.name.clone(), names.collect::<Option<Vec<_>>>().ok_or_else(wrong)?))
        }
        [relation] | [relation, _] => {
            let name = match relation {
                ast::Expr::Identifier(name) => ast::ObjectName::from(vec![name.clone()]),
                ast::Expr::CompoundIdentifier(path) => ast::ObjectName::from(path.clone()),
                other => {
                    let text = text(other).ok_or_else(wrong)?;
                    match super::expression(&text)? {
                        ast::Expr::Identifier(name) => ast::ObjectName::from(vec![name]),
                        ast::Expr::CompoundIdentifier(path) => ast::ObjectName::from(path),
                        _ => return Err(wrong()),
                    }
                }
            };
            let column = arguments.get(1).map(|column| one(column).ok_or_else(wrong)).transpose()?;
            Ok((name, column.into_iter().collect()))
        }
        _ => Err(wrong()),
    }
}

/// A relation's name as it is written in full.
pub fn full_name(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}
