//! `signalbox event send`.

use crate::client::Client;
use crate::commands::clock::now;
use crate::config::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, line, stderr_line, text};
use crate::services::unusable_broker;
use adapters::amqp::admin;
use clap::Args;
use flow::event::similar_type;
use flow::route::{Addressee, addressee};
use flow::{Event, Timestamp};
use hyper::Method;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox event send --type call.incoming --subject call-1 --data '{\"from\":\"+15550100\",\"to\":\"+15550111\"}'\n  \
    signalbox event send --type call.digits --subject call-1 --data '{\"digits\":\"1\"}'\n  \
    signalbox event send --type message.received --data '{\"from\":\"+15550100\",\"to\":\"+15550111\",\"text\":\"yes\"}'\n  \
    signalbox event send event.json          (one CloudEvent, or an array of them; - is stdin)\n  \
    signalbox event send event.json --output json | jq -r .activeflow_id\n\n\
    Source and id identify an event: sending the same file twice takes effect once.\n\
    If amqp.url is set, the event is published to the broker, and its result is visible only in the metrics. Otherwise it is \
    sent to the API, which returns the result.")]
pub struct SendArgs {
    /// Read the complete event from this file instead of the flags
    #[arg(value_name = "FILE", conflicts_with_all = ["kind", "subject", "data", "source", "id", "time"])]
    file: Option<PathBuf>,
    /// Event type: call.incoming, message.received, sim.usage, …
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Subject of the event: the call's id, the ICCID, …
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Event data, a JSON object
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Source of the event
    #[arg(long, value_name = "NAME", default_value = "signalbox-cli")]
    source: String,
    /// Event id; the default is a new id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Time of the event, for example 2026-11-22T05:00:00Z; the default is now
    #[arg(long, value_name = "TIME")]
    time: Option<Timestamp>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: SendArgs, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let bodies = match (&args.file, &args.kind) {
        (Some(path), _) => of_file(path)?,
        (None, Some(kind)) => vec![of_flags(kind, &args)?],
        (None, None) => {
            return Err(Failure::usage(
                "no event is given: write --type TYPE (for example --type call.incoming), or a FILE with the complete event",
            ));
        }
    };
    let events = bodies
        .iter()
        .map(|body| {
            checked(body)
                .map_err(|why| if args.file.is_some() { Failure::Failed(why) } else { Failure::Usage(why) })
        })
        .collect::<Result<Vec<_>, _>>()?;
    for (event, _) in &events {
        if let Some(meant) = similar_type(&event.kind) {
            let kind = &event.kind;
            stderr_line(&format!(
                "The event type {kind} is not one that Signalbox knows. Did you mean {meant}?"
            ));
        }
    }
    let publisher = Publisher::open(context).await?;
    let mut outcomes = Vec::new();
    for (body, (event, reference)) in bodies.iter().zip(events) {
        let sent = publisher.send(body, &event, &reference, config).await;
        if sent.is_err() && args.file.is_none() {
            let id = &event.id;
            stderr_line(&format!(
                "The event's id is {id}. To repeat it safely, add --id {id}: if it is already stored, the repetition has no effect."
            ));
        }
        let outcome = sent?;
        if args.output.output == Format::Table {
            line(&said(&event, &outcome));
        }
        outcomes.push(outcome);
    }
    match (args.output.output, outcomes.as_slice()) {
        (Format::Table, _) => {}
        (_, [outcome]) => args.output.one(outcome, String::new),
        (_, outcomes) => args.output.list(outcomes, &[], ""),
    }
    Ok(())
}

/// Destination of events.
enum Publisher {
    /// The broker, as for other sources.
    Amqp,
    Rest(Client),
}

impl Publisher {
    async fn open(context: &Context) -> Result<Publisher, Failure> {
        if context.config().amqp.url.is_empty() {
            context.client().await.map(Publisher::Rest)
        } else {
            Ok(Publisher::Amqp)
        }
    }

    /// Result reported by the API. The broker only confirms that the event is stored.
    async fn send(
        &self,
        body: &str,
        event: &Event,
        reference: &str,
        config: &Config,
    ) -> Result<Value, Failure> {
        match self {
            Publisher::Amqp => {
                let sent =
                    admin::send_event(&config.amqp.url, body.as_bytes(), &event.kind, &event.id, reference)
                        .await;
                sent.map_err(|error| unusable_broker(config, &error))?;
                Ok(json!({ "id": event.id, "source": event.source, "outcome": "published" }))
            }
            Publisher::Rest(client) => {
                let path = "/v1/events";
                let answer = client.ask(Method::POST, path, Some(body.as_bytes().to_vec())).await?;
                if answer.status.is_success() { answer.json(path) } else { Err(client.refusal(&answer)) }
            }
        }
    }
}

fn said(event: &Event, outcome: &Value) -> String {
    let Event { kind, id, source, .. } = event;
    let activeflow = text(&outcome["activeflow_id"]);
    let started =
        outcome["started"].as_array().is_some_and(|started| started.contains(&outcome["activeflow_id"]));
    match outcome["outcome"].as_str() {
        Some("published") => format!("stored by the broker: {kind} {id} (source {source})"),
        Some("applied") if started => format!("{kind} {id}: activeflow {activeflow} started"),
        Some("applied") => format!("{kind} {id}: delivered to activeflow {activeflow}"),
        Some("duplicate") => format!("{kind} {id}: duplicate (source {source}), nothing changed"),
        Some("unmatched") => format!(
            "{kind} {id}: no activeflow waits for it, and no route matches its address; `signalbox route list` shows the routes"
        ),
        Some("late") => format!("{kind} {id}: its activeflow has ended"),
        other => format!("{kind} {id}: {}", other.unwrap_or("stored")),
    }
}

fn of_flags(kind: &str, args: &SendArgs) -> Result<String, Failure> {
    let data: Value = match &args.data {
        None => json!({}),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Failure::usage(format!(
                "--data is not JSON: {error}; write for example --data '{{\"to\":\"+15550111\"}}'"
            ))
        })?,
    };
    let mut event = json!({
        "specversion": "1.0",
        "id": args.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        "source": args.source,
        "type": kind,
        "time": args.time.unwrap_or_else(now),
        "datacontenttype": "application/json",
        "data": data,
    });
    if let Some(subject) = &args.subject {
        event["subject"] = json!(subject);
    }
    Ok(event.to_string())
}

/// Reads one event, or an array of events.
fn of_file(path: &Path) -> Result<Vec<String>, Failure> {
    let shown = path.display();
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::failed(format!("the event file {shown} cannot be read: {error}")))?;
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(events)) => Ok(events.iter().map(Value::to_string).collect()),
        Ok(_) => Ok(vec![text]),
        Err(error) => {
            Err(Failure::failed(format!("{shown}:{}:{}: not JSON: {error}", error.line(), error.column())))
        }
    }
}

/// The event and its header `reference`. Reports the errors for which the dispatcher would reject the event.
fn checked(body: &str) -> Result<(Event, String), String> {
    let event = Event::parse(body.as_bytes())
        .map_err(|wrong| format!("this is not an event ({}): {wrong}", wrong.reason))?;
    let reference =
        match addressee(&event, "default").map_err(|why| format!("this event has no addressee: {why}"))? {
            Addressee::Reference { reference, .. } => reference.subject,
            Addressee::Command { .. } => event.subject.clone().unwrap_or_default(),
        };
    Ok((event, reference))
}
