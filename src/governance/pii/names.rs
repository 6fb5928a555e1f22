//! Names in the Latin script and its neighbours: persons, firms, places, peoples.
//!
//! A name is a run of words with capitals, with initials and small particles within (`Hanne I. Kreutzmann`, `Willemine ten Pas`). That it is one is
//! told by what the words are not (common words of English open sentences with a capital, too), and what it names by the words of it that lists
//! know, and by what stands before and behind.

use super::dates;
use super::lexicon::*;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};

/// Candidates looked back at for the line above.
const SPANS_BACK: usize = 64;
/// Bytes between two lines of an address at most, with the signs of quoting.
const BETWEEN_LINES_MAX: usize = 16;

/// Words of a name at most.
const WORDS_MAX: usize = 6;

/// A run of words with capitals.
#[derive(Debug)]
struct Chunk {
    first: usize,
    last: usize,
    /// Words, without initials and particles.
    words: usize,
    /// Words that no list of common words has.
    rare: usize,
    /// One of them is a given name.
    given: bool,
    /// There is an initial in it.
    initial: bool,
    /// All of it is in capitals.
    upper: bool,
    /// The classes that all of its words have.
    shared: u32,
    /// The classes of the last word.
    ending: u32,
}

/// Looks at every run of words with capitals, and at given names in small letters where a person is spoken of.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.kind != TokenKind::Word {
            at += 1;
            continue;
        }
        if token.classes & TITLE != 0 && titled(tokens, at, found) {
            at += 1;
            continue;
        }
        if token.classes & (WEEKDAY | MONTH) != 0 {
            dates::words(tokens, at, found);
        }
        if !token.capital {
            small(tokens, at, found);
            at += 1;
            continue;
        }
        if let Some(last) = known_place(tokens, at) {
            let end = tokens.get(last).map_or(token.end, |last| last.end);
            found.push(PiiType::Location, token.start, end, 0.85);
            at = last + 1;
            continue;
        }
        if token.classes & PEOPLE != 0 {
            found.push(PiiType::Nrp, token.start, token.end, 0.7);
            at += 1;
            continue;
        }
        match chunk(tokens, at) {
            Some(chunk) => {
                judge(tokens, &chunk, found);
                at = chunk.last + 1;
            }
            None => at += 1,
        }
    }
}

/// Whether the word at a place may be part of a name.
fn is_name_word(tokens: &Tokens<'_>, at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    if token.kind != TokenKind::Word || !token.capital || token.end - token.start < 2 {
        return false;
    }
    // Letters glued to digits are a code.
    if tokens.is(at + 1, TokenKind::Number)
        || at.checked_sub(1).is_some_and(|before| tokens.is(before, TokenKind::Number))
    {
        return false;
    }
    token.classes & (COMMON | PEOPLE | TITLE) == 0
        || token.classes & GIVEN != 0 && !tokens.opens_sentence(at)
        || token.classes & PLACE != 0
}

fn is_initial(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.get(at).is_some_and(|token| {
        token.kind == TokenKind::Word
            && token.capital
            && token.end - token.start <= 2
            && tokens.text_at(at).chars().count() == 1
    })
}

/// The last word of a place of several words that begins here: `South Africa`.
fn known_place(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let two = tokens.next(at);
    if !is_capital(tokens, at) || !is_capital(tokens, two) {
        return None;
    }
    let three = tokens.next(two);
    let start = tokens.get(at)?.start;
    [three, two].into_iter().find(|last| {
        let end = tokens.get(*last).filter(|word| word.capital).map_or(0, |word| word.end);
        tokens.text.get(start..end).is_some_and(|name| is_place(&name.to_lowercase()))
    })
}

