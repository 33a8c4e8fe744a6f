//! Paths with what a person wrote in them: percent-encoded, and a query of what was given.

use std::fmt::{Display, Write};

/// Grows into a path with a query.
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    pub fn new(fixed: &str) -> Path {
        Path { text: fixed.to_owned(), has_query: false }
    }

    /// One more segment, whatever is in it.
    pub fn segment(mut self, segment: impl Display) -> Path {
        self.text.push('/');
        self.push_encoded(&segment.to_string());
        self
    }

    /// A parameter of the query, if there is a value for it.
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
    fn what_a_person_wrote_stays_one_value() {
        let path =
            Path::new("/v1/routes").segment("call=+1555*").with("a", None::<u32>).with("b", Some("x&y=z ü"));
        assert_eq!(path.with("n", Some(2)).as_str(), "/v1/routes/call%3D%2B1555%2A?b=x%26y%3Dz%20%C3%BC&n=2");
    }
}
