//! OAuth parameters from a query or a form body (RFC 6749 section 3.1 and appendix B).

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use model::ids::TokenHash;

use crate::error;

/// Parameters in order, decoded; empty values count as absent.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParamError {
    #[error("a parameter is not valid UTF-8")]
    NotUtf8,
    #[error("a parameter is longer than 8192 characters")]
    TooLong,
    #[error("there are more than 64 parameters")]
    TooMany,
    #[error("a parameter is there more than once")]
    Repeated,
}

/// A request body within the limit; a larger one is refused in JSON like everything else.
pub(crate) struct Form(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let refused = |rejection: BytesRejection| {
            let description = "the request body cannot be read; it may be larger than 64 KB";
            error::json(rejection.status(), "invalid_request", description)
        };
        Bytes::from_request(request, state).await.map(Self).map_err(refused)
    }
}

impl Params {
    const MAX_VALUE: usize = 8192;
    const MAX_COUNT: usize = 64;

    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, ParamError> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if params.len() == Self::MAX_COUNT {
                return Err(ParamError::TooMany);
            }
            if name.len() > Self::MAX_VALUE || value.len() > Self::MAX_VALUE {
                return Err(ParamError::TooLong);
            }
            // The decoder puts U+FFFD where bytes were not UTF-8.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(ParamError::NotUtf8);
            }
            // Only `resource` may come more than once (RFC 8707 section 2).
            if name != "resource" && params.iter().any(|(n, _)| *n == name) {
                return Err(ParamError::Repeated);
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(params))
    }

    /// Names this request: the same parameters in the same order.
    pub(crate) fn fingerprint(&self) -> TokenHash {
        let mut bytes = Vec::new();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            // Length-prefixed, so no two requests share an encoding.
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        TokenHash::of(bytes)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let params = Params::parse(b"a=b+c%2B&state=&resource=x&resource=y").unwrap();
        assert_eq!(params.get("a"), Some("b c+"));
        assert_eq!(params.get("state"), None);
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn hostile_input_is_refused_with_its_reason() {
        assert_eq!(Params::parse(b"a=1&a=2").unwrap_err(), ParamError::Repeated);
        assert_eq!(Params::parse(b"a=%ff").unwrap_err(), ParamError::NotUtf8);
        assert_eq!(
            Params::parse(format!("a={}", "x".repeat(8193)).as_bytes()).unwrap_err(),
            ParamError::TooLong
        );
        let many = (0..65).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Params::parse(many.as_bytes()).unwrap_err(), ParamError::TooMany);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Params::parse(&bytes);
        }
    }
}
