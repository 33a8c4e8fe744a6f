//! Rust source as tokens: without comments, literals and test code.

/// An identifier, `::` or one punctuation character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Line number, from 1.
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub fn is_name(&self) -> bool {
        self.text.starts_with(is_name_start)
    }
}

/// The tokens of a file, without items under `#[cfg(test)]`.
pub fn tokens(text: &str) -> Vec<Token> {
    without_tests(&all_tokens(text))
}

/// Position behind the bracket that closes the one at `open`.
pub fn behind_bracket(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn all_tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => find(&chars, at, |c| c == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => behind_comment(&chars, at),
            '"' => behind_string(&chars, at),
            '\'' => behind_quote(&chars, at),
            'r' | 'b' | 'c' if literal_start(&chars, at).is_some() => {
                literal_start(&chars, at).map_or(at + 1, |start| behind_literal(&chars, start))
            }
            c if is_name_start(c) => {
                let end = find(&chars, at, |c| !c.is_alphanumeric() && c != '_');
                tokens.push(Token { text: chars[at..end].iter().collect(), line });
                end
            }
            c if c.is_ascii_digit() => find(&chars, at, |c| !c.is_alphanumeric() && c != '_'),
            ':' if chars.get(at + 1) == Some(&':') => {
                tokens.push(Token { text: "::".into(), line });
                at + 2
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token { text: c.into(), line });
                }
                at + 1
            }
        };
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn find(chars: &[char], from: usize, is_end: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| is_end(chars[*at])).unwrap_or(chars.len())
}

fn behind_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn behind_string(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A character, or a lifetime.
fn behind_quote(chars: &[char], quote: usize) -> usize {
    if chars.get(quote + 1) == Some(&'\\') {
        find(chars, quote + 3, |c| c == '\'') + 1
    } else if chars.get(quote + 2) == Some(&'\'') {
        quote + 3
    } else {
        find(chars, quote + 1, |c| !c.is_alphanumeric() && c != '_')
    }
}

/// Position of the `"` or the first `#` of a literal with a prefix (`b"`, `r#"`, `cr"`), or of the `'` of a byte.
fn literal_start(chars: &[char], at: usize) -> Option<usize> {
    let start = find(chars, at, |c| !['r', 'b', 'c'].contains(&c));
    let quote = find(chars, start, |c| c != '#');
    let is_string = start - at <= 2 && chars.get(quote) == Some(&'"');
    let is_byte = chars[at] == 'b' && start == at + 1 && chars.get(start) == Some(&'\'');
    (is_string || is_byte).then_some(start)
}

fn behind_literal(chars: &[char], start: usize) -> usize {
    if chars[start] == '\'' {
        return behind_quote(chars, start);
    }
    let quote = find(chars, start, |c| c != '#');
    if chars[start - 1] != 'r' {
        return behind_string(chars, quote);
    }
    let hashes = quote - start;
    let closes =
        |at: usize| chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (quote + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes)
}

fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at].is("#") {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let open = at + if tokens.get(at + 1).is_some_and(|token| token.is("!")) { 2 } else { 1 };
        let end = behind_bracket(tokens, open);
        let attribute: String = tokens[at..end].iter().map(|token| token.text.as_str()).collect();
        if attribute == "#[cfg(test)]" {
            at = behind_item(tokens, end);
        } else {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
        }
    }
    kept
}

/// Position behind the item at `from`: behind its body, or the `;` that ends it.
fn behind_item(tokens: &[Token], from: usize) -> usize {
    let mut at = from;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" | "," => return at + 1,
            // A `use` continues behind its braces.
            "{" if !tokens[from..at].iter().any(|token| token.is("use")) => {
                return behind_bracket(tokens, at);
            }
            "(" | "[" | "{" => at = behind_bracket(tokens, at),
            _ => at += 1,
        }
    }
    at
}
