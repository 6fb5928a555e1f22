//! Addresses of the web, names of hosts and of devices.

use super::text::code;
use std::net::IpAddr;

/// A URL normalised as RFC 3986 section 6 allows without asking the host: scheme and host in small letters, no default port, a path; a
/// name without scheme gets `http://`. `None` if it is none.
pub fn url(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['<', '>', '"']);
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => ("http".to_owned(), text.trim_start_matches("//")),
    };
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (host, ""),
    };
    let host = host.trim_end_matches('.').to_lowercase();
    let is_host =
        domain(&host).is_some() || host == "localhost" && text.contains("://") || host.parse::<IpAddr>().is_ok();
    if !is_host {
        return None;
    }
    let default = matches!((scheme.as_str(), port), ("http", "80") | ("https", "443") | ("ftp", "21") | (_, ""));
    let port = if default { String::new() } else { format!(":{port}") };
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(format!("{scheme}://{user}{host}{port}{slash}{path}"))
}

/// The name of a host in small letters.
pub fn domain(text: &str) -> Option<String> {
    let text = code(text).trim_end_matches('.').to_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next()?;
    let fits = text.contains('.') && text.split('.').all(label);
    (fits && last.chars().count() >= 2 && last.chars().any(char::is_alphabetic)).then_some(text)
}

/// An address of the Internet Protocol, IPv6 shortened as RFC 5952 says.
pub fn ip(text: &str) -> Option<String> {
    code(text).parse::<IpAddr>().ok().map(|address| address.to_string())
}

/// An address of a network card as six pairs of digits with colons, in small letters.
pub fn mac(text: &str) -> Option<String> {
    let digits: String =
        code(text).chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect::<String>().to_lowercase();
    let pairs: Vec<&str> = (0..6).filter_map(|n| digits.get(2 * n..2 * n + 2)).collect();
    (digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| pairs.join(":"))
}

/// A UUID in small letters with its four hyphens.
pub fn uuid(text: &str) -> Option<String> {
    let digits: String =
        code(text).chars().filter(|c| !matches!(c, '{' | '}' | '-')).collect::<String>().to_lowercase();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let parts = [digits.get(..8)?, digits.get(8..12)?, digits.get(12..16)?, digits.get(16..20)?, digits.get(20..)?];
    Some(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(url(" HTTPS://Example.COM:443/A?b=C ").as_deref(), Some("https://example.com/A?b=C"));
        assert_eq!(url("www.taobao.com").as_deref(), Some("http://www.taobao.com/"));
        assert_eq!(url("http://h.cn:8080?x").as_deref(), Some("http://h.cn:8080/?x"));
        for none in ["not a url", "word", "http://"] {
            assert_eq!(url(none), None, "{none}");
        }
        assert_eq!(mac("00-1A-2B-3C-4D-5E").as_deref(), Some("00:1a:2b:3c:4d:5e"));
        assert_eq!(ip("2001:DB8:0:0::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(uuid("{550E8400E29B41D4A716446655440000}").as_deref(), Some("550e8400-e29b-41d4-a716-446655440000"));
    }
}
