// The only way from this page to a model hub. In: the address of the hub that the person chose, their token for it, and what the
// worker asks for. Out: what the hub answers, piece by piece.
//
// The policy of page and worker allows their own site alone. While a model is fetched an empty document stands in a frame, whose
// policy allows that hub and nothing else, and requests are made with its `fetch`: a browser applies the policy of the window that
// the function is of. Only addresses and ranges get in there, no row does; and the token never gets to the worker (ADR 46).

const home = new URL("./", document.baseURI);
const POLICY = "Content-Security-Policy";

/** Where a hub's downloads come from, if not from its own host or one below it. */
const STORES = { "huggingface.co": "https://*.hf.co" };

const isOnThisMachine = ({ hostname }) => ["localhost", "127.0.0.1", "[::1]"].includes(hostname);

/** What a policy calls a hub and the stores that it redirects to. A page from elsewhere must not reach what listens on the machine
 * that it is open on. */
function sourcesOf(hub) {
  if (isOnThisMachine(hub)) return isOnThisMachine(home) ? hub.origin : "'none'";
  return [hub.origin, `${hub.protocol}//*.${hub.host}`, STORES[hub.hostname] ?? ""].join(" ").trim();
}

/** Gets the empty document into a frame, and has it reach `hub` only. */
async function openFrame(frame, hub) {
  frame.hidden = true;
  frame.title = "The way to the model hub";
  frame.src = new URL("hub.html", home).href;
  const isLoaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  document.body.append(frame);
  await isLoaded;
  // Null where the host forbids frames or can't be reached; of a host that answers each address with its page it is that page.
  const inside = frame.contentDocument;
  if (!inside?.documentElement.dataset.hub) {
    frame.remove();
    throw new DOMException("this site's hub.html can't be opened in a frame", "InvalidStateError");
  }
  const meta = inside.createElement("meta");
  meta.httpEquiv = POLICY;
  meta.content = `connect-src ${sourcesOf(hub)}`;
  inside.head.append(meta);
}

/** Asks the hub from within the frame, and tells the page of what its policy stops there. */
async function ask(frame, hub, token, { url, range }) {
  const headers = {};
  if (range) headers.range = range;
  // For the hub itself. Where it redirects to another origin, a browser takes this header off.
  if (token && new URL(url).origin === hub.origin) headers.authorization = `Bearer ${token}`;
  let isStopped = false;
  const onViolation = (event) => {
    isStopped = true;
    document.dispatchEvent(new SecurityPolicyViolationEvent(event.type, event));
  };
  const inside = frame.contentDocument;
  inside.addEventListener("securitypolicyviolation", onViolation);
  try {
    const init = { headers, credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store" };
    return await frame.contentWindow.fetch(url, init);
  } catch (error) {
    await new Promise((resolve) => setTimeout(resolve)); // the event may come after the request has failed
    throw isStopped ? new DOMException("the policy does not allow it", "SecurityError") : error;
  } finally {
    inside.removeEventListener("securitypolicyviolation", onViolation);
  }
}

/** Hands an answer over: its head, then a piece of its body for each `next`. */
async function answer(reply, response) {
  const { status, headers, url, redirected, body } = await response;
  reply.postMessage({ status, headers: [...headers], url, redirected });
  const reader = body?.getReader();
  reply.onmessage = async ({ data }) => {
    if (data !== "next") return reader?.cancel().catch(() => {});
    try {
      const { value, done } = reader ? await reader.read() : { done: true };
      reply.postMessage({ value, done }, value ? [value.buffer] : []);
    } catch (error) {
      reply.postMessage({ failed: error.name });
    }
  };
}

const closeNothing = () => {};
/** Closes the way that is open, if one is. */
let close = closeNothing;

/** Opens the way to a hub, and closes the one before. Out: a port for the worker. The frame is made when the worker asks first: a
 * model that the browser keeps needs none. */
function open(address, token) {
  close();
  const hub = new URL(address);
  const { port1: line, port2: port } = new MessageChannel();
  const frame = document.createElement("iframe");
  // Closed with the way: else each would hold what it has not handed over, and the document of the frame with it.
  const replies = [];
  let opened;
  line.onmessage = ({ data, ports: [reply] }) => {
    replies.push(reply);
    opened ??= openFrame(frame, hub);
    const response = opened.then(() => ask(frame, hub, token, data));
    answer(reply, response).catch((error) => reply.postMessage({ failed: error.name }));
  };
  close = () => {
    close = closeNothing; // and the token is forgotten
    for (const end of [line, ...replies]) end.close();
    frame.remove();
  };
  return port;
}

globalThis.honeHub = { open, close: () => close() };
