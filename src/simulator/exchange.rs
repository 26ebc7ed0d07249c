//! Requests and replies of the simulator, whole in memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::Scalar;

/// A request, read to its end.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// What the caller calls the request.
    pub(super) fn key(&self) -> String {
        self.header("idempotency-key").unwrap_or_default().to_owned()
    }

    /// The credential: a bearer token or the provider's own header.
    pub(super) fn credential(&self) -> Option<&str> {
        let bearer = self.header("authorization").and_then(|v| v.strip_prefix("Bearer "));
        bearer.or_else(|| self.header("xi-api-key")).filter(|key| !key.trim().is_empty())
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Fields of a multipart form: name and content.
    pub(super) fn form(&self) -> BTreeMap<String, Vec<u8>> {
        let kind = self.header("content-type").unwrap_or_default();
        let Some((_, boundary)) = kind.split_once("boundary=") else { return BTreeMap::new() };
        let mark = format!("--{}", boundary.trim_matches('"'));
        parts(&self.body, mark.as_bytes())
    }
}

fn parts(body: &[u8], mark: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut fields = BTreeMap::new();
    let places: Vec<usize> = memchr::memmem::find_iter(body, mark).collect();
    for pair in places.windows(2) {
        let part = &body[pair[0] + mark.len()..pair[1]];
        let Some(gap) = memchr::memmem::find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..gap]).into_owned();
        let content = part[gap + 4..].strip_suffix(b"\r\n").unwrap_or(&part[gap + 4..]);
        let name = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(name) = name {
            fields.insert(name.to_owned(), content.to_vec());
        }
    }
    fields
}

/// A JSON value as a parameter of a request.
pub(super) fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Bool(value) => Some(Scalar::Boolean(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Some(Scalar::Integer(integer)),
            None => number.as_f64().map(Scalar::Number),
        },
        _ => None,
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) ending: Ending,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// In the middle.
    Cut,
    /// Before it began.
    None,
    /// After a while.
    Slow,
}

impl Reply {
    pub(super) fn new(status: u16, kind: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, body, ending: Ending::Whole }
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string().into_bytes())
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain", text.as_bytes().to_vec())
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// `{"detail": text}`, as several providers have it.
    pub(super) fn detail(status: u16, text: &str) -> Self {
        Self::json(status, &json!({ "detail": text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_apart() {
        let body =
            b"--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na fox\r\n--x\r\n\
            Content-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\
            Content-Type: image/png\r\n\r\n\x89\r\nPNG\r\n--x--\r\n";
        let headers = [("content-type".to_owned(), "multipart/form-data; boundary=x".to_owned())];
        let request =
            Request { headers: headers.into(), body: body.to_vec(), ..Request::default() };
        let form = request.form();
        assert_eq!(form["prompt"], b"a fox");
        assert_eq!(form["image"], b"\x89\r\nPNG");
    }
}
