//! The scene most clients share: handshake, tools, a call, a restart of the server, the end of the token, a refresh in the
//! client's own form, and the call again.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Rig;
use testkit::imitation::{Headers, Imitation, Server, Tokens, call, initialized, list};

/// How a client speaks after it has signed in.
pub(crate) struct Lines<'a> {
    pub(crate) hello: Value,
    /// With the first request, and with all others.
    pub(crate) greet: Headers<'a>,
    pub(crate) heads: Headers<'a>,
    /// Whether it opens a stream with GET.
    pub(crate) stream: bool,
    /// Its token requests, and the form of a refresh without the token.
    pub(crate) form: Headers<'a>,
    pub(crate) refresh: Headers<'a>,
}

pub(crate) async fn plays_on(
    who: &Imitation,
    rig: Rig,
    server: &Server,
    tokens: Tokens,
    lines: Lines<'_>,
) -> Rig {
    let Lines { hello, greet, heads, stream, form, refresh } = lines;
    let greeted = who.asks(&tokens.access, greet, &hello).await;
    who.needs(
        greeted["protocolVersion"] == hello["params"]["protocolVersion"],
        format_args!("it does not speak the revision it is answered with: {greeted}"),
    );
    who.tells(&tokens.access, heads, &initialized(), 202).await;
    if stream {
        let agent: Vec<_> = heads.iter().copied().filter(|(name, _)| !name.starts_with("accept")).collect();
        who.asks_for_a_stream(&tokens.access, &agent).await;
    }
    who.likes_the_tools(&who.asks(&tokens.access, heads, &list(&json!(1))).await);
    who.meets_ada(&who.asks(&tokens.access, heads, &call(&json!(2), "get_user_info")).await);

    let rig = rig.restarted().await;
    who.meets_ada(&who.asks(&tokens.access, heads, &call(&json!(3), "get_user_info")).await);
    rig.pass(Duration::from_secs(tokens.expires_in));
    let bearer = format!("Bearer {}", tokens.access);
    let mut expired = heads.to_vec();
    expired.push(("authorization", &bearer));
    who.is_challenged(&who.post_json(&who.mcp_url, &expired, &call(&json!(4), "get_user_info")).await);

    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    fields.extend(refresh);
    let renewed = who.redeems(server, form, &fields).await;
    who.needs(renewed.refresh != tokens.refresh, "the refresh token did not rotate");
    who.meets_ada(&who.asks(&renewed.access, heads, &call(&json!(5), "get_user_info")).await);
    rig
}
