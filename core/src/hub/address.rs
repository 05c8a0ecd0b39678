//! What a person types or pastes for a model, hosts of addresses, commits, and where a fetched model is cached.

use super::sha256_hex;

/// A model's id and its revision (`main` if none is named) of what a person typed or pasted: `owner/name`,
/// `owner/name@revision`, or the address of the model's page, of its files or of one of them. White space, quotes,
/// commas and semicolons around it are dropped, and spaces around its slash; two words without a slash are owner and
/// name. What is no id stays one that [`is_repository_id`](super::is_repository_id) refuses.
#[must_use]
pub fn read_typed_id(typed: &str) -> (String, String) {
    let is_around = |c: char| c.is_whitespace() || ",;\"'`<>()".contains(c);
    let typed = typed.trim_matches(is_around);
    if let Some(path) = page_path(typed) {
        return id_of_path(path);
    }
    let (id, revision) = typed.split_once('@').unwrap_or((typed, "main"));
    let parts: Vec<&str> = id.split('/').map(|part| part.trim_matches(is_around)).collect();
    let words: Vec<&str> = id.split(is_around).filter(|word| !word.is_empty()).collect();
    let id = match (parts.as_slice(), words.as_slice()) {
        ([_], [owner, name]) => format!("{owner}/{name}"),
        (parts, _) => parts.join("/"),
    };
    (id, revision.trim_matches(is_around).to_owned())
}

/// What follows the host in an address, with or without its scheme.
fn page_path(typed: &str) -> Option<&str> {
    const HOSTS: [&str; 3] = ["huggingface.co", "www.huggingface.co", "hf.co"];
    let (has_scheme, rest) = match typed.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, typed),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (has_scheme || HOSTS.contains(&host)).then_some(path)
}

/// `owner/name`, `owner/name/tree/main`, `owner/name/blob/v1/config.json?x#y`.
fn id_of_path(path: &str) -> (String, String) {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let id: Vec<&str> = parts.by_ref().take(2).collect();
    let revision = match parts.next() {
        Some("tree" | "blob" | "resolve" | "raw" | "commit" | "commits") => parts.next(),
        _ => None,
    };
    // The hub writes the slashes of `refs/pr/1` so.
    let revision = revision.unwrap_or("main").replace("%2F", "/").replace("%2f", "/");
    (id.join("/"), revision)
}

/// `example.org:8080` of `https://me:secret@example.org:8080/a?b`; the scheme alone where there is no host.
#[must_use]
pub fn host_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            authority.rsplit('@').next().unwrap_or(authority)
        }
        None => url.split(':').next().unwrap_or(url),
    }
}

/// What a hub that answers 401 or 403 says of a model, after its name: one sentence, as the page and the terminal show it.
#[must_use]
pub fn why_refused(is_gated: bool) -> &'static str {
    match is_gated {
        true => "is gated: its terms must be accepted on its page first",
        false => "does not exist, is private, or its terms must be accepted on its page first",
    }
}

/// Whether a revision is a commit, which never changes: 40 hexadecimal digits.
#[must_use]
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Folders, one in the other, under which a model from `address` (of a hub, or a folder of a site) is cached. The files
/// of one address never answer for another, and no password of an address is written down.
#[must_use]
pub fn cache_path(address: &str, id: &str, revision: &str) -> Vec<String> {
    // 128 bits of the hash: no two addresses share a folder.
    let hub = sha256_hex(address.trim_end_matches('/').as_bytes())[..32].to_owned();
    vec!["models".into(), hub, id.to_owned(), revision.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::super::is_repository_id;
    use super::*;

    #[test]
    fn ids_are_read_as_people_type_and_paste_them() {
        for typed in [
            "owner/name",
            " owner/name, ",
            "owner / name",
            "owner, name",
            "owner name",
            "\"owner/name\"",
            "owner/name@main",
            "https://huggingface.co/owner/name",
            "https://huggingface.co/owner/name/",
            "https://huggingface.co/owner/name/tree/main",
            "https://huggingface.co/owner/name/blob/main/config.json?download=true#L1",
            "http://127.0.0.1:8080/owner/name",
            "huggingface.co/owner/name",
            "hf.co/owner/name",
        ] {
            assert_eq!(read_typed_id(typed), ("owner/name".into(), "main".into()), "{typed}");
        }
    }

    #[test]
    fn revisions_are_read_with_the_id() {
        for (typed, revision) in [
            ("owner/name@v1.0", "v1.0"),
            ("owner/name @ refs/pr/1", "refs/pr/1"),
            ("https://huggingface.co/owner/name/tree/refs%2Fpr%2F1", "refs/pr/1"),
            (
                "hf.co/owner/name/commit/0123456789abcdef0123456789abcdef01234567",
                "0123456789abcdef0123456789abcdef01234567",
            ),
        ] {
            assert_eq!(read_typed_id(typed), ("owner/name".into(), revision.into()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_id_stays_none() {
        for typed in ["", "name", "not an id", "a/b/c", "https://huggingface.co/", "https://huggingface.co/name"] {
            let (id, _) = read_typed_id(typed);
            assert!(is_repository_id(&id).is_err(), "{typed}: {id}");
        }
    }

    #[test]
    fn hosts_are_told_with_their_port_and_without_passwords() {
        assert_eq!(host_of("http://127.0.0.1:8080/a/b.wasm?x#y"), "127.0.0.1:8080");
        assert_eq!(host_of("https://example.org"), "example.org");
        assert_eq!(host_of("https://me:secret@example.org/a@b"), "example.org");
        assert_eq!(host_of("blob:abc"), "blob");
    }

    #[test]
    fn only_a_whole_hash_is_a_commit() {
        assert!(is_commit("0123456789abcdef0123456789ABCDEF01234567"));
        assert!(!is_commit("main") && !is_commit("0123456") && !is_commit(&"g".repeat(40)));
    }

    #[test]
    fn hubs_ids_and_revisions_have_folders_of_their_own() {
        let path = cache_path("https://hub.example", "a/b", "main");
        assert_eq!(path, cache_path("https://hub.example/", "a/b", "main"));
        assert_eq!((path.len(), path[1].len(), path[2].as_str(), path[3].as_str()), (4, 32, "a/b", "main"));
        for other in [
            cache_path("https://me:secret@hub.example", "a/b", "main"),
            cache_path("https://hub.example", "a/c", "main"),
            cache_path("https://hub.example", "a/b", "v1"),
        ] {
            assert_ne!(other, path);
            assert!(!other.concat().contains("secret"));
        }
    }
}
