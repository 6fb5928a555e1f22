//! What a client hears while a model is trained, and what is left of a training that it stops.

use super::{House, code, one, texts};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

#[tokio::test(flavor = "multi_thread")]
async fn notices_arrive_while_a_model_is_trained() {
    let house = House::open().await;
    let (client, mut notices) = house.client_with_notices().await;
    client
        .batch_execute(
            "CREATE TABLE seen (colour text, size int, clicked int);
             INSERT INTO seen SELECT CASE WHEN g.k % 3 = 0 THEN 'red' ELSE 'blue' END, g.k % 11, CASE WHEN g.k % 3 = 0 THEN 1 ELSE 0 END
             FROM generate_series(1, 20000) AS g(k)",
        )
        .await
        .unwrap();
    client
        .batch_execute(
            "CREATE MODEL m OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'clicked', max_iterations = 4, split = 'random')
             AS SELECT * FROM seen",
        )
        .await
        .unwrap();
    let ended = Instant::now();
    let mut heard = Vec::new();
    // What was sent before the end has been read by now; a little patience for the channel.
    while let Ok(Some(notice)) = tokio::time::timeout(Duration::from_millis(200), notices.recv()).await {
        heard.push(notice);
    }
    let epochs: Vec<_> = heard.iter().filter(|(_, text)| text.contains(": epoch ")).collect();
    assert_eq!(epochs.len(), 4, "{heard:?}");
    assert!(epochs[0].1.starts_with("NOTICE: "), "{:?}", epochs[0]);
    let spread = epochs[3].0 - epochs[0].0;
    assert!(epochs[0].0 < ended && spread > Duration::from_millis(2), "all at once: {heard:?}");
    let rows: i64 = one(&client, "SELECT count(PREDICT_CTR(s, 'm')) FROM seen s").await;
    assert_eq!(rows, 20000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_a_model_that_is_cancelled_leaves_nothing_behind() {
    let house = House::open().await;
    let (client, mut notices) = house.client_with_notices().await;
    client
        .batch_execute(
            "CREATE TABLE seen (colour text, size int, clicked int);
             INSERT INTO seen SELECT CASE WHEN g.k % 3 = 0 THEN 'red' ELSE 'blue' END, g.k % 11, CASE WHEN g.k % 3 = 0 THEN 1 ELSE 0 END
             FROM generate_series(1, 60000) AS g(k)",
        )
        .await
        .unwrap();
    client
        .batch_execute(
            "CREATE MODEL m OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'clicked', max_iterations = 1)
             AS SELECT * FROM seen WHERE size < 3",
        )
        .await
        .unwrap();
    let token = client.cancel_token();
    let cancel = async {
        // Its first pass over the rows is done: the second one is not.
        while let Some((_, text)) = notices.recv().await {
            if text.contains("epoch 1 of 2") {
                token.cancel_query(NoTls).await.unwrap();
                break;
            }
        }
    };
    let (answer, ()) = tokio::join!(client.batch_execute("ALTER MODEL m UPDATE AS SELECT * FROM seen"), cancel);
    assert_eq!(code(&answer.unwrap_err()), "57014");
    let told = "SELECT versions::text, deployed_version::text FROM steward.models WHERE name = 'm'";
    assert_eq!(texts(&client, told).await, [[Some("1".to_owned()), Some("1".to_owned())]]);
    assert!(texts(&client, "SELECT metric FROM MODEL_METRICS('m')").await.is_empty());
    client.batch_execute("ALTER MODEL m UPDATE AS SELECT * FROM seen WHERE size = 3").await.unwrap();
    assert_eq!(texts(&client, told).await, [[Some("2".to_owned()), Some("2".to_owned())]]);
}
