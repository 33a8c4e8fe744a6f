//! Controls: stop, pause, resume, retry, continue and forward.

use super::harness::*;
use super::suspects::quarantined;
use common::ports::lookup::{ControlRequest, Controlled};
use common::ports::work::{CommitOutcome, Control, Disposition, Transition};
use common::record::State;

fn forward(action: &str) -> Control {
    Control::Forward { action_id: action.into() }
}

pub async fn stop_goes_before_pause_and_pause_before_the_rest(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let id = call.start("e1").id;
    for (asked, expected) in [
        (forward("a"), forward("a")),
        (Control::Continue, Control::Continue),
        (forward("b"), forward("b")),
        (Control::Pause, Control::Pause),
        (forward("c"), Control::Pause),
        (Control::Resume, Control::Resume),
        (Control::Pause, Control::Pause),
        (Control::Stop, Control::Stop),
        (Control::Resume, Control::Stop),
        (Control::Pause, Control::Stop),
    ] {
        assert_eq!(w.store.control(id, &asked).await.unwrap(), Controlled::Accepted);
        let found = w.store.get(id).await.unwrap().unwrap();
        assert_eq!(found.control, Some(expected), "after {asked:?}");
    }
}

pub async fn a_control_wakes_and_is_cleared_by_the_transition_that_took_it(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, None).await;
    w.store.control(id, &forward("menu")).await.unwrap();
    let row = w.claim_one(call.shard()).await;
    assert_eq!((row.control.clone(), row.inbox.len()), (Some(forward("menu")), 0));
    w.park(&row, 2, None).await;
    assert_eq!(w.store.get(id).await.unwrap().unwrap().control, None);
}

pub async fn a_control_that_comes_during_a_transition_stays(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, None).await;
    w.store.control(id, &forward("menu")).await.unwrap();
    let row = w.claim_one(call.shard()).await;
    w.store.control(id, &Control::Stop).await.unwrap();
    let outcome = w.commit(&row, &taking(&row), &Disposition::Park { wait: 2, until: None }).await;
    assert_eq!(outcome, CommitOutcome::More { version: 2, inbox: vec![], control: Some(Control::Stop) });
}

pub async fn a_paused_one_keeps_its_inputs_until_resumed(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, Some(w.now().plus_millis(5_000))).await;
    w.store.control(id, &Control::Pause).await.unwrap();
    let row = w.claim_one(call.shard()).await;
    let taken =
        Transition { body: row.record.body.clone(), control: row.control.clone(), ..Transition::default() };
    assert_eq!(w.commit(&row, &taken, &Disposition::Pause).await, CommitOutcome::Released { version: 2 });
    assert_eq!(w.store.get(id).await.unwrap().unwrap().record.state, State::Paused);
    w.applied(&call.event("d1", "call.digits")).await;
    w.advance(6);
    w.store.sweep(call.shard(), &[]).await.unwrap();
    w.store.control(id, &forward("menu")).await.unwrap();
    w.store.control(id, &Control::Pause).await.unwrap();
    assert!(w.claim_as(worker(1), call.shard(), 10).await.is_empty());
    w.store.control(id, &Control::Resume).await.unwrap();
    let row = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&row), ["d1", "timer 1"]);
    assert_eq!(
        row.control,
        Some(forward("menu")),
        "a forward that was requested during the pause is not lost"
    );
}

pub async fn stopping_a_quarantined_one_ends_it_at_once(w: &StoreHarness) {
    let call = call("call-1");
    let id = quarantined(w, &call).await.claim.id;
    assert_eq!(w.store.control(id, &Control::Stop).await.unwrap(), Controlled::Ended);
    assert_eq!(w.store.get(id).await.unwrap().unwrap().record.state, State::Ended);
}

pub async fn a_quarantined_one_that_is_stopped_leaves_its_successor_alone(w: &StoreHarness) {
    let call = call("call-1");
    let id = quarantined(w, &call).await.claim.id;
    w.applied(&call.incoming("e2")).await;
    assert_eq!(w.store.control(id, &Control::Stop).await.unwrap(), Controlled::Ended);
    w.applied(&call.event("d1", "call.digits")).await;
    let next = w.claim_one(call.shard()).await;
    assert_eq!((next.claim.id, event_ids(&next)), (call.start("e2").id, vec!["e2".into(), "d1".into()]));
}

