//! Every address of the authorization server, in tables that the router is built from and that can be listed.
//!
//! What is not for everybody answers everybody else like an address that does not exist, whatever the method.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any_service, get, post};
use model::origin::{FRONT_CHANNEL_LOGOUT, Ingress, Origin};
use tower::Layer as _;

use crate::flow::Flow;
use crate::site::Here;
use crate::{
    authorize, callback, consent, front_channel, look, metadata, method_not_allowed, my_sessions, not_found,
    not_the_endpoint, pages, ready, register, revoke, test_sign_in, token,
};

/// What one table is: a path and what answers there.
pub(crate) type Table = Vec<(&'static str, MethodRouter<Flow>)>;

/// Who is served at an address that is not for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    /// Whoever looks after the server: everybody but those who come through our own tunnel.
    Operators,
    /// The local origin.
    ThisComputer,
}

/// Addresses that whoever comes through the tunnel is served at, besides the callback and the MCP endpoint. It cannot be one
/// of these or of [`private_paths`]: two handlers for one path are refused by the router.
pub fn public_paths() -> impl Iterator<Item = &'static str> {
    oauth().into_iter().chain(pages()).map(|(path, _)| path)
}

/// Addresses that they cannot tell from one that does not exist.
pub fn private_paths() -> impl Iterator<Item = &'static str> {
    private().into_iter().map(|(path, ..)| path)
}

/// What programs ask for.
pub(crate) fn oauth() -> Table {
    let mut table = metadata::routes();
    table.extend([
        ("/authorize", get(authorize::get).post(authorize::post)),
        ("/oauth/authorize", get(authorize::get).post(authorize::post)),
        ("/register", post(register::post)),
        ("/oauth/register", post(register::post)),
        ("/token", post(token::post)),
        ("/oauth/token", post(token::post)),
        ("/revoke", post(revoke::post)),
    ]);
    table.extend(look::routes());
    table
}

/// What people see, but the callback, whose path is a setting.
pub(crate) fn pages() -> Table {
    vec![
        ("/consent", get(consent::get).post(consent::post)),
        (my_sessions::PATH, get(my_sessions::get).post(my_sessions::post)),
        (my_sessions::SIGN_IN, get(my_sessions::sign_in)),
        (FRONT_CHANNEL_LOGOUT, get(front_channel::get)),
        ("/", get(pages::index).fallback(not_the_endpoint)),
        ("/healthz", get(async || "ok")),
    ]
}

pub(crate) fn private() -> Vec<(&'static str, Only, MethodRouter<Flow>)> {
    vec![
        // Whether the store answers is nobody's business who comes from the internet.
        ("/readyz", Only::Operators, get(ready)),
        (test_sign_in::PATH, Only::ThisComputer, get(test_sign_in::get)),
    ]
}

pub(crate) fn callback() -> MethodRouter<Flow> {
    get(callback::get)
}

pub(crate) fn routed(table: Table) -> Router<Flow> {
    table.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// Those of [`private`], behind the question who asks. It comes before the methods, which a refusal would otherwise tell.
pub(crate) fn kept(flow: &Flow) -> Router<Flow> {
    private().into_iter().fold(Router::new(), |router, (path, only, methods)| {
        let methods = methods.fallback(method_not_allowed).with_state::<()>(flow.clone());
        router.route(path, any_service(from_fn_with_state(only, keep).layer(methods)))
    })
}

async fn keep(State(only): State<Only>, here: Here, request: Request, next: Next) -> Response {
    let ingress = request.extensions().get().copied();
    let serves = match only {
        Only::Operators => ingress != Some(Ingress::Tunnel),
        Only::ThisComputer => ingress != Some(Ingress::Tunnel) && here.0.origin == Origin::Local,
    };
    if serves { next.run(request).await } else { not_found().await }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds an address has to say here that strangers may know of it.
    #[test]
    fn this_and_nothing_else_is_on_the_internet() {
        let public: Vec<_> = public_paths().collect();
        let expected = [
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource/mcp/",
            "/.well-known/oauth-authorization-server",
            "/.well-known/oauth-authorization-server/mcp",
            "/.well-known/openid-configuration",
            "/.well-known/openid-configuration/mcp",
            "/mcp/.well-known/openid-configuration",
            "/.well-known/{*other}",
            "/jwks",
            "/authorize",
            "/oauth/authorize",
            "/register",
            "/oauth/register",
            "/token",
            "/oauth/token",
            "/revoke",
            "/.well-known/just-mcp-oauth-proxy",
            "/consent",
            "/my-sessions",
            "/my-sessions/sign-in",
            "/front-channel-logout",
            "/",
            "/healthz",
        ];
        assert_eq!(public, expected);
        assert_eq!(private_paths().collect::<Vec<_>>(), ["/readyz", "/test-sign-in"]);
    }
}
