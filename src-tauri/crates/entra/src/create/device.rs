//! Signing in on another page, or another device, with a short code (RFC 8628).

use std::time::Duration;

use ::http::{HeaderValue, Method, StatusCode, header};
use ::url::Url;
use model::time::Timestamp;
use model::upstream::UpstreamError;
use model::{ExposeSecret as _, Secret};
use serde::Deserialize;

use super::{GRAPH_TOOLS, Maker, Owner, Stop, Trouble, guid};
use crate::aadsts::{Fix, Page};
use crate::fault::{Trouble as Fault, Which};
use crate::http::{Answer, send, unavailable};
use crate::rules::text;

/// RFC 8628 section 3.5: what an answer of `slow_down` adds, and what a provider that names no interval means.
const FIVE_SECONDS: Duration = Duration::from_secs(5);
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a person does to sign in.
#[derive(Debug)]
pub struct Invitation {
    /// What they type.
    pub user_code: String,
    /// Where.
    pub link: String,
    pub expires_at: Timestamp,
    interval: Duration,
    device_code: Secret,
}

/// RFC 8628 section 3.2.
#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: Secret,
    user_code: String,
    verification_uri: Url,
    expires_in: u64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Secret,
    id_token: Option<Secret>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

impl Maker {
    /// Begins a sign-in; the person has a quarter of an hour at Microsoft.
    ///
    /// # Errors
    /// A directory that is not there, one that lets nobody sign in this way, or no connection.
    pub async fn invite(&self) -> Result<Invitation, Trouble> {
        let metadata = self.entra.metadata().await.map_err(Trouble::of)?;
        let (Some(endpoint), Some(graph)) = (&metadata.device_endpoint, &metadata.graph) else {
            return Err(no_entra());
        };
        // What makes applications, and who it is that makes them. No more is asked for.
        let scope =
            format!("{}/Application.ReadWrite.All openid profile", graph.as_str().trim_end_matches('/'));
        let answer = self.post(endpoint, &[("client_id", GRAPH_TOOLS), ("scope", &scope)]).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(&answer));
        }
        let answer: DeviceAnswer = serde_json::from_slice(&answer.body).map_err(|_| unread())?;
        let web = matches!(answer.verification_uri.scheme(), "https" | "http");
        if !web || !is_short(&answer.user_code) {
            return Err(unread());
        }
        Ok(Invitation {
            user_code: answer.user_code,
            link: answer.verification_uri.into(),
            expires_at: self.entra.clock().now().plus(Duration::from_secs(answer.expires_in.min(3600))),
            interval: answer
                .interval
                .map_or(FIVE_SECONDS, |seconds| Duration::from_secs(seconds.clamp(1, 60))),
            device_code: answer.device_code,
        })
    }

    /// Waits until the person has signed in.
    ///
    /// # Errors
    /// They declined or took too long, may not do this, or it was stopped.
    pub async fn signed_in(&self, invitation: &Invitation, stop: &Stop) -> Result<Owner, Trouble> {
        let metadata = self.entra.metadata().await.map_err(Trouble::of)?;
        let mut interval = invitation.interval;
        let form = [
            ("grant_type", GRANT),
            ("client_id", GRAPH_TOOLS),
            ("device_code", invitation.device_code.expose_secret()),
        ];
        loop {
            tokio::select! {
                biased;
                () = stop.set() => return Err(Trouble::plain("It was stopped.", "Begin again when you want to.")),
                () = self.pause.pause(interval) => {}
            }
            if self.entra.clock().now() >= invitation.expires_at {
                return Err(expired());
            }
            // RFC 8628 section 3.5: no connection is no answer; it is asked again.
            let Ok(answer) = self.post(&metadata.token_endpoint, &form).await else { continue };
            if answer.status == StatusCode::OK {
                let tokens = serde_json::from_slice(&answer.body).map_err(|_| unread())?;
                return self.owner(tokens).await;
            }
            match serde_json::from_slice::<ErrorAnswer>(&answer.body).map(|answer| answer.error).as_deref() {
                Ok("authorization_pending") => {}
                Ok("slow_down") => interval += FIVE_SECONDS,
                Ok("expired_token" | "code_expired") => return Err(expired()),
                Ok("authorization_declined" | "access_denied") => {
                    return Err(Trouble::plain(
                        "The sign-in was declined.",
                        "Begin again and accept what Microsoft asks, or make the registration in the portal.",
                    ));
                }
                _ => return Err(self.refused(&answer)),
            }
        }
    }

    async fn owner(&self, tokens: TokenAnswer) -> Result<Owner, Trouble> {
        let metadata = self.entra.metadata().await.map_err(Trouble::of)?;
        let graph = metadata.graph.clone().ok_or_else(no_entra)?;
        let id = tokens.id_token.ok_or_else(unread)?;
        let claims = self.entra.signed_claims(&metadata, id.expose_secret(), Which::Id).await;
        let claims = claims.map_err(|trouble| match trouble {
            Fault::Upstream(error) => Trouble::of(error),
            Fault::Fault(_) => unread(),
        })?;
        let id = |name: &str| claims.get(name).and_then(guid).ok_or_else(unread);
        let (tenant, object) = (id("tid")?, id("oid")?);
        if text(&claims, "aud") != Some(GRAPH_TOOLS)
            || text(&claims, "iss") != Some(&metadata.issuer.v2(&tenant))
        {
            return Err(unread());
        }
        let shown = |name: &str| text(&claims, name).map(str::to_owned);
        Ok(Owner {
            name: shown("name"),
            username: shown("preferred_username"),
            tenant,
            object,
            graph,
            token: tokens.access_token,
        })
    }

    async fn post(&self, to: &Url, form: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let mut body = Url::parse("x:/").expect("a URL");
        body.query_pairs_mut().extend_pairs(form);
        let mut request = reqwest::Request::new(Method::POST, to.clone());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        *request.body_mut() = Some(body.query().unwrap_or_default().to_owned().into());
        send(self.entra.http(), request).await.map_err(Trouble::of)
    }

    fn refused(&self, answer: &Answer) -> Trouble {
        let error = self.entra.refusals().of_answer(answer);
        let Trouble { what, code, .. } = Trouble::of(error.clone());
        match error {
            // What the table says to owners of an app does not help with an app of Microsoft's.
            UpstreamError::Refused(_) => Trouble {
                what,
                hint: "Ask an administrator of the directory to approve Microsoft Graph Command Line Tools, or use the \
                       az script or the steps in the portal."
                    .to_owned(),
                code,
                remedies: self.entra.refusals().remedies(code, &[Fix::Open(Page::Lookup)]),
            },
            UpstreamError::Unavailable { .. } => Trouble::of(error),
        }
    }
}

fn is_short(code: &str) -> bool {
    (4..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn no_entra() -> Trouble {
    Trouble::plain(
        "The sign-in host of the settings is no Microsoft Entra, so nothing can be registered there.",
        "Make the registration by that provider's own means.",
    )
}

fn unread() -> Trouble {
    Trouble::of(unavailable("it gave an answer that does not read"))
}

fn expired() -> Trouble {
    Trouble::plain("The code was not used in time.", "Begin again and enter the new code.")
}
