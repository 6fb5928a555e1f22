//! Lines of `pg_hba.conf` to rules.

use super::{Abilities, Addresses, Method, Rule, Shown, Terms, Way, Word};
use std::net::IpAddr;

/// A line that is no rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    /// Its number; of a continued line, that of its beginning.
    pub line: usize,
    /// What is wrong, in PostgreSQL's words where it has some.
    pub why: String,
}

/// Methods of PostgreSQL that are not here. On a `local` line they say nothing, since there are no such connections.
const OTHER_METHODS: [&str; 10] = ["peer", "ident", "password", "gss", "sspi", "pam", "ldap", "radius", "bsd", "krb5"];

/// The rules of a text.
pub fn rules(text: &str, abilities: Abilities) -> Result<Vec<Rule>, Bad> {
    let mut rules = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let mut whole = first.to_owned();
        // A backslash at its end continues a line.
        while whole.ends_with('\\') {
            whole.pop();
            match lines.next() {
                Some((_, more)) => whole.push_str(more),
                None => break,
            }
        }
        let rule = columns(&whole).and_then(|columns| match columns.is_empty() {
            true => Ok(None),
            false => rule(&columns, abilities, number + 1).map(Some),
        });
        rules.extend(rule.map_err(|why| Bad { line: number + 1, why })?);
    }
    Ok(rules)
}

/// The columns of a line, each a list of words with commas between.
fn columns(line: &str) -> Result<Vec<Vec<Word>>, String> {
    let mut columns: Vec<Vec<Word>> = Vec::new();
    let mut chars = line.chars().peekable();
    let mut continues = false;
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        if matches!(chars.peek(), None | Some('#')) {
            break;
        }
        let mut word = Word { text: String::new(), quoted: chars.peek() == Some(&'"') };
        let mut inside = false;
        while let Some(&c) = chars.peek() {
            match c {
                '"' => inside = !inside,
                _ if inside => word.text.push(c),
                ',' | '#' => break,
                c if c.is_whitespace() => break,
                c => word.text.push(c),
            }
            chars.next();
        }
        if inside {
            return Err("a quotation mark is never closed".to_owned());
        }
        match columns.last_mut() {
            Some(column) if continues => column.push(word),
            _ => columns.push(vec![word]),
        }
        // Only right behind a word, as PostgreSQL reads it.
        continues = chars.peek() == Some(&',');
    }
    Ok(columns)
}

/// The only word of a column.
fn single<'a>(columns: &'a [Vec<Word>], at: usize, what: &str) -> Result<&'a Word, String> {
    match columns.get(at).map(Vec::as_slice) {
        Some([word]) => Ok(word),
        Some(_) => Err(format!("multiple values specified for {what}")),
        None => Err(format!("end-of-line before {what} specification")),
    }
}

fn list(columns: &[Vec<Word>], at: usize, what: &str) -> Result<Vec<Word>, String> {
    let words = columns.get(at).ok_or_else(|| format!("end-of-line before {what} specification"))?;
    match words.iter().find(|word| !word.quoted && (word.text.starts_with('@') || word.text.is_empty())) {
        Some(word) if word.text.is_empty() => Err(format!("an empty {what} name must be quoted")),
        Some(word) => Err(format!("files of names are not supported: \"{}\"", word.text)),
        None => Ok(words.clone()),
    }
}

