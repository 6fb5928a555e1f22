//! Jobs that run by themselves: at their times, after changes, once; what stops them, and what is told of them meanwhile.
//!
//! What could go wrong: a job that runs twice at once, or never again after a failure; a change that is missed, or that a job's own run
//! makes for ever; a run that cannot be stopped; one that others see. No test here says when something happens, only that it does.

use super::{House, code, one, texts};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// How long something may take that happens within a second. The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until a condition holds.
async fn until(client: &Client, condition: &str) {
    let begun = Instant::now();
    while !one::<bool>(client, &format!("SELECT COALESCE({condition}, false)")).await {
        if begun.elapsed() > PATIENCE {
            let runs = texts(client, "SELECT job, trigger, state, sqlstate, error FROM steward.job_runs").await;
            panic!("not in time: {condition}\n{runs:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nothing of this kind happens for so long that it would have.
async fn never(client: &Client, condition: &str) {
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!one::<bool>(client, &format!("SELECT COALESCE({condition}, false)")).await, "{condition}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_again_and_again_and_is_suspended_when_it_fails_too_often() {
    let house = House::open().await;
    let client = house.client().await;
    client
        .batch_execute(
            "CREATE TABLE ticks (n int); CREATE TABLE fuse (n int);
             CREATE JOB tick EVERY '1 second' AS INSERT INTO ticks SELECT 1;
             SET steward.job_failures_max = 2;
             CREATE JOB wrong EVERY '1 second' AS SELECT 1 / count(*) FROM fuse",
        )
        .await
        .unwrap();
    // Nobody runs them yet.
    never(&client, "EXISTS (SELECT FROM steward.job_runs)").await;
    let jobs = house.database.run_jobs();
    until(&client, "(SELECT count(*) >= 2 FROM ticks)").await;
    until(&client, "(SELECT state = 'suspended after failures' FROM steward.jobs WHERE name = 'wrong')").await;
    let told = "SELECT failures::text, last_error, next_run::text FROM steward.jobs WHERE name = 'wrong'";
    let [failures, error, next] = &texts(&client, told).await[0][..] else { panic!("three columns") };
    assert_eq!((failures.as_deref(), error.as_deref(), next), (Some("2"), Some("division by zero"), &None));
    // Told to go on, it does, and what made it fail is gone by then.
    client.batch_execute("INSERT INTO fuse VALUES (1); ALTER JOB wrong RESUME").await.unwrap();
    until(&client, "(SELECT last_state = 'succeeded' AND failures = 0 FROM steward.jobs WHERE name = 'wrong')").await;
    client.batch_execute("ALTER JOB tick SUSPEND").await.unwrap();
    until(&client, "NOT EXISTS (SELECT FROM steward.job_runs WHERE job = 'tick' AND state = 'running')").await;
    let count: i64 = one(&client, "SELECT count(*) FROM ticks").await;
    let runs: i64 = one(&client, "SELECT count(*) FROM steward.job_runs WHERE job = 'tick'").await;
    assert_eq!(count, runs, "each run is one row, and no run is lost");
    never(&client, &format!("(SELECT count(*) <> {count} FROM ticks)")).await;
    // Entries of the audit log say whose statement it was, and through which job.
    until(
        &client,
        "EXISTS (SELECT FROM steward.audit_log WHERE client = 'job tick' AND login = 'owner' AND command = 'INSERT')",
    )
    .await;
    jobs.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_start_jobs_and_rules_but_their_own_do_not() {
    let house = House::open().await;
    let client = house.client().await;
    let jobs = house.database.run_jobs();
    client
        .batch_execute(
            "CREATE TABLE orders (id int PRIMARY KEY, amount int);
             CREATE QUALITY RULE positive ON orders CHECK (amount > 0) SCHEDULE ON CHANGE;
             CREATE JOB copy ON CHANGE OF orders AS INSERT INTO orders SELECT max(id) + 1, 1 FROM orders HAVING max(id) < 1000",
        )
        .await
        .unwrap();
    never(&client, "EXISTS (SELECT FROM steward.job_runs WHERE job = 'copy')").await;
    client.batch_execute("INSERT INTO orders VALUES (1, -5)").await.unwrap();
    until(&client, "(SELECT count(*) = 2 FROM orders)").await;
    until(&client, "(SELECT NOT passed FROM steward.quality_rules WHERE name = 'positive')").await;
    never(&client, "(SELECT count(*) > 3 FROM orders)").await;
    client.batch_execute("UPDATE orders SET amount = 5 WHERE amount < 0").await.unwrap();
    until(&client, "(SELECT passed FROM steward.quality_rules WHERE name = 'positive')").await;
    until(&client, "NOT EXISTS (SELECT FROM steward.job_runs WHERE state = 'running')").await;
    let rule = "SELECT DISTINCT trigger, state FROM steward.job_runs WHERE job = 'positive on public.orders'";
    assert_eq!(texts(&client, rule).await, [[Some("change".to_owned()), Some("succeeded".to_owned())]]);
    jobs.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_seen_and_stopped_by_who_may() {
    let house = House::open().await;
    let client = house.client().await;
    let jobs = house.database.run_jobs();
    client
        .batch_execute(
            "CREATE TABLE done (n int); CREATE ROLE reader LOGIN PASSWORD 'lies mich';
             CREATE JOB slow EVERY '1 second' AS INSERT INTO done SELECT length(pg_sleep(600)::text)",
        )
        .await
        .unwrap();
    until(&client, "EXISTS (SELECT FROM steward.job_runs WHERE state = 'running')").await;
    let pid: i32 = one(&client, "SELECT pid FROM steward.job_runs WHERE state = 'running'").await;
    let shown = format!(
        "SELECT backend_type, usename::text, application_name, state, client_addr::text FROM pg_stat_activity WHERE pid = {pid}"
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        texts(&client, &shown).await,
        [[some("job worker"), some("owner"), some("job slow"), some("active"), None]]
    );
    // It does not overlap itself, and others hear nothing of it.
    let error = client.batch_execute("EXECUTE JOB slow").await.unwrap_err();
    assert_eq!(code(&error), "55006");
    let (reader, connection) = house.config().user("reader").password("lies mich").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert!(texts(&reader, "SELECT * FROM steward.jobs").await.is_empty());
    assert!(texts(&reader, "SELECT * FROM steward.job_runs").await.is_empty());
    let error = reader.batch_execute(&format!("SELECT pg_cancel_backend({pid})")).await.unwrap_err();
    assert_eq!(code(&error), "42501");
    client.batch_execute("ALTER JOB slow SUSPEND").await.unwrap();
    assert!(one::<bool>(&client, &format!("SELECT pg_cancel_backend({pid})")).await);
    until(&client, "NOT EXISTS (SELECT FROM steward.job_runs WHERE state = 'running')").await;
    let ended = texts(&client, "SELECT state, sqlstate, (SELECT count(*)::text FROM done) FROM steward.job_runs").await;
    assert_eq!(ended, [[some("cancelled"), some("57014"), some("0")]]);
    // A client that goes, or stops waiting, takes with it what it executes.
    let token = client.cancel_token();
    let cancel = async {
        let other = house.client().await;
        until(&other, "EXISTS (SELECT FROM steward.job_runs WHERE state = 'running')").await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.batch_execute("EXECUTE JOB slow"), cancel);
    assert_eq!(code(&answer.unwrap_err()), "57014");
    until(&client, "NOT EXISTS (SELECT FROM steward.job_runs WHERE state = 'running')").await;
    // So does the end of who runs jobs.
    client.batch_execute("ALTER JOB slow RESUME").await.unwrap();
    until(&client, "EXISTS (SELECT FROM steward.job_runs WHERE state = 'running')").await;
    jobs.stop().await;
    let last = "SELECT state FROM steward.job_runs ORDER BY run DESC LIMIT 1";
    assert_eq!(texts(&client, last).await, [[some("interrupted")]]);
    assert_eq!(one::<i64>(&client, "SELECT count(*) FROM done").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_trained_later_and_learn_by_themselves() {
    let house = House::open().await;
    let client = house.client().await;
    let jobs = house.database.run_jobs();
    client
        .batch_execute(
            "CREATE TABLE clicks (user_id int, item_id text, clicked int);
             INSERT INTO clicks SELECT g.k % 50, 'sku-' || g.k % 20, CASE WHEN (g.k % 50 + g.k % 20) % 3 = 0 THEN 1 ELSE 0 END
             FROM generate_series(1, 3000) AS g(k)",
        )
        .await
        .unwrap();
    let create =
        "CREATE MODEL m OPTIONS (model_type = 'ctr', architecture = 'lr', label_col = 'clicked', max_iterations = 2,
                  update_mode = 'online', source = 'clicks', batch_rows = 50, async = true) AS SELECT * FROM clicks";
    let rows = texts(&client, create).await;
    let job = rows[0][0].clone().unwrap();
    assert_eq!(rows[0][1].as_deref(), Some("m"));
    until(&client, "EXISTS (SELECT FROM steward.models WHERE name = 'm')").await;
    until(&client, &format!("EXISTS (SELECT FROM steward.job_runs WHERE job = '{job}' AND state = 'succeeded')")).await;
    until(&client, &format!("NOT EXISTS (SELECT FROM steward.jobs WHERE name = '{job}')")).await;
    // It tells of its way where it went.
    let told: Option<String> =
        one(&client, &format!("SELECT progress FROM steward.job_runs WHERE job = '{job}'")).await;
    assert!(told.is_some_and(|told| told.contains("model \"m\"")));
    let more = |rows: &str| {
        format!("INSERT INTO clicks SELECT g.k % 50, 'sku-' || g.k % 20, 1 FROM generate_series(1, {rows}) AS g(k)")
    };
    // Too few to begin with.
    client.batch_execute(&more("30")).await.unwrap();
    never(&client, "EXISTS (SELECT FROM steward.model_versions WHERE model = 'm' AND version = 2)").await;
    client.batch_execute(&more("30")).await.unwrap();
    until(&client, "EXISTS (SELECT FROM MODEL_METRICS('m') WHERE metric = 'logloss' AND window_rows = 60)").await;
    // What fails is told, and the job is gone all the same.
    let rows = texts(&client, &create.replace("MODEL m", "MODEL bad").replace("'clicked'", "'liked'")).await;
    let job = rows[0][0].clone().unwrap();
    until(
        &client,
        &format!(
            "EXISTS (SELECT FROM steward.job_runs WHERE job = '{job}' AND state = 'failed' AND sqlstate IS NOT NULL)"
        ),
    )
    .await;
    until(&client, &format!("NOT EXISTS (SELECT FROM steward.jobs WHERE name = '{job}')")).await;
    jobs.stop().await;
}
