//! `deploy/compose.yaml` as data, and checks of it that start nothing.

use crate::{read, repository};
use serde_json::Value;
use std::collections::BTreeMap;

/// The services that run the image of Signalbox.
pub const OURS: [&str; 5] = ["migrate", "dispatcher", "executor", "scheduler", "api"];

pub struct Compose(Value);

/// One of `services`.
pub struct Service<'a> {
    pub name: &'a str,
    fields: &'a Value,
}

impl Compose {
    pub fn open() -> Compose {
        let text = read("deploy/compose.yaml");
        Compose(serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("deploy/compose.yaml: {e}")))
    }

    pub fn services(&self) -> impl Iterator<Item = Service<'_>> {
        let services = self.0["services"].as_object().expect("services");
        services.iter().map(|(name, fields)| Service { name, fields })
    }

    pub fn service(&self, name: &str) -> Service<'_> {
        self.services().find(|service| service.name == name).unwrap_or_else(|| panic!("no service {name}"))
    }

    /// The file of a secret, as compose.yaml names it.
    pub fn secret_file(&self, name: &str) -> &str {
        self.0["secrets"][name]["file"].as_str().unwrap_or_else(|| panic!("no secret {name} with a file"))
    }
}

impl<'a> Service<'a> {
    pub fn field(&self, name: &str) -> &'a Value {
        &self.fields[name]
    }

    pub fn texts(&self, name: &str) -> Vec<&'a str> {
        let list = self.fields[name].as_array().into_iter().flatten();
        list.map(|text| text.as_str().unwrap_or_else(|| panic!("{}: {text} in {name}", self.name))).collect()
    }

    pub fn environment(&self) -> BTreeMap<&'a str, &'a str> {
        let fields = self.fields["environment"].as_object().into_iter().flatten();
        fields.map(|(key, value)| (key.as_str(), value.as_str().expect("a text"))).collect()
    }

    pub fn replicas(&self) -> u64 {
        self.fields["deploy"]["replicas"].as_u64().unwrap_or(1)
    }
}

#[test]
fn every_service_has_an_image_with_a_version_or_is_built_here() {
    for service in Compose::open().services() {
        let image = service.field("image").as_str().unwrap_or_default();
        let version = image.rsplit_once(':').map(|(_, version)| version);
        assert!(
            version.is_some_and(|version| version.contains('.')),
            "{}: `{image}` has no version",
            service.name
        );
        let is_ours = OURS.contains(&service.name);
        assert_eq!(service.field("build").is_object(), is_ours, "{}", service.name);
        if is_ours {
            assert_eq!(version, Some(env!("CARGO_PKG_VERSION")), "{}", service.name);
        }
    }
}

#[test]
fn ports_are_published_on_the_loopback_only() {
    let compose = Compose::open();
    let published: Vec<&str> = compose.services().flat_map(|service| service.texts("ports")).collect();
    assert!(!published.is_empty());
    for port in published {
        assert!(port.starts_with("127.0.0.1:"), "{port} is published on every interface");
    }
}

#[test]
fn no_service_starts_before_its_dependencies() {
    let compose = Compose::open();
    let waits = |name: &str| {
        let on = compose.service(name).field("depends_on").as_object().cloned().unwrap_or_default();
        on.into_iter().map(|(name, how)| format!("{name} {}", how["condition"].as_str().unwrap())).collect()
    };
    let of_migrate: Vec<String> = waits("migrate");
    assert_eq!(of_migrate, ["rabbitmq service_healthy", "redis service_healthy"]);
    for role in ["dispatcher", "executor", "scheduler", "api"] {
        assert_eq!(waits(role), ["migrate service_completed_successfully"], "{role}");
    }
    for service in compose.services() {
        let restart = service.field("restart").as_str();
        let expected = if service.name == "migrate" { "on-failure" } else { "unless-stopped" };
        assert_eq!(restart, Some(expected), "{}", service.name);
        let health = service.field("healthcheck");
        assert!(health["test"].is_array() || health["disable"] == true, "{}", service.name);
    }
}

#[test]
fn no_secret_is_in_the_file_and_each_service_has_only_its_own() {
    let compose = Compose::open();
    for service in compose.services() {
        for (name, value) in service.environment() {
            let is_secret = ["URL", "KEY", "PASS"].iter().any(|word| name.contains(word));
            assert!(
                !is_secret || name.ends_with("_FILE"),
                "{}: {name} has its value in the file",
                service.name
            );
            if let Some(secret) = value.strip_prefix("/run/secrets/") {
                assert!(service.texts("secrets").contains(&secret), "{} may not read {secret}", service.name);
            }
        }
        for secret in service.field("secrets").as_array().into_iter().flatten() {
            let source = secret["source"].as_str().or(secret.as_str()).unwrap();
            assert!(compose.secret_file(source).starts_with("./secrets/"), "{source}");
        }
    }
    let rabbitmq = compose.service("rabbitmq");
    let user = rabbitmq.field("secrets")[0]["target"].as_str();
    assert_eq!(user, Some("/etc/rabbitmq/conf.d/90-user.conf"), "else there would be guest:guest");
}

#[test]
fn every_service_gives_up_privileges_and_has_limits() {
    for service in Compose::open().services() {
        let name = service.name;
        assert_eq!(service.texts("cap_drop"), ["ALL"], "{name}");
        assert!(service.texts("security_opt").contains(&"no-new-privileges:true"), "{name}");
        assert!(service.field("pids_limit").is_u64() && service.field("ulimits").is_object(), "{name}");
        // The image of RabbitMQ writes its settings when it starts.
        assert_eq!(service.field("read_only") == true, name != "rabbitmq", "{name}");
        if OURS.contains(&name) {
            assert!(service.field("cap_add").is_null() && service.field("mem_limit").is_string(), "{name}");
        }
    }
}

#[test]
fn mounted_files_exist() {
    for service in Compose::open().services() {
        for volume in service.texts("volumes").into_iter().filter(|volume| volume.starts_with("./")) {
            let source = volume.split(':').next().unwrap();
            let path = repository("deploy").join(source);
            assert!(path.exists(), "{}: {} does not exist", service.name, path.display());
        }
    }
}
