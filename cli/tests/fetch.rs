//! `hone models fetch` against a hub on localhost: redirects, resume, hashes, and everything that goes wrong.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use support::{FakeHub, Reply, Request, hone, run};

const ID: &str = "acme/tiny";

/// A safetensors file with one tensor.
fn weights() -> Vec<u8> {
    let header = r#"{"a":{"dtype":"U8","shape":[300000],"data_offsets":[0,300000]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend((0..300_000_u32).map(|n| (n * 7 % 251) as u8));
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cached(home: &Path, name: &str) -> PathBuf {
    home.join("cache/hone/models/acme/tiny/main").join(name)
}

/// All files in a folder and in those below it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("can be read") {
        let path = entry.expect("can be read").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
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
    for file in files_below(home.path()) {
        let bytes = fs::read(&file).expect("is there");
        assert!(!bytes.windows(6).any(|part| part == b"secret"), "the token was written: {}", file.display());
    }
    let manifest = fs::read_to_string(cached(home.path(), "fetched.json")).expect("is there");
    assert!(manifest.contains("abc123"), "{manifest}");

    let (code, stdout, _) = run(hone(home.path()).args(["models", "list"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("acme/tiny") && stdout.contains("all-MiniLM-L6-v2"), "{stdout}");
    let (code, stdout, _) = run(hone(home.path()).args(["models", "list", "--json"]));
    let value: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, value["cached"][0]["id"].as_str()), (0, Some(ID)));
    let asked = hub.requests("config.json").len();
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("already there"), "{stderr}");
    assert_eq!(hub.requests("config.json").len(), asked, "the second time needs no network");
    let (code, _, stderr) = run(hone(home.path()).args(["models", "fetch", ID]));
    assert!(code == 1 && !stderr.contains("already there"), "another hub's files answered: {stderr}");
    assert_eq!(fs::read(cached(home.path(), "model.safetensors")).expect("the copy stays"), weights());
}

#[test]
fn a_branch_that_moves_meanwhile_gives_the_files_of_one_commit() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const LATER: &str = "89abcdef0123456789abcdef0123456789abcdef";
    let (old, new) = ("{\"version\": \"1.0\"}", "{\"version\": \"2.0\"}");
    let home = tempfile::tempdir().expect("a temporary folder");
    // The branch moves once config.json was sent; the weights keep their size.
    let hub = FakeHub::start(move |request| {
        let path = request.path.strip_prefix("/acme/tiny/resolve/").and_then(|path| path.split_once('/'));
        match path {
            Some(("main", "config.json")) => Reply::ok("{}").header("X-Repo-Commit", COMMIT),
            Some((COMMIT, "tokenizer.json")) => Reply::ok(old).header("X-Repo-Commit", COMMIT),
            Some((COMMIT, "model.safetensors")) => Reply::ok(weights()).header("X-Repo-Commit", COMMIT),
            Some(("main", "tokenizer.json")) => Reply::ok(new).header("X-Repo-Commit", LATER),
            Some(("main", "model.safetensors")) => {
                let mut changed = weights();
                changed.iter_mut().rev().take(1000).for_each(|byte| *byte = 0);
                Reply::ok(changed).header("X-Repo-Commit", LATER)
            }
            _ => Reply::status(404),
        }
    });
    let (code, stdout, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(fs::read_to_string(cached(home.path(), "tokenizer.json")).expect("is there"), old);
    assert!(fs::read(cached(home.path(), "model.safetensors")).expect("is there") == weights(), "another commit's");
    let of_branch: Vec<Request> = hub.requests("").into_iter().filter(|asked| asked.path.contains("/main/")).collect();
    assert!(of_branch.len() == 1 && of_branch[0].path.ends_with("/main/config.json"), "{of_branch:?}");
    let manifest = fs::read_to_string(cached(home.path(), "fetched.json")).expect("is there");
    assert!(manifest.contains(COMMIT) && !manifest.contains(LATER), "{manifest}");
    let of_commit = format!("{ID}@{COMMIT}");
    let (code, again, stderr) = run(hone(home.path()).env("HONE_HUB", &hub.url).args(["models", "fetch", &of_commit]));
    assert!(code == 0 && stderr.contains("already there"), "{stderr}");
    assert_eq!(again, stdout, "the folder that was fetched at this commit");
}

