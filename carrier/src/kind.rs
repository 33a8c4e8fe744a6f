//! Kinds of simulated traffic.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Call,
    Message,
    Sim,
}

impl Kind {
    /// Reference type in routes and references.
    pub fn reference_type(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Message => "sms",
            Kind::Sim => "sim",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Kind::Call => "calls",
            Kind::Message => "conversations",
            Kind::Sim => "SIMs",
        }
    }

    /// Type of the event that starts an activeflow.
    pub fn starter(self) -> &'static str {
        match self {
            Kind::Call => "call.incoming",
            Kind::Message => "message.received",
            Kind::Sim => "sim.usage",
        }
    }
}
