//! What values mean: e-mail, 身份证, price, colour, and a hundred more.
//!
//! A [`SemanticType`] is a line of the [`catalogue`](SemanticType::ALL) with its Chinese name, its privacy category and
//! sensitivity. Two questions are answered here:
//!
//! - [`detect_value`]: what one value is by itself. The kinds of its characters choose a hand-written recogniser; numbers
//!   with check digits are verified (身份证, 统一社会信用代码, cards, GTIN, ISBN, IBAN, IMEI), days must exist.
//! - [`detect_column`]: what a column is, from the words of its name and a sample of its values, each witness weighed
//!   against the other: `email_verified boolean` is no e-mail, and a column of years no card number.
//!
//! Where a name is a word for several things, [`by_neighbours`] asks the other columns of the relation.
//!
//! Every verdict carries its evidence in words that quote names and counts, never values. Nothing here is tuned to a
//! named data set; the word lists are common knowledge in both languages.

mod catalogue;
mod checksum;
mod chinese;
mod column;
mod digits;
mod facts;
mod fit;
mod guess;
mod header;
mod latin;
mod moment;
mod names;
mod neighbours;
mod shape;
mod signs;
mod value;
mod words;

pub use catalogue::{Form, Info, SemanticType};
pub(super) use checksum::cn_id_card;
pub use checksum::{cn_uscc as is_cn_uscc, gtin as is_gtin, iban as is_iban, isbn10 as is_isbn10, luhn as is_luhn};
pub use chinese::{NOT_LAST_IN_A_NAME, is_han, plate as is_plate};
pub use column::{COLUMN_CONFIDENCE_MIN, Carried, ColumnVerdict, Custom, detect_column, detect_column_but};
pub use digits::{birth_and_region, is_card_issuer, is_cn_mobile, is_id_card as is_cn_id_card};
pub use facts::is_missing;
pub use header::{HeaderVote, header_votes};
pub use latin::email as is_email;
pub(super) use moment::{MONTHS, is_day};
pub use neighbours::by_neighbours;
pub use signs::{ip as is_ip, mac as is_mac};
pub use value::{Candidates, VALUE_CONFIDENCE_MIN, Verdict, candidates, detect_value};
pub use words::{given_names, opens_with_place, places, surname_bytes};
