//! Nothing that a database holds can be read in its folder: no value, no name, no word of an index, no weight of a model.
//!
//! What could go wrong: one path to the disk that goes around the seal, such as a key of the store, a dictionary of the
//! text index, a statement kept as text, a temporary file. So a database is filled with a hundred strings that stand
//! nowhere else, in every place that keeps one; it is closed; and every file of the folder, name and content, is searched
//! for each of them as UTF-8 and as UTF-16. Then the same for pieces of whatever the store holds, as it was before it was
//! sealed: rows, weights, parts of indexes.
//!
//! A search that finds nothing proves little unless it would have found something: the same search runs over a copy of
//! the database's own answers and pieces written without a seal, and must find all of them there.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use stewarddb::storage::Tree;
use stewarddb::{Birth, Database, KeySource, MasterKey, Session, cell_text};

const PASSWORD: &str = "Wolkenkuckucksheim-4711";
const KEY: [u8; 32] = *b"KeyThatNobodyShouldFindOnDisk-01";
/// Bytes of a piece; long enough that none stands anywhere by chance.
const PIECE: usize = 16;

/// Values in text columns, some within longer ones.
const VALUES: [&str; 40] = [
    "Quetzalcoatl",
    "Xylophonist",
    "Zwitscherlein",
    "Brobdingnag",
    "Kakapodrome",
    "Mxyzptlkian",
    "Oberammergau",
    "Papageiduo",
    "Rumpelpumpel",
    "Schnurrbartus",
    "Tintenklecks",
    "Umbellifera",
    "Vogelscheuch",
    "Wrdlbrmpfd",
    "Yggdrasilium",
    "Zanzibarite",
    "quokka.arboretum@example.org",
    "+86 139-0000-7788",
    "110101199003077571",
    "6222021234567890123",
    "青花瓷茶具",
    "琉璃瓦檐兽",
    "蓝鲸与磷虾",
    "糖葫芦串儿",
    "雪域牦牛绒",
    "武夷岩茶大红袍",
    "紫檀木雕笔筒",
    "景泰蓝掐丝",
    "浙江省丽水市龙泉镇示例路八十八号",
    "欧阳修竹林",
    "敦煌飞天纹样",
    "皮影戏艺人",
    "鸬鹚捕鱼灯",
    "墨兰与建盏",
    "古琴减字谱",
    "秋梨膏方子",
    "Nebelkrähe",
    "Čokoládovna",
    "Łódźianka",
    "Þingvellirø",
];

/// Names of objects, by what they name.
const TABLES: [&str; 4] = ["ornithopter_ledger", "marzipan_register", "clickstream_zeppelin", "青铜器名录"];
const COLUMNS: [&str; 12] = [
    "tourbillon",
    "sassafras",
    "pterodactyl",
    "gallimaufry",
    "kaleidophon",
    "obsidianite",
    "釉色描述",
    "窑口编号",
    "verstandlos",
    "whippletree",
    "periwinkler",
    "clavicembalo",
];
const ROLES: [&str; 4] = ["archivist_penelope", "auditor_balthazar", "clerk_ludmilla", "审计员孙悟空"];
const TAGS: [&str; 4] = ["hush_hush_tag", "moonlit_secret", "velvet_rope", "机密标签甲"];
const TAG_VALUES: [&str; 4] = ["embargoed_until_dawn", "eyes_only_owls", "behind_arras", "仅限内阁"];
const POLICIES: [&str; 2] = ["mask_of_zorroaster", "mask_of_columbine"];
const MODELS: [&str; 2] = ["oracle_of_delphinium", "sibyl_of_cumaean"];
const VIEWS: [&str; 2] = ["panorama_of_quince", "belvedere_of_medlar"];
/// Literals in the texts of views, policies and training queries, and a comment.
const TEXTS: [&str; 6] = [
    "gooseberry_fool",
    "whortleberry_jam",
    "redacted_by_nightfall",
    "hidden_by_harlequin",
    "cloudberry_query",
    "a_comment_on_truffles",
];
const INDEXES: [&str; 2] = ["concordance_of_herons", "concordance_of_egrets"];
/// Words that only a text index keeps by themselves: it holds them folded to lower case.
const TERMS: [&str; 8] = [
    "zymurgist",
    "quincunxial",
    "floccinaucical",
    "hippopotomon",
    "sesquipedal",
    "tergiversator",
    "ultracrepid",
    "velleity9",
];
/// The folder and the files of a source.
const SOURCE: [&str; 4] = ["lighthouse_feeds", "keeper_of_lamps", "foghorn_prices", "barnacle_field"];
/// Values of features that a model has in its vocabulary.
const FEATURES: [&str; 6] =
    ["persimmon_segment", "tamarind_segment", "loquat_segment", "朱雀渠道", "玄武渠道", "白虎渠道"];

