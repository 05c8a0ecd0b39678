// A static server for the benches: /bench/ is this folder, /data/ what a run generated (in memory, or in a folder), everything
// else the built page. The headers isolate the page, as the real server's do.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Workers that wrap the real one must lie beside it: its relative addresses are looked up from there. */
const WORKERS = ["/counting_worker.js", "/default_limits_worker.js"];

/**
 * Serves on 127.0.0.1 on a free port; `generated` maps paths to buffers, `data` is a folder that /data/ shows. Returns
 * `{ url, close }`.
 */
export async function serve({ bench, dist, generated = new Map(), data }) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const head = {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
      "Cross-Origin-Resource-Policy": "same-origin",
      "Cache-Control": "no-store",
    };
    const made = generated.get(path);
    if (made) {
      response.writeHead(200, { ...head, "Content-Type": "application/octet-stream", "Content-Length": made.length });
      response.end(made);
      return;
    }
    const place = WORKERS.includes(path) ? `/bench${path}` : path;
    const folders = Object.entries({ "/bench/": bench, "/data/": data, "/": dist });
    const [prefix, root] = folders.find(([prefix, root]) => root && place.startsWith(prefix));
    const file = normalize(join(root, place.slice(prefix.length)));
    const found = file.startsWith(root + sep) && statSync(file, { throwIfNoEntry: false });
    if (!found || !found.isFile()) {
      response.writeHead(404, head).end("not found");
      return;
    }
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { ...head, "Content-Type": type, "Content-Length": found.size });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
