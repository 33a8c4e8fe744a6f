//! Digits of `call.digits` events.

use crate::routing::Event;

pub(super) const DIGITS: &str = "call.digits";

/// The digits of an event; empty when it contains a character that no phone can send.
pub(super) fn pressed(event: &Event) -> &str {
    event.text("digits").filter(|digits| digits.chars().all(is_digit)).unwrap_or_default()
}

pub(super) fn is_digit(c: char) -> bool {
    "0123456789*#ABCDabcd".contains(c)
}