/// The name that begins at a word.
fn chunk(tokens: &Tokens<'_>, at: usize) -> Option<Chunk> {
    let opens = is_name_word(tokens, at) || is_initial(tokens, at) && is_name_word(tokens, behind_initial(tokens, at));
    // A common word with a capital within a sentence is part of a firm's name: "General Motors", "Environmental Data Resources".
    let common =
        !opens && !tokens.opens_sentence(at) && tokens.classes(at) & BEFORE_PLACE == 0 && is_capital(tokens, at) && {
            let next = tokens.next(at);
            is_capital(tokens, next) && next > at + 1
        };
    if !opens && !common {
        return None;
    }
    let mut chunk = Chunk {
        first: at,
        last: at,
        words: 0,
        rare: 0,
        given: false,
        initial: false,
        upper: true,
        shared: u32::MAX,
        ending: 0,
    };
    let mut place = at;
    loop {
        if is_initial(tokens, place) {
            chunk.initial = true;
            chunk.last = place;
            if tokens.is_sign(place + 1, b'.') {
                place += 1;
            }
        } else if let Some(token) = tokens.get(place) {
            chunk.words += 1;
            chunk.rare += usize::from(token.classes & COMMON == 0);
            chunk.given |= token.classes & GIVEN != 0;
            chunk.upper &= token.upper;
            chunk.shared &= token.classes;
            chunk.ending = token.classes;
            chunk.last = place;
        }
        if chunk.words >= WORDS_MAX {
            break;
        }
        // The next word of it, perhaps behind particles.
        let gap = tokens.get(place + 1);
        let near = gap.is_some_and(|gap| gap.kind == TokenKind::Blank && gap.breaks == 0);
        let mut next = place + 2;
        if !near {
            break;
        }
        let mut particles = 0;
        while particles < 2
            && tokens.classes(next) & PARTICLE != 0
            && tokens.get(next).is_some_and(|token| !token.capital)
        {
            particles += 1;
            next = tokens.next(next);
        }
        let goes_on = is_name_word(tokens, next)
            || is_initial(tokens, next) && is_name_word(tokens, behind_initial(tokens, next))
            || particles == 0 && (common || tokens.classes(next) & (FIRM | INSTITUTE) != 0) && is_capital(tokens, next)
            // A common word behind a given name and an initial is a family name: Brad L. Key.
            || chunk.words == chunk.rare && is_initial(tokens, next) && is_capital(tokens, behind_initial(tokens, next))
            || chunk.initial && chunk.words == chunk.rare && chunk.words <= 1 && is_capital(tokens, next)
            || matches!(tokens.text_at(next), "II" | "III" | "IV" | "Jr" | "Sr");
        if !goes_on {
            break;
        }
        place = next;
    }
    (chunk.words > 0).then_some(chunk)
}

fn behind_initial(tokens: &Tokens<'_>, at: usize) -> usize {
    let dot = if tokens.is_sign(at + 1, b'.') { at + 1 } else { at };
    tokens.next(dot)
}

fn is_capital(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.get(at).is_some_and(|token| {
        token.kind == TokenKind::Word && token.capital && token.classes & TITLE == 0 && token.end - token.start > 1
    })
}

/// `Mr. Baader`, `ms. Marcela`: who is spoken to so is a person.
fn titled(tokens: &Tokens<'_>, at: usize, found: &mut Found) -> bool {
    let name = behind_initial(tokens, at);
    let Some(token) = tokens.get(name) else { return false };
    let right = token.kind == TokenKind::Word
        && token.capital
        && (token.classes & COMMON == 0 || token.classes & GIVEN != 0 || tokens.is_sign(at + 1, b'.'));
    if !right {
        return false;
    }
    let last = chunk(tokens, name).map_or(name, |chunk| chunk.last);
    if let (Some(from), Some(to)) = (tokens.get(name), tokens.get(last)) {
        found.push(PiiType::Person, from.start, to.end, 0.92);
    }
    true
}

