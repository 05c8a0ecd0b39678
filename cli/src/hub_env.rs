//! What the environment says about the model hub: the variables of `huggingface_hub`, read as its `constants.py` reads
//! them, and `HONE_HUB`, which wins over `HF_ENDPOINT`.

use std::fs;
use std::path::PathBuf;

use anyhow::bail;

/// The public hub.
pub(crate) const DEFAULT_HUB: &str = "https://huggingface.co";

/// Most bytes of a file that holds a token.
const MAX_TOKEN_BYTES: u64 = 1 << 16;

/// The value of an environment variable; one that is empty counts as not set.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What lets us see a private model. Has no `Debug`, so that it is not printed by mistake.
pub(crate) struct Token {
    pub(crate) text: String,
    /// Where it was found, for messages.
    pub(crate) from: String,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The hub's address, without a slash at its end: `HONE_HUB`, else `HF_ENDPOINT`, else the public hub.
///
/// # Errors
/// When the variable is not an address. The message does not repeat a password.
pub(crate) fn endpoint() -> anyhow::Result<String> {
    endpoint_in(&variable)
}

fn endpoint_in(read: Variables<'_>) -> anyhow::Result<String> {
    let set = ["HONE_HUB", "HF_ENDPOINT"].into_iter().find_map(|name| Some((name, read(name)?)));
    let Some((name, url)) = set else { return Ok(DEFAULT_HUB.to_owned()) };
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        let shown = url.rsplit_once('@').map_or_else(|| url.clone(), |(_, host)| format!("***@{host}"));
        bail!("{name} is not an http or https address: {shown}");
    };
    // Where such a character stands, an address ends in messages, and what is behind it would be shown.
    if rest.contains(|c: char| c.is_whitespace() || c.is_control() || "\"<>".contains(c)) {
        bail!("{name} has white space or one of \" < > in it; in a password, they are written %20, %22, %3C and %3E");
    }
    // What stands before the host is a password, and one with a slash would be taken for host and path.
    if rest.find(['/', '?', '#']).is_some_and(|end| rest[end..].contains('@')) {
        bail!("{name} has an '@' behind its host; in a password, '/' is written %2F, '?' %3F and '#' %23");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Whether nothing may be fetched: `HF_HUB_OFFLINE`, else `TRANSFORMERS_OFFLINE`.
pub(crate) fn is_offline() -> bool {
    ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().find_map(variable).is_some_and(|text| is_true(&text))
}

/// Where the hub's own tools keep what they fetched: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or `hub` in `HF_HOME`.
/// `None` where the system names no home folder.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    cache_dir_in(&variable)
}

fn cache_dir_in(read: Variables<'_>) -> Option<PathBuf> {
    match read("HF_HUB_CACHE").or_else(|| read("HUGGINGFACE_HUB_CACHE")) {
        Some(text) => Some(expand(&text, read)),
        None => Some(hf_home(read)?.join("hub")),
    }
}

/// `HF_TOKEN`, else the token that `hf auth login` stored. The stored one is for the hub of `HF_ENDPOINT` and is not
/// shown to another that `HONE_HUB` names. `HF_HUB_DISABLE_IMPLICIT_TOKEN` switches both off.
pub(crate) fn token() -> Option<Token> {
    token_in(&variable)
}

fn token_in(read: Variables<'_>) -> Option<Token> {
    if read("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|text| is_true(&text)) {
        return None;
    }
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(text) = read(name) {
            return Some(Token { text, from: name.to_owned() });
        }
    }
    if read("HONE_HUB").is_some() {
        return None;
    }
    let path = match read("HF_TOKEN_PATH") {
        Some(text) => expand(&text, read),
        None => hf_home(read)?.join("token"),
    };
    // Reading a pipe would wait for ever.
    fs::metadata(&path).ok().filter(|meta| meta.is_file() && meta.len() <= MAX_TOKEN_BYTES)?;
    let text = fs::read_to_string(&path).ok()?.trim().to_owned();
    (!text.is_empty()).then(|| Token { text, from: path.display().to_string() })
}

