//! Redis over TLS: a private server with a certificate of a throwaway authority.

use crate::standalone::{Standalone, text_of};
use std::path::PathBuf;
use std::process::Command;
use tests::support::process::Folder;
use tests::support::{Redis, RedisOptions, ports};

struct Authority {
    folder: Folder,
}

impl Authority {
    /// An authority, and a certificate of it for 127.0.0.1.
    fn new() -> Authority {
        let authority = Authority { folder: Folder::new("authority") };
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let root =
            ["req", "-x509", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Throwaway", "-days", "2"];
        authority.openssl(&[&root[..], &curve].concat());
        let request = ["req", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=redis"];
        authority.openssl(&[&request[..], &curve].concat());
        std::fs::write(authority.file("extensions"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        authority.openssl(&[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "extensions",
            "-out",
            "server.crt",
        ]);
        authority
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output();
        let output = output.expect("openssl is installed");
        assert!(output.status.success(), "openssl {arguments:?}: {}", text_of(&output));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_string_lossy().into_owned()
    }
}

/// A durable server that listens with TLS too; with the port for TLS.
fn server(authority: &Authority) -> (Redis, u16) {
    let port = ports::free();
    let tls = [
        ("--tls-port", port.to_string()),
        ("--tls-cert-file", authority.path("server.crt")),
        ("--tls-key-file", authority.path("server.key")),
        ("--tls-ca-cert-file", authority.path("ca.crt")),
        ("--tls-auth-clients", "no".to_owned()),
    ];
    let extra = tls.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]).collect();
    let options = RedisOptions { appendonly: true, fsync: "always", extra, ..RedisOptions::default() };
    (Redis::start(options), port)
}

#[test]
fn a_signalbox_works_over_tls_with_an_authority_of_its_own() {
    let authority = Authority::new();
    let (redis, port) = server(&authority);
    let url = format!("rediss://127.0.0.1:{port}");
    let ca = authority.path("ca.crt");
    let standalone = Standalone::open(&[("SIGNALBOX_REDIS__URL", &url), ("SIGNALBOX_REDIS__CA_FILE", &ca)]);
    standalone.deploy_ivr();
    let answer = standalone.send("call.incoming", "call-1", r#"{"from":"+15550100","to":"+15550111"}"#);
    assert_eq!(answer["outcome"], "applied", "{answer}");
    standalone.wait_for("the greeting", |row| row["state"] == "waiting");
    assert!(redis.ask(&["DBSIZE"]) != ":0\r\n", "the state is in Redis");
    let checked = standalone.run(&["config", "check"]);
    assert!(checked.contains("all guarantees hold"), "{checked}");

    // The same server, not trusted, by another name, or addressed without TLS.
    let refused = |url: &str, ca: &str, code: i32| {
        let settings = [
            ("SIGNALBOX_REDIS__URL", url),
            ("SIGNALBOX_REDIS__CA_FILE", ca),
            ("SIGNALBOX_DATA__DIR", &authority.path("data")),
            ("SIGNALBOX_API__LISTEN", ""),
        ];
        standalone.refused(&["serve"], &settings, code)
    };
    let untrusted = refused(&url, "", 1);
    assert!(untrusted.contains("UnknownIssuer") && untrusted.contains("redis.ca_file"), "{untrusted}");
    let other_name = refused(&format!("rediss://localhost:{port}"), &ca, 1);
    assert!(other_name.contains("not valid for name") && other_name.contains("localhost"), "{other_name}");
    assert!(refused(&redis.url(), &ca, 2).contains("so nothing would be encrypted"));
    assert!(refused(&url, "/nowhere", 1).contains("redis.ca_file"));
    let doctor = standalone.try_run(&["doctor"], &[("SIGNALBOX_REDIS__CA_FILE", "")]);
    assert!(text_of(&doctor).contains("UnknownIssuer"), "{}", text_of(&doctor));
}
