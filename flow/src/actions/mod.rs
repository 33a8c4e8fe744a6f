//! The catalogue of actions. An action type is one file here and one line in [`CATALOGUE`].

mod answer;
mod branch;
mod condition;
mod digits;
mod digits_receive;
mod goto;
mod hangup;
mod message_receive;
mod message_send;
mod play;
mod prompt;
mod recording_start;
mod recording_stop;
mod sleep;
mod stop;
mod subroutine;
mod talk;
mod variable_set;

use crate::language::action::Kind;

pub(crate) static CATALOGUE: &[Kind] = &[
    Kind::of::<answer::Answer>(),
    Kind::of::<branch::Branch>(),
    Kind::of::<condition::Condition>(),
    Kind::of::<digits_receive::DigitsReceive>(),
    Kind::of::<goto::Goto>(),
    Kind::of::<hangup::Hangup>(),
    Kind::of::<message_receive::MessageReceive>(),
    Kind::of::<message_send::MessageSend>(),
    Kind::of::<play::Play>(),
    Kind::of::<recording_start::RecordingStart>(),
    Kind::of::<recording_stop::RecordingStop>(),
    Kind::of::<sleep::Sleep>(),
    Kind::of::<stop::Stop>(),
    Kind::of::<subroutine::Subroutine>(),
    Kind::of::<talk::Talk>(),
    Kind::of::<variable_set::VariableSet>(),
];

/// The entry of an action type, by its name or an alias.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.name == name || kind.aliases.contains(&name))
}

/// The names of all action types.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|kind| kind.name)
}
