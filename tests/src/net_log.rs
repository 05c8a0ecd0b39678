//! The network log that Chromium writes: which requests it made, to whom, and every byte that it sent.
//!
//! In: the file of `--log-net-log`, once the browser has ended. Out: requests, host names that were looked up, and what went out
//! over sockets. The file has an event a line; the names of their types stand in its first line.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::Value;

/// The start of a request, or of what a redirect makes of it.
const REQUEST: &str = "URL_REQUEST_START_JOB";
/// A body of a request is sent.
const BODY: &str = "HTTP_TRANSACTION_SEND_REQUEST_BODY";
/// A socket gets the address that it sends to.
const CONNECTS: [&str; 2] = ["TCP_CONNECT_ATTEMPT", "UDP_CONNECT"];
/// Of sockets of all kinds: how the types of events end in which bytes go out.
const SENT: &str = "BYTES_SENT";
/// The name of a host is looked up.
const LOOKUP: &str = "HOST_RESOLVER_MANAGER_REQUEST";

/// A request of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub url: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// Origin of the document or worker that asks; for what the browser asks by itself, words.
    pub initiator: String,
    /// Site of the tab that it is for, twice; `null null` where there is none.
    pub site: String,
    /// It has a body.
    pub has_body: bool,
}

/// Bytes that left by a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Address and port that they went to; empty where the log does not say.
    pub to: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a browser did on the network.
#[derive(Debug, Clone, Default)]
pub struct NetLog {
    /// Every request, also one that was refused or failed.
    pub requests: Vec<Request>,
    /// (site of the tab that it was for, host) of each name that was looked up.
    pub lookups: Vec<(String, String)>,
    /// Everything that was sent.
    pub sent: Vec<Sent>,
}

/// Arguments with which Chromium writes the log, with the bytes that it sends. It can look up no name: what Chromium itself
/// wants of its maker's servers fails, and all that is sent is the page's.
#[must_use]
pub fn arguments(log: &Path) -> [String; 4] {
    [
        format!("--log-net-log={}", log.display()),
        "--net-log-capture-mode=Everything".into(),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".into(),
        // It asks its maker, for a page that has fields, what kind of fields these are.
        "--disable-features=AutofillServerCommunication".into(),
    ]
}

impl NetLog {
    /// Reads a log.
    ///
    /// # Panics
    /// When it can't be read, or is not whole.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{error}: {}", path.display()));
        Self::parse(BufReader::new(file))
    }

    fn parse(log: impl BufRead) -> Self {
        let mut lines = log.lines().map(|line| line.expect("the log is text"));
        let names = names(&lines.next().expect("the log has a first line"));
        let mut read = Self::default();
        let mut requests: BTreeMap<u64, Vec<Request>> = BTreeMap::new();
        let mut addresses: HashMap<u64, String> = HashMap::new();
        let mut is_whole = false;
        for line in lines {
            if !line.starts_with("{\"") {
                is_whole |= line.starts_with("\"polledData\"");
                continue;
            }
            // A comma follows an event, and the end of the list the last.
            let json = line.trim_end_matches([',', ']']);
            let event: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
            let Some(name) = event["type"].as_u64().and_then(|code| names.get(&code)) else { continue };
            let (source, params) = (event["source"]["id"].as_u64().unwrap_or_default(), &event["params"]);
            let text = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
            match name.as_str() {
                REQUEST if params["url"].is_string() => requests.entry(source).or_default().push(Request {
                    url: text("url"),
                    method: text("method"),
                    initiator: text("initiator"),
                    site: text("network_isolation_key"),
                    has_body: params["upload_id"].is_string(),
                }),
                BODY => requests.entry(source).or_default().iter_mut().for_each(|request| request.has_body = true),
                LOOKUP if params["host"].is_string() => {
                    read.lookups.push((text("network_anonymization_key"), text("host")));
                }
                name if CONNECTS.contains(&name) && params["address"].is_string() => {
                    addresses.insert(source, text("address"));
                }
                name if name.ends_with(SENT) => {
                    let bytes = STANDARD.decode(text("bytes")).expect("bytes are base64");
                    let to = addresses.get(&source).cloned().unwrap_or_default();
                    read.sent.push(Sent { to, bytes });
                }
                _ => {}
            }
        }
        assert!(is_whole, "the log has no end: did the browser end?");
        read.requests = requests.into_values().flatten().collect();
        read
    }

    /// Requests that a page of this origin made, its workers made, or that were made to show it. Others are the browser's own.
    #[must_use]
    pub fn requests_of(&self, origin: &str) -> Vec<&Request> {
        let site = site_of(origin);
        let is_of_it = |request: &&Request| request.initiator == origin || request.site.starts_with(site);
        self.requests.iter().filter(is_of_it).collect()
    }

    /// Names that were looked up for a page of this origin.
    #[must_use]
    pub fn lookups_of(&self, origin: &str) -> Vec<&str> {
        let site = site_of(origin);
        self.lookups.iter().filter(|(key, _)| key.starts_with(site)).map(|(_, host)| host.as_str()).collect()
    }

    /// Whether a mark stands, in any of its [`forms`], in the bytes that were sent or in the address of a request that was only
    /// tried.
    #[must_use]
    pub fn holds(&self, mark: &str) -> bool {
        let forms = forms(mark);
        let is_in = |text: &str| forms.iter().any(|form| text.contains(form.as_str()));
        let tried = self.requests.iter().any(|request| is_in(&request.url));
        tried || self.lookups.iter().any(|(_, host)| is_in(host)) || {
            self.sent.iter().any(|sent| is_in(&String::from_utf8_lossy(&sent.bytes)))
        }
    }
}

