//! The page: one file that needs nothing else, for the screen and for paper.

use super::chart::{bar, length, lines};
use super::facts::{Asset, Facts};
use super::graph::{Arrow, drawn};
use super::language::Language;
use super::markup::{bytes, count, escaped, percent};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Problems that are told one by one.
const PROBLEMS_MAX: usize = 25;
const LEVELS: [&str; 4] = ["high", "medium", "low", "none"];
const STYLE: &str = include_str!("style.css");

/// The whole report as HTML.
pub fn page(facts: &Facts, language: Language) -> String {
    let title = language.say("Data governance report", "数据治理报告");
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}: {}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p>{}</p></header>\n<main>\n",
        language.code(),
        escaped(&facts.database),
        escaped(&match language {
            Language::En => format!("Database {}, {}, as {} sees it", facts.database, facts.made_at, facts.role),
            Language::Zh => format!("数据库 {}，{}，角色 {} 所见", facts.database, facts.made_at, facts.role),
        }),
    );
    if facts.assets.is_empty() {
        let _ = write!(
            html,
            "<p class=\"empty\">{} <code>INVENTORY ALL;</code></p>",
            language.say("Nothing was inventoried yet. Run", "尚未盘点。请先执行")
        );
        unseen(facts, language, &mut html);
    } else {
        let parts = [totals, domains, sensitivity, quality, problems, flow, assets];
        parts.iter().for_each(|part| part(facts, language, &mut html));
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn section(html: &mut String, title: &str, body: &str) {
    let _ = writeln!(html, "<section><h2>{title}</h2>\n{body}</section>");
}

fn totals(facts: &Facts, language: Language, html: &mut String) {
    let rows: i64 = facts.assets.iter().filter_map(|asset| asset.rows).sum();
    let size: i64 = facts.assets.iter().filter_map(|asset| asset.bytes).sum();
    let judged: Vec<(f64, f64)> =
        facts.assets.iter().filter_map(|asset| Some((asset.quality?, asset.rows.unwrap_or(0).max(1) as f64))).collect();
    let weight: f64 = judged.iter().map(|(_, rows)| rows).sum();
    let quality = judged.iter().map(|(quality, rows)| quality * rows).sum::<f64>() / weight.max(1.0);
    let plain = facts.sensitive.iter().filter(|column| !column.plain_for.is_empty()).count();
    let failed: i64 = facts.dimensions.iter().map(|score| score.checks - score.passed).sum();
    let tiles = [
        (language.say("assets", "资产"), count(facts.assets.len() as i64)),
        (language.say("rows", "行"), count(rows)),
        (language.say("size", "大小"), bytes(size)),
        (language.say("quality, by rows", "质量（按行加权）"), percent(quality)),
        (language.say("checks not passed", "未通过的检查"), count(failed)),
        (language.say("sensitive columns", "敏感列"), count(facts.sensitive.len() as i64)),
        (language.say("of them seen unmasked by others", "其中他人可见明文"), count(plain as i64)),
        (language.say("models", "模型"), count(facts.models.len() as i64)),
    ];
    let tiles: String =
        tiles.iter().map(|(name, value)| format!("<div><b>{value}</b><span>{name}</span></div>")).collect();
    let mut body = format!("<div class=\"tiles\">{tiles}</div>\n");
    unseen(facts, language, &mut body);
    section(html, language.say("At a glance", "概览"), &body);
}

/// How many relations the report says nothing of.
fn unseen(facts: &Facts, language: Language, html: &mut String) {
    let Some(first) = facts.unseen.first() else { return };
    let (count, first) = (count(facts.unseen.len() as i64), escaped(first));
    let _ = match language {
        Language::En => writeln!(
            html,
            "<p class=\"note\">{count} more relations, such as {first}, were not looked at: <code>INVENTORY ALL;</code></p>"
        ),
        Language::Zh => writeln!(
            html,
            "<p class=\"note\">另有 {count} 个对象（如 {first}）尚未盘点：<code>INVENTORY ALL;</code></p>"
        ),
    };
}

/// Assets by what they are about, and by their form.
fn domains(facts: &Facts, language: Language, html: &mut String) {
    let table = |title: &str, of: &dyn Fn(&Asset) -> &str| {
        let mut groups: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
        for asset in &facts.assets {
            let group = groups.entry(of(asset)).or_default();
            group.0 += 1;
            group.1 += asset.rows.unwrap_or(0);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(name, (assets, _))| (std::cmp::Reverse(*assets), *name));
        let largest = groups.iter().map(|(_, (assets, _))| *assets).max().unwrap_or(1) as f64;
        let rows: String = groups
            .iter()
            .map(|(name, (assets, rows))| {
                let bar = length(*assets as f64, largest, &assets.to_string());
                let (name, rows) = (escaped(&language.word(name)), count(*rows));
                format!("<tr><td>{name}</td><td>{bar}</td><td class=\"n\">{rows}</td></tr>")
            })
            .collect();
        let (assets, rows_of) = (language.say("assets", "资产"), language.say("rows", "行"));
        format!("<table><tr><th>{title}</th><th>{assets}</th><th class=\"n\">{rows_of}</th></tr>{rows}</table>\n")
    };
    let body = [
        table(language.say("Domain", "业务域"), &|asset| &asset.domain),
        table(language.say("Form", "形式"), &|asset| &asset.form),
        table(language.say("Structure", "结构"), &|asset| &asset.structure),
    ];
    let title = language.say("Assets by domain and form", "资产分布");
    section(html, title, &format!("<div class=\"beside\">{}</div>", body.concat()));
}

/// Where what is sensitive lies, and who sees it.
fn sensitivity(facts: &Facts, language: Language, html: &mut String) {
    let mut map: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for asset in &facts.assets {
        *map.entry(&asset.domain).or_default().entry(&asset.sensitivity).or_default() += 1;
    }
    let mut body = String::from("<table class=\"map\"><tr><th></th>");
    LEVELS.iter().for_each(|level| _ = write!(body, "<th>{}</th>", language.word(level)));
    body.push_str("</tr>");
    for (domain, levels) in &map {
        let _ = write!(body, "<tr><td>{}</td>", escaped(&language.word(domain)));
        for level in LEVELS {
            let _ = match levels.get(level) {
                Some(count) => write!(body, "<td class=\"{level}\">{count}</td>"),
                None => write!(body, "<td></td>"),
            };
        }
        body.push_str("</tr>");
    }
    body.push_str("</table>\n");
    if !facts.sensitive.is_empty() {
        let heads = [
            language.say("column", "列"),
            language.say("semantic type", "语义类型"),
            language.say("sensitivity", "敏感度"),
            language.say("grade", "分级"),
            language.say("verdict", "认定"),
            language.say("masked for", "脱敏可见"),
            language.say("seen plain by", "明文可见"),
        ];
        body.push_str("<table><tr>");
        heads.iter().for_each(|head| _ = write!(body, "<th>{head}</th>"));
        body.push_str("</tr>");
        for column in &facts.sensitive {
            let (english, chinese) = &column.semantic_type;
            let seen = if column.plain_for.is_empty() { "" } else { " class=\"warn\"" };
            let _ = write!(
                body,
                "<tr><td>{}.{}</td><td>{}</td><td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td{seen}>{}</td></tr>",
                escaped(&column.asset),
                escaped(&column.column),
                escaped(language.say(english, chinese)),
                escaped(&column.level),
                escaped(&language.word(&column.level)),
                escaped(&language.word(&column.grade)),
                escaped(&language.word(&column.state)),
                escaped(&column.masked_for.join(", ")),
                escaped(&column.plain_for.join(", ")),
            );
        }
        body.push_str("</table>\n");
        let note = language.say(
            "Roles with a right to read, besides owners and superusers, as far as the reporting role may know them. A column that others see plain: bind a masking policy \
             to it or to a tag of it.",
            "此处为报告角色可知的有读取权限的角色，不含所有者和超级用户。若他人可见明文，请为该列或其标签绑定脱敏策略。",
        );
        let _ = writeln!(body, "<p class=\"note\">{note}</p>");
    }
    section(html, language.say("Sensitivity", "敏感数据"), &body);
}

fn quality(facts: &Facts, language: Language, html: &mut String) {
    let mut body = format!(
        "<table><tr><th>{}</th><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th></tr>",
        language.say("dimension (DAMA)", "维度（DAMA）"),
        language.say("rows as they should be", "合格的行"),
        language.say("checks", "检查"),
        language.say("passed", "通过"),
    );
    for score in &facts.dimensions {
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escaped(&language.word(&score.dimension)),
            score.share.map(bar).unwrap_or_default(),
            count(score.checks),
            count(score.passed),
        );
    }
    body.push_str("</table>\n");
    let over_time = lines(&facts.history, |dimension| language.word(dimension));
    match over_time.is_empty() {
        true => {
            let note = language.say(
                "Over time: one day only so far. CHECK QUALITY keeps a result each time it runs.",
                "时间趋势：目前只有一天的结果。每次执行 CHECK QUALITY 都会保留结果。",
            );
            let _ = writeln!(body, "<p class=\"note\">{note}</p>");
        }
        false => body.push_str(&over_time),
    }
    section(html, language.say("Quality by dimension", "质量维度"), &body);
}

