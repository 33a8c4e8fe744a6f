//! Addresses of routes, such as `call=+15550111`, `sms=+1555*` and `sim=*`, and the triggers they can start.

use flow::normal_form;
use flow::route::Route;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Kind and pattern of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteAddress {
    pub kind: String,
    pub pattern: String,
}

struct Kind {
    name: &'static str,
    /// Event types that such an address can start: a full type, or a prefix that ends with `.`.
    triggers: &'static [&'static str],
    form: &'static str,
    fits: fn(&str) -> bool,
}

const NUMBER: &str = "a number such as +15550111, a prefix such as +1555* or *";
const WORD: &str = "a name without spaces, a prefix such as shop-* or *";

const KINDS: [Kind; 7] = [
    Kind { name: "call", triggers: &["call.incoming", "call.outgoing"], form: NUMBER, fits: is_number },
    Kind { name: "sms", triggers: &["message.received"], form: NUMBER, fits: is_number },
    Kind {
        name: "sim",
        triggers: &["sim."],
        form: "an ICCID of 18 to 22 digits, a prefix such as 8944* or *",
        fits: is_iccid,
    },
    Kind { name: "conversation", triggers: &["conversation."], form: WORD, fits: is_word },
    Kind { name: "form", triggers: &["form.requested"], form: WORD, fits: is_word },
    Kind { name: "job", triggers: &["job.due"], form: WORD, fits: is_word },
    Kind {
        name: "custom",
        triggers: &["custom."],
        form: "an event type such as custom.alarm, custom.* or *",
        fits: is_word,
    },
];

impl Kind {
    /// Whether an event at such an address can start `trigger`.
    fn starts(&self, trigger: &str) -> bool {
        self.triggers.iter().any(|event| match event.strip_suffix('.') {
            Some(family) => trigger.split('.').next() == Some(family),
            None => {
                trigger == *event || trigger.strip_suffix('*').is_some_and(|prefix| event.starts_with(prefix))
            }
        })
    }
}

impl RouteAddress {
    /// The route's id.
    pub fn id(&self) -> String {
        self.to_string()
    }

    pub fn is_of(&self, route: &Route) -> bool {
        route.kind == self.kind && route.pattern == self.pattern
    }

    /// Checks that events at this address can start a flow with this trigger.
    ///
    /// # Errors
    /// They never can.
    pub fn fits_trigger(&self, flow: &str, trigger: Option<&str>) -> Result<(), TriggerMismatch> {
        let Some(trigger) = trigger else {
            return Err(TriggerMismatch::Subroutine { address: self.clone(), flow: flow.to_owned() });
        };
        if KINDS.iter().any(|kind| kind.name == self.kind && kind.starts(trigger)) {
            return Ok(());
        }
        let right = KINDS.iter().find(|kind| kind.starts(trigger));
        Err(TriggerMismatch::OtherKind {
            address: self.clone(),
            flow: flow.to_owned(),
            trigger: trigger.to_owned(),
            right_kind: right.map(|kind| kind.name),
        })
    }
}

impl fmt::Display for RouteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind, self.pattern)
    }
}

impl FromStr for RouteAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<RouteAddress, InvalidAddress> {
        let (kind, pattern) = text
            .split_once('=')
            .ok_or_else(|| InvalidAddress::NotKindAndPattern { text: text.to_owned() })?;
        let form = KINDS
            .iter()
            .find(|known| known.name == kind)
            .ok_or_else(|| InvalidAddress::UnknownKind { kind: kind.to_owned() })?;
        let stem = pattern.strip_suffix('*').unwrap_or(pattern);
        let star = &pattern[stem.len()..];
        let normal = format!("{}{star}", normal_form::address(kind, stem));
        if pattern == "*" || (form.fits)(&normal) && !stem.contains('*') {
            return Ok(RouteAddress { kind: kind.into(), pattern: normal });
        }
        Err(InvalidAddress::InvalidPattern {
            kind: form.name,
            pattern: pattern.to_owned(),
            expected: form.form,
        })
    }
}

/// The text is not the address of a route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidAddress {
    #[error("`{text}` is not KIND=ADDRESS; write for example call=+15550111")]
    NotKindAndPattern { text: String },
    #[error("`{kind}` is not a kind of address; known are {}", KINDS.map(|kind| kind.name).join(", "))]
    UnknownKind { kind: String },
    #[error("`{pattern}` is not an address of kind {kind}: write {expected}")]
    InvalidPattern { kind: &'static str, pattern: String, expected: &'static str },
}

/// Events at the address can never start the flow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TriggerMismatch {
    #[error(
        "the route {address} cannot lead to `{flow}`: it has no trigger, so it is a subroutine that other flows call; deploy it without a route"
    )]
    Subroutine { address: RouteAddress, flow: String },
    #[error(
        "the route {address} cannot lead to `{flow}`: its trigger is {trigger}, which no `{}` address starts{}",
        address.kind,
        right_kind.map_or_else(String::new, |kind| format!("; write {kind}=ADDRESS"))
    )]
    OtherKind { address: RouteAddress, flow: String, trigger: String, right_kind: Option<&'static str> },
}

fn is_number(pattern: &str) -> bool {
    digits_within(pattern, pattern.strip_prefix('+').unwrap_or(pattern), 3..=15)
}

fn is_iccid(pattern: &str) -> bool {
    digits_within(pattern, pattern, 18..=22)
}

/// A prefix may be shorter.
fn digits_within(pattern: &str, digits: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    let (digits, shortest) = match digits.strip_suffix('*') {
        Some(prefix) => (prefix, usize::from(!pattern.starts_with('+'))),
        None => (digits, *lengths.start()),
    };
    digits.bytes().all(|byte| byte.is_ascii_digit()) && (shortest..=*lengths.end()).contains(&digits.len())
}

fn is_word(pattern: &str) -> bool {
    (1..=256).contains(&pattern.len()) && !pattern.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for text in [
            "call=+15550111",
            "call=+1555*",
            "call=*",
            "sms=12345",
            "sim=89440000000000000017",
            "sim=8944*",
            "custom=custom.alarm",
        ] {
            assert_eq!(text.parse::<RouteAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_error_about_an_address_explains_the_format() {
        for (text, expected) in [
            ("+15550111", "`+15550111` is not KIND=ADDRESS"),
            ("fax=+15550111", "`fax` is not a kind of address; known are call, sms"),
            ("call=", "`` is not an address of kind call"),
            ("call=+1555x0111", "write a number such as +15550111"),
            ("call=+1*5*", "write a number"),
            ("call=+1234567890123456", "write a number"),
            ("sim=12345", "18 to 22 digits"),
            ("form=two words", "without spaces"),
        ] {
            let wrong = text.parse::<RouteAddress>().unwrap_err().to_string();
            assert!(wrong.contains(expected), "{text}: {wrong}");
        }
    }

    #[test]
    fn an_address_fits_the_triggers_of_its_kind() {
        let fits =
            |address: &str, trigger| address.parse::<RouteAddress>().unwrap().fits_trigger("Desk", trigger);
        assert!(fits("call=*", Some("call.outgoing")).is_ok());
        assert!(fits("sim=*", Some("sim.usage")).is_ok());
        assert!(fits("sim=*", Some("sim.*")).is_ok());
        assert!(
            fits("sms=+1*", Some("call.incoming")).unwrap_err().to_string().contains("write call=ADDRESS")
        );
        assert!(fits("call=*", None).unwrap_err().to_string().contains("subroutine"));
    }
}