#[test]
fn a_commit_that_is_asked_for_is_kept_to() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const OTHER: &str = "89abcdef0123456789abcdef0123456789abcdef";
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|request| match request.path.rsplit('/').next() {
        Some("config.json") => Reply::ok("{}").header("X-Repo-Commit", OTHER),
        Some("tokenizer.json") => Reply::ok("{}"),
        Some("model.safetensors") => Reply::ok(weights()),
        _ => Reply::status(404),
    });
    let of_commit = format!("{ID}@{COMMIT}");
    let (code, _, stderr) = run(hone(home.path()).env("HONE_HUB", &hub.url).args(["models", "fetch", &of_commit]));
    assert_eq!(code, 0, "{stderr}");
    let asked = hub.requests("");
    assert!(asked.iter().all(|asked| asked.path.contains(&format!("/resolve/{COMMIT}/"))), "{asked:?}");
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
    assert!(stderr.contains("do not match their checksum") && stderr.contains("model.safetensors"), "{stderr}");
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
    assert!(stderr.contains("HF_TOKEN") && stderr.contains("does not exist, is private"), "{stderr}");
    let gated = FakeHub::start(|_| Reply::status(403).header("X-Error-Code", "GatedRepo"));
    let (code, stdout, stderr) = fetch(home.path(), &gated);
    assert_eq!(code, 1);
    assert!(stderr.contains("with the token in HF_TOKEN") && stderr.contains("is gated"), "{stderr}");
    assert!(!(stdout + &stderr).contains("secret"), "the token is not shown");
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

/// Fetches from a hub that has good small files and answers with `reply` for the weights: what is said, after checking that
/// it failed and that nothing of the weights was kept.
fn weights_are_refused(reply: impl Fn() -> Reply + Send + 'static) -> String {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(move |request| small(request).unwrap_or_else(&reply));
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("model.safetensors"), "{stderr}");
    for name in ["model.safetensors", "model.safetensors.part", "fetched.json"] {
        assert!(!cached(home.path(), name).exists(), "{name}: {stderr}");
    }
    stderr
}

#[test]
fn what_is_not_the_file_is_not_kept() {
    let page = "<!DOCTYPE html><html><body>Please log in to this network</body></html>";
    let stderr = weights_are_refused(move || Reply::ok(page).header("Content-Type", "text/html"));
    assert!(stderr.contains("web page") && stderr.contains("hone models fetch --force acme/tiny"), "{stderr}");
    // Whole by its Content-Length, and still not all of the file.
    let stderr = weights_are_refused(|| Reply::ok(&weights()[..200_000]));
    assert!(stderr.contains("cut off"), "{stderr}");
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03 whatever";
    let stderr = weights_are_refused(move || Reply::ok(&packed[..]).header("Content-Encoding", "gzip"));
    assert!(stderr.contains("packed") && stderr.contains("gzip"), "{stderr}");
    let stderr = weights_are_refused(move || Reply::ok(&packed[..]));
    assert!(stderr.contains("gzip"), "{stderr}");
}

#[test]
fn a_page_in_the_place_of_the_whole_hub_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|_| Reply::ok("<html>Welcome to our guest network</html>"));
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1);
    assert!(stderr.contains("config.json") && stderr.contains("web page"), "{stderr}");
    assert!(!cached(home.path(), "config.json").exists());
}

/// A hub whose weights are in the files that `index` names, which it does not have.
fn sharded(index: &'static str) -> FakeHub {
    FakeHub::start(move |request| match request.path.ends_with("/model.safetensors.index.json") {
        true => Reply::ok(index),
        false => small(request).unwrap_or_else(|| Reply::status(404)),
    })
}

#[test]
fn an_index_reaches_no_file_outside_of_the_models_folder() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let victim = home.path().join("victim.safetensors");
    fs::write(&victim, "precious").expect("writes");
    let climbing = r#"{"weight_map": {"a": "../../../../../../victim.safetensors"}}"#;
    let absolute: &str = Box::leak(serde_json::json!({ "weight_map": { "a": &victim } }).to_string().into_boxed_str());
    for index in [climbing, absolute] {
        let hub = sharded(index);
        let (code, _, stderr) = fetch(home.path(), &hub);
        assert_eq!(code, 1);
        assert!(stderr.contains("victim.safetensors"), "{stderr}");
        assert!(hub.requests("victim.safetensors").is_empty(), "it is not even asked for");
        assert_eq!(fs::read_to_string(&victim).expect("is there"), "precious");
    }
}

#[test]
fn an_index_that_leads_back_to_itself_ends() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = sharded(r#"{"weight_map": {"a": "model.safetensors"}}"#);
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 1);
    assert!(stderr.contains("a file of its weights is missing"), "{stderr}");
}

#[test]
fn what_is_no_revision_is_a_usage_error() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for id in ["acme/tiny@", "acme/tiny@.", "acme/tiny@..", "acme/tiny@a/../b"] {
        let (code, _, stderr) = run(hone(home.path()).args(["models", "fetch", id]));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("can't be a revision"), "{stderr}");
    }
}

#[test]
fn a_password_in_the_hubs_address_is_never_shown() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let with_password = |url: &str| url.replace("http://", "http://me:hush@");
    let refusing = FakeHub::start(|_| Reply::status(401));
    let good = FakeHub::start(|request| small(request).unwrap_or_else(|| Reply::ok(weights())));
    let broken = "http://127.0.0.1:9".to_owned();
    for (url, expected) in [(&refusing.url, 1), (&broken, 1), (&good.url, 0)] {
        let line = ["models", "fetch", ID];
        let (code, stdout, stderr) = run(hone(home.path()).env("HONE_HUB", with_password(url)).args(line));
        assert_eq!(code, expected, "{stderr}");
        assert!(!format!("{stdout}{stderr}").contains("hush"), "{stderr}");
        assert!(stderr.contains("http://***@127.0.0.1"), "{stderr}");
    }
    let manifest = fs::read_to_string(cached(home.path(), "fetched.json")).expect("is there");
    assert!(manifest.contains("***@127.0.0.1") && !manifest.contains("hush"), "{manifest}");
}

