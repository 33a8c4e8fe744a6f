//! Masks phone numbers in logs and errors: a reader who knows the number can recognise it, others cannot reconstruct it.

/// Masks the phone numbers in a text: `+15550111` becomes `+15***11`, and `+1 (555) 730-1846` becomes `+15***46`.
/// Fewer than seven digits are not a phone number. Each of several numbers (a subject `own,peer`) is masked; UUIDs and
/// dates stay readable.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let length = if !before.is_alphanumeric() && starts_with_uuid(rest) {
            out.push_str(&rest[..UUID.len()]);
            UUID.len()
        } else if next.is_ascii_digit() {
            let length = number(rest);
            push_masked(&mut out, &rest[..length]);
            length
        } else {
            out.push(next);
            next.len_utf8()
        };
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    out
}

/// Length of the number that begins here: digits with at most one separator between them, or two with a parenthesis.
fn number(text: &str) -> usize {
    let digits = |at: usize| at + text.bytes().skip(at).take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    loop {
        let between = text.bytes().skip(end).take_while(|byte| b"-. ()".contains(byte)).count();
        let is_one = between == 1
            || (between == 2 && text.as_bytes()[end..end + 2].iter().any(|byte| b"()".contains(byte)));
        let next = digits(end + between);
        if !is_one || next == end + between {
            return end;
        }
        end = next;
    }
}

fn push_masked(out: &mut String, number: &str) {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    match digits.as_slice() {
        [first, second, middle @ .., last_but_one, last] if middle.len() >= 3 && !is_date(number) => {
            out.extend([*first, *second, '*', '*', '*', *last_but_one, *last]);
        }
        _ => out.push_str(number),
    }
}

/// `2026-11-22`.
fn is_date(text: &str) -> bool {
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<u8>().ok());
    text.len() == 10
        && text.starts_with("20")
        && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == [4, 7].contains(&at))
        && part(5..7).is_some_and(|month| (1..=12).contains(&month))
        && part(8..10).is_some_and(|day| (1..=31).contains(&day))
}

const UUID: &str = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";

fn starts_with_uuid(text: &str) -> bool {
    let fits = |(shape, byte): (u8, u8)| if shape == b'-' { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() >= UUID.len()
        && UUID.bytes().zip(text.bytes()).all(fits)
        && !text.as_bytes().get(UUID.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn numbers_are_cut_and_names_stay() {
        assert_eq!(masked("+15550111,+15550100"), "+15***11,+15***00");
        for name in ["call-4711", "7 of 12", "", "ä", "v1.2.3", "2026-11-22T05:00:00Z", "127.0.0.1:5672"] {
            assert_eq!(masked(name), name);
        }
    }

    #[test]
    fn a_number_is_cut_however_it_is_written() {
        for written in [
            "+1-555-730-1846",
            "+1 555 730 1846",
            "+1.555.730.1846",
            "+1 (555) 730-1846",
            "+1(555)730 1846",
            "+15557301846",
        ] {
            assert_eq!(masked(written), "+15***46");
            assert_eq!(masked(&format!("to `{written}`, x -")), "to `+15***46`, x -");
        }
        assert_eq!(masked("730-1846"), "73***46");
        assert_eq!(masked("730 - 1846, 730\t1846"), "730 - 1846, 730\t1846");
        assert_eq!(masked("2026-13-22 555"), "20***55");
    }

    #[test]
    fn ids_stay_readable() {
        for id in ["550e8400-e29b-41d4-a716-446655440000", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(masked(id), id);
            assert_eq!(masked(&format!("{id}:3 +15550111")), format!("{id}:3 +15***11"));
        }
        assert_eq!(masked("00000000-0000-0000-0000-000000000000-5"), "00***05");
    }
}