fn problems(facts: &Facts, language: Language, html: &mut String) {
    if facts.problems.is_empty() {
        let none = language.say("Every check was passed.", "所有检查均已通过。");
        return section(html, language.say("Top problems", "主要问题"), &format!("<p>{none}</p>\n"));
    }
    let mut body = String::from("<ol class=\"problems\">");
    for problem in facts.problems.iter().take(PROBLEMS_MAX) {
        let place = match &problem.column {
            Some(column) => format!("{}.{column}", problem.asset),
            None => problem.asset.clone(),
        };
        let extent = match (problem.failed_rows, problem.total_rows, problem.share()) {
            (Some(failed), Some(total), Some(share)) => match language {
                Language::En => format!("not so in {} of {} rows ({})", count(failed), count(total), percent(share)),
                Language::Zh => format!("{} / {} 行不符（{}）", count(failed), count(total), percent(share)),
            },
            _ => match (problem.value, problem.threshold) {
                (Some(value), Some(threshold)) => format!("{} {value:.4} ({threshold})", problem.metric),
                _ => problem.metric.clone(),
            },
        };
        let _ = writeln!(
            body,
            "<li><b>{}</b> <span class=\"tag\">{}</span><br>{}: {}<pre>{}</pre></li>",
            escaped(&place),
            escaped(&language.word(&problem.dimension)),
            escaped(&problem.wanted(language)),
            escaped(&extent),
            escaped(&problem.sql()),
        );
    }
    body.push_str("</ol>\n");
    let more = facts.problems.len().saturating_sub(PROBLEMS_MAX);
    if more > 0 {
        let text = language.say("more in", "个其余问题见");
        let _ = writeln!(body, "<p class=\"note\">{more} {text} <code>steward.quality_results</code></p>");
    }
    section(html, language.say("Top problems", "主要问题"), &body);
}

