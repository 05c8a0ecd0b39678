//! `hone models fetch` against a hub on localhost: redirects, resume, hashes, and everything that goes wrong.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use support::{FakeHub, Reply, Request, hone, run};

const ID: &str = "acme/tiny";

fn weights() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cached(home: &Path, name: &str) -> PathBuf {
    home.join("cache/hone/models/acme/tiny/main").join(name)
}

/// Answers for the small files; `None` for the weights.
fn small(request: &Request) -> Option<Reply> {
    let name = request.path.strip_prefix("/acme/tiny/resolve/main/")?;
    match name {
        "config.json" => Some(Reply::ok("{}").header("ETag", "\"60dbb2a1d3a2d3e3a5c1c5d8e8a1b2c3d4e5f607\"")),
        "tokenizer.json" => Some(Reply::ok("{\"version\": \"1.0\"}").header("X-Repo-Commit", "abc123")),
        "model.safetensors" => None,
        _ => Some(Reply::status(404)),
    }
}

fn fetch(home: &Path, hub: &FakeHub) -> (i32, String, String) {
    run(hone(home).env("HONE_HUB", &hub.url).env("HF_TOKEN", "secret").args(["models", "fetch", ID]))
}

#[test]
fn a_model_is_fetched_through_a_redirect_and_listed() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let cdn = FakeHub::start(|request| Reply::ranged(request, &weights()));
    let at = format!("{}/blob?x=1", cdn.url);
    let hub = FakeHub::start(move |request| {
        small(request).unwrap_or_else(|| {
            let etag = format!("\"{}\"", sha256(&weights()));
            Reply::status(302).header("Location", at.clone()).header("X-Linked-Etag", etag)
        })
    });
    let (code, stdout, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.trim_end().ends_with("acme/tiny/main"), "{stdout}");
    assert!(
        stderr.lines().any(|line| line.contains("model.safetensors") && line.ends_with("sha-256 verified")),
        "{stderr}"
    );
    assert_eq!(fs::read(cached(home.path(), "model.safetensors")).expect("is there"), weights());
    assert!(hub.requests("config.json")[0].has_token, "the hub may see the token");
    assert!(!cdn.requests("/blob?x=1")[0].has_token, "another host may not");
    let manifest = fs::read_to_string(cached(home.path(), "fetched.json")).expect("is there");
    assert!(manifest.contains("abc123"), "{manifest}");

    let (code, stdout, _) = run(hone(home.path()).args(["models", "list"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("acme/tiny") && stdout.contains("all-MiniLM-L6-v2"), "{stdout}");
    let (code, stdout, _) = run(hone(home.path()).args(["models", "list", "--json"]));
    let value: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, value["cached"][0]["id"].as_str()), (0, Some(ID)));
    let (code, _, stderr) = run(hone(home.path()).args(["models", "fetch", ID]));
    assert_eq!(code, 0, "the second time needs no network");
    assert!(stderr.contains("already there"), "{stderr}");
}

#[test]
fn a_part_is_resumed_where_it_ended() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(cached(home.path(), "")).expect("makes");
    fs::write(cached(home.path(), "model.safetensors.part"), &weights()[..123_456]).expect("writes");
    let hub = FakeHub::start(|request| {
        small(request).unwrap_or_else(|| Reply::ranged(request, &weights()).header("ETag", sha256(&weights())))
    });
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(hub.requests("model.safetensors")[0].range, Some(123_456));
    assert_eq!(fs::read(cached(home.path(), "model.safetensors")).expect("is there"), weights());
    assert!(!cached(home.path(), "model.safetensors.part").exists());
}

#[test]
fn a_broken_line_is_taken_up_again() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let tries = AtomicUsize::new(0);
    let hub = FakeHub::start(move |request| {
        small(request).unwrap_or_else(|| {
            let mut reply = Reply::ranged(request, &weights()).header("ETag", sha256(&weights()));
            if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                reply.cut_after = Some(100_000);
            }
            reply
        })
    });
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(hub.requests("model.safetensors")[1].range, Some(100_000));
    assert_eq!(fs::read(cached(home.path(), "model.safetensors")).expect("is there"), weights());
}

#[test]
fn a_part_of_another_version_is_thrown_away() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(cached(home.path(), "")).expect("makes");
    fs::write(cached(home.path(), "model.safetensors.part"), vec![9; 5000]).expect("writes");
    let hub = FakeHub::start(|request| {
        small(request).unwrap_or_else(|| Reply::ranged(request, &weights()).header("ETag", sha256(&weights())))
    });
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(fs::read(cached(home.path(), "model.safetensors")).expect("is there"), weights());
}

#[test]
fn bytes_that_do_not_match_their_hash_are_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|request| {
        small(request).unwrap_or_else(|| Reply::ok(weights()).header("X-Linked-Etag", sha256(b"something else")))
    });
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1);
    assert!(stderr.contains("do not match their hash") && stderr.contains("model.safetensors"), "{stderr}");
    assert!(!cached(home.path(), "model.safetensors").exists());
    assert!(!cached(home.path(), "model.safetensors.part").exists());
    assert!(!cached(home.path(), "fetched.json").exists(), "a half fetched model is not in the cache");
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|_| Reply::status(404));
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1);
    assert!(stderr.contains("no such model") && stderr.contains(ID), "{stderr}");
}

#[test]
fn a_model_without_safetensors_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|request| small(request).unwrap_or_else(|| Reply::status(404)));
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1);
    assert!(stderr.contains("no model.safetensors"), "{stderr}");
}

#[test]
fn a_refusal_says_what_to_do() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|_| Reply::status(401));
    let (code, _, stderr) = run(hone(home.path()).env("HONE_HUB", &hub.url).args(["models", "fetch", ID]));
    assert_eq!(code, 1);
    assert!(stderr.contains("HF_TOKEN"), "{stderr}");
}

#[test]
fn a_redirect_that_never_ends_is_left() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|request| Reply::status(302).header("Location", request.path.clone()));
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1);
    assert!(stderr.contains("redirects"), "{stderr}");
}

#[test]
fn without_a_network_it_says_so() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = run(hone(home.path()).args(["models", "fetch", ID]));
    assert_eq!(code, 1);
    assert!(stderr.contains("can't reach the model hub") && stderr.contains("--model a folder"), "{stderr}");
}

#[test]
fn what_is_no_id_is_a_usage_error() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = run(hone(home.path()).args(["models", "fetch", "../../etc"]));
    assert_eq!(code, 2, "{stderr}");
}