/// The types of events by their codes.
fn names(first_line: &str) -> HashMap<u64, String> {
    let json = format!("{}}}", first_line.trim_end_matches(','));
    let log: Value = serde_json::from_str(&json).expect("the first line holds the constants");
    let types = log["constants"]["logEventTypes"].as_object().expect("the constants name the types");
    types.iter().filter_map(|(name, code)| Some((code.as_u64()?, name.clone()))).collect()
}

/// Scheme and host of an origin: the log's keys have no port.
fn site_of(origin: &str) -> &str {
    let after = origin.find("://").map_or(0, |at| at + 3);
    origin[after..].find(':').map_or(origin, |at| &origin[..after + at])
}

/// How a mark of small letters and digits may be written in what is sent: as it is, in capitals, its bytes as `%xx` or as hex, or in
/// base64 wherever it begins in what was encoded.
#[must_use]
pub fn forms(mark: &str) -> Vec<String> {
    let bytes = |write: fn(u8) -> String| mark.bytes().map(write).collect::<String>();
    let mut forms = vec![mark.to_owned(), mark.to_uppercase()];
    forms.extend([bytes(|byte| format!("{byte:02x}")), bytes(|byte| format!("{byte:02X}"))]);
    forms.extend([bytes(|byte| format!("%{byte:02x}")), bytes(|byte| format!("%{byte:02X}"))]);
    for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
        let padded = [vec![0; before], mark.as_bytes().to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(&padded);
        // Letters at both ends hold bits of what stands around the mark.
        let end = if padded.len().is_multiple_of(3) { encoded.len() } else { encoded.len() - 1 };
        let own = &encoded[shared..end];
        forms.extend([own.to_owned(), own.replace('+', "-").replace('/', "_")]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(url: &str, initiator: &str, site: &str) -> Value {
        json!({ "url": url, "method": "GET", "initiator": initiator, "network_isolation_key": site })
    }

    /// A log of three requests, one of them the browser's own, and one redirected to nowhere.
    fn log() -> String {
        let types = json!({ REQUEST: 1, CONNECTS[0]: 2, "SOCKET_BYTES_SENT": 3, BODY: 4, LOOKUP: 5, "OTHER": 6 });
        let own = "http://127.0.0.1:8";
        let mut upload = request("https://x.example/", "not an origin", "null null");
        upload["upload_id"] = json!("0");
        let events = [
            (7, 1, request("http://127.0.0.1:8/a", own, "http://127.0.0.1 http://127.0.0.1")),
            (7, 1, json!({ "net_error": -105 })),
            (8, 1, upload),
            (9, 1, request("https://y.example/", own, "https://y.example https://y.example")),
            (9, 4, json!({ "length": 3 })),
            (9, 5, json!({ "host": "https://y.example", "network_anonymization_key": "http://127.0.0.1 same_site" })),
            (10, 2, json!({ "address": "127.0.0.1:8" })),
            (10, 2, json!({})),
            (10, 3, json!({ "bytes": STANDARD.encode("GET /?q=AQGH12 HTTP/1.1") })),
            (11, 6, json!({})),
        ];
        let line = |(id, code, params): &(u64, u64, Value)| {
            json!({ "params": params, "source": { "id": id }, "type": code }).to_string()
        };
        let events = events.iter().map(line).collect::<Vec<_>>().join(",\n");
        format!("{{\"constants\":{{\"logEventTypes\":{types}}},\n\"events\": [\n{events}],\n\"polledData\": [{{}}]\n}}")
    }

    #[test]
    fn requests_are_told_from_the_browsers_own_and_bytes_have_their_address() {
        let log = NetLog::parse(log().as_bytes());
        let origin = "http://127.0.0.1:8";
        let urls: Vec<_> =
            log.requests_of(origin).iter().map(|request| (request.url.as_str(), request.has_body)).collect();
        assert_eq!(urls, [("http://127.0.0.1:8/a", false), ("https://y.example/", true)]);
        assert_eq!(log.requests.len(), 3);
        assert_eq!(log.lookups_of(origin), ["https://y.example"]);
        assert_eq!((log.sent.len(), log.sent[0].to.as_str()), (1, "127.0.0.1:8"));
        assert!(log.holds("aqgh12") && log.holds("y.example") && !log.holds("aqgh13"));
    }

    #[test]
    fn a_mark_is_found_however_it_is_written() {
        let mark = "q7x0k2m9";
        let is_found = |text: &str| forms(mark).iter().any(|form| text.contains(form.as_str()));
        for around in ["", "a", "ab", "abc"] {
            let text = format!("{around}{mark}{around}");
            assert!(is_found(&text) && is_found(&STANDARD.encode(&text)), "{around}");
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(is_found(&hex), "{hex}");
        }
        assert!(is_found("%71%37%78%30%6B%32%6D%39"));
        // Another in the middle: of the last letter base64 shares bits with what follows, so that not all of it counts.
        assert!(!is_found("q7x0k3m9") && !is_found(&STANDARD.encode("q7x0k3m9q7x0k3m9")));
    }

    #[test]
    #[should_panic(expected = "the log has no end")]
    fn a_log_that_was_cut_off_is_refused() {
        let log = log();
        let _ = NetLog::parse(log.split("\"polledData\"").next().expect("a part").as_bytes());
    }
}