fn rule(columns: &[Vec<Word>], abilities: Abilities, line: usize) -> Result<Rule, String> {
    let kind = single(columns, 0, "connection type")?.text.as_str();
    let way = match kind {
        "local" | "hostgssenc" => Way::Never,
        "host" | "hostnogssenc" => Way::Any,
        "hostssl" => Way::Encrypted,
        "hostnossl" => Way::Plain,
        other => return Err(format!("invalid connection type \"{other}\"")),
    };
    if way == Way::Encrypted && !abilities.encrypts {
        tracing::warn!(line, "hostssl record cannot match because SSL is disabled; set --tls-cert and --tls-key");
    }
    let (databases, roles) = (list(columns, 1, "database")?, list(columns, 2, "role")?);
    let (addresses, next) = match kind {
        "local" => (Addresses::All, 3),
        _ => addresses(columns)?,
    };
    let method = single(columns, next, "authentication method")?.text.as_str();
    let mut terms = Terms { method: self::method(method, kind)?, certificate: Shown::Nothing };
    for option in columns.get(next + 1..).unwrap_or_default() {
        let [option] = option.as_slice() else { return Err("an option has one value".to_owned()) };
        take_option(&option.text, kind, &mut terms)?;
    }
    if terms.method == Method::Certificate {
        if way != Way::Encrypted {
            return Err("cert authentication is only supported on hostssl connections".to_owned());
        }
        terms.certificate = Shown::Named;
    }
    if terms.certificate != Shown::Nothing && !abilities.asks_clients {
        return Err("client certificates can only be checked if a root certificate store is available \
                    (--tls-client-ca)"
            .to_owned());
    }
    if terms.method == Method::Trust && way != Way::Never {
        if !addresses.are_loopback() {
            return Err("trust is for loopback addresses only (127.0.0.0/8, ::1/128): \
                        whoever reaches another would be whomever it says"
                .to_owned());
        }
        tracing::warn!(line, "a rule trusts whoever is on this machine, without a password");
    }
    Ok(Rule { way, databases, roles, addresses, terms })
}

fn method(name: &str, kind: &str) -> Result<Method, String> {
    Ok(match name {
        "scram-sha-256" | "md5" => Method::Scram,
        "cert" => Method::Certificate,
        "trust" => Method::Trust,
        "reject" => Method::Reject,
        // Never asked: such connections are not here.
        other if kind == "local" && OTHER_METHODS.contains(&other) => Method::Reject,
        other if OTHER_METHODS.contains(&other) => {
            return Err(format!("authentication method \"{other}\" is not supported: scram-sha-256, cert, reject are"));
        }
        other => return Err(format!("invalid authentication method \"{other}\"")),
    })
}

fn take_option(option: &str, kind: &str, terms: &mut Terms) -> Result<(), String> {
    let Some((name, value)) = option.split_once('=') else {
        return Err(format!("authentication option not in name=value format: {option}"));
    };
    match (name, value) {
        ("clientcert", _) if kind != "hostssl" => {
            Err("clientcert can only be configured for \"hostssl\" rows".to_owned())
        }
        ("clientcert", "verify-full") => {
            terms.certificate = Shown::Named;
            Ok(())
        }
        ("clientcert", "verify-ca") if terms.method == Method::Certificate => {
            Err("clientcert only accepts \"verify-full\" when using \"cert\" authentication".to_owned())
        }
        ("clientcert", "verify-ca") => {
            terms.certificate = Shown::Signed;
            Ok(())
        }
        ("clientcert", other) => Err(format!("invalid value for clientcert: \"{other}\"")),
        ("clientname", "CN") if kind == "hostssl" => Ok(()),
        // Options of methods that are never asked.
        _ if kind == "local" => Ok(()),
        (other, _) => Err(format!("unrecognized authentication option name: \"{other}\"")),
    }
}

