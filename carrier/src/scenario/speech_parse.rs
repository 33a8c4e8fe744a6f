//! Parses texts as people understand them: the digits that a menu offers, the words that a message asks for.

/// The digits after "press" or "dial": of "For sales press 1. For support press 2." `1` and `2`.
pub fn digits(text: &str) -> Vec<char> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let asks = |word: &str| ["press", "dial", "enter"].contains(&bare(word).to_lowercase().as_str());
    let digit = |word: &str| match bare(word) {
        "pound" | "hash" => Some('#'),
        "star" => Some('*'),
        word if word.len() == 1 => word.chars().find(|c| c.is_ascii_digit() || "*#".contains(*c)),
        _ => None,
    };
    words.windows(2).filter(|pair| asks(pair[0])).filter_map(|pair| digit(pair[1])).collect()
}

/// The words that a message asks to be answered with: of "Answer YES or NO." `YES` and `NO`; of "from 1 to 5" the numbers.
pub fn answers(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().map(bare).collect();
    let asks = |word: &&str| ["answer", "reply", "write", "send"].contains(&word.to_lowercase().as_str());
    let from = words.iter().position(asks).map_or(words.len(), |at| at + 1);
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    let mut found: Vec<String> = words[from..].iter().copied().filter(is_word).map(str::to_owned).collect();
    if let Some((low, high)) = number_after(&words, "from").zip(number_after(&words, "to")) {
        found.extend((low..=high).map(|n| n.to_string()));
    }
    found
}

fn number_after(words: &[&str], word: &str) -> Option<u32> {
    let number = |pair: &[&str]| (pair[0] == word).then(|| pair[1].parse().ok().filter(|n| *n < 100));
    words.windows(2).find_map(number)?
}

/// Whether the text expects a reply.
pub fn is_question(text: &str) -> bool {
    text.contains('?')
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| ",.;:!?\"'()".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_offers_its_digits() {
        let menu =
            "Welcome. For sales press 1. For support press 2, or Press pound to end. We are open 9 to 5.";
        assert_eq!(digits(menu), ['1', '2', '#']);
        assert!(digits("Please call again.").is_empty());
    }

    #[test]
    fn a_message_says_what_it_wants_to_hear() {
        assert_eq!(answers("Do you want an appointment? Answer YES or NO."), ["YES", "NO"]);
        assert_eq!(answers("How was it, from 1 (bad) to 3 (good)?"), ["1", "2", "3"]);
        assert!(answers("SIM 8944 used 120% of its data in 2026-12.").is_empty());
        assert!(is_question("How was it?") && !is_question("All right. Have a nice day!"));
    }
}
