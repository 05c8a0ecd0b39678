//! One file of the hub, to disk: redirects, resume of a `.part` file, limits, SHA-256, retries. In: an address and a
//! path. Out: a whole file that is what its name says, verified where the hub names a hash; or an error that says what to
//! do. No error repeats a password or a token.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use hone_core::hub::{HubError, Sha256Pieces, max_bytes, redact, resolve_url, sha256_from_etag, why_refused};
use ureq::http::{Response, StatusCode, header};

use crate::failure::io_error;
use crate::hub_env::{self, Token};
use crate::model_files::{Depth, check_on_disk};

const MAX_REDIRECTS: usize = 8;
/// Waits before the second, third and fourth attempt.
const WAITS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// A model hub and how we present ourselves to it.
pub(crate) struct Hub {
    agent: ureq::Agent,
    url: String,
    token: Option<Token>,
}

/// A file to fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) id: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) file: &'a str,
}

/// A file that is whole and on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Of what was written.
    pub(crate) sha256: String,
    /// The hub said the same hash.
    pub(crate) verified: bool,
    /// Size.
    pub(crate) bytes: u64,
    /// Commit the hub resolved the revision to, if it said so.
    pub(crate) commit: Option<String>,
}

/// Why an attempt failed, and whether another may do better.
enum Failure {
    /// The line broke, the server is busy: what has come stays in the `.part` file.
    Passing(anyhow::Error),
    /// Trying again would give the same.
    Final(anyhow::Error),
}

type Body = Response<ureq::Body>;
/// A connection that is slower than this, on average after the first minute, is given up.
const SLOWEST_BYTES_A_SEC: u64 = 256;
const PATIENCE_SECS: u64 = 60;

/// Called with bytes so far and bytes in all, if known.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(u64, Option<u64>);

impl Hub {
    /// The hub that the environment names ([`hub_env`]), with the person's token if there is one.
    ///
    /// # Errors
    /// When what the environment names is not an address.
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        let url = hub_env::endpoint()?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!("hone/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), url, token: hub_env::token() })
    }

    /// Address of the hub, to be shown: without a password.
    pub(crate) fn shown_url(&self) -> String {
        redact(&self.url)
    }

