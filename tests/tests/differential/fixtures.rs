//! Fixtures: a few calls, their events, and the activeflows that these would start. They are few, so that they interfere.

use super::stores::{SHARDS, START};
use common::identity::reference_key;
use common::member::{Member, MemberId, Role};
use common::ports::catalogue::{Publication, RouteTransition};
use common::ports::intake::{Deliver, Destination, SingleUse};
use common::record::{ActiveflowSpec, FlowRef, Start};
use common::{ActiveflowId, EventKey, Shard};
use flow::Class;
use flow::route::{Reference, WindowTransition};
use flow::{Definitions, Timestamp};
use std::collections::BTreeMap;
use tests::rng::Rng;

pub const CUSTOMERS: u64 = 3;
const REALMS: [&str; 2] = ["default", "other"];
const OWNER: &str = "flow-1";
/// Event types. Owners hear some of them; `sim.*` matches as a family.
pub const KINDS: [&str; 6] =
    ["call.incoming", "call.digits", "call.hangup", "sim.attached", "message.received", "callx.digits"];

/// A call, by number.
#[derive(Clone, Debug, PartialEq)]
pub struct Call(pub u64);

impl Call {
    fn reference(&self) -> Reference {
        Reference { realm: self.realm().into(), kind: "call".into(), subject: format!("call-{}", self.0) }
    }

    pub fn realm(&self) -> &'static str {
        REALMS[usize::from(self.0 % 5 == 4)]
    }

    pub fn shard(&self) -> Shard {
        Shard::of(&self.reference(), SHARDS)
    }

    /// The activeflow that event number `event` would start: the owner, or a side run.
    pub fn start(&self, event: u64, side: Option<u64>) -> Start {
        let reference = self.reference();
        let starter = side.map_or(OWNER.to_string(), |side| format!("autoflow-{side}"));
        let hears: &[&str] = match side {
            None => &["call.incoming", "call.digits", "call.hangup", "sim.*"],
            Some(_) => &[],
        };
        Start {
            id: ActiveflowId::derive(&reference, "sbc-1", &event.to_string(), "call.incoming", &starter),
            class: [Class::Voice, Class::Chat, Class::Forms, Class::Service][(event % 4) as usize],
            spec: ActiveflowSpec {
                customer_id: customer(self.0 % CUSTOMERS),
                reference,
                bundle: [(event % 3) as u8; 32],
                hears: hears.iter().map(|kind| kind.to_string()).collect(),
                flow: FlowRef { id: starter, name: "Support line".into(), version: 1 + (event % 2) as u32 },
                traceparent: event.is_multiple_of(2).then(|| format!("00-{event:032x}-0000000000000001-01")),
            },
        }
    }

    pub fn key(&self, event: u64) -> EventKey {
        EventKey::of(&[self.realm(), "sbc-1", &format!("{} {event}", self.0)])
    }

    pub fn by_reference(
        &self,
        event: u64,
        kind: &str,
        generation: u64,
        owner: Option<Start>,
        sides: Vec<Start>,
    ) -> Deliver {
        let to = Destination::Reference { key: reference_key(&self.reference()), owner, sides };
        // Every event of an even call tells that its reference is single-use.
        let single_use = self.0.is_multiple_of(2).then(|| single_use(event));
        Deliver { generation, single_use, ..self.deliver(event, kind, to) }
    }

    pub fn to_activeflow(&self, event: u64, id: ActiveflowId, realm: &str) -> Deliver {
        let to = Destination::Activeflow { id, realm: realm.into() };
        Deliver { always_fits: true, ..self.deliver(event, "command.completed", to) }
    }

    /// A delivery that changes nothing; its answer shows whether the event is in the dedup window.
    pub fn dedup_probe(&self, event: u64) -> Deliver {
        self.to_activeflow(event, Call(u64::MAX).start(0, None).id, "nobody's")
    }

    fn deliver(&self, event: u64, kind: &str, to: Destination) -> Deliver {
        Deliver {
            key: self.key(event),
            shard: self.shard(),
            generation: 0,
            to,
            kind: kind.into(),
            input: format!("{{\"id\":\"{event}\"}}").into_bytes(),
            single_use: None,
            always_fits: kind == "call.hangup",
            eager: None,
        }
    }
}

/// Some events are dated, before or after the end of the call's activeflow.
fn single_use(event: u64) -> SingleUse {
    let hours = (event % 7) as i64;
    SingleUse { dated: (hours > 0).then(|| Timestamp::from_micros(START + hours * 3_600_000_000)) }
}

pub fn customer(number: u64) -> String {
    format!("{number:08}-0000-0000-0000-000000000000")
}

pub fn worker(number: u64) -> MemberId {
    MemberId::from(u128::from(number) + 1)
}

pub fn member(id: MemberId, heartbeats: u64, generation: u64) -> Member {
    Member {
        id,
        role: Role::Executor,
        instance: "here:1".into(),
        heartbeats,
        generation,
        formats: (1, 1),
        consuming: None,
    }
}

pub fn transition(rng: &mut Rng) -> RouteTransition {
    let at = Timestamp::from_micros(START + rng.between(0, 2) as i64 * 3_600_000_000);
    let route_id = (*rng.pick(&["sim=8944*", "a b"])).into();
    RouteTransition {
        route_id,
        transition: *rng.pick(&[WindowTransition::Activated, WindowTransition::Expired]),
        at,
    }
}

/// One of several possible publications of a generation, so that publications conflict.
pub fn publication(rng: &mut Rng, generation: u64) -> Publication {
    let hash = format!("{:02x}", rng.between(0, 8));
    let deployed = flow::definitions::Deployed {
        id: OWNER.into(),
        name: "Support line".into(),
        customer_id: customer(rng.between(0, 2)),
        version: generation as u32,
        bundle: hash.clone(),
        trigger: Some("call.incoming".into()),
        class: Class::Voice,
        hears: ["call.digits".to_string()].into(),
        deployed_at: Timestamp::from_micros(START),
    };
    let flows = BTreeMap::from([(deployed.id.clone(), deployed)]);
    Publication {
        definitions: Definitions { generation, flows, routes: vec![] },
        bundles: vec![(hash.clone(), format!("bundle {hash}").into_bytes())],
    }
}
