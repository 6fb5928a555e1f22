//! Files that belong to the database itself or keep it shut: no statement reads them or writes over them.

use super::database::Inner;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What lies beside the data folder under its name, by how the name goes on: its key, the new one during a change of keys, and
/// the password that `demo` and `serve` left there.
const BESIDE: [&str; 2] = [".key", ".password"];

/// Them as they are now.
pub struct OwnFiles {
    data: PathBuf,
    private: Vec<PathBuf>,
}

impl OwnFiles {
    /// Whether a file, its links followed, is one of them.
    pub fn hold(&self, real: &Path) -> bool {
        real.starts_with(&self.data) || is_beside(&self.data, real) || self.private.iter().any(|file| file == real)
    }
}

impl Inner {
    /// The files that no statement may touch.
    pub(super) fn own_files(&self) -> OwnFiles {
        let dir = self.manager.store().dir();
        let data = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        OwnFiles { data, private: self.private.lock().clone() }
    }

    /// Keeps a file from all statements: a key that lies elsewhere.
    pub(super) fn keep_private(&self, file: &Path) {
        let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut private = self.private.lock();
        if !private.contains(&real) {
            private.push(real);
        }
    }
}

fn is_beside(data: &Path, real: &Path) -> bool {
    let name = |path: &Path| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let (Some(folder), Some(file)) = (name(data), name(real)) else { return false };
    let rest = file.strip_prefix(&folder);
    real.parent() == data.parent() && rest.is_some_and(|rest| BESIDE.iter().any(|ending| rest.starts_with(ending)))
}

/// Files that are kept private, their links followed.
pub type Private = parking_lot::Mutex<Vec<PathBuf>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_passwords_beside_the_folder_are_its_own() {
        let data = Path::new("/srv/shop");
        for own in ["/srv/shop.key", "/srv/shop.key.new", "/srv/shop.password"] {
            assert!(is_beside(data, Path::new(own)), "{own}");
        }
        for other in ["/srv/shop", "/srv/shop.csv", "/srv/keys/shop.key", "/srv/shops.key", "/srv/shop2.password"] {
            assert!(!is_beside(data, Path::new(other)), "{other}");
        }
    }
}
