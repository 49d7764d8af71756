//! X.509 certificates by which an app proves itself: read from PEM, held together with their private key, signed with.
//!
//! Chains and revocation are nobody's business here: the identity provider knows the very certificate it was given.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::Secret;
use crate::ports::Entropy;
use crate::time::Timestamp;

/// What everybody may know of a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicCertificate {
    der: Vec<u8>,
    /// `RSAPublicKey` (RFC 8017 appendix A.1.1).
    public_key: Vec<u8>,
    subject: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// A certificate and the private key that belongs to it. Does not print the key.
#[derive(Clone)]
pub struct Certificate {
    public: PublicCertificate,
    key: Arc<RsaKeyPair>,
}

/// Why there is no certificate to prove anything with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("there is no certificate in it (`-----BEGIN CERTIFICATE-----`)")]
    NoCertificate,
    #[error("there is no private key in it (`-----BEGIN PRIVATE KEY-----`)")]
    NoKey,
    #[error("its private key is encrypted")]
    EncryptedKey,
    #[error("the private key belongs to none of the certificates")]
    AnotherKey,
    #[error("it has no RSA key of 2048 bits or more, which is what Entra takes")]
    NotRsa,
    #[error("it does not read as PEM")]
    Unreadable,
}

// === impl PublicCertificate ===

impl PublicCertificate {
    /// The first certificate of a text; the rest is not looked at.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let (certificates, _) = blocks(text)?;
        Self::from_der(certificates.first().ok_or(CertificateError::NoCertificate)?)
    }

    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, read) = X509Certificate::from_der(der).map_err(|_| CertificateError::Unreadable)?;
        let validity = read.validity();
        Ok(Self {
            der: der.to_vec(),
            public_key: read.public_key().subject_public_key.data.to_vec(),
            subject: read.subject().to_string(),
            not_before: Timestamp::from_secs(validity.not_before.timestamp()),
            not_after: Timestamp::from_secs(validity.not_after.timestamp()),
        })
    }

    /// What is uploaded at the identity provider.
    pub fn to_pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// SHA-1 in capital hex digits: what the portal lists as thumbprint.
    pub fn thumbprint(&self) -> String {
        let mut out = String::new();
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref() {
            let _ = write!(out, "{byte:02X}");
        }
        out
    }

    /// `x5t` (RFC 7515 section 4.1.7).
    pub fn x5t(&self) -> String {
        B64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der))
    }

    /// `x5t#S256` (RFC 7515 section 4.1.8).
    pub fn x5t_s256(&self) -> String {
        B64.encode(digest(&SHA256, &self.der))
    }

    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// `RSAPublicKey` in DER, as signatures are checked with.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

impl fmt::Debug for PublicCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicCertificate({})", self.thumbprint())
    }
}

// === impl Certificate ===

impl Certificate {
    /// Every certificate of a text whose private key is in it too, in their order. Others are passed over: the rest
    /// of a chain has no keys here. Keys may be PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// What is missing or does not fit; never an empty list.
    pub fn all_in_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let (certificates, keys) = blocks(text)?;
        if certificates.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let keys = keys.iter().map(|der| read_key(der)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(CertificateError::NoKey);
        }
        let mut found = Vec::new();
        for der in &certificates {
            let public = PublicCertificate::from_der(der)?;
            let its = keys.iter().find(|key| key.public_key().as_ref() == public.public_key);
            found.extend(its.map(|key| Self { public, key: key.clone() }));
        }
        if found.is_empty() { Err(CertificateError::AnotherKey) } else { Ok(found) }
    }

    /// From the two halves in DER, as a PFX file has them.
    pub fn from_der(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let (public, key) = (PublicCertificate::from_der(certificate)?, read_key(key)?);
        if key.public_key().as_ref() != public.public_key {
            return Err(CertificateError::AnotherKey);
        }
        Ok(Self { public, key })
    }

    pub const fn public(&self) -> &PublicCertificate {
        &self.public
    }

    /// RSASSA-PSS with SHA-256, the `PS256` of RFC 7518 section 3.5.
    pub fn sign_ps256(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("signing in memory has no way to fail");
        signature
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, [redacted])", self.public.thumbprint())
    }
}

