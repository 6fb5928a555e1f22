//! Bulk load and three queries of TPC-H, beside PostgreSQL.
//!
//! Three tables with the columns and the sizes of TPC-H at scale 0.1, and with values after its rules as far as the three
//! queries can tell; made here, the same in every run. Both databases get the same bytes over the same client, check the
//! same keys, and must give the same answers.

use super::door::{Door, connect, copy, rows};
use super::postgres::Postgres;
use super::table::{Table, Unit, median};
use bytes::Bytes;
use chrono::{Days, NaiveDate};
use std::fmt::Write;
use std::time::Instant;
use tokio_postgres::Client;

const CUSTOMERS: u64 = 15_000;
const ORDERS: u64 = 150_000;
const RUNS: usize = 5;

const TABLES: &str = "
    CREATE TABLE customer (c_custkey bigint PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL,
        c_nationkey integer NOT NULL, c_phone varchar(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL,
        c_mktsegment varchar(10) NOT NULL, c_comment varchar(117) NOT NULL);
    CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus varchar(1) NOT NULL,
        o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority varchar(15) NOT NULL,
        o_clerk varchar(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL);
    CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,
        l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL,
        l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag varchar(1) NOT NULL,
        l_linestatus varchar(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
        l_shipinstruct varchar(25) NOT NULL, l_shipmode varchar(10) NOT NULL, l_comment varchar(44) NOT NULL,
        PRIMARY KEY (l_orderkey, l_linenumber));";

const QUERIES: [(&str, &str); 3] = [
    (
        "Q1: prices summed over 98 % of lineitem",
        "SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
            sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
            sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS avg_qty,
            avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
         FROM lineitem WHERE l_shipdate <= date '1998-12-01' - interval '90' day
         GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus",
    ),
    (
        "Q3: three tables joined, the ten largest",
        "SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
         FROM customer, orders, lineitem
         WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
            AND o_orderdate < date '1995-03-15' AND l_shipdate > date '1995-03-15'
         GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate, l_orderkey LIMIT 10",
    ),
    (
        "Q6: a sum over 2 % of lineitem",
        "SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
         WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1' year
            AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24",
    ),
];

/// One database's figures.
struct Measured {
    load_seconds: Vec<(&'static str, u64, f64)>,
    query_seconds: Vec<f64>,
    answers: Vec<Vec<Vec<Option<String>>>>,
}

/// Measures both and compares their answers.
pub async fn run(table: &mut Table) {
    println!("load: making the data");
    let data = data();
    let door = Door::open().await;
    let ours = measure(&door.client().await, &data).await;
    let peer = match Postgres::start() {
        Ok(postgres) => {
            let client = connect(&postgres.config()).await;
            Some((postgres.version.clone(), measure(&client, &data).await))
        }
        Err(why) => {
            println!("load: no peer: {why}");
            None
        }
    };
    if let Some((name, peer)) = &peer {
        for ((what, _), (ours, peer)) in QUERIES.iter().zip(ours.answers.iter().zip(&peer.answers)) {
            assert!(same(ours, peer), "{what}: Steward and {name} differ:\n{ours:?}\n{peer:?}");
        }
        println!("load: the answers are the same");
    }
    for (at, (what, count, seconds)) in ours.load_seconds.iter().enumerate() {
        let beside = peer.as_ref().map(|(name, peer)| (name.as_str(), *count as f64 / peer.load_seconds[at].2));
        table.add(format!("COPY {what}, rows"), Unit::PerSecond, *count as f64 / seconds, beside);
    }
    for (at, (what, _)) in QUERIES.iter().enumerate() {
        let beside = peer.as_ref().map(|(name, peer)| (name.as_str(), peer.query_seconds[at]));
        table.add(*what, Unit::Seconds, ours.query_seconds[at], beside);
    }
}

async fn measure(client: &Client, data: &[(&'static str, Bytes)]) -> Measured {
    client.batch_execute(TABLES).await.unwrap_or_else(|error| panic!("{error:?}"));
    let mut load_seconds = Vec::new();
    for (name, bytes) in data {
        let begun = Instant::now();
        let count = copy(client, &format!("COPY {name} FROM STDIN WITH (FORMAT csv)"), bytes).await;
        load_seconds.push((*name, count, begun.elapsed().as_secs_f64()));
        println!("load: {name}: {count} rows in {:.2} s", begun.elapsed().as_secs_f64());
    }
    // PostgreSQL wants it for good plans; what is not known elsewhere is no matter here.
    let _ = client.batch_execute("VACUUM ANALYZE").await;
    let mut query_seconds = Vec::new();
    let mut answers = Vec::new();
    for (what, sql) in QUERIES {
        answers.push(rows(client, sql).await);
        let mut seconds = Vec::new();
        for _ in 0..RUNS {
            let begun = Instant::now();
            rows(client, sql).await;
            seconds.push(begun.elapsed().as_secs_f64());
        }
        println!("load: {what}: {seconds:.3?}");
        query_seconds.push(median(seconds));
    }
    Measured { load_seconds, query_seconds, answers }
}

/// Whether two answers agree: numbers to nine digits or six places, as averages of decimals have six places here and more in
/// PostgreSQL.
fn same(one: &[Vec<Option<String>>], other: &[Vec<Option<String>>]) -> bool {
    let cell = |(a, b): (&Option<String>, &Option<String>)| match (a, b) {
        (Some(a), Some(b)) => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= (1e-9 * a.abs().max(b.abs())).max(1e-6),
            _ => a == b,
        },
        _ => a == b,
    };
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(cell))
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    /// A number from `low` to `high`, both possible.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + (self.0 >> 11) % (high - low + 1)
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.between(0, words.len() as u64 - 1) as usize]
    }

    fn comment(&mut self, bytes_max: usize) -> String {
        const WORDS: [&str; 16] = [
            "furiously",
            "ironic",
            "deposits",
            "sleep",
            "quickly",
            "regular",
            "accounts",
            "above",
            "the",
            "final",
            "packages",
            "carefully",
            "bold",
            "requests",
            "along",
            "pending",
        ];
        let words = self.between(2, 6);
        let text = (0..words).map(|_| self.one_of(&WORDS)).collect::<Vec<_>>().join(" ");
        text.chars().take(bytes_max).collect()
    }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The rows of each table as CSV.
fn data() -> Vec<(&'static str, Bytes)> {
    const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"];
    const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
    const INSTRUCTIONS: [&str; 4] = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"];
    const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
    let mut random = Random(0x5eed_1992);
    let (mut customer, mut orders, mut lineitem) = (String::new(), String::new(), String::new());
    for key in 1..=CUSTOMERS {
        let (nation, balance) = (random.between(0, 24), money(random.between(0, 999_999)));
        let phone = format!("{}-{}-{}", nation + 10, random.between(100, 999), random.between(1000, 9999));
        let (segment, comment) = (random.one_of(&SEGMENTS), random.comment(117));
        let street = random.between(1, 999_999);
        let _ = writeln!(
            customer,
            "{key},Customer#{key:09},{street} Harbour Street,{nation},{phone},{balance},{segment},{comment}"
        );
    }
    let first = NaiveDate::from_ymd_opt(1992, 1, 1).expect("a day");
    let today = NaiveDate::from_ymd_opt(1995, 6, 17).expect("a day");
    for number in 1..=ORDERS {
        // As in TPC-H, of each 32 keys the first 8 are used, and a third of the customers never orders.
        let key = (number / 8) * 32 + number % 8;
        let buyer = random.between(1, CUSTOMERS / 3) * 3 - random.between(1, 2);
        let ordered = first + Days::new(random.between(0, 2405));
        let lines = random.between(1, 7);
        let (mut total, mut shipped_lines) = (0, 0);
        for line in 1..=lines {
            let (part, quantity) = (random.between(1, 20_000), random.between(1, 50));
            let price = quantity * (90_000 + (part / 10) % 20_001 + 100 * (part % 1000));
            let (discount, tax) = (random.between(0, 10), random.between(0, 8));
            let shipped = ordered + Days::new(random.between(1, 121));
            let (committed, received) =
                (ordered + Days::new(random.between(30, 90)), shipped + Days::new(random.between(1, 30)));
            let flag = if received <= today { random.one_of(&["R", "A"]) } else { "N" };
            let status = if shipped > today { "O" } else { "F" };
            shipped_lines += u64::from(shipped <= today);
            total += price * (100 - discount) * (100 + tax) / 10_000;
            let _ = writeln!(
                lineitem,
                "{key},{part},{},{line},{quantity},{},0.{discount:02},0.{tax:02},{flag},{status},{shipped},{committed},{received},{},{},{}",
                random.between(1, 1000),
                money(price),
                random.one_of(&INSTRUCTIONS),
                random.one_of(&MODES),
                random.comment(44)
            );
        }
        let status = if shipped_lines == lines {
            "F"
        } else if shipped_lines == 0 {
            "O"
        } else {
            "P"
        };
        let _ = writeln!(
            orders,
            "{key},{buyer},{status},{},{ordered},{},Clerk#{:09},0,{}",
            money(total),
            random.one_of(&PRIORITIES),
            random.between(1, 100),
            random.comment(79)
        );
    }
    [("customer", customer), ("orders", orders), ("lineitem", lineitem)]
        .map(|(name, text)| (name, text.into()))
        .to_vec()
}
