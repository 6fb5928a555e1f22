//! E-mail addresses.

use super::text::code;

/// The address in small letters, without blanks, `mailto:` and brackets; `None` if it is none. Local parts are taken to be the same in
/// any case, as all large providers do, although RFC 5321 leaves that to the host.
pub fn email(text: &str) -> Option<String> {
    let text = code(text).to_lowercase();
    let text = text.trim_start_matches("mailto:").trim_matches(['<', '>', '"', '\'', ',', ';', '.']);
    let (local, domain) = text.split_once('@')?;
    let in_local = |c: char| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let local_fits = (1..=64).contains(&local.len()) && local.chars().all(in_local) && !local.contains("..");
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next()?;
    let domain_fits = domain.contains('.')
        && domain.split('.').all(label)
        && last.chars().count() >= 2
        && last.chars().all(char::is_alphabetic);
    (local_fits && !local.starts_with('.') && domain_fits).then(|| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::email;

    #[test]
    fn addresses() {
        assert_eq!(email(" MailTo:Li.Wei＠Example.COM ").as_deref(), Some("li.wei@example.com"));
        assert_eq!(email("<a+b@c.co.uk>").as_deref(), Some("a+b@c.co.uk"));
        for none in ["a@b", "a b", "@x.com", "a@@x.com", "a@-x.com", "a..b@x.com", "a@x.1"] {
            assert_eq!(email(none), None, "{none}");
        }
    }
}
