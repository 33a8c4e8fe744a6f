//! `signalbox event send`.

use crate::cli::Context;
use crate::failure::Failure;
use crate::output::line;
use crate::services::{need_amqp, unusable_broker};
use adapters::amqp::admin;
use clap::Args;
use flow::route::{Addressee, addressee};
use flow::{Event, Timestamp};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox event send --type call.incoming --subject call-1 --data '{\"from\":\"+15550100\",\"to\":\"+15550111\"}'\n  \
    signalbox event send --type call.digits --subject call-1 --data '{\"digits\":\"1\"}'\n  \
    signalbox event send --type message.received --data '{\"from\":\"+15550100\",\"to\":\"+15550111\",\"text\":\"yes\"}'\n  \
    signalbox event send event.json          (one CloudEvent, or an array of them; - is stdin)\n\n\
    An event is recognised by source and id: sending the same file twice has its effect once.")]
pub struct SendArgs {
    /// A file with the whole event instead of the flags
    #[arg(value_name = "FILE", conflicts_with_all = ["kind", "subject", "data", "source", "id", "time"])]
    file: Option<PathBuf>,
    /// What happened: call.incoming, message.received, sim.usage, …
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// What it is about: the call's id, the ICCID, …
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// A JSON object
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Who says so
    #[arg(long, value_name = "NAME", default_value = "signalbox-cli")]
    source: String,
    /// The event's id; the default is a new one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// When it happened, for example 2026-11-22T05:00:00Z; the default is now
    #[arg(long, value_name = "TIME")]
    time: Option<Timestamp>,
}

pub async fn run(args: SendArgs, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let bodies = match (&args.file, &args.kind) {
        (Some(path), _) => of_file(path)?,
        (None, Some(kind)) => vec![of_flags(kind, &args)?],
        (None, None) => {
            return Err(Failure::usage(
                "say what happened: --type TYPE (for example --type call.incoming), or a FILE with the whole event",
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
    need_amqp(config)?;
    for (body, (event, reference)) in bodies.iter().zip(events) {
        admin::send_event(&config.amqp.url, body.as_bytes(), &event.kind, &event.id, &reference)
            .await
            .map_err(|error| unusable_broker(config, &error))?;
        line(&format!("stored by the broker: {} {} (source {})", event.kind, event.id, event.source));
    }
    Ok(())
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

/// One event, or each of an array.
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

/// The event and its header `reference`. What the dispatcher would reject is said here instead.
fn checked(body: &str) -> Result<(Event, String), String> {
    let event = Event::parse(body.as_bytes())
        .map_err(|wrong| format!("this is not an event ({}): {wrong}", wrong.reason))?;
    let reference =
        match addressee(&event, "default").map_err(|why| format!("this event addresses nobody: {why}"))? {
            Addressee::Reference { reference, .. } => reference.subject,
            Addressee::Command { .. } => event.subject.clone().unwrap_or_default(),
        };
    Ok((event, reference))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