fn is_true(text: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn home(read: Variables<'_>) -> Option<PathBuf> {
    read("HOME").or_else(|| read("USERPROFILE")).map(PathBuf::from)
}

fn hf_home(read: Variables<'_>) -> Option<PathBuf> {
    if let Some(text) = read("HF_HOME") {
        return Some(expand(&text, read));
    }
    let cache = read("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(home(read)?.join(".cache")))?;
    Some(cache.join("huggingface"))
}

/// A path with `~` at its start, and `$NAME` and `${NAME}` anywhere, replaced; what is not set stays as it stands.
fn expand(text: &str, read: Variables<'_>) -> PathBuf {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    if let Some(after) = text.strip_prefix('~').filter(|after| after.is_empty() || after.starts_with(['/', '\\']))
        && let Some(home) = home(read)
    {
        expanded.push_str(&home.to_string_lossy());
        rest = after;
    }
    while let Some(at) = rest.find('$') {
        let (before, variable) = rest.split_at(at);
        expanded.push_str(before);
        let (name, length) = match variable[1..].strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 3),
            None => {
                let after = &variable[1..];
                let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
                let name = &after[..after.find(is_end).unwrap_or(after.len())];
                (name, name.len() + 1)
            }
        };
        match read(name).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(&variable[..length]),
        }
        rest = &variable[length..];
    }
    expanded.push_str(rest);
    PathBuf::from(expanded)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn from<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn our_own_variable_wins_over_that_of_the_hubs_tools() {
        let endpoint = |set: &[(&str, &str)]| endpoint_in(&from(set)).expect("an address");
        assert_eq!(endpoint(&[]), DEFAULT_HUB);
        assert_eq!(endpoint(&[("HF_ENDPOINT", "https://mirror.example/")]), "https://mirror.example");
        assert_eq!(endpoint(&[("HF_ENDPOINT", "https://a.example"), ("HONE_HUB", "http://b/x")]), "http://b/x");
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        for url in ["ftp://me:secret@host", "me:secret@host", "https://me:se/secret@host", "https://", "host"] {
            let message = endpoint_in(&from(&[("HONE_HUB", url)])).expect_err(url).to_string();
            assert!(message.starts_with("HONE_HUB") && !message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn the_cache_lies_where_the_hubs_tools_put_it() {
        let at = |set: &[(&str, &str)]| cache_dir_in(&from(set));
        assert_eq!(at(&[]), None);
        assert_eq!(at(&[("HOME", "/me")]).as_deref(), Some(Path::new("/me/.cache/huggingface/hub")));
        let set = [("HOME", "/me"), ("XDG_CACHE_HOME", "/c")];
        assert_eq!(at(&set).as_deref(), Some(Path::new("/c/huggingface/hub")));
        let set = [("HOME", "/me"), ("XDG_CACHE_HOME", "/c"), ("HF_HOME", "~/hf")];
        assert_eq!(at(&set).as_deref(), Some(Path::new("/me/hf/hub")));
        let set =
            [("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "${TOP}/$NO/new"), ("TOP", "/t")];
        assert_eq!(at(&set).as_deref(), Some(Path::new("/t/$NO/new")));
        assert_eq!(at(&set[..2]).as_deref(), Some(Path::new("/old")));
    }

    #[test]
    fn a_stored_token_is_not_for_another_hub() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::write(dir.path().join("token"), "stored\n").expect("writes");
        let hf_home = dir.path().to_str().expect("a plain path");
        let token = |set: &[(&str, &str)]| token_in(&from(set)).map(|token| token.text);
        assert_eq!(token(&[("HF_HOME", hf_home)]).as_deref(), Some("stored"));
        assert_eq!(token(&[("HF_HOME", hf_home), ("HF_TOKEN", "given")]).as_deref(), Some("given"));
        assert_eq!(token(&[("HF_HOME", hf_home), ("HONE_HUB", "https://x")]), None);
        assert_eq!(token(&[("HF_HOME", hf_home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert_eq!(token(&[("HF_HOME", "/no/such/folder")]), None);
    }

    #[test]
    fn paths_are_expanded_as_python_does_it() {
        let read = from(&[("HOME", "/me"), ("A", "x")]);
        for (text, path) in [("~", "/me"), ("~you/a", "~you/a"), ("a$A-${A}$", "ax-x$"), ("${A", "${A"), ("$A$A", "xx")]
        {
            assert_eq!(expand(text, &read), Path::new(path), "{text}");
        }
    }
}