fn secrets() -> Vec<&'static str> {
    let lists: [&[&str]; 13] = [
        &VALUES,
        &TABLES,
        &COLUMNS,
        &ROLES,
        &TAGS,
        &TAG_VALUES,
        &POLICIES,
        &MODELS,
        &VIEWS,
        &TEXTS,
        &INDEXES,
        &TERMS,
        &SOURCE,
    ];
    let mut all: Vec<&str> = lists.into_iter().flatten().copied().collect();
    all.extend(FEATURES);
    all
}

#[test]
fn there_are_a_hundred_and_none_within_another() {
    let all = secrets();
    assert_eq!(all.len(), 100);
    for one in &all {
        assert!(one.len() >= 8, "{one} may stand somewhere by chance");
        assert_eq!(all.iter().filter(|other| other.contains(one)).count(), 1, "{one}");
    }
}

// ---------------------------------------------------------------- the database

/// Statements that put every secret somewhere.
fn statements(feeds: &Path) -> Vec<String> {
    let [ledger, register, clicks, bronze] = TABLES;
    let c = COLUMNS;
    let mut all = vec![
        format!("CREATE TABLE {ledger} (id bigint PRIMARY KEY, {} text, {} text, {} text)", c[0], c[1], c[2]),
        format!(
            "CREATE TABLE {register} ({} text PRIMARY KEY, {} text, {} text DEFAULT '{}')",
            c[3], c[4], c[5], TEXTS[0]
        ),
        format!("CREATE TABLE \"{bronze}\" (id int, \"{}\" text, \"{}\" text)", c[6], c[7]),
        format!("CREATE TABLE {clicks} ({} text, {} text, {} float8, {} int)", c[8], c[9], c[10], c[11]),
    ];
    // Two columns are sealed with a key of their own, one of them while there are rows.
    all.push(format!("ALTER TABLE \"{bronze}\" ALTER COLUMN \"{}\" SET CLASS personal", c[6]));
    // Few rows stay in the store, many go to files; the texts lie between others.
    for (n, value) in VALUES.iter().enumerate() {
        let term = TERMS[n % TERMS.len()];
        all.push(format!("INSERT INTO {ledger} VALUES ({n}, '{value}', 'about {value} and {term}', '{term} {n}')"));
        all.push(format!("INSERT INTO {register} VALUES ('{value}', 'x{value}x', NULL)"));
        all.push(format!("INSERT INTO \"{bronze}\" VALUES ({n}, '前{value}后', '{term}')"));
    }
    all.push(format!(
        "INSERT INTO {ledger} SELECT 1000 + g.k, '{}', '{} ' || g.k::text, '{}' FROM generate_series(1, 5000) AS g(k)",
        VALUES[0], VALUES[20], TERMS[0]
    ));
    all.push(format!("ALTER TABLE \"{bronze}\" ALTER COLUMN \"{}\" SET CLASS personal", c[7]));
    let features: Vec<String> = FEATURES.iter().map(|feature| format!("'{feature}'")).collect();
    all.push(format!(
        "INSERT INTO {clicks} SELECT (ARRAY[{}])[1 + g.k % 3], (ARRAY[{}])[1 + g.k % 3], g.k % 17, CASE WHEN g.k % 3 = 0 THEN 1 ELSE 0 END \
         FROM generate_series(1, 3000) AS g(k)",
        features[..3].join(", "),
        features[3..].join(", ")
    ));
    all.extend(ROLES.iter().map(|role| format!("CREATE ROLE \"{role}\"")));
    all.push(format!("GRANT SELECT ON {ledger} TO \"{}\"", ROLES[0]));
    all.push(format!("ALTER ROLE \"{}\" WITH LOGIN PASSWORD '{PASSWORD}'", ROLES[1]));
    for (policy, text) in POLICIES.iter().zip([TEXTS[2], TEXTS[3]]) {
        all.push(format!("CREATE MASKING POLICY {policy} AS (val text) RETURNS text -> CASE WHEN current_role = 'risk' THEN val ELSE '{text}' END"));
    }
    for ((n, tag), value) in TAGS.iter().enumerate().zip(TAG_VALUES) {
        all.push(format!("CREATE TAG \"{tag}\" ALLOWED_VALUES '{value}' COMMENT = '{}'", TEXTS[5]));
        if let Some(policy) = POLICIES.get(n) {
            all.push(format!("ALTER TAG \"{tag}\" SET MASKING POLICY {policy}"));
        }
        let column = c[n % 3];
        all.push(format!("ALTER TABLE {ledger} ALTER COLUMN {column} SET TAG \"{tag}\" = '{value}'"));
    }
    all.push(format!(
        "CREATE VIEW {} AS SELECT {} AS v FROM {register} WHERE {} <> '{}'",
        VIEWS[0], c[3], c[4], TEXTS[1]
    ));
    all.push(format!("CREATE VIEW {} AS SELECT count(*) AS n FROM {ledger}", VIEWS[1]));
    for (model, architecture) in MODELS.iter().zip(["mlp", "bilinear"]) {
        all.push(format!(
            "CREATE MODEL {model} OPTIONS (model_type = 'ctr', architecture = '{architecture}', user_col = '{}', item_col = '{}', \
             label_col = '{}', max_iterations = 2, split = 'random') AS SELECT * FROM {clicks} WHERE {} <> '{}'",
            c[8], c[9], c[11], c[8], TEXTS[4]
        ));
    }
    all.push(format!(
        "CREATE INDEX {} ON {ledger} USING steward ({}, {}) WITH (key_field = 'id')",
        INDEXES[0], c[1], c[2]
    ));
    all.push(format!(
        "CREATE INDEX {} ON {register} USING steward ({}) WITH (key_field = '{}')",
        INDEXES[1], c[4], c[3]
    ));
    all.push(format!("CREATE SOURCE {} TYPE files OPTIONS (path = '{}')", SOURCE[0], feeds.display()));
    all.push("INVENTORY ALL".to_owned());
    // Asked once each, so that whatever is kept from asking is kept.
    all.extend(TERMS.iter().map(|term| format!("SELECT * FROM SEARCH('{ledger}', '{term}', 5)")));
    all.push(format!("SELECT avg(PREDICT_CTR(t, '{}')) FROM {clicks} t", MODELS[0]));
    all.push(format!("SELECT avg(QUALITY(t)) FROM {ledger} t"));
    all.push(format!("UPDATE {ledger} SET {} = {} || '!' WHERE id % 7 = 0", c[0], c[0]));
    all.push(format!("DELETE FROM {ledger} WHERE id % 11 = 3 AND id > 1000"));
    all
}

