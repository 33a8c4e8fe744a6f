//! Configurations and alert rules of Prometheus: the files that they name exist, and the metrics that they use are exported.

use crate::{read, repository};
use serde_json::Value;
use std::collections::BTreeSet;

/// Names of exported metrics.
#[derive(Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Adds the names in one answer of `/metrics`.
    pub fn add(&mut self, text: &str) {
        let sample = |line: &str| {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            line[..end].to_owned()
        };
        let typed = |line: &str| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned);
        self.0.extend(text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(sample));
        self.0.extend(text.lines().filter_map(typed));
    }

    fn has(&self, name: &str) -> bool {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        self.0.contains(name) || base.is_some_and(|base| self.0.contains(base))
    }
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Metrics that only an embedded installation exports; `e2e::embedded` asserts that it does.
const EMBEDDED: [&str; 4] = [
    "signalbox_memory_counted_bytes",
    "signalbox_memory_limit_bytes",
    "signalbox_queue_full",
    "signalbox_store_time_ahead_seconds",
];

/// Asserts that every metric in an alert is exported.
pub fn assert_alerts_use_only(exported: &Names) {
    let rules = rules();
    let asked: BTreeSet<String> =
        rules.iter().flat_map(|rule| metrics_in(rule["expr"].as_str().unwrap())).collect();
    assert!(asked.len() >= 8, "{asked:?}");
    let missing: Vec<&String> =
        asked.iter().filter(|name| !exported.has(name) && !EMBEDDED.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "alerts use metrics that no process exports: {missing:?}");
}

fn rules() -> Vec<Value> {
    let alerts = yaml("deploy/prometheus/alerts.yml");
    let groups = alerts["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("signalbox_")).map(str::to_owned).collect()
}

#[test]
fn every_alert_has_an_expression_a_severity_and_a_sentence() {
    let rules = rules();
    assert!(rules.len() >= 8);
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        let of_the_job = expression.contains("up{job=\"signalbox\"}");
        assert!(of_the_job || !metrics_in(expression).is_empty(), "{rule}");
        assert!(rule["labels"]["severity"].is_string(), "{rule}");
        assert!(rule["annotations"].as_object().is_some_and(|said| !said.is_empty()), "{rule}");
    }
}

#[test]
fn the_configurations_name_rule_files_that_exist() {
    for path in ["deploy/prometheus/prometheus.yml", "deploy/prometheus/compose.yml"] {
        let configuration = yaml(path);
        assert_eq!(
            configuration["scrape_configs"][0]["job_name"], "signalbox",
            "{path}: alerts name the job"
        );
        let files = configuration["rule_files"].as_array().expect("rule_files").clone();
        assert!(!files.is_empty());
        for file in files {
            let file = repository("deploy/prometheus").join(file.as_str().unwrap());
            assert!(file.exists(), "{path}: {} does not exist", file.display());
        }
    }
}

#[test]
fn the_configuration_of_the_compose_file_asks_each_of_our_services() {
    let compose = crate::compose::Compose::open();
    let names =
        yaml("deploy/prometheus/compose.yml")["scrape_configs"][0]["dns_sd_configs"][0]["names"].clone();
    let roles: Vec<&str> = crate::compose::OURS.into_iter().filter(|name| *name != "migrate").collect();
    assert_eq!(names, serde_json::json!(roles));
    let prometheus = compose.service("prometheus");
    for volume in prometheus.texts("volumes").into_iter().filter(|volume| volume.starts_with("./")) {
        let [source, target, _] = volume.split(':').collect::<Vec<_>>()[..] else { panic!("{volume}") };
        assert_eq!(source.rsplit('/').next(), target.rsplit('/').next(), "rule files are found beside it");
    }
    assert!(prometheus.texts("command").contains(&"--config.file=/etc/prometheus/compose.yml"));
}
