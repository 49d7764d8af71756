//! Icons of the server and its tools as `data:` URIs, so that no client has to fetch them.

use rmcp::model::Icon;

const SERVER: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2563eb" stroke-width="2" stroke-linecap="round"><path d="M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z"/><circle cx="12" cy="11" r="2"/><path d="M12 13v3"/></svg>"##;
const VERSION: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2563eb" stroke-width="2" stroke-linecap="round"><circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8h0"/></svg>"##;
const PERSON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2563eb" stroke-width="2" stroke-linecap="round"><circle cx="12" cy="8" r="4"/><path d="M4 21c1-5 4-7 8-7s7 2 8 7"/></svg>"##;

pub(crate) fn server() -> Vec<Icon> {
    vec![icon(SERVER)]
}

pub(crate) fn version() -> Vec<Icon> {
    vec![icon(VERSION)]
}

pub(crate) fn person() -> Vec<Icon> {
    vec![icon(PERSON)]
}

fn icon(svg: &str) -> Icon {
    Icon::new(data_uri(svg)).with_mime_type("image/svg+xml").with_sizes(vec!["any".to_owned()])
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3) and the few more that keep it readable.
fn data_uri(svg: &str) -> String {
    let mut out = String::from("data:image/svg+xml,");
    for byte in svg.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'=' => {
                out.push(char::from(byte));
            }
            _ => out.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    out
}

fn hex(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble)])
}
