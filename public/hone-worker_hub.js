// The worker's end of the line to a model hub, whose other end is `hub.js` in the page: the worker itself can reach its own site
// alone. In: with a message of the page a port (`hub`), or null for models that this site serves; a request. Out: its response, as if
// it had been fetched here.

let hub = null;
addEventListener("message", ({ data }) => {
  if (data && "hub" in data) hub = data.hub;
});

globalThis.honeFetch = async (request) => {
  if (!hub) return fetch(request);
  const { port1: line, port2: theirs } = new MessageChannel();
  const heard = () => new Promise((resolve) => (line.onmessage = ({ data }) => resolve(data)));
  const head = heard();
  hub.postMessage({ url: request.url, range: request.headers.get("range") }, [theirs]);
  const { failed, status, headers, url, redirected } = await head;
  if (failed) throw new DOMException("the hub can't be asked", failed);
  const body = new ReadableStream({
    async pull(controller) {
      const next = heard();
      line.postMessage("next");
      const { value, done, failed } = await next;
      if (failed) controller.error(new DOMException("the connection broke", failed));
      else if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => line.postMessage("cancel"),
  });
  const hasBody = ![204, 205, 304].includes(status);
  const response = new Response(hasBody ? body : null, { status, headers });
  return Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } });
};
