//! Metrics of the round trips to Redis, by operation.

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

const CALL_SECONDS: &str = "signalbox_store_call_seconds";
const BATCH: &str = "signalbox_store_batch_operations";
const FAILURES: &str = "signalbox_store_failures_total";

pub fn describe() {
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "Time until the state store answered, by operation");
    describe_histogram!(BATCH, "Operations in one call of the state store");
    describe_counter!(FAILURES, "Failed calls of the state store, by operation");
}

pub fn called(operation: &'static str, took: Duration) {
    histogram!(CALL_SECONDS, "operation" => operation).record(took);
}

pub fn batch(operations: usize) {
    histogram!(BATCH).record(operations as f64);
}

pub fn failed(operation: &'static str) {
    counter!(FAILURES, "operation" => operation).increment(1);
}
