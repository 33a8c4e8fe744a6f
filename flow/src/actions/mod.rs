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

use crate::program::CatalogueEntry;

pub(crate) static CATALOGUE: &[CatalogueEntry] = &[
    CatalogueEntry::of::<answer::Answer>(),
    CatalogueEntry::of::<branch::Branch>(),
    CatalogueEntry::of::<condition::Condition>(),
    CatalogueEntry::of::<digits_receive::DigitsReceive>(),
    CatalogueEntry::of::<goto::Goto>(),
    CatalogueEntry::of::<hangup::Hangup>(),
    CatalogueEntry::of::<message_receive::MessageReceive>(),
    CatalogueEntry::of::<message_send::MessageSend>(),
    CatalogueEntry::of::<play::Play>(),
    CatalogueEntry::of::<recording_start::RecordingStart>(),
    CatalogueEntry::of::<recording_stop::RecordingStop>(),
    CatalogueEntry::of::<sleep::Sleep>(),
    CatalogueEntry::of::<stop::Stop>(),
    CatalogueEntry::of::<subroutine::Subroutine>(),
    CatalogueEntry::of::<talk::Talk>(),
    CatalogueEntry::of::<variable_set::VariableSet>(),
];

/// The entry of an action type, by its name or an alias.
pub(crate) fn find(name: &str) -> Option<&'static CatalogueEntry> {
    CATALOGUE.iter().find(|entry| entry.name == name || entry.aliases.contains(&name))
}

/// The name of every action type, without aliases.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|entry| entry.name)
}
