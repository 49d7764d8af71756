//! Form and query parameters as Entra reads them: each at most once, an empty one counts as missing.

use crate::refusal::Why;

/// The parameters of one request. No `Debug`: they hold secrets and codes.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// A parameter given twice is refused, whichever it is (AADSTS9000411).
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, Why> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw) {
            if all.iter().any(|(seen, _)| *seen == name) {
                return Err(Why::Duplicated(name.into_owned()));
            }
            all.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(all))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Why> {
        self.get(name).ok_or(Why::Missing(name))
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}
