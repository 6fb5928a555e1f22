//! Random damage to every kind of file: what could go wrong is a panic, an answer that is not right, or damage that no backup
//! undoes. Each trial damages one file of a database in one way; the database says so or answers exactly as before; then it is
//! repaired from a backup, and answers exactly as before.
//!
//! `STEWARD_DAMAGE_TRIALS` asks for more trials.

use super::{QUESTIONS, ask, copy, files, is_clear, key, make, run, stderr, steward};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use stewarddb::Database;

/// Pseudo-random numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// What kind of thing a file is.
fn kind_of(name: &str) -> &str {
    match name.split_once('/') {
        Some(("journal", file)) => file.rsplit('.').next().unwrap(),
        Some(("assets", file)) => file.split('.').next().unwrap(),
        Some((folder, _)) => folder,
        None => name,
    }
}

/// Damages a file in one of six ways; says how.
fn damage(path: &Path, others: &[std::path::PathBuf], dice: &mut Dice) -> String {
    let mut bytes = fs::read(path).unwrap();
    let place = dice.below(bytes.len());
    let how = match dice.below(6) {
        0 => {
            bytes[place] ^= 1 << dice.below(8);
            format!("bit of byte {place} flipped")
        }
        1 => {
            bytes.iter_mut().skip(place / 4096 * 4096).take(4096).for_each(|byte| *byte = 0);
            format!("page of byte {place} zeroed")
        }
        2 => {
            bytes.truncate(place);
            format!("cut after {place} bytes")
        }
        3 => {
            bytes.extend_from_slice(&[0xa5; 100]);
            "lengthened".to_owned()
        }
        4 => {
            // As a disk that wrote to the wrong place would leave it.
            let other = &others[dice.below(others.len())];
            bytes = fs::read(other).unwrap();
            format!("replaced by {}", other.file_name().unwrap().to_string_lossy())
        }
        _ => {
            fs::remove_file(path).unwrap();
            return "removed".to_owned();
        }
    };
    fs::write(path, bytes).unwrap();
    how
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_every_kind_is_told_and_mended() {
    let trials = std::env::var("STEWARD_DAMAGE_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(24);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("STEWARD_DAMAGE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(now) | 1;
    println!("{trials} trials, seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken, backup) =
        (folder.path().join("whole"), folder.path().join("broken"), folder.path().join("backup"));
    make(&whole).await;
    {
        let database = Database::open(&whole, &key()).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in
            ["ALTER SYSTEM SET steward.retention = '1h'", "DELETE FROM few WHERE id = 3", QUESTIONS[3], "CHECKPOINT"]
        {
            run(&mut session, sql).await.unwrap();
        }
        run(&mut session, "INSERT INTO few VALUES (7, 'three again')").await.unwrap();
        run(&mut session, QUESTIONS[3]).await.unwrap();
        run(&mut session, &format!("BACKUP DATABASE TO '{}'", backup.display())).await.unwrap();
    }
    let expected: Vec<String> = ask(&whole).await.unwrap().into_iter().map(|answer| answer.unwrap()).collect();
    let all: Vec<_> = files(&whole).into_iter().filter(|path| !path.ends_with("LOCK")).collect();
    let name_of = |path: &Path| path.strip_prefix(&whole).unwrap().display().to_string();
    let mut kinds: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for path in &all {
        if fs::metadata(path).unwrap().len() > 0 {
            kinds.entry(kind_of(&name_of(path)).to_owned()).or_default().push(path.clone());
        }
    }
    let (mut dice, mut told, mut tried) = (Dice(seed), BTreeMap::new(), BTreeMap::new());
    for trial in 0..trials {
        copy(&whole, &broken);
        // Each kind as often as the others, whatever number of files it has.
        let (kind, paths) = kinds.iter().nth(trial % kinds.len()).unwrap();
        let path = &paths[dice.below(paths.len())];
        let how = damage(&broken.join(name_of(path)), &all, &mut dice);
        let here = format!("trial {trial}, seed {seed}: {}, {how}", name_of(path));
        *tried.entry(kind.clone()).or_insert(0) += 1;
        let mut say = || *told.entry(kind.clone()).or_insert(0) += 1;
        match ask(&broken).await {
            Err(error) => {
                assert!(is_clear(&error), "{here}: {:?}: {error}", error.kind());
                say();
            }
            Ok(answers) => {
                for ((sql, answer), expected) in QUESTIONS.iter().zip(answers).zip(&expected) {
                    match answer {
                        Ok(answer) => assert_eq!(&answer, expected, "{here}: another answer to {sql}"),
                        Err(error) => {
                            assert!(is_clear(&error), "{here}: {sql}: {:?}: {error}", error.kind());
                            say();
                        }
                    }
                }
            }
        }
        let arguments = ["repair", "--data", broken.to_str().unwrap(), "--from", backup.to_str().unwrap()];
        let output = steward(folder.path(), &arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        assert!(output.status.success(), "{here}: {said}");
        let answers = ask(&broken).await.unwrap_or_else(|error| panic!("{here}: {error} after\n{said}"));
        for ((sql, answer), expected) in QUESTIONS.iter().zip(answers).zip(&expected) {
            assert_eq!(
                &answer.unwrap_or_else(|e| panic!("{here}: {sql}: {e} after\n{said}")),
                expected,
                "{here}: {sql}"
            );
        }
    }
    println!("tried: {tried:?}\ntold: {told:?}\nno wrong answer, no panic, all mended");
    assert!(!told.is_empty() || trials == 0, "no damage was noticed: the test has tested nothing");
}
