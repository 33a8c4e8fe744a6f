//! The introduction that the demo prints: addresses, key, and commands to copy.

use crate::config::Config;
use std::fmt::Write;
use std::net::SocketAddr;

/// A minimal flow.
pub const OWN_FLOW: &str = r#"{ "name": "Hello", "trigger": { "event": "call.incoming" }, "actions": [
  { "id": "answer", "type": "answer" },
  { "id": "hello", "type": "talk", "option": { "text": "Hello ${call.from}!" } },
  { "id": "bye", "type": "hangup" } ] }"#;

pub struct Guide<'a> {
    pub config: &'a Config,
    /// Settings that another terminal needs, because they are not the defaults.
    pub exports: Vec<(&'static str, String)>,
    pub api: SocketAddr,
    pub key: &'a str,
    pub key_file: String,
    /// Name under which this program was started.
    pub program: String,
    /// Notes on settings that the demo replaced.
    pub notes: Vec<String>,
    pub is_kept: bool,
}

impl Guide<'_> {
    pub fn text(&self) -> String {
        let Guide { config, api, key, key_file, program, .. } = self;
        let folder = config.data.dir.display();
        let kept = if self.is_kept { "kept for the next start" } else { "removed at the end" };
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        };
        line(format!(
            "Signalbox {} is running with all roles in this process; its data is in {folder} ({kept})",
            env!("CARGO_PKG_VERSION")
        ));
        line(format!("  API      http://{api}   (its documents: /openapi.json, /asyncapi.json)"));
        line(format!("  key      {key}"));
        line(format!("           kept in {key_file}"));
        if !config.ops.listen.is_empty() {
            line(format!("  metrics  http://{}/metrics", config.ops.listen));
        }
        for note in &self.notes {
            line(format!("  {note}"));
        }
        line(String::new());
        line("Try in another terminal, in the same folder:".into());
        for (name, value) in &self.exports {
            line(format!("  export {name}={value}"));
        }
        line(format!("  {program} activeflow list"));
        line(format!("  {program} simulate call --count 20"));
        line(format!(
            "  curl -sS -H \"Authorization: Bearer $(cat {key_file})\" 'http://{api}/v1/activeflows?status=running'"
        ));
        line("A flow of your own, and a call to it:".into());
        line(format!("  echo '{}' > hello.json", OWN_FLOW.replace('\n', "")));
        line(format!("  {program} flow deploy hello.json --route call=+15550120"));
        line(format!(
            "  {program} event send --type call.incoming --subject my-call --data '{{\"from\":\"+15550100\",\"to\":\"+15550120\"}}'"
        ));
        text
    }
}
