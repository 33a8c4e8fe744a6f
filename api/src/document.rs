//! The OpenAPI document: what the operations say of themselves, and what is true of all of them.

use crate::operations;
use crate::operations::activeflows::{StateName, StatusName};
use crate::problem::{MEDIA_TYPE, Part, Problem};
use std::sync::OnceLock;
use utoipa::openapi::content::Content;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, Paths, Ref, RefOr, Response, ResponseBuilder};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Signalbox",
        description = "A flow engine for telecoms: events come in, activeflows run, commands go out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "events", description = "What happened, told by carriers' systems"),
        (name = "activeflows", description = "Flows that run, or ran"),
        (name = "commands", description = "What gateways are asked to do"),
        (name = "flows", description = "From a document to what runs"),
        (name = "routes", description = "Which address leads to which flow"),
        (name = "v1.0", description = "Activeflows in the form of the documented API that others were written for"),
        (name = "service", description = "This installation")
    ),
    components(schemas(Problem, Part, StateName, StatusName))
)]
struct Base;

/// The document as JSON text, indented.
pub fn openapi() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut text = document().to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    })
}

fn document() -> OpenApi {
    let open = operations::open().into_openapi();
    let mut guarded = operations::guarded().into_openapi();
    each_operation(&mut guarded.paths, |operation| {
        operation.security = Some(vec![
            SecurityRequirement::new("bearer", Vec::<String>::new()),
            SecurityRequirement::new("token", Vec::<String>::new()),
        ]);
        answers(operation, "400", "The path, the query or the body cannot be read");
        answers(operation, "401", "No key, or one that is not known");
        answers(operation, "403", "The key is not for this customer, or not an administrator's");
        answers(
            operation,
            "503",
            "The state store or the bus does not answer; Retry-After says when to try again",
        );
        if operation.request_body.is_some() {
            answers(operation, "413", "The body is too long");
            answers(operation, "415", "The body is of another media type");
            answers(operation, "422", "The body is JSON, but not what is expected");
        }
    });
    let mut all = <Base as utoipa::OpenApi>::openapi();
    all.merge(open);
    all.merge(guarded);
    each_operation(&mut all.paths, |operation| {
        answers(operation, "500", "A defect of Signalbox, or a record that it cannot read");
        as_problems(operation);
    });
    let components = all.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let token = ApiKey::Query(ApiKeyValue::new("token"));
    components.security_schemes.insert("bearer".into(), SecurityScheme::Http(bearer).into());
    components.security_schemes.insert("token".into(), SecurityScheme::ApiKey(token).into());
    all
}

fn each_operation(paths: &mut Paths, mut change: impl FnMut(&mut Operation)) {
    for item in paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        operations.into_iter().flatten().for_each(&mut change);
    }
}

/// Adds an answer that any operation may give, unless the operation says more about it itself.
fn answers(operation: &mut Operation, status: &str, description: &str) {
    let problem = || {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
        ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
    };
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem()));
}

/// Every refusal is a problem: its media type, and a description where the operation gives none.
fn as_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) {
            let content = std::mem::take(&mut response.content);
            response.content =
                content.into_iter().map(|(_, content)| (MEDIA_TYPE.to_owned(), content)).collect();
        }
        describe(status, response);
    }
}

fn describe(status: &str, response: &mut Response) {
    if response.description.is_empty() {
        response.description = match status {
            "200" => "Done",
            "404" => "There is no such thing, or it is another customer's",
            _ => "See the schema",
        }
        .to_owned();
    }
}
