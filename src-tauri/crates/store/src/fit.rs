//! No event takes more than so much room in the log, whatever its texts hold.
//!
//! Callers cut what strangers send them; one longer than this is a mistake there, and must not become a way to fill
//! the disk. Only texts and lists get shorter, so the event still reads back as what it is.

use std::borrow::Cow;

use model::event::AuthEvent;
use serde::Serialize;
use serde_json::Value;

/// Bytes of an event as JSON.
const MOST: usize = 4096;
/// Longest text in bytes of JSON and longest list, tried in turn. The last fits with every field filled, and still
/// leaves identifiers whole.
const LIMITS: [(usize, usize); 3] = [(300, usize::MAX), (300, 6), (80, 4)];
const MARK: char = '…';

/// The event itself if it is short enough, else one with its texts and lists cut.
pub(crate) fn fitted(event: &AuthEvent) -> Cow<'_, AuthEvent> {
    if length(event) <= MOST {
        return Cow::Borrowed(event);
    }
    tracing::debug!(event.name = event.kind.name(), "an event is too long for the log and was cut");
    let mut value = serde_json::to_value(event).expect("events have only string keys and serialise");
    for (text, list) in LIMITS {
        value = cut(value, text, list);
        if length(&value) <= MOST {
            break;
        }
    }
    Cow::Owned(serde_json::from_value(value).expect("an event with shorter texts and lists is an event"))
}

fn length(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).expect("events have only string keys and serialise").len()
}

fn cut(value: Value, text: usize, list: usize) -> Value {
    match value {
        Value::String(whole) => Value::String(cut_text(whole, text)),
        Value::Array(items) => items.into_iter().take(list).map(|item| cut(item, text, list)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, cut(field, text, list))).collect()
        }
        other => other,
    }
}

/// Measured as JSON, where a control character takes six bytes.
fn cut_text(mut whole: String, limit: usize) -> String {
    let mut taken = 0;
    let mut end = 0;
    for (at, c) in whole.char_indices() {
        taken += cost(c);
        if taken > limit {
            whole.truncate(end);
            whole.push(MARK);
            return whole;
        }
        if taken + MARK.len_utf8() <= limit {
            end = at + c.len_utf8();
        }
    }
    whole
}

const fn cost(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        _ if c.is_ascii_control() => 6,
        _ => c.len_utf8(),
    }
}
