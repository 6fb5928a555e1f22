//! Sentences that put a label before the encoder.

/// The sentences for `label`: in Chinese when it has a Chinese character, else in English. `description` says what
/// kind of thing the labels are ("product category", "评价的情感") and takes the place of the general word for it.
pub(super) fn of(label: &str, description: Option<&str>) -> Vec<String> {
    let chinese = label.chars().any(is_han);
    let kind = description.map(str::trim).filter(|description| !description.is_empty());
    if chinese {
        vec![format!("{}：{label}", kind.unwrap_or("类别")), format!("这是关于{label}的")]
    } else {
        vec![format!("{}: {label}", kind.unwrap_or("category")), format!("This text is about {label}.")]
    }
}

/// Whether `character` is a Chinese character, common or rare.
fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_the_label_decides() {
        assert_eq!(of("手机", None), ["类别：手机", "这是关于手机的"]);
        assert_eq!(of("phones", Some(" shelf ")), ["shelf: phones", "This text is about phones."]);
        assert_eq!(of("USB充电", Some("")), ["类别：USB充电", "这是关于USB充电的"]);
    }
}