pub async fn a_control_of_an_ended_or_unknown_activeflow_is_refused(w: &StoreHarness) {
    let call = call("call-1");
    let id = call.start("e1").id;
    assert_eq!(w.store.control(id, &Control::Stop).await.unwrap(), Controlled::Unknown);
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    assert_eq!(w.store.control(id, &Control::Stop).await.unwrap(), Controlled::Ended);
    assert_eq!(w.store.get(id).await.unwrap().unwrap().control, None);
}

/// The answer to a request that has just been accepted, or repeated after a lost answer.
fn accepted(w: &StoreHarness) -> Controlled {
    if w.ambiguous { Controlled::Repeated } else { Controlled::Accepted }
}

pub async fn a_request_with_an_id_takes_effect_once(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, None).await;
    let request = ControlRequest::new(id, "console", "r1", &Control::Continue);
    let ask = async || w.store.control_once(id, &Control::Continue, &request).await.unwrap();
    assert_eq!(ask().await, accepted(w));
    let row = w.claim_one(call.shard()).await;
    w.park(&row, 2, None).await;
    for _ in 0..2 {
        assert_eq!(ask().await, Controlled::Repeated);
    }
    assert!(w.claim_as(worker(1), call.shard(), 10).await.is_empty(), "the second wait goes on");

    for other in ["r2", "r3"] {
        let next = ControlRequest::new(id, "console", other, &Control::Continue);
        assert_eq!(w.store.control_once(id, &Control::Continue, &next).await.unwrap(), accepted(w));
    }
    let of_another = ControlRequest::new(id, "script", "r1", &Control::Continue);
    assert_eq!(w.store.control_once(id, &Control::Continue, &of_another).await.unwrap(), accepted(w));
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    assert_eq!(ask().await, Controlled::Repeated, "although the activeflow has ended");
}

pub async fn the_ids_of_many_requests_are_known(w: &StoreHarness) {
    let id = w.parked(&call("call-1"), None).await;
    let ask = async |n: u32| {
        let request = ControlRequest::new(id, "console", &n.to_string(), &Control::Continue);
        w.store.control_once(id, &Control::Continue, &request).await.unwrap()
    };
    for n in 0..40 {
        assert_eq!(ask(n).await, accepted(w), "{n}");
    }
    for n in 0..40 {
        assert_eq!(ask(n).await, Controlled::Repeated, "{n}");
    }
}

pub async fn an_id_of_a_request_names_one_request(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, None).await;
    let ask = async |control: Control| {
        let request = ControlRequest::new(id, "console", "r1", &control);
        w.store.control_once(id, &control, &request).await.unwrap()
    };
    assert_eq!(ask(forward("menu")).await, accepted(w));
    for other in [forward("sales"), Control::Continue, Control::Stop] {
        assert_eq!(ask(other).await, Controlled::IdReused);
    }
    assert_eq!(ask(forward("menu")).await, Controlled::Repeated);
    assert_eq!(w.store.get(id).await.unwrap().unwrap().control, Some(forward("menu")));
}

pub async fn a_void_request_is_only_looked_up(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, None).await;
    let request = |n: &str| ControlRequest::new(id, "console", n, &Control::Pause);
    let void = |n: &str| ControlRequest { is_void: true, ..request(n) };
    let ask = async |request| w.store.control_once(id, &Control::Pause, &request).await.unwrap();
    assert_eq!(ask(void("r1")).await, Controlled::Void);
    assert_eq!(w.store.get(id).await.unwrap().unwrap().control, None);
    assert_eq!(ask(request("r1")).await, accepted(w));
    assert_eq!(ask(void("r1")).await, Controlled::Repeated);
}

pub async fn a_request_that_is_not_accepted_leaves_no_mark(w: &StoreHarness) {
    let call = call("call-1");
    let id = call.start("e1").id;
    let ask = async |control: Control| {
        let request = ControlRequest::new(id, "console", "r1", &control);
        w.store.control_once(id, &control, &request).await.unwrap()
    };
    assert_eq!(ask(Control::Stop).await, Controlled::Unknown);
    w.applied(&call.incoming("e1")).await;
    assert_eq!(ask(Control::Pause).await, accepted(w));
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    let late = ControlRequest::new(id, "console", "r2", &Control::Pause);
    assert_eq!(w.store.control_once(id, &Control::Pause, &late).await.unwrap(), Controlled::Ended);
}
