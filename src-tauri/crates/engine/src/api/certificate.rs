//! The certificates by which the app proves itself to Entra: shown, and made for whoever has none.
//!
//! A private key that is made here is sealed like a typed secret, and nothing gives it away again.

use std::time::Duration;

use model::certificate::{Certificate, self_signed};
use model::settings::{Credential, Identity};
use model::{ExposeSecret as _, Secret};
use secrecy::SecretString;
use serde::Serialize;
use ts_rs::TS;

use super::desk::Typed;
use super::requests::Empty;
use super::{Api, ApiError};
use crate::settings::certificates_of;

const KEY: &str = "entra.certificate";
const NAME: &str = "Just MCP OAuth Proxy";
const LIFETIME: Duration = Duration::from_hours(365 * 24);

/// A certificate the settings have the private key of.
#[derive(Debug, Clone, Serialize, TS)]
pub struct CertificateRow {
    /// SHA-1 in hex digits, as the portal lists it.
    pub thumbprint: String,
    /// `CN=Just MCP OAuth Proxy`
    pub subject: String,
    pub starts_at: i64,
    pub expires_at: i64,
    /// The public half: what is uploaded in the portal.
    pub pem: String,
}

/// How the app proves itself to Entra, as far as it has to be looked after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct CredentialState {
    /// `secret`, `certificate`, `federated-token`, `managed-identity` or `none`
    pub kind: &'static str,
    /// When it stops counting, as far as that is known.
    pub expires_at: Option<i64>,
    /// Entra refused the one that comes first, and another one is used.
    pub fell_back: bool,
}

impl Api {
    pub(super) async fn list_certificates(&self, _: Empty) -> Result<Vec<CertificateRow>, ApiError> {
        let draft = self.0.drafted().await.draft;
        Ok(certificates_of(&draft).iter().map(CertificateRow::of).collect())
    }

    /// The newest before stays behind the new one, and goes on proving the app until that is uploaded.
    pub(super) async fn make_certificate(&self, _: Empty) -> Result<Vec<CertificateRow>, ApiError> {
        self.is_ours()?;
        if self.0.sources().above.has(KEY) {
            return Err(ApiError::NotSaved {
                message: format!("`{KEY}` is set by the environment"),
                hint: "change it there and start the server again".to_owned(),
            });
        }
        let drafted = self.0.drafted().await;
        if drafted.draft.plain_text("entra.certificate_file").is_some() {
            return Err(ApiError::NotSaved {
                message: "the settings take the certificate from a file".to_owned(),
                hint: "renew the file, or clear `entra.certificate_file` first".to_owned(),
            });
        }
        let Some(world) = self.0.world() else { return Err(ApiError::NotRunning) };
        let (entropy, now) = (world.entropy.clone(), world.clock.now());
        let made = tokio::task::spawn_blocking(move || self_signed(NAME, now, LIFETIME, entropy.as_ref()))
            .await
            .map_err(|_| ApiError::NotSaved {
                message: "the certificate could not be made".to_owned(),
                hint: "try again".to_owned(),
            })?;
        let before = drafted.draft.secret(KEY).map(newest);
        let text =
            format!("{}{}", made.expose_secret(), before.as_ref().map_or("", |old| old.expose_secret()));
        self.keep_secrets(&Typed::from([(KEY.to_owned(), SecretString::from(text))]), &drafted).await?;
        let by_certificate = self.0.settings().is_some_and(|settings| {
            matches!(settings.identity, Identity::Entra(entra) if matches!(entra.credential, Credential::Certificates(_)))
        });
        if by_certificate {
            let engine = self.0.clone();
            tokio::spawn(async move { engine.restart().await });
        }
        self.list_certificates(Empty {}).await
    }
}

/// The first certificate of a text and the first key: those that were made last.
fn newest(text: &Secret) -> Secret {
    const END_OF_KEY: &str = "-----END PRIVATE KEY-----\n";
    let text = text.expose_secret();
    Secret::from(text.find(END_OF_KEY).map_or(text, |at| &text[..at + END_OF_KEY.len()]))
}

impl CertificateRow {
    fn of(certificate: &Certificate) -> Self {
        let public = certificate.public();
        Self {
            thumbprint: public.thumbprint(),
            subject: public.subject().to_owned(),
            starts_at: public.not_before().millis(),
            expires_at: public.not_after().millis(),
            pem: public.to_pem(),
        }
    }
}
