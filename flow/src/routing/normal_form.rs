//! Normal forms: one spelling for each number, ICCID and command id. Routes, events and destinations of messages share them.

/// Shortest run of digits in which a leading `00` is the international prefix. Service numbers are shorter.
const MIN_INTERNATIONAL: usize = 8;
/// Digits of a number to which a message can be sent, up to the longest E.164 number with an extension.
const DIALABLE: std::ops::RangeInclusive<usize> = 1..=20;
/// Words on a keypad that networks send in place of a withheld number: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE.
const WITHHELD: [&str; 5] = ["266696687", "7378742833", "2562533", "8656696", "86282452253"];

/// The normal form of a part of an address of this kind (`call`, `sms`, `sim` …).
pub fn address(kind: &str, text: &str) -> String {
    match kind {
        "call" | "sms" => number(text),
        "sim" => iccid(text),
        _ => text.trim().to_owned(),
    }
}

/// A phone number without `tel:`, parameters, blanks and separators, with `+` for a leading `00`. A text that is no
/// number (`sip:alice@example.org`, `anonymous`) is only trimmed.
pub fn number(text: &str) -> String {
    let text = text.trim();
    let scheme = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    let bare = if scheme.is_some() { &text[4..] } else { text };
    let bare = if scheme.is_some() { bare.split(';').next().unwrap_or_default() } else { bare };
    let is_separator = |c: char| c.is_whitespace() || "-.()/\u{2010}\u{2011}\u{2012}\u{2013}".contains(c);
    let digits: String = bare.chars().filter(|c| !is_separator(*c)).collect();
    let (plus, rest) = digits.strip_prefix('+').map_or((false, digits.as_str()), |rest| (true, rest));
    if rest.is_empty() || !rest.chars().all(|c| c.is_ascii_digit()) {
        return text.to_owned();
    }
    match rest.strip_prefix("00") {
        Some(international) if !plus && rest.len() >= MIN_INTERNATIONAL => format!("+{international}"),
        _ => digits,
    }
}

/// An ICCID without blanks and dashes.
pub fn iccid(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

/// Whether a message can be sent to the number, which is in its normal form. A withheld caller has none.
pub fn is_dialable(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    DIALABLE.contains(&digits.len())
        && digits.chars().all(|c| c.is_ascii_digit())
        && !WITHHELD.contains(&digits)
}

/// A number as a part of a subject. `,` separates the parts, so that it is escaped within one.
pub fn subject_part(number: &str) -> String {
    number.replace('%', "%25").replace(',', "%2C")
}

/// A command id with its UUID in lower case and with hyphens, whatever its spelling: upper case, without hyphens, in
/// braces, or as a URN.
pub fn command_id(text: &str) -> String {
    let text = text.trim();
    let Some((id, sequence)) = text.rsplit_once(':') else { return text.to_owned() };
    let bare = id.get(..9).filter(|urn| urn.eq_ignore_ascii_case("urn:uuid:")).map_or(id, |_| &id[9..]);
    let bare = bare.strip_prefix('{').and_then(|bare| bare.strip_suffix('}')).unwrap_or(bare);
    let hex: String = bare.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return text.to_owned();
    }
    let [a, b, c, d, e] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("{a}-{b}-{c}-{d}-{e}:{sequence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for text in [
            "+15550111",
            " +1 555 0111 ",
            "+1-555-0111",
            "tel:+1-555-0111",
            "TEL:+15550111;phone-context=x",
            "0015550111",
            "00 1 555.0111",
            "+1 (555) 0111",
            "+1\u{2011}555\u{2011}0111",
        ] {
            assert_eq!(number(text), "+15550111", "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_only_trimmed() {
        for text in
            ["sip:alice@example.org", "anonymous", "Restricted", "", "+", "+1555*x", "+15550141,+15550142"]
        {
            assert_eq!(number(&format!(" {text} ")), text);
        }
        for (text, normal) in [("112", "112"), ("00123", "00123"), ("5550111", "5550111")] {
            assert_eq!(number(text), normal, "a short or national number keeps its digits");
        }
        assert_eq!(address("sim", " 8944-1110 0000 0000 001"), "8944111000000000001");
        assert_eq!(address("form", " order "), "order");
    }

    #[test]
    fn a_normal_form_is_its_own_normal_form() {
        for text in ["tel:+1-555-0111", "0015550111", "anonymous", "sip:a@b", "tel:x", " 00 00 00 00 00"] {
            let once = number(text);
            assert_eq!(number(&once), once, "{text}");
        }
    }

    #[test]
    fn a_message_goes_to_a_number_that_is_not_withheld() {
        for number in ["+15550100", "12345", "+390106482709"] {
            assert!(is_dialable(number), "{number}");
        }
        for withheld in ["", "anonymous", "Restricted", "+266696687", "266696687", "+", "sip:a@b"] {
            assert!(!is_dialable(withheld), "{withheld}");
        }
    }

    #[test]
    fn a_comma_within_a_number_is_no_separator() {
        let subject = |own: &str, peer: &str| format!("{},{}", subject_part(own), subject_part(peer));
        assert_ne!(subject("+1", "+2,+3"), subject("+1,+2", "+3"));
        assert_ne!(subject("+1", "+2%2C+3"), subject("+1", "+2,+3"));
        assert_eq!(subject("+1", "+2"), "+1,+2");
    }

    #[test]
    fn a_command_id_has_one_spelling() {
        let normal = "8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f:3";
        for text in [
            normal,
            "8A4F0C3E-5B1D-8C2F-9A7E-1F2B3C4D5E6F:3",
            "8a4f0c3e5b1d8c2f9a7e1f2b3c4d5e6f:3",
            "{8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f}:3",
            "urn:uuid:8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f:3",
        ] {
            assert_eq!(command_id(text), normal, "{text}");
        }
        for other in ["8a4f:3", "", "x", "é:3", "8a4f0c3e-5b1d"] {
            assert_eq!(command_id(other), other);
        }
    }
}
