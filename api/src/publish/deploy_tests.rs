use super::*;
use flow::route::Window;

const CUSTOMER: &str = "00000000-0000-0000-0000-000000000000";

/// Deployed flows, as a store would hold them.
#[derive(Default)]
struct Deployments {
    definitions: Definitions,
    documents: BTreeMap<String, String>,
}

impl Deployments {
    fn deploy(&mut self, document: &str, routes: &[&str]) -> Result<Option<Effect>, Refused> {
        let routes: Vec<RouteChange> = routes
            .iter()
            .map(|address| RouteChange {
                address: address.parse().unwrap(),
                window: Window::default(),
                priority: 0,
            })
            .collect();
        let name: serde_json::Value = serde_json::from_str(document).unwrap();
        let deployment = Deployment {
            customer_id: CUSTOMER,
            name: name["name"].as_str().unwrap(),
            document,
            routes: &routes,
            now: "2026-11-22T05:00:00Z".parse().unwrap(),
        };
        let effect = deploy(&self.definitions, &self.documents, &deployment)?;
        if let Some(effect) = &effect {
            self.definitions = effect.publication.definitions.clone();
            for (hash, bytes) in &effect.publication.bundles {
                let bundle = Bundle::from_bytes(bytes).unwrap();
                assert_eq!(*hash, bundle.hash());
                self.documents.insert(bundle.flow_id().to_owned(), bundle.document().to_string());
            }
        }
        Ok(effect)
    }

    fn flow(&self, name: &str) -> &Deployed {
        self.definitions.flows.values().find(|flow| flow.name == name).unwrap()
    }
}

fn ivr(text: &str) -> String {
    document(
        "Desk",
        "call.incoming",
        &format!(
            r#"{{"id":"a","type":"answer"}},{{"id":"t","type":"talk","option":{{"text":"{text}","language":"en-US"}}}},{{"id":"h","type":"hangup"}}"#
        ),
    )
}

fn caller() -> String {
    document(
        "Caller",
        "call.incoming",
        r#"{"id":"a","type":"answer"},{"id":"s","type":"subroutine","option":{"flow_id":"Hours"}},{"id":"h","type":"hangup"}"#,
    )
}