/// A given name in small letters, with the rare word behind it.
fn small(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let Some(token) = tokens.get(at) else { return };
    // "I am cambodian"
    if token.classes & PEOPLE != 0 && token.classes & COMMON == 0 && token.end - token.start > 6 {
        return found.push(PiiType::Nrp, token.start, token.end, 0.6);
    }
    let named = is_word(tokens, tokens.before(at), &["is"])
        && is_word(tokens, tokens.before(at).and_then(|is| tokens.before(is)), &["name"])
        && token.classes == 0;
    if token.classes & GIVEN == 0 && !named || token.classes & COMMON != 0 || token.end - token.start < 3 {
        return;
    }
    let next = tokens.next(at);
    let rare = tokens
        .get(next)
        .is_some_and(|next| next.kind == TokenKind::Word && next.classes & (COMMON | PARTICLE) == 0 && !next.capital);
    let said = tokens.before(at).is_some_and(|before| tokens.classes(before) & BEFORE_PERSON != 0)
        || is_word(tokens, tokens.before(at), &["with", "to", "for", "from"]);
    let end = if rare { tokens.get(next).map_or(token.end, |next| next.end) } else { token.end };
    let last = if rare { next } else { at };
    // A line that is nothing else, one who speaks, and what is somebody's.
    let line = (at == 0 || breaks_before(tokens, at)) && tokens.get(last + 1).is_none_or(|token| token.breaks > 0);
    let speaks = tokens.opens_sentence(at) && tokens.is_sign(last + 1, b':');
    let said = said || named || line && rare || speaks || tokens.is_sign(last + 1, b'\'');
    match (rare, said) {
        (true, true) => found.push(PiiType::Person, token.start, end, 0.65),
        (true, false) => found.push(PiiType::Person, token.start, end, 0.45),
        (false, true) => found.push(PiiType::Person, token.start, end, 0.5),
        _ => {}
    }
}

fn is_word(tokens: &Tokens<'_>, at: Option<usize>, words: &[&str]) -> bool {
    at.is_some_and(|at| words.iter().any(|word| word.eq_ignore_ascii_case(tokens.text_at(at))))
}

