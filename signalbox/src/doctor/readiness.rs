//! The checks of `/readyz` that fail or warn in the process that uses the data folder.

use super::finding::{Finding, fail, ok, warn};
use crate::client::{Client, Transport};
use crate::config::Config;
use hyper::Method;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const CHECK: &str = "readyz";
const ADVICE: &str = "docs/operate.md explains the checks of /readyz";

pub async fn examine(config: &Config) -> Vec<Finding> {
    let Some(base) = base(&config.ops.listen) else {
        let found = format!(
            "ops.listen is `{}`: memory, clock and queues of the process are not known",
            config.ops.listen
        );
        return vec![warn(
            CHECK,
            found,
            "set ops.listen to the address of the process that uses the data folder",
        )];
    };
    let client = Client::new(Transport::remote(&base), "");
    match client.ask(Method::GET, "/readyz?verbose", None).await {
        Ok(answer) => judge(&String::from_utf8_lossy(&answer.body)),
        Err(failure) => vec![warn(CHECK, failure.to_string(), "is ops.listen the address of that process?")],
    }
}

/// The queues have a check of their own, with more details.
fn judge(text: &str) -> Vec<Finding> {
    let lines = text.lines().filter(|line| !line.contains("command queues"));
    let findings: Vec<Finding> = lines
        .filter_map(|line| match (line.strip_prefix("[-] "), line.strip_prefix("[!] ")) {
            (Some(failed), _) => Some(fail(CHECK, failed, ADVICE)),
            (None, Some(warned)) => Some(warn(CHECK, warned, ADVICE)),
            (None, None) => None,
        })
        .collect();
    if findings.is_empty() { vec![ok(CHECK, "the process is ready")] } else { findings }
}

fn base(listen: &str) -> Option<String> {
    let mut address = listen.parse::<SocketAddr>().ok().filter(|address| address.port() != 0)?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Some(format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn failed_checks_and_warnings_become_findings() {
        let text = "[+] store ok: a write took 1.0 ms\n[!] clock warning: 3600.0 s ahead\n[-] broker failed: away\n\
                    [-] command queues failed: `a` full\nnot ready\n";
        let severities: Vec<Severity> = judge(text).into_iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Warn, Severity::Fail]);
        assert_eq!(judge("[+] store ok: fine\nready\n")[0].severity, Severity::Ok);
        assert_eq!(base("0.0.0.0:9464").as_deref(), Some("http://127.0.0.1:9464"));
        assert_eq!((base(""), base("127.0.0.1:0")), (None, None));
    }
}
