//! The sample flows in the binary, and their routes.

use crate::client::Client;
use crate::failure::Failure;
use serde::Deserialize;
use serde_json::{Value, json};

/// A flow and its route; a subroutine has none.
struct Sample {
    name: &'static str,
    file: &'static str,
    document: &'static str,
    route: Option<&'static str>,
}

const SAMPLES: [Sample; 7] = [
    Sample {
        name: "opening-hours",
        file: "samples/opening-hours.json",
        document: include_str!("../../../samples/opening-hours.json"),
        route: None,
    },
    Sample {
        name: "Support line",
        file: "samples/ivr.json",
        document: include_str!("../../../samples/ivr.json"),
        route: Some("call=+15550111"),
    },
    Sample {
        name: "Voicemail",
        file: "samples/voicemail.json",
        document: include_str!("../../../samples/voicemail.json"),
        route: Some("call=+15550113"),
    },
    Sample {
        name: "Night service",
        file: "samples/night.json",
        document: include_str!("../../../samples/night.json"),
        route: Some("call=+15550114"),
    },
    Sample {
        name: "Appointment by SMS",
        file: "samples/sms-auto-reply.json",
        document: include_str!("../../../samples/sms-auto-reply.json"),
        route: Some("sms=+15550112"),
    },
    Sample {
        name: "Survey by SMS",
        file: "samples/survey.json",
        document: include_str!("../../../samples/survey.json"),
        route: Some("sms=+15550115"),
    },
    Sample {
        name: "Data usage notice",
        file: "samples/sim-usage-notice.json",
        document: include_str!("../../../samples/sim-usage-notice.json"),
        route: Some("sim=89440000*"),
    },
];

#[derive(Deserialize)]
struct Flows {
    result: Vec<Flow>,
}

#[derive(Deserialize)]
struct Flow {
    name: String,
}

/// Whether a sample has this name.
pub fn is_of_sample(flow: &str) -> bool {
    SAMPLES.iter().any(|sample| sample.name == flow)
}

/// Deploys the missing samples and returns their number. Flows that were changed stay as they are.
///
/// # Errors
/// The API refuses one.
pub async fn deploy(client: &Client) -> Result<usize, Failure> {
    let deployed: Flows = client.get("/v1/flows?page_size=200").await?;
    let is_there = |name: &str| deployed.result.iter().any(|flow| flow.name == name);
    let mut count = 0;
    for sample in SAMPLES.iter().filter(|sample| !is_there(sample.name)) {
        let routes: Vec<Value> = sample.route.iter().map(|address| json!({ "address": address })).collect();
        let body = json!({ "document": sample.document, "routes": routes, "file": sample.file });
        client.post::<Value>("/v1/flows", &body).await?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_called_as_their_documents_say() {
        for sample in &SAMPLES {
            let document: Value = serde_json::from_str(sample.document).unwrap();
            assert_eq!(document["name"], sample.name, "{}", sample.file);
        }
    }
}