#[test]
fn the_variables_of_the_hubs_tools_are_honoured() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let hub = FakeHub::start(|request| small(request).unwrap_or_else(|| Reply::ok(weights())));
    let stored = home.path().join("cache/huggingface/token");
    fs::create_dir_all(stored.parent().expect("has a folder")).expect("makes");
    fs::write(&stored, "secret\n").expect("writes");
    let fetch = |variables: &[(&str, &str)]| {
        let line = ["models", "fetch", "--force", ID];
        run(hone(home.path()).env_remove("HONE_HUB").envs(variables.iter().copied()).args(line))
    };
    let (code, _, stderr) = fetch(&[("HF_ENDPOINT", hub.url.as_str()), ("HF_HUB_OFFLINE", "1")]);
    assert_eq!(code, 1);
    assert!(stderr.contains("HF_HUB_OFFLINE") && hub.requests("/main/config.json").is_empty(), "{stderr}");
    let (code, _, stderr) = fetch(&[("HF_ENDPOINT", hub.url.as_str())]);
    assert_eq!(code, 0, "{stderr}");
    assert!(hub.requests("/main/config.json")[0].has_token, "the stored token is for this hub");
    assert!(stderr.contains("huggingface/token") && !stderr.contains("secret"), "{stderr}");
    let (code, _, stderr) = fetch(&[("HF_ENDPOINT", "http://127.0.0.1:9"), ("HONE_HUB", hub.url.as_str())]);
    assert_eq!(code, 0, "our own variable wins: {stderr}");
    assert!(!hub.requests("/main/config.json")[1].has_token, "the stored token is not for another hub");
}

#[test]
fn a_model_of_the_hubs_own_cache_is_not_fetched_again() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for top in ["cache/huggingface/hub", "elsewhere"] {
        let repo = home.path().join(top).join("models--acme--tiny");
        let snapshot = repo.join("snapshots").join(commit);
        fs::create_dir_all(repo.join("refs")).expect("makes");
        fs::create_dir_all(&snapshot).expect("makes");
        fs::write(repo.join("refs/main"), commit).expect("writes");
        fs::write(snapshot.join("config.json"), "{}").expect("writes");
        fs::write(snapshot.join("tokenizer.json"), "{}").expect("writes");
        fs::write(snapshot.join("model.safetensors"), weights()).expect("writes");
        let mut command = hone(home.path());
        if top == "elsewhere" {
            command.env("HF_HUB_CACHE", home.path().join(top));
        }
        // No hub is there to be asked.
        let (code, stdout, stderr) = run(command.args(["models", "fetch", ID]));
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(Path::new(stdout.trim_end()), snapshot);
        assert!(stderr.contains("already there, in the hub's own cache"), "{stderr}");
    }
}

#[test]
fn what_says_how_a_model_pools_comes_along() {
    let modules = r#"[{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
    let pooling = r#"{"pooling_mode_cls_token": true}"#;
    let hub = FakeHub::start(move |request| match request.path.strip_prefix("/acme/tiny/resolve/main/") {
        Some("modules.json") => Reply::ok(modules),
        Some("1_Pooling/config.json") => Reply::ok(pooling),
        _ => small(request).unwrap_or_else(|| Reply::ok(weights())),
    });
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    let manifest = fs::read_to_string(cached(home.path(), "fetched.json")).expect("is there");
    for (name, text) in [("modules.json", modules), ("1_Pooling/config.json", pooling)] {
        assert_eq!(fs::read_to_string(cached(home.path(), name)).expect(name), text);
        assert!(manifest.contains(name) && manifest.contains(&sha256(text.as_bytes())), "{manifest}");
    }
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert!(code == 0 && stderr.contains("already there"), "{stderr}");
    // Another model has no modules, and is not asked how it pools.
    let hub = FakeHub::start(|request| small(request).unwrap_or_else(|| Reply::ok(weights())));
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!([hub.requests("modules.json").len(), hub.requests("1_Pooling/config.json").len()], [1, 0]);
    assert!(!cached(home.path(), "1_Pooling").exists());
}

#[test]
fn a_model_that_reads_images_comes_without_a_tokenizer() {
    let fixture = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/vit_tiny").join(name);
        fs::read(path).expect("the fixture can be read")
    };
    let hub = FakeHub::start(move |request| match request.path.rsplit('/').next() {
        Some(name @ ("config.json" | "preprocessor_config.json" | "model.safetensors")) => Reply::ok(fixture(name)),
        _ => Reply::status(404),
    });
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = fetch(home.path(), &hub);
    assert_eq!(code, 0, "{stderr}");
    for name in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        assert!(cached(home.path(), name).is_file(), "{name} is missing: {stderr}");
    }
}
