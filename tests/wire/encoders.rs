//! Encoders from elsewhere: a tiny BERT that the test writes is imported, asked, learnt over, taken out and brought in again, and refused to
//! whom the server's files are closed.

use super::bert::{HIDDEN, write_bert};
use super::{House, code, texts};
use tokio_postgres::NoTls;

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_encoder_is_asked_and_learnt_over() {
    let folder = tempfile::tempdir().unwrap();
    write_bert(folder.path());
    let path = folder.path().display();
    let house = House::open().await;
    let client = house.client().await;
    let import =
        format!("CREATE MODEL tiny OPTIONS (model_type = 'imported', format = 'safetensors', path = '{path}')");
    client.batch_execute(&import).await.unwrap();
    let one = async |query: &str| -> String {
        texts(&client, query).await.first().and_then(|row| row.first().cloned().flatten()).unwrap_or_default()
    };
    assert_eq!(one("SELECT array_length(EMBED('red apple', 'tiny'), 1)::text").await, HIDDEN.to_string());
    assert_eq!(one("SELECT (abs(SIMILARITY('red apple', 'Red  APPLE', 'tiny') - 1) < 1e-5)::text").await, "true");
    assert_eq!(one("SELECT (SIMILARITY('red apple', 'green boot', 'tiny@1') < 0.999)::text").await, "true");
    assert_eq!(one("SELECT (EMBED('x', 'default') = EMBED('x'))::text").await, "true");
    assert_eq!(one("SELECT (EMBED(NULL, 'tiny') IS NULL AND EMBED('x', NULL) IS NULL)::text").await, "true");
    assert_eq!(
        one("SELECT (CLASSIFY('apple', ARRAY['apple', 'boot'], '{\"model\": \"tiny\"}') IN ('apple', 'boot'))::text")
            .await,
        "true"
    );
    let detail = "SELECT CLASSIFY_DETAIL('apple', ARRAY['apple', 'boot'], '{\"model\": \"tiny\"}')->>'model'";
    assert_eq!(one(detail).await, "tiny");
    // A text classifier and a tuned encoder over it.
    client
        .batch_execute(
            "CREATE TABLE goods AS SELECT CASE WHEN v % 2 = 0 THEN 'fruit' ELSE 'footwear' END AS kind, v,
                 (ARRAY['red', 'green'])[v / 2 % 2 + 1] || ' ' || (ARRAY['apple', 'shoe', 'pear', 'boot'])[v % 4 + 1] AS title
             FROM generate_series(0, 299) s(v);
             CREATE MODEL kinds OPTIONS (model_type = 'text_classifier', text_col = 'title', label_col = 'kind', base = 'tiny',
                 adapter_rank = 2, adapter_epochs = 1) AS SELECT title, kind FROM goods;
             CREATE MODEL near OPTIONS (model_type = 'embedding', base = 'tiny', adapter_rank = 2, max_iterations = 1)
                 AS SELECT title, title || ' a' AS other FROM goods;",
        )
        .await
        .unwrap();
    assert_eq!(one("SELECT CLASSIFY('green pear', '{\"model\": \"kinds\"}')").await, "fruit");
    assert_eq!(one("SELECT array_length(EMBED('pear', 'near'), 1)::text").await, HIDDEN.to_string());
    // Nothing of it is needed any more.
    let before = one("SELECT EMBED('red apple', 'tiny')::text").await;
    client.batch_execute("ALTER MODEL tiny RENAME TO small").await.unwrap();
    assert_eq!(one("SELECT EMBED('red apple', 'small')::text").await, before);
    drop(folder);
    client.batch_execute("DROP MODEL small").await.unwrap();
    assert_eq!(one("SELECT CLASSIFY('green pear', '{\"model\": \"kinds\"}')").await, "fruit");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_refused_by_name_and_by_right() {
    let folder = tempfile::tempdir().unwrap();
    write_bert(folder.path());
    let path = folder.path().display().to_string();
    let house = House::open().await;
    let client = house.client().await;
    let import = |path: &str| format!("CREATE MODEL tiny OPTIONS (model_type = 'imported', path = '{path}')");
    let refused = async |statement: &str, wanted: &str, words: &str| {
        let error = client.batch_execute(statement).await.unwrap_err();
        let said = error.as_db_error().unwrap().message().to_owned();
        assert!(code(&error) == wanted && said.contains(words), "{statement}: {} {said}", code(&error));
    };
    refused("CREATE MODEL tiny OPTIONS (model_type = 'imported')", "22023", "path").await;
    refused(&import("models/bert"), "22023", "absolute").await;
    refused(&format!("{} AS SELECT 1", import(&path)), "22023", "imported").await;
    let onnx = import(&path).replace("path", "format = 'onnx', path");
    refused(&onnx, "0A000", "format").await;
    refused("CREATE MODEL x OPTIONS (model_type = 'text_classifier', text_col = 'a', label_col = 'b')", "42601", "")
        .await;
    std::fs::rename(folder.path().join("model.safetensors"), folder.path().join("kept")).unwrap();
    refused(&import(&path), "22023", "model.safetensors").await;
    std::fs::write(folder.path().join("pytorch_model.bin"), [0x80]).unwrap();
    refused(&import(&path), "0A000", "pytorch_model.bin").await;
    std::fs::rename(folder.path().join("kept"), folder.path().join("model.safetensors")).unwrap();
    client.batch_execute("CREATE ROLE ann WITH LOGIN PASSWORD 'x'").await.unwrap();
    let (ann, connection) = house.config().user("ann").password("x").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(code(&ann.batch_execute(&import(&path)).await.unwrap_err()), "42501");
    client.batch_execute("CREATE ROLE pg_read_server_files; GRANT pg_read_server_files TO ann").await.unwrap();
    ann.batch_execute(&import(&path)).await.unwrap();
    // An encoder's right is asked wherever it is named.
    client.batch_execute("CREATE ROLE bob WITH LOGIN PASSWORD 'x'").await.unwrap();
    let (bob, connection) = house.config().user("bob").password("x").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    for statement in [
        "SELECT EMBED('a', 'tiny')",
        "SELECT SIMILARITY('a', 'b', 'tiny')",
        "SELECT CLASSIFY('a', ARRAY['b', 'c'], '{\"model\": \"tiny\"}')",
        "CREATE MODEL mine OPTIONS (model_type = 'embedding', base = 'tiny') AS SELECT 'a' AS a, 'b' AS b",
    ] {
        assert_eq!(code(&bob.batch_execute(statement).await.unwrap_err()), "42501", "{statement}");
    }
}
