//! When a person is told that the client secret or the certificate ends: 30, 7 and 1 days before, and once it has.
//!
//! Once the next one is in use there is nothing to tell. Pure: the time comes in. What was told is kept with the preferences, so that a restart does not tell it again.

use serde::{Deserialize, Serialize};

const DAY: i64 = 24 * 3_600_000;

/// What of the engine's status matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Standing {
    /// Milliseconds since the epoch, by the engine's clock.
    now: i64,
    credential: Option<Credential>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Credential {
    kind: String,
    expires_at: Option<i64>,
    /// It was refused and the next one works: when it ends matters to nobody.
    fell_back: bool,
}

/// The last that was told, and of which credential: the next one ends at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    ends_at: i64,
    left: Left,
}

/// How near the end is. A later one is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Left {
    Month,
    Week,
    Day,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) title: String,
    pub(crate) text: &'static str,
    /// To be kept once it was told.
    pub(crate) told: Told,
}

impl Left {
    const fn of(left: i64) -> Option<Self> {
        match left {
            ..=0 => Some(Self::Nothing),
            1..=DAY => Some(Self::Day),
            _ if left <= 7 * DAY => Some(Self::Week),
            _ if left <= 30 * DAY => Some(Self::Month),
            _ => None,
        }
    }
}

impl Standing {
    /// What there is to tell that was not told.
    pub(crate) fn notice(&self, told: Option<Told>) -> Option<Notice> {
        let credential = self.credential.as_ref().filter(|credential| !credential.fell_back)?;
        let ends_at = credential.expires_at?;
        let left = Left::of(ends_at - self.now)?;
        if told.is_some_and(|told| told.ends_at == ends_at && told.left >= left) {
            return None;
        }
        let is_secret = credential.kind == "secret";
        let name = if is_secret { "The client secret" } else { "The certificate" };
        let (title, text) = match (left, is_secret) {
            (Left::Nothing, true) => (
                format!("{name} has expired"),
                "Nobody can sign in with it any more. Create a new one in the portal and enter its Value.",
            ),
            (Left::Nothing, false) => (
                format!("{name} has expired"),
                "Nobody can sign in with it any more. Make a new one and upload it.",
            ),
            (_, true) => (
                format!("{name} expires {}", in_days((ends_at - self.now) / DAY)),
                "Enter the next one before that: nobody is signed out.",
            ),
            (_, false) => (
                format!("{name} expires {}", in_days((ends_at - self.now) / DAY)),
                "Make the next one and upload it before that: nobody is signed out.",
            ),
        };
        Some(Notice { title, text, told: Told { ends_at, left } })
    }
}

/// Whole days that are left, as the window counts them.
fn in_days(days: i64) -> String {
    match days {
        ..=0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENDS: i64 = 1_900_000_000_000;

    fn standing(kind: &str, now: i64) -> Standing {
        let credential = json!({"kind": kind, "expires_at": ENDS, "fell_back": false});
        serde_json::from_value(json!({"now": now, "credential": credential, "more": 1})).unwrap()
    }

    #[test]
    fn each_threshold_is_told_once_however_often_it_is_looked_at() {
        let mut told = None;
        let mut titles = Vec::new();
        for hours in (-48..=40 * 24).rev().step_by(6) {
            if let Some(notice) = standing("secret", ENDS - hours * 3_600_000).notice(told) {
                told = Some(notice.told);
                titles.push(notice.title);
            }
        }
        assert_eq!(
            titles,
            [
                "The client secret expires in 30 days",
                "The client secret expires in 7 days",
                "The client secret expires tomorrow",
                "The client secret has expired"
            ]
        );
    }

    #[test]
    fn whoever_was_away_is_told_the_nearest_only() {
        let notice = standing("certificate", ENDS - 5 * DAY).notice(None).unwrap();
        assert_eq!(notice.title, "The certificate expires in 5 days");
        assert!(notice.text.contains("upload"));
        assert_eq!(standing("certificate", ENDS - 4 * DAY).notice(Some(notice.told)), None);
        let over = standing("certificate", ENDS + DAY).notice(Some(notice.told)).unwrap();
        assert_eq!(over.title, "The certificate has expired");
    }

    #[test]
    fn the_next_credential_is_told_of_anew_and_one_that_lasts_is_not() {
        let last = Told { ends_at: ENDS - 365 * DAY, left: Left::Nothing };
        assert_eq!(standing("secret", ENDS - 31 * DAY).notice(Some(last)), None);
        assert!(standing("secret", ENDS - 29 * DAY).notice(Some(last)).is_some());
        for unknown in [
            json!({"now": 1, "credential": null}),
            json!({"now": 1, "credential": {"kind": "none", "expires_at": null, "fell_back": false}}),
        ] {
            assert_eq!(serde_json::from_value::<Standing>(unknown).unwrap().notice(None), None);
        }
    }

    #[test]
    fn while_the_next_one_is_in_use_nobody_is_alarmed() {
        for now in [ENDS - DAY, ENDS + DAY] {
            let mut replaced = standing("secret", now);
            assert!(replaced.notice(None).is_some());
            replaced.credential.as_mut().unwrap().fell_back = true;
            assert_eq!(replaced.notice(None), None);
        }
    }

    #[test]
    fn what_was_told_is_known_after_a_restart() {
        let told = standing("secret", ENDS - DAY).notice(None).unwrap().told;
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<Told>(&text).unwrap(), told);
    }
}
