// Keeps one build of the page in this browser: it opens without a connection, and never shows a mix of two builds. In: requests of
// the page, and what its `page.js` asks. Out: the files of this build, to the byte.
//
// `xtask/src/offline.rs` fills in the first two constants. As they stand here, without a build, the worker takes itself and all
// that was kept out of the browser: a page that is made for work on it is not hidden by one that was kept before (ADR 20).

/** Name of the build: a hash of all of it. */
const BUILD = "";
/** SHA-256 of each file, by its path from here. */
const FILES = {};

/** The page, which is also what the folder gives. */
const PAGE = "index.html";
const HOME = new URL("./", location.href);
/** How the caches of this folder are named; another folder of the same host may hold another Hone. */
const OWN = `hone ${HOME.pathname} `;
const CACHE = OWN + BUILD;

const urlOf = (name) => new URL(name, HOME).href;

/** Name of the file that a request is for; undefined where it is none of the build, as for models and for other hosts. */
function nameOf({ method, url }) {
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== HOME.origin || !pathname.startsWith(HOME.pathname)) return undefined;
  const name = pathname.slice(HOME.pathname.length) || PAGE;
  return Object.hasOwn(FILES, name) ? name : undefined;
}

/** Fetches all files, or fails and leaves nothing. The server is asked whether a file that the browser has is still the newest. */
async function keep() {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all(Object.keys(FILES).map((name) => keepFile(cache, name)));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  } finally {
    const bytes = performance.getEntriesByType("resource").reduce((sum, entry) => sum + entry.encodedBodySize, 0);
    for (const page of await openPages()) page.postMessage({ requests: Object.keys(FILES).length, bytes });
  }
}

/** The digest tells a file of another build: the host may be half-way through an update, or answer from an old cache. */
async function keepFile(cache, name) {
  // Some hosts redirect from the page to its folder, and a redirected answer can't be given to a browser that opens a page.
  const response = await fetch(name === PAGE ? HOME : urlOf(name), { cache: "no-cache" });
  if (!response.ok) throw new Error(`${name} could not be fetched: status ${response.status}`);
  const body = await response.clone().arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== FILES[name]) throw new Error(`${name} is of another build`);
  await cache.put(urlOf(name), response.redirected ? new Response(body, response) : response);
}

/** From the cache alone. Where all of it is gone (a browser drops all of a site's storage or none) everything comes from the host. */
async function answer(request, name) {
  return (await caches.match(urlOf(name), { cacheName: CACHE })) ?? fetch(request);
}

async function dropOtherBuilds() {
  const others = (await caches.keys()).filter((name) => name.startsWith(OWN) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

async function retire() {
  await dropOtherBuilds();
  await registration.unregister();
  // Not waited for: a page opens only once this has ended.
  for (const page of await clients.matchAll()) page.navigate(page.url);
}

/** Tabs in which the page is open, whichever build is in them. */
async function openPages() {
  const windows = await clients.matchAll({ includeUncontrolled: true, type: "window" });
  return windows.filter(({ url }) => nameOf({ method: "GET", url }) === PAGE);
}

/** `{ claim }`: a page of that build has no worker yet. `{ use }`: the person wants this build, which waits. Both are for a page
 * that is open once: another tab may hold another build, and would go on with files of this one. */
async function hear({ data, source }) {
  const tabs = (await openPages()).length;
  if (data.use) {
    if (tabs === 1) await skipWaiting();
    else source.postMessage({ tabs });
  } else if (data.claim === BUILD && tabs === 1) {
    await clients.claim();
  }
}

addEventListener("install", (event) => event.waitUntil(BUILD ? keep() : skipWaiting()));
addEventListener("activate", (event) => event.waitUntil(BUILD ? dropOtherBuilds() : retire()));
addEventListener("message", (event) => event.waitUntil(hear(event)));
addEventListener("fetch", (event) => {
  const name = nameOf(event.request);
  if (name !== undefined) event.respondWith(answer(event.request, name));
});
