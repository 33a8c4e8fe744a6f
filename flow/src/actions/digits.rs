//! Digits in events: the type of the event, and the digits that a phone can send.

use crate::Event;

/// Type of an event with pressed digits.
pub const DIGITS: &str = "call.digits";

/// The digits of an event; empty if they contain a character that no phone can send.
pub fn pressed(event: &Event) -> &str {
    event.text("digits").filter(|digits| digits.chars().all(is_digit)).unwrap_or_default()
}

pub fn is_digit(c: char) -> bool {
    "0123456789*#ABCDabcd".contains(c)
}