/// Questions whose answers, with the names of their columns, hold every secret.
fn questions() -> Vec<String> {
    let mut all: Vec<String> = TABLES.iter().chain(&VIEWS).map(|name| format!("SELECT * FROM \"{name}\"")).collect();
    let system =
        ["assets", "columns", "models", "model_versions", "tags", "tag_references", "policies", "sources", "roles"];
    all.extend(system.iter().map(|name| format!("SELECT * FROM steward.{name}")));
    all.push(format!("SELECT * FROM {}.{}", SOURCE[0], SOURCE[2]));
    all
}

async fn answer(session: &mut Session, sql: &str) -> String {
    let batches = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
    let mut text = String::new();
    for batch in &batches {
        batch.schema().fields().iter().for_each(|field| text.extend([field.name().as_str(), "\n"]));
        for row in 0..batch.num_rows() {
            for column in batch.columns() {
                text.extend(cell_text(column, row));
                text.push('\n');
            }
        }
    }
    text
}

/// Everything that the store holds, as it is before it is sealed: values of the store and files.
fn opened(database: &Database) -> Vec<(String, Vec<u8>)> {
    let store = database.store();
    let mut found = Vec::new();
    for tree in Tree::ALL {
        for (at, (_, value)) in store.engine().scan(tree, &[]).unwrap().into_iter().enumerate() {
            found.push((format!("{}-{at}", tree.name()), value));
        }
    }
    for id in store.files().list().unwrap() {
        found.push((format!("file-{}", id.as_u64()), store.files().read(id).unwrap()));
    }
    found
}

