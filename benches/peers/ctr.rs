//! Rows a second through PREDICT_CTR, beside LightGBM or scikit-learn.
//!
//! Models are trained on the advertising log of the sample shop and asked about all of it ten times over. Ours is the whole
//! statement: rows read, features looked up, network, calibration, sum. The peer gets its rows as a matrix of numbers in
//! memory; what is timed is its prediction alone. The AUC of each on rows set aside is printed with it, as a fast model
//! that knows nothing would be no peer.

use super::door::{Door, copy_file, rows};
use super::python;
use super::table::{Table, Unit, median};
use bytes::Bytes;
use futures::TryStreamExt;
use std::time::Instant;

const RUNS: usize = 5;
const TIMES: usize = 10;

const TABLES: &str = "
    CREATE TABLE ads (ad_id text PRIMARY KEY, campaign text, quality double precision, kind text, style text, maker text);
    CREATE TABLE ad_slots (ad_id text, slot integer, share double precision);
    CREATE TABLE ad_impressions (impression_id integer PRIMARY KEY, shown_at timestamp, campaign text, policy text, ad_id text,
        slot integer, audience_id integer, affinity integer, affinity_all integer, propensity double precision, clicked integer)";

const LOG: &str = "
    CREATE TABLE log (audience_id integer, ad_id text, campaign text, slot integer, affinity integer, affinity_all integer,
        log_share double precision, quality double precision, kind text, clicked integer);
    INSERT INTO log SELECT i.audience_id, i.ad_id, i.campaign, i.slot, i.affinity, i.affinity_all, ln(s.share + 0.0001), a.quality,
        a.kind, i.clicked
    FROM ad_impressions i JOIN ad_slots s ON s.ad_id = i.ad_id AND s.slot = i.slot JOIN ads a ON a.ad_id = i.ad_id";

/// Measures all.
pub async fn run(table: &mut Table) {
    let door = Door::open().await;
    let client = door.client().await;
    client.batch_execute(TABLES).await.unwrap_or_else(|error| panic!("{error:?}"));
    for name in ["ads", "ad_slots", "ad_impressions"] {
        copy_file(&client, name).await;
    }
    client.batch_execute(LOG).await.unwrap_or_else(|error| panic!("{error:?}"));
    let fill = format!("CREATE TABLE asked AS SELECT l.* FROM log l, generate_series(1, {TIMES}) AS g(k)");
    client.batch_execute(&fill).await.unwrap_or_else(|error| panic!("{error:?}"));

    let mut ours = Vec::new();
    for architecture in ["mlp", "bilinear"] {
        let begun = Instant::now();
        let train = format!(
            "CREATE MODEL {architecture} OPTIONS (model_type = 'ctr', architecture = '{architecture}', user_col = 'audience_id',
                item_col = 'ad_id', label_col = 'clicked', split = 'random', eval_fraction = 0.2, max_iterations = 8, seed = 7)
             AS SELECT * FROM log"
        );
        client.batch_execute(&train).await.unwrap_or_else(|error| panic!("{error:?}"));
        let trained = begun.elapsed();
        let auc =
            rows(&client, &format!("SELECT value FROM EVALUATE('{architecture}') WHERE metric = 'auc' LIMIT 1")).await;
        let mut rates = Vec::new();
        for _ in 0..RUNS {
            let begun = Instant::now();
            let answer =
                rows(&client, &format!("SELECT count(*), sum(PREDICT_CTR(a, '{architecture}')) FROM asked a")).await;
            let count: f64 = answer[0][0].as_deref().and_then(|count| count.parse().ok()).unwrap_or(f64::NAN);
            rates.push(count / begun.elapsed().as_secs_f64());
        }
        println!("ctr: {architecture}: trained in {trained:.1?}, AUC {:?}, rows a second {rates:.0?}", auc[0][0]);
        ours.push((architecture, median(rates)));
    }

    let file = tempfile::NamedTempFile::new().expect("a file");
    let sql = "COPY log TO STDOUT WITH (FORMAT csv, HEADER true)";
    let pieces = client.copy_out(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    std::fs::write(file.path(), pieces.concat()).expect("the rows");
    let peer = match python::ask("ctr_peer.py", &[&file.path().display().to_string(), &TIMES.to_string()]) {
        Ok(answer) => {
            println!("ctr: the peer: {answer}");
            answer["name"].as_str().map(str::to_owned).zip(answer["rate"].as_f64())
        }
        Err(why) => {
            println!("ctr: no peer: {why}");
            None
        }
    };
    for (architecture, rate) in ours {
        let beside = peer.as_ref().map(|(name, rate)| (name.as_str(), *rate));
        table.add(format!("PREDICT_CTR, {architecture}, rows"), Unit::PerSecond, rate, beside);
    }
}
