//! Characters that can deceive a reader or a terminal.

/// Whether a character moves the cursor, changes colours or the direction of the text around it. Ids and names may not
/// contain one.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidirectional_characters_are_deceptive() {
        for c in ['\u{1b}', '\0', '\n', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}'] {
            assert!(is_deceptive(c), "{c:?}");
        }
        for c in ['a', ' ', 'é', 'م', '字', '🙂', '+'] {
            assert!(!is_deceptive(c), "{c:?}");
        }
    }
}