/// A new RSA key of 2048 bits and a certificate that it signed itself, good from a day ago (clocks differ) for
/// `lifetime`: both in one PEM text, as [`Certificate::all_in_pem`] reads it. Takes a noticeable time. The key is drawn
/// by the crypto library itself.
pub fn self_signed(name: &str, now: Timestamp, lifetime: Duration, entropy: &dyn Entropy) -> Secret {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .expect("an RSA key can always be made");
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let at = |time: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(time.secs()).unwrap_or(0))
    };
    params.not_before = at(now.minus(Duration::from_hours(24)));
    params.not_after = at(now.plus(lifetime));
    let mut serial = [0; 16];
    entropy.fill(&mut serial);
    // A positive number (RFC 5280 section 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(serial.to_vec().into());
    let certificate = params.self_signed(&key).expect("a certificate of plain texts can be made");
    let mut text = pem("CERTIFICATE", certificate.der());
    text.push_str(&Zeroizing::new(pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()))));
    Secret::from(text)
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        out.extend(line.iter().map(|&byte| char::from(byte)));
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

/// Certificates and private keys in DER, in their order.
type Blocks = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn blocks(text: &str) -> Result<Blocks, CertificateError> {
    let (mut certificates, mut keys) = (Vec::new(), Vec::new());
    for block in Pem::iter_from_buffer(text.as_bytes()) {
        let Pem { label, contents } = block.map_err(|_| CertificateError::Unreadable)?;
        match label.as_str() {
            "CERTIFICATE" => certificates.push(contents),
            "PRIVATE KEY" | "RSA PRIVATE KEY" => keys.push(contents),
            "ENCRYPTED PRIVATE KEY" => return Err(CertificateError::EncryptedKey),
            "EC PRIVATE KEY" => return Err(CertificateError::NotRsa),
            _ => {}
        }
    }
    Ok((certificates, keys))
}

fn read_key(der: &[u8]) -> Result<Arc<RsaKeyPair>, CertificateError> {
    let key = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
    key.map(Arc::new).map_err(|_| CertificateError::NotRsa)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::ExposeSecret as _;
    use crate::testing::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const YEAR: Duration = Duration::from_hours(365 * 24);

    fn made(name: &str) -> Secret {
        self_signed(name, NOW, YEAR, &SeededEntropy::new(1))
    }

    #[test]
    fn a_made_certificate_reads_back_says_until_when_and_signs_what_its_public_half_confirms() {
        let text = made("Just a test");
        let all = Certificate::all_in_pem(text.expose_secret()).unwrap();
        let [certificate] = all.as_slice() else { panic!("one: {all:?}") };
        let public = certificate.public();
        assert_eq!(public.subject(), "CN=Just a test");
        assert_eq!(
            (public.not_before(), public.not_after()),
            (NOW.minus(Duration::from_hours(24)), NOW.plus(YEAR))
        );
        assert_eq!(public.thumbprint().len(), 40);
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public.public_key());
        key.verify(b"message", &certificate.sign_ps256(b"message")).unwrap();
        assert!(key.verify(b"another", &certificate.sign_ps256(b"message")).is_err());
        let uploaded = PublicCertificate::from_pem(&public.to_pem()).unwrap();
        assert_eq!(&uploaded, public);
        assert!(!public.to_pem().contains("PRIVATE") && !format!("{certificate:?}").contains("MII"));
    }

    #[test]
    fn of_several_those_with_a_key_count_in_their_order() {
        let (old, new) = (made("old"), made("new"));
        let chain = Certificate::all_in_pem(made("issuer").expose_secret()).unwrap()[0].public().to_pem();
        let text = format!("{}{chain}{}", new.expose_secret(), old.expose_secret());
        let names: Vec<String> = Certificate::all_in_pem(&text)
            .unwrap()
            .iter()
            .map(|one| one.public().subject().to_owned())
            .collect();
        assert_eq!(names, ["CN=new", "CN=old"]);
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_said() {
        let (mine, other) = (made("mine"), made("other"));
        let (certificate, key) =
            mine.expose_secret().split_at(mine.expose_secret().find("-----BEGIN PRIVATE").unwrap());
        let others_key = &other.expose_secret()[other.expose_secret().find("-----BEGIN PRIVATE").unwrap()..];
        for (text, error) in [
            (String::new(), CertificateError::NoCertificate),
            ("no PEM at all".to_owned(), CertificateError::NoCertificate),
            (key.to_owned(), CertificateError::NoCertificate),
            (certificate.to_owned(), CertificateError::NoKey),
            (format!("{certificate}{others_key}"), CertificateError::AnotherKey),
            (key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), CertificateError::EncryptedKey),
            (
                format!("{certificate}{}", key.replace("PRIVATE KEY", "EC PRIVATE KEY")),
                CertificateError::NotRsa,
            ),
            (certificate.replace("MII", "!!!"), CertificateError::Unreadable),
        ] {
            assert_eq!(Certificate::all_in_pem(&text).unwrap_err(), error, "{text}");
        }
    }
}
