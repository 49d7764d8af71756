//! What the directory knows of a person beyond the tokens: job title and office, from Microsoft Graph on their behalf.
//!
//! It is decoration, so nothing here fails: what cannot be read is missing, with words that say why.

use std::time::Duration;

use model::upstream::{Effect, Profile, UpstreamError, UpstreamTokens};

use crate::discovery::Metadata;
use crate::fault::is_about_consent;
use crate::graph::{self, Graph, Me};
use crate::upstream::Entra;

/// How long a tool call waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// `None` where there is no Graph to ask.
pub(crate) async fn ask(entra: &Entra, metadata: &Metadata, tokens: &UpstreamTokens) -> Option<Profile> {
    let base = graph::address(entra, metadata)?;
    if tokens.access_expires_at <= entra.clock().now() {
        return Some(missing(
            "The sign-in they would be read with has ended. Let the client refresh its token, then call again.",
        ));
    }
    let asked = async { Graph::on_behalf_of(entra, metadata, base, &tokens.access_token).await?.me().await };
    Some(match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Me { job_title, office_location })) => Profile { job_title, office_location, note: None },
        Ok(Err(error)) => missing(&reason(&error)),
        Err(_) => missing("Microsoft Graph did not answer in time. Call again in a few minutes."),
    })
}

fn missing(why: &str) -> Profile {
    Profile {
        note: Some(format!("job_title and office_location could not be read. {why}")),
        ..Profile::default()
    }
}

/// Why, and what to do about it.
fn reason(error: &UpstreamError) -> String {
    match error {
        UpstreamError::Unavailable { detail, .. } => {
            format!("Microsoft Graph could not be asked just now: {detail}. Call again in a few minutes.")
        }
        UpstreamError::Refused(refusal) => match refusal.effect {
            Effect::SetUp if is_about_consent(refusal) => {
                let number = refusal.code.map(|code| format!(" (AADSTS{code})")).unwrap_or_default();
                format!(
                    "The app may not read the person's profile{number}. {}, then call again in a few minutes.",
                    graph::GRANT_IT
                )
            }
            _ => format!("{} {}", refusal.sentence(), refusal.hint),
        },
    }
}
