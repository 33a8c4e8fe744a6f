//! The error of a text that is no expression.

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Whether it names a filter, a test or a function that does not exist.
    pub is_unknown_name: bool,
    pub message: String,
}

impl Refusal {
    pub fn unreadable(message: impl Into<String>) -> Refusal {
        Refusal { is_unknown_name: false, message: message.into() }
    }

    pub fn unknown(message: impl Into<String>) -> Refusal {
        Refusal { is_unknown_name: true, message: message.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