/// What a name names.
fn judge(tokens: &Tokens<'_>, chunk: &Chunk, found: &mut Found) {
    let (Some(from), Some(to)) = (tokens.get(chunk.first), tokens.get(chunk.last)) else { return };
    let (start, end) = (from.start, to.end);
    if found.covers(start) {
        return;
    }
    let text = tokens.text.get(start..end).unwrap_or_default();
    let alone = start == 0 && end == tokens.text.len();
    // Three firms' partners: "Hawkins, Richardson and Santana".
    if let Some(end) = partners(tokens, chunk) {
        return found.push(PiiType::Organization, start, end, 0.8);
    }
    if chunk.ending & FIRM != 0 && chunk.words >= 2 {
        let dot = usize::from(
            tokens.is_sign(chunk.last + 1, b'.') && chunk.ending & FIRM != 0 && tokens.text_at(chunk.last).len() <= 4,
        );
        return found.push(PiiType::Organization, start, end + dot, 0.88);
    }
    if chunk.ending & INSTITUTE != 0 && chunk.words >= 2 {
        return found.push(PiiType::Organization, start, end, 0.75);
    }
    if chunk.shared & PLACE != 0 && chunk.words == 1 && !chunk.given
        || chunk.words > 1 && is_place(&text.to_lowercase())
    {
        return found.push(PiiType::Location, start, end, 0.85);
    }
    let before = tokens.before(chunk.first).filter(|_| !breaks_before(tokens, chunk.first));
    let behind = tokens.next(chunk.last);
    let cue = before.map_or(0, |at| tokens.classes(at));
    // "Name: ...", "What's your last name? ..."
    let label = before
        .filter(|at| tokens.is_sign(*at, b':') || tokens.is_sign(*at, b'?'))
        .and_then(|at| tokens.before(at))
        .map_or(0, |at| tokens.classes(at));
    let comma_before = before.is_some_and(|at| tokens.is_sign(at, b','));
    let after = tokens.classes(behind);
    let possessive = tokens.is_sign(chunk.last + 1, b'\'') || tokens.text_at(chunk.last + 1) == "’";
    let opens = tokens.opens_sentence(chunk.first);
    let mut person = 0.0f32;
    let mut place = 0.0f32;
    let mut firm = 0.0f32;
    // What it is by itself.
    person += match (chunk.given, chunk.words, chunk.rare) {
        (true, 2.., _) => 0.62,
        (true, 1, _) if chunk.initial => 0.62,
        (true, 1, _) => 0.5,
        (false, 2..=3, rare) if rare == chunk.words && chunk.initial => 0.56,
        (false, 2..=3, rare) if rare == chunk.words => 0.5,
        (false, 2..=3, 1..) if chunk.initial => 0.5,
        (false, 1, 1) if chunk.initial => 0.5,
        (false, 1, 1) => 0.3,
        _ => 0.1,
    };
    firm += match (chunk.words, chunk.rare) {
        (2.., rare) if rare < chunk.words && !chunk.given => 0.35,
        (1, 1) if is_joined(tokens.text_at(chunk.last)) => 0.3,
        _ => 0.15,
    };
    place += match (chunk.words, chunk.upper && text.len() > 3) {
        (_, true) => 0.4,
        (1..=2, _) if !chunk.given => 0.25,
        _ => 0.05,
    };
    // What stands before.
    if cue & BEFORE_PERSON != 0 && cue & BEFORE_PLACE == 0 || label & BEFORE_PERSON != 0 {
        person += 0.28;
    }
    if cue & BEFORE_PLACE != 0 {
        place += 0.3;
    }
    if cue & BEFORE_FIRM != 0 {
        firm += if is_word(tokens, before, &["the", "by"]) { 0.05 } else { 0.2 };
    }
    if is_word(tokens, before, &["in"]) {
        place += 0.12;
    }
    if is_word(tokens, before, &["at", "joined", "join", "became"]) {
        firm += 0.12;
    }
    // Asked after: "Why is Katrine ...".
    if is_word(tokens, before, &["is", "was", "does", "did", "has", "will"]) && !opens {
        person += 0.25;
    }
    if is_word(tokens, before, &["the"]) {
        person -= 0.2;
        firm += 0.15;
    }
    if is_word(tokens, before, &["at", "for"]) && employed(tokens, before) {
        firm += 0.5;
    }
    if is_word(tokens, before, &["became"]) || is_word(tokens, before, &["of"]) && addressed(tokens, before) {
        firm += 0.35;
    }
    // What is somebody's is mostly a thing: a work's title, a place.
    if is_word(tokens, before, &["s"])
        && before
            .and_then(|at| at.checked_sub(1))
            .is_some_and(|sign| tokens.is_sign(sign, b'\'') || tokens.text_at(sign) == "’")
    {
        person -= 0.25;
    }
    // Two rare words behind "to" are somebody as often as a place.
    if is_word(tokens, before, &["to"]) && chunk.words >= 2 && chunk.rare == chunk.words {
        let verb = before.and_then(|at| tokens.before(at));
        match is_word(
            tokens,
            verb,
            &["flew", "returned", "moved", "went", "travelled", "traveled", "drove", "fly", "move"],
        ) {
            true => place += 0.2,
            false => {
                person += 0.1;
                place -= 0.2;
            }
        }
    }
    match kind_told(tokens, chunk.last) {
        Told::Firm => {
            firm += 0.5;
            person -= 0.2;
        }
        Told::Work => person -= 0.4,
        Told::Nothing => {}
    }
    if mentioned(tokens, chunk, found) {
        person += 0.3;
    }
    // What stands behind.
    if after & BEHIND_PERSON != 0 {
        person += if opens { 0.25 } else { 0.15 };
    }
    if after & BEHIND_FIRM != 0 {
        firm += 0.3;
    }
    if possessive {
        person += 0.15;
    }
    let sign = tokens.get(chunk.last + 1).filter(|token| token.kind == TokenKind::Sign).map_or(0, |token| token.sign);
    if sign == b':' && opens && chunk.words <= 3 {
        person += 0.25;
    }
    if sign == b',' && opens && chunk.words <= 2 {
        person += 0.25;
    }
    // A list of names: the others of it were told, or are.
    if comma_before || is_word(tokens, before, &["and", "or", "&"]) {
        let last = found.spans.last().filter(|span| span.end + 6 >= start).map(|span| span.kind);
        match last {
            Some(PiiType::Person) => person += 0.3,
            Some(PiiType::Organization) => firm += 0.3,
            Some(PiiType::Location | PiiType::StreetAddress) => place += 0.3,
            _ => {}
        }
    }
    // What stands between quotes is the title of a work.
    if before.is_some_and(|at| tokens.is_sign(at, b'"')) && tokens.is_sign(chunk.last + 1, b'"') {
        person -= 0.35;
        place -= 0.2;
    }
    // A line of its own, as in letters and forms.
    let line = breaks_before(tokens, chunk.first) || chunk.first == 0;
    let line_end = tokens.get(chunk.last + 1).is_none_or(|token| token.breaks > 0);
    if line && line_end && !chunk.given && !chunk.initial && sits_under_a_name(tokens, chunk, found) {
        firm += 0.6;
    } else if line && line_end && !chunk.given && sits_under_an_address(tokens, start, found) {
        place += 0.4;
    } else if line && line_end && chunk.words >= 2 && !chunk.upper && !alone {
        person += 0.2;
    } else if line && line_end && !alone {
        place += 0.2;
    }
    if alone {
        person += if chunk.words >= 2 { 0.1 } else { -0.1 };
    }
    // One word of capitals and no more is an abbreviation.
    if chunk.words == 1 && from.upper && text.len() <= 3 {
        person -= 0.3;
        firm -= 0.1;
        place -= 0.2;
    }
    if opens && chunk.words == 1 && !chunk.given {
        firm -= 0.05;
        place -= 0.1;
    }
    let (kind, score) = [(PiiType::Person, person), (PiiType::Organization, firm), (PiiType::Location, place)]
        .into_iter()
        .fold((PiiType::Person, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    found.push(kind, start, end, score.min(0.9));
}

/// Whether the "at" at a place is that of an employer: a year at, worked at, the assistant at.
fn employed(tokens: &Tokens<'_>, at: Option<usize>) -> bool {
    let word = at.and_then(|at| tokens.before(at));
    is_word(
        tokens,
        word,
        &[
            "year",
            "years",
            "month",
            "months",
            "work",
            "works",
            "worked",
            "working",
            "job",
            "intern",
            "internship",
            "employed",
            "position",
            "role",
            "engineer",
            "manager",
            "director",
            "analyst",
            "consultant",
            "ceo",
            "cto",
        ],
    )
}

/// Whether the "of" at a place is that of an address: the address of, the offices of.
fn addressed(tokens: &Tokens<'_>, at: Option<usize>) -> bool {
    let word = at.and_then(|at| tokens.before(at));
    is_word(tokens, word, &["address", "office", "offices", "headquarters", "ceo", "founder", "shares", "customer"])
}

/// What a sentence tells a name to be.
enum Told {
    /// `is a design agency`
    Firm,
    /// `is a 2017 film`
    Work,
    Nothing,
}

/// What follows "is a" behind a name.
fn kind_told(tokens: &Tokens<'_>, last: usize) -> Told {
    const FIRMS: &[&str] = &[
        "agency",
        "company",
        "firm",
        "startup",
        "start-up",
        "manufacturer",
        "provider",
        "bank",
        "retailer",
        "supplier",
        "non-profit",
        "nonprofit",
        "organization",
        "organisation",
        "charity",
        "corporation",
        "employer",
        "vendor",
        "brand",
        "publisher",
        "airline",
        "conglomerate",
        "subsidiary",
    ];
    const WORKS: &[&str] =
        &["film", "movie", "song", "album", "band", "book", "novel", "series", "show", "game", "magazine", "musical"];
    let is = tokens.next(last);
    let article = tokens.next(is);
    if !matches!(tokens.text_at(is), "is" | "was") || !matches!(tokens.text_at(article), "a" | "an" | "the") {
        return Told::Nothing;
    }
    let mut at = article;
    for _ in 0..5 {
        at = tokens.next(at);
        if tokens.is_sign(at, b'.') || tokens.is_sign(at, b',') {
            break;
        }
        if is_word(tokens, Some(at), FIRMS) {
            return Told::Firm;
        }
        if is_word(tokens, Some(at), WORKS) {
            return Told::Work;
        }
    }
    Told::Nothing
}

/// Persons looked back at.
const PERSONS_BACK: usize = 8;

/// Whether a word of the name stands in one that was told to be a person's: "Maciej Borkowski ... Borkowski".
fn mentioned(tokens: &Tokens<'_>, chunk: &Chunk, found: &Found) -> bool {
    let persons = found.spans.iter().rev().take(PERSONS_BACK * 2).filter(|span| span.kind == PiiType::Person);
    persons.filter(|span| span.score >= 0.5).take(PERSONS_BACK).any(|span| {
        let name = tokens.text.get(span.start..span.end).unwrap_or_default();
        (chunk.first..=chunk.last).any(|at| {
            let word = tokens.text_at(at);
            tokens.is(at, TokenKind::Word)
                && word.len() > 2
                && tokens.classes(at) & COMMON == 0
                && name.split(' ').any(|part| part == word)
        })
    })
}

/// Whether a line stands between that of a person and one that opens with a number or a flat, or with a name again: the firm in an address.
fn sits_under_a_name(tokens: &Tokens<'_>, chunk: &Chunk, found: &Found) -> bool {
    if chunk.words > 4 {
        return false;
    }
    let Some(person) = found.spans.iter().rev().take(SPANS_BACK).find(|span| span.kind == PiiType::Person) else {
        return false;
    };
    let Some(start) = tokens.get(chunk.first).map(|token| token.start) else { return false };
    let near = tokens.text.get(person.end..start).is_some_and(|between| {
        between.len() < BETWEEN_LINES_MAX
            && between.matches('\n').count() == 1
            && between.chars().all(|c| c.is_whitespace() || matches!(c, '>' | '?' | '|'))
    });
    if !near {
        return false;
    }
    let mut at = chunk.last + 1;
    while at < chunk.last + 6
        && (tokens.is(at, TokenKind::Blank) || tokens.is_sign(at, b'>') || tokens.is_sign(at, b'?'))
    {
        at += 1;
    }
    let name = tokens.text.get(person.start..person.end).unwrap_or_default();
    tokens.is(at, TokenKind::Number)
        || tokens.classes(at) & UNIT != 0
        || tokens.text_at(at).eq_ignore_ascii_case("the")
        || tokens.is(at, TokenKind::Word) && name.starts_with(tokens.text_at(at))
}

/// Whether the line above ends with an address: the town of it.
fn sits_under_an_address(tokens: &Tokens<'_>, start: usize, found: &Found) -> bool {
    found.spans.iter().rev().take(SPANS_BACK).any(|span| {
        matches!(span.kind, PiiType::StreetAddress | PiiType::Location)
            && span.end < start
            && tokens.text.get(span.end..start).is_some_and(|between| {
                between.len() < BETWEEN_LINES_MAX
                    && between.contains('\n')
                    && between.chars().all(|c| c.is_whitespace() || matches!(c, '>' | '?' | '|' | ',' | '.'))
            })
    })
}

/// Whether the end of a line stands before a token.
fn breaks_before(tokens: &Tokens<'_>, mut at: usize) -> bool {
    // Signs of quoting stand before each line of a letter that is answered.
    for _ in 0..6 {
        let Some(token) = at.checked_sub(1).and_then(|before| tokens.get(before)) else { return false };
        if token.breaks > 0 {
            return true;
        }
        let quotes = token.kind == TokenKind::Blank || matches!(token.sign, b'>' | b'?' | b'|');
        if !quotes {
            return false;
        }
        at -= 1;
    }
    false
}

/// `Weeks-Rivas`
fn is_joined(word: &str) -> bool {
    word.split_once('-')
        .is_some_and(|(a, b)| a.len() > 2 && b.len() > 2 && b.chars().next().is_some_and(char::is_uppercase))
}

/// `A, B and C`, each one rare word, where no comma or name stands before: a firm named by its partners. Gives its end.
fn partners(tokens: &Tokens<'_>, chunk: &Chunk) -> Option<usize> {
    if chunk.words != 1 || chunk.rare != 1 || chunk.given || chunk.initial || !tokens.is_sign(chunk.last + 1, b',') {
        return None;
    }
    let second = tokens.next(chunk.last + 1);
    let and = tokens.next(second);
    let third = tokens.next(and);
    let single = |at: usize| is_name_word(tokens, at) && tokens.classes(at) & (GIVEN | PLACE) == 0;
    let right = single(second)
        && matches!(tokens.text_at(and), "and" | "&")
        && single(third)
        && !is_name_word(tokens, tokens.next(third));
    let listed = tokens.before(chunk.first).is_some_and(|at| tokens.is_sign(at, b',') || tokens.is_sign(at, b':'));
    (right && !listed).then(|| tokens.get(third).map(|token| token.end)).flatten()
}
