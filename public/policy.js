// Narrows what this page may do, before any other script runs. The policy of the page (`xtask/src/policy.rs`) allows strings as
// scripts, addresses of scripts and HTML only as far as the functions below let them pass (Trusted Types). In: a string that
// something is about to run or to build elements of. Out: the string, or an error.

const base = document.baseURI;
const home = new URL("./", base);

// What the views are drawn with is fixed text of the build, and texts of people are never HTML. This is what it must not hold.
const ACTIVE = /<(script|iframe|frame|object|embed|base|meta|link|form)\b|<[a-z][^>]*[\s/"']on[a-z]+\s*=|javascript:/i;

// The worker starts from a blob that the page makes; the service worker is a file beside the page.
const isOwnScript = ({ protocol, origin, href }) =>
  (protocol === "blob:" && origin === home.origin) || href === new URL("service-worker.js", home).href;

globalThis.trustedTypes?.createPolicy("default", {
  createHTML(html) {
    if (ACTIVE.test(html)) throw new TypeError("this page builds no such elements of text");
    return html;
  },
  createScriptURL(url) {
    if (!isOwnScript(new URL(url, base))) throw new TypeError(`this page starts no script from ${url}`);
    return url;
  },
});
