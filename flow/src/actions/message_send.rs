//! `message_send`: sends a text to one or more numbers, one command each.
//!
//! The default source is the activeflow's own number; the default destination is the peer of the call or conversation.
//! With `wait_delivery` the flow proceeds when every command is answered, otherwise at once.

use crate::json::object;
use crate::limits;
use crate::program::options::Text;
use crate::program::{
    ActionType, Category, CommandReply, Compile, Context, Execute, Failure, Next, OptionCheck, Reaction,
    Signal,
};
use crate::routing::normal_form;
use schemars::JsonSchema;
use serde::Deserialize;

const DELIVERY_DEADLINE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Sends a text message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageSend {
    text: Text,
    /// The sender; without it, the number that the activeflow belongs to.
    #[serde(default)]
    source: Option<Address>,
    /// The receivers; without them, the peer of the activeflow's call or message.
    #[serde(default)]
    destinations: Option<Vec<Address>>,
    /// Waits until every message is delivered.
    #[serde(default)]
    wait_delivery: bool,
}

/// A sender or receiver.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    #[serde(default, rename = "type")]
    #[expect(dead_code, reason = "the only kind of address so far; read so that it is checked")]
    kind: Kind,
    /// The number in E.164.
    target: Text,
    #[serde(default)]
    #[expect(dead_code, reason = "a display name in voipbin's documents")]
    target_name: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "a display name in voipbin's documents")]
    name: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "a note in voipbin's documents")]
    detail: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Tel,
}

impl ActionType for MessageSend {
    const NAME: &'static str = "message_send";
    const CATEGORY: Category = Category::Message;
}

impl Compile for MessageSend {
    fn pauses(&self) -> bool {
        self.wait_delivery
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        if let Some(many) = self.too_many() {
            let expected = format!("at most {}", limits::DESTINATIONS);
            check.range("destinations", format!("{many} destinations"), &expected);
        }
    }
}

impl Execute for MessageSend {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        if let Some(many) = self.too_many() {
            let what = format!("there are {many} destinations, the limit is {}", limits::DESTINATIONS);
            return Err(Failure::new("too_many_destinations", what));
        }
        let (own, peer) = context.own_and_peer();
        let text = context.text(&self.text)?;
        let from = match &self.source {
            Some(source) => context.text(&source.target)?,
            None => {
                own.ok_or_else(|| Failure::new("no_source", "there is no own number here; give `source`"))?
            }
        };
        let to = match self.destinations.as_deref() {
            Some(destinations) if !destinations.is_empty() => {
                destinations.iter().map(|to| context.text(&to.target)).collect::<Result<Vec<_>, _>>()?
            }
            _ => vec![peer.ok_or_else(|| {
                Failure::new("no_destination", "there is no peer here; give `destinations`")
            })?],
        };
        if from.is_empty() || to.iter().any(String::is_empty) {
            return Err(Failure::new("no_destination", "the source or a destination is empty"));
        }
        let from = normal_form::number(&from);
        let to = to.iter().map(|to| destination(to)).collect::<Result<Vec<_>, _>>()?;
        context.take_from_quota(&from, &to)?;
        let mut sent = Vec::new();
        for to in to {
            let data =
                object([("from", from.clone().into()), ("to", to.into()), ("text", text.clone().into())]);
            sent.push(context.command("message.send", data));
        }
        Ok(if self.wait_delivery {
            Next::Wait(context.wait_for(&sent, DELIVERY_DEADLINE_MS))
        } else {
            Next::Proceed
        })
    }

    fn take(&self, context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        match signal {
            Signal::Event(event) => match context.reply(event) {
                CommandReply::Unrelated => Ok(Reaction::Ignored),
                CommandReply::Partial => Ok(Reaction::Consumed),
                CommandReply::Complete => {
                    context.result("result", event.data.get("result").cloned().unwrap_or_default());
                    Ok(Reaction::Done(Next::Proceed))
                }
                CommandReply::Failed(failure) => Err(failure),
            },
            Signal::Timeout => Err(Failure::new("timeout", "the delivery was not confirmed within a day")),
            Signal::Continued => Ok(Reaction::Done(Next::Proceed)),
        }
    }
}

/// The number in its normal form. A withheld caller is no destination.
fn destination(text: &str) -> Result<String, Failure> {
    let number = normal_form::number(text);
    if normal_form::is_dialable(&number) {
        return Ok(number);
    }
    let shown: String = number.chars().take(60).collect();
    Err(Failure::new(
        "invalid_destination",
        format!("no message can be sent to `{shown}`; a destination is a number such as +15550100"),
    ))
}

impl MessageSend {
    fn too_many(&self) -> Option<usize> {
        self.destinations.as_ref().map(Vec::len).filter(|many| *many > limits::DESTINATIONS)
    }
}