/// The addresses of a rule, and the column behind them.
fn addresses(columns: &[Vec<Word>]) -> Result<(Addresses, usize), String> {
    let word = single(columns, 3, "IP address")?;
    let text = word.text.as_str();
    match text {
        "all" if !word.quoted => return Ok((Addresses::All, 4)),
        "samehost" | "samenet" if !word.quoted => {
            return Err(format!("\"{text}\" is not supported: write the addresses"));
        }
        _ => {}
    }
    if let Some((address, bits)) = text.split_once('/') {
        let address = ip(address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse::<u32>().ok().filter(|bits| *bits <= most && !text.ends_with("/+"));
        let bits = bits.ok_or_else(|| format!("invalid CIDR mask in address \"{text}\""))?;
        return Ok((network(address, u128::MAX.checked_shl(most - bits).unwrap_or(0)), 4));
    }
    let address = ip(text)?;
    let mask = single(columns, 4, "netmask")?.text.as_str();
    match (address, mask.parse::<IpAddr>()) {
        (IpAddr::V4(_), Ok(IpAddr::V4(mask))) => Ok((network(address, u128::from(u32::from(mask))), 5)),
        (IpAddr::V6(_), Ok(IpAddr::V6(mask))) => Ok((network(address, u128::from(mask)), 5)),
        (_, Ok(_)) => Err("IP address and mask do not match".to_owned()),
        (_, Err(_)) => Err(format!("invalid IP mask \"{mask}\"")),
    }
}

fn ip(text: &str) -> Result<IpAddr, String> {
    let names = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.parse().map_err(|_| match !text.contains(':') && text.contains(names) {
        true => format!("host names are not supported: write the addresses of \"{text}\""),
        false => format!("invalid IP address \"{text}\""),
    })
}

fn network(address: IpAddr, mask: u128) -> Addresses {
    match address {
        IpAddr::V4(address) => Addresses::V4(u32::from(address) & mask as u32, mask as u32),
        IpAddr::V6(address) => Addresses::V6(u128::from(address) & mask, mask),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Abilities = Abilities { encrypts: true, asks_clients: true };
    const NONE: Abilities = Abilities { encrypts: false, asks_clients: false };

    fn why(text: &str) -> String {
        let bad = rules(text, ALL).unwrap_err();
        format!("{}: {}", bad.line, bad.why)
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, expected) in [
            ("hots all all all md5", "1: invalid connection type \"hots\""),
            ("\n# x\nhost all", "3: end-of-line before role specification"),
            ("host all all", "1: end-of-line before IP address specification"),
            ("host all all all", "1: end-of-line before authentication method specification"),
            ("host,x all all all md5", "1: multiple values specified for connection type"),
            ("host all all 1.2.3/8 md5", "1: invalid IP address \"1.2.3\""),
            ("host all all 1.2.3.4/33 md5", "1: invalid CIDR mask in address \"1.2.3.4/33\""),
            ("host all all 1.2.3.4 md5", "1: invalid IP mask \"md5\""),
            ("host all all 1.2.3.4 ffff:: md5", "1: IP address and mask do not match"),
            (
                "host all all db.example.com md5",
                "1: host names are not supported: write the addresses of \"db.example.com\"",
            ),
            ("host all all samenet md5", "1: \"samenet\" is not supported: write the addresses"),
            (
                "host all all all ldap",
                "1: authentication method \"ldap\" is not supported: scram-sha-256, cert, reject are",
            ),
            ("host all all all cert", "1: cert authentication is only supported on hostssl connections"),
            ("host all all all md5 clientcert=verify-ca", "1: clientcert can only be configured for \"hostssl\" rows"),
            ("hostssl all all all md5 clientcert=1", "1: invalid value for clientcert: \"1\""),
            ("hostssl all all all md5 map=x", "1: unrecognized authentication option name: \"map\""),
            ("hostssl all all all md5 map", "1: authentication option not in name=value format: map"),
            (
                "host all all all trust",
                "1: trust is for loopback addresses only (127.0.0.0/8, ::1/128): whoever reaches another would be whomever it says",
            ),
            ("host all \"a all md5", "1: a quotation mark is never closed"),
            ("host all @staff all md5", "1: files of names are not supported: \"@staff\""),
        ] {
            assert_eq!(why(text), expected);
        }
        let needs = rules("hostssl all all all cert", NONE).unwrap_err();
        assert!(needs.why.contains("root certificate store"), "{needs:?}");
    }

    #[test]
    fn words_are_cut_as_postgresql_cuts_them() {
        let words = |text: &str| {
            let columns = columns(text).unwrap();
            columns.iter().map(|c| c.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join("|")).collect::<Vec<_>>()
        };
        assert_eq!(words("host  a,b, c ,d \"d e\",f\tall # md5"), ["host", "a|b|c", "d", "d e|f", "all"]);
        assert_eq!(words("  # nothing"), [""; 0]);
        assert_eq!(rules("host all \\\n all all md5\nlocal all all peer map=x\n", ALL).unwrap().len(), 2);
        assert!(rules("host all all ::1/128 trust\nhost all all 127.0.0.1 255.255.255.255 trust", NONE).is_ok());
        assert!(rules("host all all 0.0.0.0/0 scram-sha-256", NONE).is_ok());
    }
}
