//! The processor time of a step that spends all of its work, by what the work is spent on. `cargo bench -p flow --bench step` prints the
//! slowest first; the names after `--` choose some.
//!
//! A step should stay below 50 ms on a slow core, in a release build. One that needs much longer here than the others has an
//! operator that is too cheap: raise its charge in `flow/src/program/expression/`.

#![expect(clippy::unwrap_used, reason = "a benchmark fails loudly")]

use flow::cursor::{Cursor, Identity, Input};
use flow::step::{Step, step};
use flow::{Bundle, Event, Timestamp, limits};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time for which this thread ran: other work on the machine does not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Repetitions; the least time is the one that nothing disturbed.
const TIMES: usize = 7;
/// Times that one action evaluates the expression: together they may use all the work of a step.
const IN_ONE_ACTION: usize = 4;
/// Less than a document may have (docs/limits.md).
const MOST_EXPRESSIONS: usize = 1_900;
const MOST_BYTES: usize = 1_900_000;

/// Expressions that do as much as they can of one thing.
const EXPRESSIONS: &[&str] = &[
    "big ~ big",
    "(big ~ 'x') == (big ~ 'y')",
    "numbers + numbers",
    "numbers == (numbers + [])",
    "numbers < (numbers + [1])",
    "numbers * 2",
    "'xy' * 32000",
    "9999 in numbers",
    "'yyy' in big",
    "words[::-1]",
    "big[::-1]",
    "numbers[1:-1]",
    "range(0, 9000)",
    "{'a': numbers, 'b': words}",
    "[big, 1]",
    "activeflow",
    "call",
    "(call.leg | default(1)) ~ (call.reason | default(2)) ~ (call.direction | default(3))",
    "9 ** 19 % 7 // 3 / 2",
    "2.5 ** 300",
    "1 if big else 2",
    "not (words and numbers)",
    "big | upper",
    "wide | upper",
    "wide | lower",
    "big | title",
    "wide | capitalize",
    "big | trim('x')",
    "wide | trim",
    "big | split",
    "wide | split('ä')",
    "big | split('')",
    "big | lines",
    "big | indent(2)",
    "lines | indent(40, true, true)",
    "big | replace('x', 'y')",
    "big | replace('', 'y')",
    "wide | replace('ä', '')",
    "numbers | string",
    "floats | string",
    "people | tojson",
    "wide | tojson",
    "numbers | sort",
    "words | sort",
    "words | sort(case_sensitive=true)",
    "people | sort(attribute='name')",
    "people | sort(attribute='age', reverse=true)",
    "words | unique",
    "numbers | unique",
    "people | unique(attribute='age')",
    "numbers | reverse",
    "big | reverse",
    "wide | list",
    "wide | reverse",
    "numbers | batch(1)",
    "numbers | slice(3000)",
    "numbers | sum",
    "people | sum(attribute='age')",
    "words | join(', ')",
    "people | join(', ', attribute='name')",
    "words | max",
    "people | min(attribute='name')",
    "words | map('upper')",
    "numbers | map('string')",
    "people | map(attribute='name')",
    "people | map(attribute='nothing', default=1)",
    "numbers | select('gt', 5000)",
    "words | select('in', words)",
    "numbers | reject('in', numbers)",
    "people | selectattr('name', 'eq', 'P5')",
    "people | rejectattr('age', 'in', numbers)",
    "[tiny, 1]",
    "tiny | length",
    "tiny | map(attribute='a')",
    "tiny | selectattr('a')",
    "object | dictsort",
    "object | dictsort(by='value', reverse=true)",
    "object | items",
    "object | length",
    "object | tojson",
    "deep | tojson",
    "deep == deep",
    "nested | sort",
    "nested | unique",
    "numbers | first + (numbers | last)",
    "big | int(0) + (big | float(0.0))",
    "floats | map('round', 3)",
    "floats | map('int')",
    "wide | length",
    "numbers is defined and big is string",
];

/// Actions that cost something besides their expressions.
fn actions() -> Vec<(&'static str, Value)> {
    let hundred = |item: Value| Value::from(vec![item; 100]);
    let text = "x".repeat(16_000);
    vec![
        (
            "message_send to 100",
            json!({ "type": "message_send", "option": { "text": text, "destinations": hundred(json!({ "target": "+15550100" })) } }),
        ),
        (
            "message_send to 100 computed ones",
            json!({ "type": "message_send", "option": { "text": "${big[:9000]}", "destinations": hundred(json!({ "target": "${call.from}" })) } }),
        ),
        (
            "play of 100 addresses",
            json!({ "type": "play", "option": { "stream_urls": hundred(json!("https://x.example/${call.from}")), "async": true } }),
        ),
        (
            "variable_set of 9 KB",
            json!({ "type": "variable_set", "option": { "key": "x", "value": "${big[:9000]}" } }),
        ),
        (
            "variable_set of a list",
            json!({ "type": "variable_set", "option": { "key": "x", "value": "${numbers[:2000]}" } }),
        ),
        ("talk", json!({ "type": "talk", "option": { "text": "Hello ${call.from}", "async": true } })),
        (
            "subroutine",
            json!({ "type": "subroutine", "option": { "flow_id": "sub", "arguments": { "a": "${big[:9000]}" }, "results": { "x": "${a}" } } }),
        ),
        (
            "condition",
            json!({ "type": "condition", "option": { "expression": "9999 in numbers", "false_target_id": "a0" } }),
        ),
    ]
}