/// Lineage and foreign keys.
fn flow(facts: &Facts, language: Language, html: &mut String) {
    for (title, arrows, none) in [
        (
            language.say("Lineage", "血缘"),
            &facts.lineage,
            language
                .say("No view, copy or model was made from another asset.", "尚无由其他资产生成的视图、副本或模型。"),
        ),
        (
            language.say("Relationships", "关联关系"),
            &facts.references,
            language.say(
                "No foreign keys are declared; SUGGEST_RULES proposes them.",
                "尚未声明外键；可用 SUGGEST_RULES 获得建议。",
            ),
        ),
    ] {
        let drawing = drawn(arrows);
        if drawing.svg.is_empty() {
            section(html, title, &format!("<p>{none}</p>\n"));
            continue;
        }
        let mut body = format!("<div class=\"wide\">{}</div>\n", drawing.svg);
        legend(arrows, language, &mut body);
        if drawing.left_out > 0 {
            let text = language.say("names are left out of the drawing.", "个对象未画出。");
            let _ = writeln!(body, "<p class=\"note\">{} {text}</p>", drawing.left_out);
        }
        section(html, title, &body);
    }
}

fn legend(arrows: &[Arrow], language: Language, body: &mut String) {
    let kinds: BTreeSet<&str> =
        arrows.iter().map(|arrow| arrow.kind.as_str()).filter(|kind| *kind != "references").collect();
    if kinds.is_empty() {
        return;
    }
    body.push_str("<p class=\"legend\">");
    for kind in kinds {
        let _ = write!(body, "<span><i class=\"{0}\"></i>{1}</span>", escaped(kind), escaped(&language.word(kind)));
    }
    body.push_str("</p>\n");
}

fn assets(facts: &Facts, language: Language, html: &mut String) {
    let heads = [
        language.say("asset", "资产"),
        language.say("domain", "业务域"),
        language.say("form", "形式"),
        language.say("rows", "行"),
        language.say("size", "大小"),
        language.say("sensitivity", "敏感度"),
        language.say("grade", "分级"),
        language.say("quality", "质量"),
        language.say("newest data", "最新数据"),
        language.say("owner", "所有者"),
        language.say("inventoried", "盘点日期"),
    ];
    let mut body = String::from("<div class=\"wide\"><table><tr>");
    heads.iter().for_each(|head| _ = write!(body, "<th>{head}</th>"));
    body.push_str("</tr>");
    for asset in &facts.assets {
        let form = if asset.form == asset.kind {
            asset.kind.clone()
        } else {
            format!("{}, {}", language.word(&asset.kind), asset.form)
        };
        let age = asset.age_days.map(|days| match language {
            Language::En => format!("{days:.0} days ago"),
            Language::Zh => format!("{days:.0} 天前"),
        });
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"{}\">{}</td>\
             <td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&asset.name),
            escaped(&language.word(&asset.domain)),
            escaped(&language.word(&form)),
            asset.rows.map(count).unwrap_or_default(),
            asset.bytes.map(bytes).unwrap_or_default(),
            escaped(&asset.sensitivity),
            escaped(&language.word(&asset.sensitivity)),
            escaped(&language.word(&asset.grade)),
            asset.quality.map_or_else(|| language.say("not judged", "未评估").to_owned(), bar),
            age.unwrap_or_default(),
            escaped(&asset.owner),
            escaped(&asset.looked_at),
        );
    }
    body.push_str("</table></div>\n");
    section(html, language.say("All assets", "资产清单"), &body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_inventoried_is_said_so() {
        let empty = page(&Facts::default(), Language::En);
        assert!(empty.contains("INVENTORY ALL") && empty.ends_with("</html>\n"));
        assert!(page(&Facts::default(), Language::Zh).contains("<html lang=\"zh-CN\">"));
    }
}
