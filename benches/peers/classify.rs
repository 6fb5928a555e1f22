//! Texts a second through CLASSIFY, beside the same encoder under ONNX Runtime.
//!
//! The texts are the titles of the sample shop, each once, so that no cache helps. Ours is the whole statement: rows read,
//! texts cut into pieces, encoded, compared with the labels, grouped, sent. The peer gets the texts in a file, and what is
//! timed is cutting, encoding and comparing. That it is the same encoder is checked: both must embed alike.

use super::door::{Door, copy_file, rows};
use super::python;
use super::table::{Table, Unit, median};
use serde_json::json;
use std::time::Instant;

/// Portions of the texts; the middle one's rate counts.
const PORTIONS: usize = 3;
/// Texts whose embeddings are compared.
const COMPARED: usize = 24;
const COSINE_MIN: f64 = 0.999;

const LABELS: [&str; 8] = [
    "kitchen and tableware",
    "Christmas decoration",
    "bag or purse",
    "jewellery",
    "toy or game",
    "stationery",
    "厨房用品",
    "服装",
];

/// Measures both.
pub async fn run(table: &mut Table) {
    let door = Door::open().await;
    let client = door.client().await;
    let tables = "CREATE TABLE products (sku text, title text, price numeric(12,2), currency text, lang text, first_seen date, origin text);
                  CREATE TABLE texts (portion bigint, title text)";
    client.batch_execute(tables).await.unwrap_or_else(|error| panic!("{error:?}"));
    copy_file(&client, "products").await;
    let fill = format!(
        "INSERT INTO texts SELECT row_number() OVER (ORDER BY md5(title)) % {PORTIONS}, title
         FROM (SELECT DISTINCT title FROM products WHERE title IS NOT NULL) t"
    );
    client.batch_execute(&fill).await.unwrap_or_else(|error| panic!("{error:?}"));

    let labels = LABELS.map(|label| format!("'{label}'")).join(", ");
    // Loads the encoder and embeds the labels.
    rows(&client, &format!("SELECT CLASSIFY('warming up', ARRAY[{labels}])")).await;
    let mut rates = Vec::new();
    let mut portions = Vec::new();
    for portion in 0..PORTIONS {
        let texts = rows(&client, &format!("SELECT title FROM texts WHERE portion = {portion} ORDER BY title")).await;
        let begun = Instant::now();
        let sql = format!(
            "SELECT label, count(*) FROM (SELECT CLASSIFY(title, ARRAY[{labels}]) AS label FROM texts WHERE portion = {portion}) t
             GROUP BY label"
        );
        rows(&client, &sql).await;
        rates.push(texts.len() as f64 / begun.elapsed().as_secs_f64());
        portions.push(texts.into_iter().flatten().flatten().collect::<Vec<String>>());
    }
    println!("classify: {rates:.0?} texts a second, of {} texts", portions.iter().map(Vec::len).sum::<usize>());

    let mut embedded = Vec::new();
    for title in portions[0].iter().step_by(portions[0].len() / COMPARED) {
        let quoted = title.replace('\'', "''");
        let answer = rows(&client, &format!("SELECT EMBED('{quoted}')")).await;
        let numbers = answer[0][0].as_deref().unwrap_or_default().trim_matches(['{', '}']).split(',');
        let numbers: Vec<f64> = numbers.map(|number| number.parse().unwrap_or(f64::NAN)).collect();
        embedded.push(json!({"text": title, "embedding": numbers}));
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    let request = json!({"portions": portions, "labels": LABELS, "embedded": embedded});
    std::fs::write(file.path(), request.to_string()).expect("the request");
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/encoder");
    let ours = median(rates);
    match python::ask("onnx_encoder.py", &[assets, &file.path().display().to_string()]) {
        Ok(answer) => {
            let cosine = answer["cosine_min"].as_f64().unwrap_or(f64::NAN);
            assert!(cosine >= COSINE_MIN, "another encoder: the least cosine between embeddings is {cosine}");
            let rates: Vec<f64> =
                answer["rates"].as_array().into_iter().flatten().filter_map(|rate| rate.as_f64()).collect();
            println!("classify: the peer {rates:.0?}; embeddings agree to a cosine of {cosine:.5}");
            let name = answer["name"].as_str().unwrap_or("ONNX Runtime").to_owned();
            table.add("CLASSIFY, 8 labels, texts", Unit::PerSecond, ours, Some((&name, median(rates))));
        }
        Err(why) => {
            println!("classify: no peer: {why}");
            table.add("CLASSIFY, 8 labels, texts", Unit::PerSecond, ours, None);
        }
    }
}