/// A flow of as many actions as one step takes and one document may have.
fn bundle(action: &Value, variables: &Value) -> Bundle {
    let text = action.to_string();
    let by_size = MOST_BYTES / text.len();
    let by_expressions = MOST_EXPRESSIONS / text.matches("${").count().max(1);
    let count = by_size.min(by_expressions).min(limits::ACTIONS_PER_STEP as usize);
    let actions: Vec<Value> = (0..count)
        .map(|index| {
            let mut action = action.clone();
            action["id"] = json!(format!("a{index}"));
            action["on_error"] = json!("continue");
            action
        })
        .collect();
    let document = json!({
        "schema": "signalbox.flow/v1", "name": "bench", "type": "voice", "trigger": { "event": "call.incoming" },
        "variables": variables, "actions": actions,
    });
    let sub = json!({ "schema": "signalbox.flow/v1", "name": "sub", "actions": [] });
    let subroutines = BTreeMap::from([("sub".to_owned(), sub.to_string())]);
    Bundle::compile(("main", &document.to_string()), &subroutines)
        .unwrap_or_else(|found| panic!("{found:#?}"))
}

/// Variables of different shapes. Together they may have 64 KiB, so an expression gets those that it names.
fn variables(expression: &str) -> Value {
    let all = json!({
        "big": "x y".repeat(7_000),
        "wide": "äß ".repeat(4_000),
        "lines": "a\n".repeat(8_000),
        "numbers": (0..3_000).collect::<Vec<_>>(),
        "floats": (0..2_000).map(|n| f64::from(n) / 7.0).collect::<Vec<_>>(),
        "words": (0..2_000).map(|n| format!("W{}", n * 7_919 % 2_000)).collect::<Vec<_>>(),
        "people": (0..500).map(|n| json!({ "name": format!("P{}", n * 7_919 % 500), "age": n % 90 })).collect::<Vec<_>>(),
        "nested": (0..1_000).map(|n| json!([n * 7_919 % 10, n])).collect::<Vec<_>>(),
        "tiny": vec![json!({ "a": 1 }); 3_000],
        "object": (0..1_500).map(|n| (format!("k{}", n * 7_919 % 1_500), json!(n))).collect::<serde_json::Map<_, _>>(),
        "deep": (0..25).fold(json!((0..1_000).collect::<Vec<_>>()), |inner, _| json!([inner])),
        "x": 1,
    });
    let Value::Object(all) = all else { return json!({}) };
    all.into_iter()
        .filter(|(name, _)| name == "x" || expression.contains(name.as_str()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

struct Measured {
    name: String,
    time: Duration,
    /// Whether the step ended because its work was spent.
    is_spent: bool,
    actions: usize,
}

fn measure(name: &str, bundle: &Bundle) -> Measured {
    let identity = Identity {
        activeflow_id: "8a4f".into(),
        customer_id: "acme".into(),
        reference_type: "call".into(),
        reference_id: "call-1".into(),
    };
    let start = Event {
        id: "1".into(),
        source: "carrier".into(),
        kind: "call.incoming".into(),
        subject: Some("call-1".into()),
        time: None,
        data: json!({ "from": "+15550100", "to": "+15550111" }).as_object().unwrap().clone(),
        traceparent: None,
    };
    let mut least = None::<(Duration, Step)>;
    for _ in 0..TIMES {
        let cursor = Cursor::new(bundle, identity.clone());
        let input = Input::Started(start.clone());
        let began = processor_time();
        let step = step(bundle, cursor, input, Timestamp::from_micros(1));
        let time = processor_time().saturating_sub(began);
        if least.as_ref().is_none_or(|(least, _)| time < *least) {
            least = Some((time, step));
        }
    }
    let (time, step) = least.unwrap();
    let noted = |what: &str| step.notes.iter().filter(|note| note.what.as_str() == what).count();
    let is_spent = step.notes.iter().any(|note| note.detail["because"] == "work");
    Measured { name: name.to_owned(), time, is_spent, actions: noted("entered") }
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|part| name.contains(part.as_str()));
    let of_expressions = EXPRESSIONS.iter().map(|expression| {
        let value = vec![format!("${{({expression}) | string | length}}"); IN_ONE_ACTION];
        let action = json!({ "type": "variable_set", "option": { "key": "x", "value": value } });
        ((*expression).to_owned(), action)
    });
    let of_actions = actions().into_iter().map(|(name, action)| (name.to_owned(), action));
    let mut measured: Vec<Measured> = of_expressions
        .chain(of_actions)
        .filter(|(name, _)| is_chosen(name))
        .map(|(name, action)| measure(&name, &bundle(&action, &variables(&action.to_string()))))
        .collect();
    measured.sort_by_key(|measured| std::cmp::Reverse(measured.time));
    println!(
        "{:>9}  {:>7}  {:>5}  of a step of at most {} units",
        "ms",
        "actions",
        "spent",
        limits::WORK_PER_STEP
    );
    for Measured { name, time, is_spent, actions } in measured {
        println!(
            "{:>9.2}  {actions:>7}  {:>5}  {name}",
            time.as_secs_f64() * 1_000.0,
            if is_spent { "yes" } else { "no" }
        );
    }
}
