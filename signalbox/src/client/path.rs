//! Builder for request paths: percent-encoded segments and query parameters.

use std::fmt::{Display, Write};

/// A path with a query.
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    pub fn new(fixed: &str) -> Path {
        Path { text: fixed.to_owned(), has_query: false }
    }

    /// Appends a segment, percent-encoded.
    pub fn segment(mut self, segment: impl Display) -> Path {
        self.text.push('/');
        self.push_encoded(&segment.to_string());
        self
    }

    /// Appends a query parameter if it has a value.
    pub fn with(mut self, name: &str, value: Option<impl Display>) -> Path {
        if let Some(value) = value {
            self.text.push(if self.has_query { '&' } else { '?' });
            self.has_query = true;
            self.text.push_str(name);
            self.text.push('=');
            self.push_encoded(&value.to_string());
        }
        self
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn push_encoded(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.text.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(self.text, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_encoded() {
        let path =
            Path::new("/v1/routes").segment("call=+1555*").with("a", None::<u32>).with("b", Some("x&y=z ü"));
        assert_eq!(path.with("n", Some(2)).as_str(), "/v1/routes/call%3D%2B1555%2A?b=x%26y%3Dz%20%C3%BC&n=2");
    }
}