fn hours(text: &str) -> String {
    document(
        "Hours",
        "",
        &format!(r#"{{"id":"t","type":"talk","option":{{"text":"{text}","language":"en-US"}}}}"#),
    )
}

fn document(name: &str, trigger: &str, actions: &str) -> String {
    let trigger =
        if trigger.is_empty() { String::new() } else { format!(r#""trigger":{{"event":"{trigger}"}},"#) };
    format!(
        r#"{{"schema":"signalbox.flow/v1","name":"{name}","type":"voice",{trigger}"actions":[{actions}]}}"#
    )
}

#[test]
fn versions_count_deployments_and_generations_count_publications() {
    let mut deployments = Deployments::default();
    let first = deployments.deploy(&ivr("one"), &["call=+15550111"]).unwrap().unwrap();
    assert_eq!((first.flow.version, deployments.definitions.generation), (1, 1));
    let second = deployments.deploy(&ivr("two"), &[]).unwrap().unwrap();
    assert_eq!((second.flow.version, deployments.definitions.generation), (2, 2));
    assert_eq!(deployments.definitions.routes[0].flow_id, second.flow.id);
}

#[test]
fn the_same_again_is_no_publication_whatever_its_white_space() {
    let mut deployments = Deployments::default();
    deployments.deploy(&ivr("one"), &["call=+15550111"]).unwrap();
    assert!(deployments.deploy(&ivr("one").replace(',', " ,\n"), &["call=+15550111"]).unwrap().is_none());
    let route = deployments.deploy(&ivr("one"), &["call=+15550112"]).unwrap().unwrap();
    assert!(!route.is_new_version && route.publication.bundles.is_empty());
    assert_eq!(deployments.flow("Desk").version, 1);
}

/// Flows that do not call the deployed one are neither compiled nor changed, even if this version cannot read them.
#[test]
fn a_deployment_compiles_what_it_changes_and_nothing_else() {
    let mut deployments = Deployments::default();
    deployments.deploy(&hours("eight to five"), &[]).unwrap();
    deployments.deploy(&caller(), &[]).unwrap();
    let outer = caller().replace("\"Caller\"", "\"Outer\"").replace("\"Hours\"", "\"Caller\"");
    deployments.deploy(&outer, &[]).unwrap();
    deployments.deploy(&ivr("one"), &[]).unwrap();
    let unrelated = deployments.flow("Desk").id.clone();
    deployments.documents.insert(unrelated.clone(), "{ no document, flow_id".into());
    deployments.definitions.flows.get_mut(&unrelated).unwrap().hears.insert("call.digits".into());
    let before = deployments.flow("Desk").clone();

    let effect = deployments.deploy(&hours("nine to five"), &[]).unwrap().unwrap();
    let mut rebuilt = effect.rebundled.clone();
    rebuilt.sort();
    assert_eq!(rebuilt, ["Caller", "Outer"]);
    assert_eq!(effect.publication.bundles.len(), 3);
    assert_eq!(*deployments.flow("Desk"), before);
}

#[test]
fn the_same_after_an_upgrade_that_hears_more_is_deployed_with_its_callers() {
    let mut deployments = Deployments::default();
    deployments.deploy(&hours("eight to five"), &[]).unwrap();
    deployments.deploy(&caller(), &[]).unwrap();
    let now = deployments.definitions.clone();
    for id in [deployments.flow("Hours").id.clone(), deployments.flow("Caller").id.clone()] {
        let before = deployments.definitions.flows.get_mut(&id).unwrap();
        before.class = flow::Class::Forms;
        before.hears.insert("call.digits".into());
    }
    let effect = deployments.deploy(&hours("eight to five"), &[]).unwrap().unwrap();
    assert!(effect.is_new_version && effect.rebundled == ["Caller"]);
    for name in ["Hours", "Caller"] {
        let before = now.flows.values().find(|flow| flow.name == name).unwrap();
        assert_eq!(
            (deployments.flow(name).class, &deployments.flow(name).hears),
            (before.class, &before.hears)
        );
    }
    assert!(deployments.deploy(&hours("eight to five"), &[]).unwrap().is_none());
}

#[test]
fn a_flow_that_calls_a_subroutine_is_rebuilt_and_keeps_its_version() {
    let mut deployments = Deployments::default();
    deployments.deploy(&hours("eight to five"), &[]).unwrap();
    deployments.deploy(&ivr("one"), &[]).unwrap();
    deployments.deploy(&caller(), &["call=+15550111"]).unwrap();
    let (before, desk) = (deployments.flow("Caller").clone(), deployments.flow("Desk").clone());
    let effect = deployments.deploy(&hours("nine to six"), &[]).unwrap().unwrap();
    assert_eq!(effect.rebundled, ["Caller"]);
    let after = deployments.flow("Caller");
    assert_eq!((after.version, after.bundle == before.bundle), (before.version, false));
    assert_eq!(*deployments.flow("Desk"), desk);
}

#[test]
fn a_subroutine_that_is_not_there_is_a_finding() {
    let refused = Deployments::default().deploy(&caller(), &[]).err().unwrap();
    assert!(matches!(&refused, Refused::Findings(findings) if findings[0].code == "SBX0504"), "{refused:?}");
}

#[test]
fn a_subroutine_that_breaks_its_caller_is_refused_with_the_callers_name() {
    let mut deployments = Deployments::default();
    deployments.deploy(&hours("eight to five"), &[]).unwrap();
    deployments.deploy(&caller(), &[]).unwrap();
    let circle = document("Hours", "", r#"{"id":"s","type":"subroutine","option":{"flow_id":"Caller"}}"#);
    assert!(deployments.deploy(&circle, &[]).is_err());
    assert_eq!(deployments.definitions.generation, 2);
}

#[test]
fn a_route_that_does_not_fit_refuses_all_of_it() {
    let mut deployments = Deployments::default();
    assert!(
        matches!(deployments.deploy(&ivr("one"), &["sms=+15550111"]), Err(Refused::Route(why)) if why.to_string().contains("call.incoming"))
    );
    assert!(
        matches!(deployments.deploy(&hours("x"), &["call=*"]), Err(Refused::Route(why)) if why.to_string().contains("subroutine"))
    );
    assert_eq!(deployments.definitions, Definitions::default());
}

#[test]
fn a_new_trigger_is_refused_while_a_route_of_the_old_one_leads_there() {
    let mut deployments = Deployments::default();
    deployments.deploy(&ivr("one"), &["call=+15550111"]).unwrap();
    let outgoing = ivr("one").replace("call.incoming", "call.outgoing");
    assert!(deployments.deploy(&outgoing, &[]).is_ok());
    let without =
        document("Desk", "", r#"{"id":"t","type":"talk","option":{"text":"x","language":"en-US"}}"#);
    assert!(
        matches!(deployments.deploy(&without, &[]), Err(Refused::Route(why)) if why.to_string().contains("route delete call=+15550111"))
    );
}
