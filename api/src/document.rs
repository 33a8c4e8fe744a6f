//! The OpenAPI document, generated from the operations.

use crate::access;
use crate::filter::{StateName, StatusName};
use crate::operations;
use crate::problem::{MEDIA_TYPE, Problem, ProblemPart};
use axum::http::Method;
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
        (name = "events", description = "Events that carriers' systems send"),
        (name = "activeflows", description = "Running and ended flows"),
        (name = "commands", description = "Commands to gateways"),
        (name = "flows", description = "Flow documents and deployments"),
        (name = "routes", description = "Routes from addresses to flows"),
        (name = "v1.0", description = "Activeflows in the format of the v1.0 API, for existing clients"),
        (name = "service", description = "This installation")
    ),
    components(schemas(Problem, ProblemPart, StateName, StatusName))
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
    each_route(&mut guarded.paths, |method, path, operation| {
        let role = access::needed(&method, path).role.name();
        operation.extensions.get_or_insert_default().insert("x-required-role".to_owned(), role.into());
    });
    each_operation(&mut guarded.paths, |operation| {
        operation.security = Some(vec![
            SecurityRequirement::new("bearer", Vec::<String>::new()),
            SecurityRequirement::new("token", Vec::<String>::new()),
        ]);
        add_response(operation, "400", "The path, the query or the body is invalid");
        add_response(operation, "401", "The key is missing or unknown");
        add_response(operation, "429", "Too many requests with a wrong key");
        add_response(
            operation,
            "403",
            "The key has not the role that the operation needs (`x-required-role`), or is for one customer only",
        );
        add_response(
            operation,
            "503",
            "The state store or the bus does not answer; try again after the time in Retry-After",
        );
        if operation.request_body.is_some() {
            add_response(operation, "408", "The body did not arrive in time");
            add_response(operation, "413", "The body is too large");
            add_response(operation, "415", "The body has an unsupported media type, or is compressed");
            add_response(operation, "422", "The body is valid JSON but does not match the schema");
        }
    });
    let mut all = <Base as utoipa::OpenApi>::openapi();
    all.merge(open);
    all.merge(guarded);
    each_operation(&mut all.paths, |operation| {
        add_response(operation, "421", "The request is addressed to a host that is not in api.hosts");
        add_response(operation, "500", "Internal error: a defect of Signalbox, or an unreadable record");
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
    each_route(paths, |_, _, operation| change(operation));
}

fn each_route(paths: &mut Paths, mut change: impl FnMut(Method, &str, &mut Operation)) {
    for (path, item) in &mut paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::POST, &mut item.post),
            (Method::PUT, &mut item.put),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                change(method, path, operation);
            }
        }
    }
}

/// Adds a response unless the operation describes it itself.
fn add_response(operation: &mut Operation, status: &str, description: &str) {
    let problem = || {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
        ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build()
    };
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem()));
}

/// Sets the media type of error responses, and adds missing descriptions.
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
            "200" => "Success",
            "404" => "The resource does not exist or belongs to another customer",
            _ => "See the schema",
        }
        .to_owned();
    }
}
