//! The checks of `/readyz` that fail or warn in the process that uses the data folder.

use super::finding::{Finding, fail, ok, warn};
use crate::client::{Client, Transport};
use crate::config::Config;
use hyper::Method;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

const CHECK: &str = "readyz";
const ADDRESS_ADVICE: &str = "is ops.listen the address of that process?";
/// Maximum time to wait for the answer; the process itself limits its checks to 10 s.
const LIMIT: Duration = Duration::from_secs(15);
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
    match timeout(LIMIT, client.ask(Method::GET, "/readyz?verbose", None)).await {
        Ok(Ok(answer)) => judge(&String::from_utf8_lossy(&answer.body)),
        Ok(Err(failure)) => vec![warn(CHECK, failure.to_string(), ADDRESS_ADVICE)],
        Err(_) => {
            let found =
                format!("the process at {base} (ops.listen) does not answer within {} s", LIMIT.as_secs());
            vec![fail(
                CHECK,
                found,
                "it is stopped, or its machine is overloaded: look at it, then restart it",
            )]
        }
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
    match (findings.is_empty(), text.lines().last()) {
        (false, _) => findings,
        (true, Some("ready")) => vec![ok(CHECK, "the process is ready")],
        // Only the queues are not.
        (true, Some("not ready")) => Vec::new(),
        (true, _) => vec![warn(CHECK, "the answer is not that of a Signalbox", ADDRESS_ADVICE)],
    }
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
        let full = "[+] store ok: fine\n[-] command queues failed: `a` full\nnot ready\n";
        assert!(judge(full).is_empty(), "a process that is not ready is not vouched for");
        assert_eq!(judge("<html>\n")[0].severity, Severity::Warn);
        assert_eq!(base("0.0.0.0:9464").as_deref(), Some("http://127.0.0.1:9464"));
        assert_eq!((base(""), base("127.0.0.1:0")), (None, None));
    }
}
