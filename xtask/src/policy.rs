//! The content security policy of the page: it may talk to its own origin and to nothing else, inline scripts run only when
//! their hash is in the policy (the page has none), and no text becomes a script or an element unless `public/policy.js` lets it
//! pass (Trusted Types). Only the empty document `public/hub.html`, which stands in a frame while a model is fetched, can reach
//! model hubs, and `public/hub.js` narrows that to the one that the person chose (ADR 46).
//!
//! The server sends it as a header. The build also writes it into the page's `meta` element, so that a static host that
//! sends no headers of its own has it too, without `frame-ancestors`, which only a header can say. The page starts its
//! worker from a blob, and such a worker is under the page's policy.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The document that can reach model hubs, beside the page.
pub(crate) const HUB_PAGE: &str = "hub.html";
/// Hosts of the model hub: pages, and the stores that its downloads are redirected to.
const HUB: &str = "https://huggingface.co https://*.huggingface.co https://*.hf.co";
/// How the policy begins in the page.
const META: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"";

/// The header's policy for a document with these inline scripts (as hash sources).
pub(crate) fn header(scripts: &[String]) -> String {
    format!("{}; frame-ancestors 'none'", common(scripts))
}

/// The header's policy for [`HUB_PAGE`], which can reach these origins beside the hub.
pub(crate) fn header_of_hub(connect: &[String]) -> String {
    format!("{}; frame-ancestors 'self'", of_hub(connect))
}

fn of_hub(connect: &[String]) -> String {
    let mut fetch = HUB.to_owned();
    for origin in connect {
        fetch.push_str(&format!(" {origin}"));
    }
    format!(
        "default-src 'none'; connect-src {fetch}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// `html` with the whole policy in its `meta` element.
///
/// # Errors
/// When it has no such element.
pub(crate) fn with_policy(html: &str) -> Result<String> {
    let (before, rest) = html.split_once(META).context("index.html has no meta element for its policy")?;
    let (_, after) = rest.split_once('"').context("the policy in index.html has no end")?;
    let policy = common(&inline_scripts(html));
    Ok(format!("{before}{META}{policy}\"{after}"))
}

fn common(scripts: &[String]) -> String {
    let mut script = "'self' 'wasm-unsafe-eval'".to_owned();
    for source in scripts {
        script.push_str(&format!(" '{source}'"));
    }
    format!(
        "default-src 'self'; script-src {script}; connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; \
         style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; object-src 'none'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types default"
    )
}

/// The hash source of each script that stands in the document itself.
pub(crate) fn inline_scripts(html: &str) -> Vec<String> {
    let mut sources = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find("<script") {
        let tag = &rest[start..];
        let Some(open) = tag.find('>') else { break };
        let Some(close) = tag.find("</script>") else { break };
        if !tag[..open].contains(" src=") && close > open {
            let digest = Sha256::digest(&tag.as_bytes()[open + 1..close]);
            sources.push(format!("sha256-{}", STANDARD.encode(digest)));
        }
        rest = &tag[close..];
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hub on this machine, which the `meta` element of [`HUB_PAGE`] allows; the header allows only those that the server is told.
    /// Where the page itself is not on this machine, `public/hub.js` takes these away again.
    const LOCAL: [&str; 2] = ["http://127.0.0.1:*", "http://localhost:*"];

    #[test]
    fn the_page_carries_the_whole_policy_with_the_hash_of_its_script() {
        let page = format!("<head>{META}connect-src 'self'\"><script type=\"module\">go()</script></head>");
        let page = with_policy(&page).expect("it has the element");
        let hash = STANDARD.encode(Sha256::digest("go()"));
        assert!(page.contains(&format!("script-src 'self' 'wasm-unsafe-eval' 'sha256-{hash}';")), "{page}");
        assert!(page.contains("default-src 'self'") && page.contains("worker-src 'self' blob:"), "{page}");
        assert!(page.contains("; connect-src 'self'; "), "page and worker reach their own site alone: {page}");
        assert!(!page.contains("frame-ancestors"), "browsers refuse it in a meta element: {page}");
        assert!(page.contains("; require-trusted-types-for 'script'; trusted-types default\"><script"), "{page}");
        assert!(page.ends_with("<script type=\"module\">go()</script></head>"), "{page}");
        assert!(with_policy("<head></head>").is_err());
    }

    #[test]
    fn the_sources_of_the_page_have_the_element() {
        let source = std::fs::read_to_string(crate::root().join("index.html")).expect("it lies in the workspace");
        let page = with_policy(&source).expect("the build fills it");
        assert!(inline_scripts(&page).is_empty(), "the page has no script inside");
        let [policy, narrowed] =
            [META, "<script type=\"module\" src=\"./policy.js\">"].map(|element| page.find(element));
        assert!(policy.is_some() && policy < narrowed, "the policy stands before the first script");
    }

    #[test]
    fn the_document_that_reaches_hubs_has_its_policy_and_no_script() {
        let source =
            |name: &str| std::fs::read_to_string(crate::root().join("public").join(name)).expect("it is there");
        let html = source(HUB_PAGE);
        let policy = of_hub(&LOCAL.map(str::to_owned));
        assert!(html.contains(&format!("{META}{policy}\"")), "{html}");
        assert!(!html.contains("<script") && html.contains("data-hub="), "hub.js knows it by this: {html}");
        assert!(header_of_hub(&[]).ends_with("; frame-ancestors 'self'"), "the page shows it in a frame");
        // What hub.js leaves of it of the public hub is all that is said of that here.
        let (script, (first, stores)) = (source("hub.js"), HUB.rsplit_once(' ').expect("several sources"));
        assert!(script.contains(&format!("\"huggingface.co\": \"{stores}\"")), "{script}");
        assert_eq!(first, "https://huggingface.co https://*.huggingface.co", "the hub's host and those below it");
    }
}