    /// Where the token was found that the hub is shown.
    pub(crate) fn token_from(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.from.as_str())
    }

    /// Fetches a file of a repository to the path `to`. `None`: the repository has no such file.
    ///
    /// # Errors
    /// No network, no permission, bytes that are not that file or do not match their hash, a full disk.
    pub(crate) fn fetch(&self, wanted: Wanted<'_>, to: &Path, tell: Tell<'_>) -> anyhow::Result<Option<Fetched>> {
        let url = resolve_url(&self.url, wanted.id, wanted.revision, wanted.file);
        let mut waits = WAITS.iter();
        loop {
            match self.attempt(wanted, &url, to, tell) {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => match waits.next() {
                    Some(wait) => std::thread::sleep(*wait),
                    None => return Err(error.context("gave up after four attempts (run it again to go on from there)")),
                },
            }
        }
    }

    fn attempt(&self, wanted: Wanted<'_>, url: &str, to: &Path, tell: Tell<'_>) -> Result<Option<Fetched>, Failure> {
        let part = part_of(to);
        let resumed_at = fs::metadata(&part).map_or(0, |meta| meta.len());
        let Answer { response, expected, commit } = self.get(url, resumed_at)?;
        let status = response.status();
        let offset = match status {
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(resumed_at) && expected.is_some() => resumed_at,
            // Without a hash of the whole, two halves can't be trusted to fit; with another start, they don't.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if resumed_at > 0 => {
                discard(&part)?;
                return self.attempt(wanted, url, to, tell);
            }
            _ => return Err(refused(&response, url, self.token_from())),
        };
        if let Some(packing) = packing(&response) {
            let message = "the file came packed although it was asked for as it is; a proxy may do that";
            return Err(Failure::Final(anyhow!("{message} (content-encoding {packing}): {}", shown(url))));
        }
        let limit = max_bytes(wanted.file);
        let too_large =
            |bytes| Failure::Final(HubError::TooLarge { file: wanted.file.to_owned(), bytes, limit }.into());
        let total = response.body().content_length().map(|length| length.saturating_add(offset));
        if let Some(total) = total.filter(|total| *total > limit) {
            return Err(too_large(total));
        }
        let mut hash = Sha256Pieces::default();
        let received = write_body(response, &part, offset, limit, &mut hash, &mut |bytes| tell(bytes, total), url)?;
        if received > limit {
            discard(&part)?;
            return Err(too_large(received));
        }
        if total.is_some_and(|total| received != total) {
            return Err(Failure::Passing(anyhow!("the connection ended early: {}", shown(url))));
        }
        let sha256 = hash.into_hex();
        // What it is comes first: a page instead of the file has another hash too, and its name says more.
        let wrong = match check_on_disk(wanted.file, &part, Depth::Whole) {
            Err(error) => Some(error.to_string()),
            Ok(()) => expected.as_ref().filter(|expected| **expected != sha256).map(|expected| {
                let (file, found) = (wanted.file.to_owned(), sha256.clone());
                HubError::Mismatch { file, expected: expected.clone(), found, bytes: received }.to_string()
            }),
        };
        if let Some(wrong) = wrong {
            discard(&part)?;
            if offset > 0 {
                // The part was of an older version of the file: once more, from the start.
                return self.attempt(wanted, url, to, tell);
            }
            let hint = format!("none of it was kept; hone models fetch --force {} fetches it again", wanted.id);
            return Err(Failure::Final(anyhow!("{wrong}; {hint}: {}", shown(url))));
        }
        fs::rename(&part, to).map_err(|e| Failure::Final(io_error("put the file in place", &e, to)))?;
        Ok(Some(Fetched { sha256, verified: expected.is_some(), bytes: received, commit }))
    }

    /// Follows redirects by hand: the hub's own answer carries the hash, and our token is only for the hub.
    fn get(&self, url: &str, offset: u64) -> Result<Answer, Failure> {
        let mut at = url.to_owned();
        let (mut expected, mut commit) = (None, None);
        for hop in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&at).header(header::ACCEPT_ENCODING, "identity");
            if offset > 0 {
                request = request.header(header::RANGE, format!("bytes={offset}-"));
            }
            let is_hub = origin(&at) == origin(&self.url);
            if let Some(token) = self.token.as_ref().filter(|_| is_hub) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.text));
            }
            let response = request.call().map_err(|error| unreachable_hub(&error, &at))?;
            let named = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            if is_hub {
                let etag = named("x-linked-etag").or_else(|| named("etag")).and_then(sha256_from_etag);
                expected = expected.or(etag);
                commit = commit.or_else(|| named("x-repo-commit").map(str::to_owned));
            }
            let location = named("location").map(str::to_owned);
            match location.filter(|_| response.status().is_redirection()) {
                None => return Ok(Answer { response, expected, commit }),
                Some(location) if hop < MAX_REDIRECTS => at = join(&at, &location),
                Some(_) => break,
            }
        }
        Err(Failure::Final(anyhow!("more than {MAX_REDIRECTS} redirects: {}", shown(url))))
    }
}

struct Answer {
    response: Body,
    /// SHA-256 the hub promises.
    expected: Option<String>,
    commit: Option<String>,
}

/// `name.part`, beside the file it will become.
fn part_of(to: &Path) -> PathBuf {
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    PathBuf::from(part)
}

/// Removes what was fetched so far.
fn discard(part: &Path) -> Result<(), Failure> {
    match fs::remove_file(part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Final(io_error("remove the unfinished download", &e, part)))
        }
        _ => Ok(()),
    }
}

/// How the body is packed, if it is.
fn packing(response: &Body) -> Option<String> {
    let value = response.headers().get(header::CONTENT_ENCODING)?;
    let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    (!name.is_empty() && name != "identity").then_some(name)
}