// ---------------------------------------------------------------- the search

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.clone());
        if path.is_dir() {
            walk(&path, found);
        }
    }
}

/// Each file of a folder with its name and content in one.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(folder).unwrap().display().to_string();
        let mut bytes = name.clone().into_bytes();
        bytes.push(0);
        bytes.extend(if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() });
        (name, bytes)
    };
    paths.into_iter().map(read).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// Each secret that a file holds, in UTF-8 (also in lower case) or UTF-16, with the file's name.
fn found_strings(folder: &Path, secrets: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, bytes) in files(folder) {
        for secret in secrets {
            let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let forms = [secret.as_bytes().to_vec(), secret.to_lowercase().into_bytes(), utf16];
            if forms.iter().any(|form| contains(&bytes, form)) {
                found.insert(secret.to_string(), name.clone());
            }
        }
    }
    found
}

type Piece = [u8; PIECE];

/// Pieces of some bytes; without those that say little, as zeros do.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = Piece> {
    let whole = bytes.as_chunks::<PIECE>().0.iter().copied();
    whole.filter(|piece| piece.iter().collect::<BTreeSet<_>>().len() >= 10)
}

/// How many of the pieces stand in the files of a folder, at any place.
fn found_pieces(folder: &Path, wanted: &HashSet<Piece>) -> HashSet<Piece> {
    let mut found = HashSet::new();
    for (_, bytes) in files(folder) {
        found.extend(bytes.windows(PIECE).filter_map(|window| wanted.get(window)).copied());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_readable_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let feeds = folder.path().join(SOURCE[1]);
    fs::create_dir(&feeds).unwrap();
    fs::write(feeds.join(format!("{}.csv", SOURCE[2])), format!("sku,{}\nA-1,12.5\nB-2,7\n", SOURCE[3])).unwrap();
    let data = folder.path().join("data");
    let key = KeySource::from(MasterKey::from_bytes(KEY));
    let birth = Birth { password: Some(PASSWORD.to_owned()), ..Birth::default() };

    let database = Database::open_or_create(&data, &key, &birth).unwrap();
    let mut session = database.session("steward").unwrap();
    for sql in statements(&feeds) {
        session.query(&sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }

    // The unsealed copy: what the database answers, and what its store holds.
    let copy = folder.path().join("unsealed");
    fs::create_dir(&copy).unwrap();
    for (at, sql) in questions().iter().enumerate() {
        fs::write(copy.join(format!("answer-{at}")), answer(&mut session, sql).await).unwrap();
    }
    let plain = opened(&database);
    let wanted: HashSet<Piece> = plain.iter().flat_map(|(_, bytes)| pieces(bytes)).collect();
    for (name, bytes) in &plain {
        fs::write(copy.join(name), bytes).unwrap();
    }
    let backup = folder.path().join("backup");
    database.store().backup(&backup, false, |_| Ok(())).unwrap();
    drop(session);
    drop(database);

    let secrets = secrets();
    let missed: Vec<_> = {
        let found = found_strings(&copy, &secrets);
        secrets.iter().filter(|secret| !found.contains_key(**secret)).collect()
    };
    assert!(missed.is_empty(), "the search does not find what lies open, or the database does not hold it: {missed:?}");
    assert!(wanted.len() > 3000, "the store holds only {} pieces", wanted.len());
    assert_eq!(
        found_pieces(&copy, &wanted).len(),
        wanted.len(),
        "the search for pieces finds them where they lie open"
    );

    let mut hidden = secrets.clone();
    hidden.extend([PASSWORD, std::str::from_utf8(&KEY).unwrap()]);
    for place in [&data, &backup] {
        let found = found_strings(place, &hidden);
        assert!(found.is_empty(), "readable in {}: {found:?}", place.display());
        let found = found_pieces(place, &wanted);
        let shown: Vec<_> = found.iter().take(5).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
        let place = place.display();
        assert!(
            found.is_empty(),
            "{} of {} pieces are readable in {place}, such as {shown:?}",
            found.len(),
            wanted.len()
        );
    }

    // And nothing of it is lost: it all comes back with the key.
    let database = Database::open(&data, &key).unwrap();
    let mut session = database.session("steward").unwrap();
    let text = answer(&mut session, &format!("SELECT * FROM \"{}\"", TABLES[3])).await;
    assert!(VALUES.iter().all(|value| text.contains(value)));
}
