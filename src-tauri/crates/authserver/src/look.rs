//! Answers this server's own look at itself from outside: in one piece to a browser, in two pieces with a pause to a client.
//!
//! To anybody without a ticket of ours there is nothing here, so nobody can have a connection held open by it.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::{StreamExt as _, stream};
use model::look::{END, OurLook, PATH, PAUSE};
use model::origin::Ingress;

use crate::flow::{Flow, Shared};
use crate::metadata;
use crate::routes::Table;

pub(crate) fn routes() -> Table {
    vec![(PATH, get(whole).post(in_pieces))]
}

/// Whether we ask ourselves: that is no attempt of a client to connect. To be asked once of each request, because it counts. The way
/// in from the tunnel has done that already.
pub(crate) fn is_ours(flow: &Shared, method: &Method, uri: &Uri, extensions: &Extensions) -> bool {
    match extensions.get() {
        Some(Ingress::Tunnel) => extensions.get::<OurLook>().is_some(),
        _ => flow.looks().admits(method.as_str(), uri.path(), uri.query(), flow.now()),
    }
}

fn proof(flow: &Shared, request: &Request) -> Option<String> {
    is_ours(flow, request.method(), request.uri(), request.extensions())
        .then(|| flow.looks().proof(request.uri().query().unwrap_or_default()))
}

async fn whole(State(flow): State<Flow>, request: Request) -> Response {
    let Some(proof) = proof(&flow, &request) else { return metadata::unknown().await };
    ([(header::CACHE_CONTROL, "no-store")], proof).into_response()
}

/// Events as in the answer of a tool that takes its time.
async fn in_pieces(State(flow): State<Flow>, request: Request) -> Response {
    let Some(proof) = proof(&flow, &request) else { return metadata::unknown().await };
    let first = stream::once(async move { format!("data: {proof}\n\n") });
    let second = stream::once(async {
        tokio::time::sleep(PAUSE).await;
        format!("data: {END}\n\n")
    });
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // nginx holds a streamed answer back without it.
        ("x-accel-buffering", "no"),
    ];
    (headers, Body::from_stream(first.chain(second).map(Ok::<_, Infallible>))).into_response()
}
