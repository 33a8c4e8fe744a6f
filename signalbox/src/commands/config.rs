//! `signalbox config show|check`.

use crate::config::{Config, EffectiveSetting, masked_url};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs};
use crate::services::preflight::{self, Problem};
use crate::services::{BackendKinds, bus_settings, embedded, reason, redis_address, store_settings};
use adapters::amqp::{admin, topology};
use adapters::redis::{self, Store};
use clap::{Args, Subcommand};
use serde::Serialize;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show the settings in effect and the source of each; passwords and keys are masked
    #[command(
        after_help = "Example:\n  signalbox config show --output ndjson | jq -r 'select(.origin != \"default\") | .key'"
    )]
    Show(ConfigArgs),
    /// Check the settings, the connection to each service and the durability of its data
    #[command(
        after_help = "Example:\n  signalbox config check --config /etc/signalbox.toml\n\nExit code 1 when a check failed; warnings do not count."
    )]
    Check(ConfigArgs),
}

#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// One line of `config check`.
#[derive(Serialize)]
struct Row {
    check: &'static str,
    /// `ok`, `warning` or `failed`.
    result: &'static str,
    detail: String,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Show(args) => {
            let columns: [Column<EffectiveSetting>; 3] = [
                ("SETTING", |row| row.key.clone()),
                ("VALUE", |row| row.value.clone()),
                ("FROM", |row| row.origin.clone()),
            ];
            args.output.list(&context.loaded.settings, &columns, "");
            Ok(())
        }
        Command::Check(args) => check(args, context.config()).await,
    }
}

async fn check(args: ConfigArgs, config: &Config) -> Result<(), Failure> {
    let mut rows = vec![row("settings", "ok", "consistent with each other")];
    rows.extend(folder(config));
    rows.extend(store(config).await);
    rows.extend(broker(config).await);
    let columns: [Column<Row>; 3] = [
        ("CHECK", |row| row.check.into()),
        ("RESULT", |row| row.result.into()),
        ("DETAIL", |row| row.detail.clone()),
    ];
    args.output.list(&rows, &columns, "");
    if rows.iter().any(|row| row.result == "failed") { Err(Failure::Reported) } else { Ok(()) }
}

/// Checks the data folder, if the store or the bus is embedded.
fn folder(config: &Config) -> Option<Row> {
    let kinds = BackendKinds::of(config);
    let what = match (kinds.store, kinds.bus) {
        ("embedded", "embedded") => "state and bus are",
        ("embedded", _) => "the state is",
        (_, "embedded") => "the bus is",
        _ => return None,
    };
    let shown = config.data.dir.display();
    Some(match embedded::check_folder(config) {
        Ok(found) => row("data folder", "ok", format!("{what} in {shown}: {found}")),
        Err(why) => row("data folder", "failed", format!("{shown}: {why}")),
    })
}

async fn store(config: &Config) -> Vec<Row> {
    if config.redis.url.is_empty() {
        return Vec::new();
    }
    let facts = match redis::inspect(&redis_address(config)).await {
        Ok(facts) => facts,
        Err(error) => {
            return vec![row(
                "redis",
                "failed",
                format!("{}: {}", masked_url(&config.redis.url), reason(&error)),
            )];
        }
    };
    let (major, minor, patch) = facts.version;
    let mut rows = vec![row(
        "redis",
        "ok",
        format!("{} answers, version {major}.{minor}.{patch}", masked_url(&config.redis.url)),
    )];
    let problems = preflight::redis_problems(&facts, config.redis.accept_loss);
    if problems.is_empty() {
        rows.push(row("redis durability", "ok", "appendfsync always: all guarantees hold"));
    }
    rows.extend(problems.into_iter().map(|problem| match problem {
        Problem::Fatal(why) => row("redis durability", "failed", why),
        Problem::Warning(why) => row("redis durability", "warning", why),
    }));
    rows.push(installation(config).await);
    rows
}

async fn installation(config: &Config) -> Row {
    let asked = async {
        let store = Store::connect(store_settings(config)).map_err(|error| error.to_string())?;
        let installed = store.installed().await.map_err(|error| error.to_string())?;
        preflight::installed_shards(installed, config.engine.shards)?;
        store.ping().await.map_err(|error| error.to_string())
    };
    match asked.await {
        Ok(took) => row(
            "redis installation",
            "ok",
            format!("{} shards; a write takes {:.1} ms", config.engine.shards, took.as_secs_f64() * 1_000.0),
        ),
        Err(why) => row("redis installation", "failed", why),
    }
}

async fn broker(config: &Config) -> Vec<Row> {
    if config.amqp.url.is_empty() {
        return Vec::new();
    }
    let version = match admin::probe(&config.amqp.url).await {
        Ok(version) => version,
        Err(error) => return vec![row("amqp", "failed", error.to_string())],
    };
    let connected = match preflight::broker_too_old(&version) {
        None => row("amqp", "ok", format!("{} answers, version {version}", masked_url(&config.amqp.url))),
        Some(why) => row("amqp", "failed", why),
    };
    let settings = bus_settings(config, "signalbox config check");
    let topology = match topology::check(&config.amqp.url, &settings).await {
        Ok(()) => row("amqp topology", "ok", "matches this version and these settings"),
        Err(error) => row("amqp topology", "failed", error.to_string()),
    };
    vec![connected, topology]
}

fn row(check: &'static str, result: &'static str, detail: impl Into<String>) -> Row {
    Row { check, result, detail: detail.into() }
}