/// Appends the body to the first `offset` bytes of `part`, hashing the whole; goes no further than just over `limit`
/// bytes. Returns the size reached.
fn write_body(
    response: Body,
    part: &Path,
    offset: u64,
    limit: u64,
    hash: &mut Sha256Pieces,
    tell: &mut dyn FnMut(u64),
    url: &str,
) -> Result<u64, Failure> {
    let disk = |e: io::Error| Failure::Final(io_error("write the download", &e, part));
    let mut buffer = vec![0; 1 << 16];
    let mut file = if offset > 0 {
        let mut old = File::open(part).map_err(disk)?;
        loop {
            match old.read(&mut buffer).map_err(disk)? {
                0 => break,
                n => hash.add(&buffer[..n]),
            }
        }
        OpenOptions::new().append(true).open(part).map_err(disk)?
    } else {
        // `1_Pooling/config.json` lies in a folder of its own.
        fs::create_dir_all(part.parent().unwrap_or(Path::new("."))).map_err(disk)?;
        File::create(part).map_err(disk)?
    };
    let mut reader = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut received = offset;
    let start = Instant::now();
    while received <= limit {
        tell(received);
        let elapsed_secs = start.elapsed().as_secs();
        if elapsed_secs > PATIENCE_SECS && received - offset < elapsed_secs * SLOWEST_BYTES_A_SEC {
            let message = format!("the connection gives less than {SLOWEST_BYTES_A_SEC} bytes a second");
            return Err(Failure::Passing(anyhow!("{message}: {}", shown(url))));
        }
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                file.write_all(&buffer[..n]).map_err(disk)?;
                hash.add(&buffer[..n]);
                received += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Failure::Passing(anyhow!("the connection broke ({e}): {}", shown(url)))),
        }
    }
    file.sync_all().map_err(disk)?;
    Ok(received)
}

/// First byte of a partial answer.
fn starts_at(response: &Body) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

fn refused(response: &Body, url: &str, token_from: Option<&str>) -> Failure {
    let (code, url) = (response.status().as_u16(), shown(url));
    let is_gated = response.headers().get("x-error-code").is_some_and(|value| value == "GatedRepo");
    let why = why_refused(is_gated);
    match (code, token_from) {
        (401 | 403, Some(from)) => Failure::Final(anyhow!(
            "the hub refuses access (HTTP {code}) with the token in {from}: the model {why}: {url}"
        )),
        (401 | 403, None) => Failure::Final(anyhow!(
            "the hub refuses access (HTTP {code}): the model {why}; then set HF_TOKEN to a token that may read it: {url}"
        )),
        (408 | 429 | 500..=599, _) => Failure::Passing(anyhow!("the hub is busy or broken (HTTP {code}): {url}")),
        _ => Failure::Final(anyhow!("the hub answered HTTP {code}: {url}")),
    }
}

fn unreachable_hub(error: &ureq::Error, url: &str) -> Failure {
    let message = anyhow!(
        "can't reach the model hub ({}); without a network, give --model a folder that holds the model's files: {}",
        redact(&error.to_string()),
        shown(url)
    );
    let is_refused = matches!(error, ureq::Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused);
    match error {
        ureq::Error::Timeout(_) => Failure::Passing(message),
        ureq::Error::Io(_) if !is_refused => Failure::Passing(message),
        _ => Failure::Final(message),
    }
}

/// An address for a message: without a password, and without a query, which may hold a signature.
fn shown(url: &str) -> String {
    redact(url.split(['?', '#']).next().unwrap_or(url))
}

/// `scheme://host:port` of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// The address that `location` means at `base`.
fn join(base: &str, location: &str) -> String {
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.to_owned();
    }
    let scheme = base.split("://").next().unwrap_or("https");
    if location.starts_with("//") {
        return format!("{scheme}:{location}");
    }
    if location.starts_with('/') {
        return format!("{}{location}", origin(base));
    }
    let path = base.split(['?', '#']).next().unwrap_or(base);
    let folder = path.rfind('/').filter(|at| *at >= origin(base).len()).map_or(path, |at| &path[..at]);
    format!("{folder}/{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined_as_a_browser_does() {
        let base = "https://hub.example:8443/a/b/resolve/main/config.json?x=1";
        assert_eq!(join(base, "https://cdn.example/x"), "https://cdn.example/x");
        assert_eq!(join(base, "//cdn.example/x"), "https://cdn.example/x");
        assert_eq!(join(base, "/api/x"), "https://hub.example:8443/api/x");
        assert_eq!(join(base, "other.json"), "https://hub.example:8443/a/b/resolve/main/other.json");
        assert_eq!(join("https://hub.example", "x"), "https://hub.example/x");
    }

    #[test]
    fn a_shown_address_holds_no_secret() {
        assert_eq!(shown("https://me:secret@hub.example/a/b?signature=x#y"), "https://***@hub.example/a/b");
    }

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin("https://hub.example/a/b"), "https://hub.example");
        assert_eq!(origin("https://hub.example"), "https://hub.example");
        assert_ne!(origin("https://hub.example.evil/a"), origin("https://hub.example/a"));
    }
}
