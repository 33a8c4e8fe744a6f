//! Numbers of people in logs: enough to recognise one's own, too little to call.

/// `+15550111` becomes `+15***11`; anything shorter than seven characters becomes `***`.
/// Each run of seven or more digits in a longer text (a subject `own,peer`) is masked on its own.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for ch in text.chars() {
        if ch.is_ascii_digit() {
            run.push(ch);
        } else {
            flush(&mut out, &mut run);
            out.push(ch);
        }
    }
    flush(&mut out, &mut run);
    out
}

fn flush(out: &mut String, run: &mut String) {
    if run.len() >= 7 {
        out.push_str(&run[..2]);
        out.push_str("***");
        out.push_str(&run[run.len() - 2..]);
    } else {
        out.push_str(run);
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn numbers_are_cut_and_names_stay() {
        assert_eq!(masked("+15550111,+15550100"), "+15***11,+15***00");
        assert_eq!(masked("call-4711"), "call-4711");
    }
}
