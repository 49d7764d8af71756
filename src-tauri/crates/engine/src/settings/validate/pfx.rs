//! Certificate and key out of a PFX file (PKCS#12, RFC 7292), as Windows and Azure Key Vault hand them out.

use model::certificate::{Certificate, CertificateError};
use p12_keystore::Pkcs12Archive;

use super::credential::not_a_certificate;
use super::{Check, Noted};

/// Why a PFX file gives no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PfxError {
    /// It does not open: no PFX file, or another password. The two cannot be told apart in every file.
    NotOpened,
    Certificate(CertificateError),
}

/// The certificate whose private key is in the file too; the rest of a chain is passed over.
pub(super) fn certificate(pfx: &[u8], password: &str) -> Result<Certificate, PfxError> {
    let archive = Pkcs12Archive::from_pkcs12(pfx, password).map_err(|_| PfxError::NotOpened)?;
    let key = archive.keys.first().ok_or(PfxError::Certificate(CertificateError::NoKey))?;
    let mut outcome = Err(CertificateError::NoCertificate);
    for bag in &archive.certs {
        outcome = Certificate::from_der(bag.cert.as_der(), key.key.as_der());
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map_err(PfxError::Certificate)
}

impl PfxError {
    pub(super) fn note(self, check: &mut Check<'_>, key: &str) -> Noted {
        match self {
            Self::NotOpened => {
                let message =
                    "the certificate file is neither PEM text nor a PFX file that opens with the password";
                let hint = "check `entra.certificate_password` and that the file is whole";
                check.refuse(key, "pfx-not-opened", message, hint)
            }
            Self::Certificate(error) => not_a_certificate(check, key, error),
        }
    }
}
