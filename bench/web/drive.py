"""The browser's bench with Python alone: serves the built page and made-up models, starts the kit's Chromium on posting.html
once a contest, and takes what the page posts.

In: the folder that this lies in, as `cargo xtask gpu-kit --browser` makes it, and the rest of Chromium in the folders beside
it. Out: `browser.jsonl` as it goes, `chromium.txt` with what the browser said, and a Markdown table, `browser.md`, which is
printed too. The exit code is 1 where nothing was measured.
"""

import argparse
import array
import glob
import http.server
import io
import json
import lzma
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CONTESTS = [("minilm", "full"), ("distilgpt2_b1", "lora"), ("decoder_small", "full"), ("decoder_small", "lora"), ("small", "full")]
REHEARSED = [("encoder_tiny", "full"), ("decoder_tiny", "lora")]
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml"}
END = "<|endoftext|>"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# What lets a headless browser use a GPU through Vulkan, and keeps it from calling home.
FLAGS = [
    *("--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--disable-gpu-watchdog", "--ignore-gpu-blocklist"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-dev-shm-usage"),
]
ON_GPU = ["--enable-features=Vulkan", "--use-vulkan=native", "--use-angle=vulkan", "--disable-vulkan-surface"]
ON_CPU = ["--use-webgpu-adapter=swiftshader"]


def is_decoder(shape):
    """Whether the shape is of a language model."""
    return shape["config"]["model_type"] == "gpt2"


def word(number):
    """A made-up word, letters only, so that the tokenizer keeps it whole."""
    letters = ""
    while number > 0:
        letters = chr(97 + number % 26) + letters
        number //= 26
    return "w" + letters


def layout(shape):
    """Name, shape and kind (normal, one or zero) of every weight, as transformers names them."""
    config, found = shape["config"], []

    def linear(name, *size, outputs):
        found.extend([(f"{name}.weight", size, "normal"), (f"{name}.bias", (outputs,), "zero")])

    def norm(name, size):
        found.extend([(f"{name}.weight", (size,), "one"), (f"{name}.bias", (size,), "zero")])

    if is_decoder(shape):
        hidden = config["n_embd"]
        found.append(("transformer.wte.weight", (config["vocab_size"], hidden), "normal"))
        found.append(("transformer.wpe.weight", (config["n_positions"], hidden), "normal"))
        for layer in range(config["n_layer"]):
            at = f"transformer.h.{layer}"
            norm(f"{at}.ln_1", hidden)
            linear(f"{at}.attn.c_attn", hidden, 3 * hidden, outputs=3 * hidden)
            linear(f"{at}.attn.c_proj", hidden, hidden, outputs=hidden)
            norm(f"{at}.ln_2", hidden)
            linear(f"{at}.mlp.c_fc", hidden, 4 * hidden, outputs=4 * hidden)
            linear(f"{at}.mlp.c_proj", 4 * hidden, hidden, outputs=hidden)
        norm("transformer.ln_f", hidden)
        return found
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    for table, rows in [("word", "vocab_size"), ("position", "max_position_embeddings"), ("token_type", "type_vocab_size")]:
        found.append((f"embeddings.{table}_embeddings.weight", (config[rows], hidden), "normal"))
    norm("embeddings.LayerNorm", hidden)
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            linear(f"{at}.attention.self.{part}", hidden, hidden, outputs=hidden)
        linear(f"{at}.attention.output.dense", hidden, hidden, outputs=hidden)
        norm(f"{at}.attention.output.LayerNorm", hidden)
        linear(f"{at}.intermediate.dense", inner, hidden, outputs=inner)
        linear(f"{at}.output.dense", hidden, inner, outputs=hidden)
        norm(f"{at}.output.LayerNorm", hidden)
    linear("pooler.dense", hidden, hidden, outputs=hidden)
    return found


def weights(shape):
    """model.safetensors. Normal values come from one block over and over: drawing each takes Python too long."""
    generator = random.Random(7)
    block = array.array("f", (generator.gauss(0.0, 0.02) for _ in range(65_537))).tobytes()
    header, parts, end = {}, [], 0
    for name, size, kind in layout(shape):
        count = 4
        for extent in size:
            count *= extent
        if kind == "normal":
            parts.append((block * (count // len(block) + 1))[:count])
        else:
            parts.append(array.array("f", [1.0 if kind == "one" else 0.0]).tobytes() * (count // 4))
        header[name] = {"dtype": "F32", "shape": list(size), "data_offsets": [end, end + count]}
        end += count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def model(shape):
    """The files of a Hugging Face folder: random weights and a vocabulary of made-up words."""
    config = shape["config"]
    special = 1 if is_decoder(shape) else len(SPECIAL)
    words = [word(number + 1) for number in range(config["vocab_size"] - special)]
    if is_decoder(shape):
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        nothing = dict.fromkeys(["truncation", "padding", "normalizer", "post_processor", "decoder"])
        vocab = {token: number for number, token in enumerate([END, *words])}
        tokenizer = {
            **{"version": "1.0", "added_tokens": [{"id": 0, "content": END, **flags}]},
            **nothing,
            **{"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": END}},
        }
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END}
        files = {"tokenizer.json": json.dumps(tokenizer), "tokenizer_config.json": json.dumps(settings)}
    else:
        settings = {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}
        files = {"vocab.txt": "\n".join([*SPECIAL, *words]) + "\n", "tokenizer_config.json": json.dumps(settings)}
    texts = {name: text.encode() for name, text in {"config.json": json.dumps(config), **files}.items()}
    return {**texts, "model.safetensors": weights(shape)}, words


def rows(shape, words, count):
    """A CSV whose rows fill the shape exactly, with what Hone adds."""
    generator = random.Random(13)
    added = 1 if is_decoder(shape) else 2
    lines = ["text" if is_decoder(shape) else "text,label"]
    for row in range(count):
        end = "" if is_decoder(shape) else f",class {row % shape['num_labels']}"
        lines.append(" ".join(generator.choices(words, k=shape["seq"] - added)) + end)
    return ("\n".join(lines) + "\n").encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """The page, the bench's own files, what was made up, and a place to post the result."""

    protocol_version = "HTTP/1.1"

    def send(self, body, kind="application/octet-stream", status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.partition("?")[0]
        made = self.server.made.get(path)
        if made is not None:
            return self.send(made)
        # A worker that wraps the real one must lie beside it: its relative addresses are looked up from there.
        place = f"/bench{path}" if path == "/counting_worker.js" else path
        root = HERE / "web" if place.startswith("/bench/") else HERE / "dist"
        file = (root / place.replace("/bench/", "/", 1).lstrip("/")).resolve()
        if root.resolve() not in file.parents or not file.is_file():
            return self.send(b"not found", "text/plain", 404)
        return self.send(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

    def do_POST(self):
        self.server.result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.set()
        self.send(b"")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """A browser that is ended breaks off its connections: that is nothing to tell of."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Chained(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, paths):
        self.files = [open(path, "rb") for path in paths]

    def readable(self):
        return True

    def readinto(self, buffer):
        while self.files:
            count = self.files[0].readinto(buffer)
            if count:
                return count
            self.files.pop(0).close()
        return 0


def unpack(room):
    """Chromium out of its slices, which lie in folders side by side. A browser named by HONE_CHROMIUM is taken instead."""
    named = os.environ.get("HONE_CHROMIUM")
    if named:
        return pathlib.Path(named), {}
    beside = HERE.name.rsplit("-", 1)[0]
    slices = sorted(glob.glob(str(HERE.parent / f"{glob.escape(beside)}-*" / "chromium.tar.xz.*")), key=lambda path: path[-2:])
    numbers = [int(path[-2:]) for path in slices]
    if not slices or numbers != list(range(1, len(slices) + 1)):
        sys.exit(f"error: slices of Chromium are missing, found {numbers}: put all folders side by side: {HERE.parent}")
    try:
        with lzma.open(io.BufferedReader(Chained(slices))) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            archive.extractall(room)
    except (EOFError, lzma.LZMAError, tarfile.TarError) as error:
        sys.exit(f"error: Chromium can't be unpacked, is the last folder missing? {error}: {HERE.parent}")
    fonts = f'<fontconfig><dir>{room / "fonts"}</dir><cachedir>{room / "cache"}</cachedir></fontconfig>'
    (room / "fonts.conf").write_text(f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">{fonts}')
    before = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if path]
    return room / "chromium" / "chromium", {
        "LD_LIBRARY_PATH": os.pathsep.join([str(room / "lib"), *before]),
        "FONTCONFIG_FILE": str(room / "fonts.conf"),
    }


def browse(program, environment, flags, url, server, limit, log):
    """One browser on one page; what it posted, or what went wrong."""
    server.posted.clear()
    profile = tempfile.mkdtemp(prefix="hone-profile-")
    command = [str(program), *FLAGS, *flags, f"--user-data-dir={profile}", url]
    try:
        child = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    except OSError as error:
        return {"error": f"Chromium did not start: {error}"}
    over = time.monotonic() + limit
    while not server.posted.wait(0.2):
        if child.poll() is not None:
            break
        if time.monotonic() > over:
            break
    code = child.poll()
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    shutil.rmtree(profile, ignore_errors=True)
    if server.posted.is_set():
        return server.result
    return {"error": "it took too long" if code is None else f"Chromium ended with exit code {code}; chromium.txt has its last words"}


def table(results, shapes):
    """One row a contest."""
    lines = ["## GPU kit, in the browser", ""]
    devices = {json.dumps(result["report"]["device"]["name"]) for result in results if "report" in result}
    lines += [f"- adapter: {name}" for name in sorted(devices)]
    lines += ["", "| shape | method | step, ms | tokens/s | first step | dispatches a step |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for result in results:
        name, method = result["contest"]
        shape = shapes[name]
        title = f"{name}, {shape['batch']} x {shape['seq']}"
        if "report" not in result:
            lines.append(f"| {title} | {method} | {result['error'].replace('|', '/')} | | | |")
            continue
        found = result["report"]
        step = statistics.median(found["step_ms"])
        rate = shape["batch"] * shape["seq"] * 1000 / step
        first = f"{found['first_step_ms'] / 1000:.1f} s"
        lines.append(f"| {title} | {method} | {step:,.1f} | {rate:,.0f} | {first} | {found['dispatches']:.0f} |")
    return "\n".join(lines) + "\n"


def main():
    """Every contest in a browser of its own."""
    parser = argparse.ArgumentParser(prog="run_browser.sh", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default=os.environ.get("OUT", "results"), help="where results go")
    parser.add_argument("--budget", type=float, help="seconds that everything may take together [285]")
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes on SwiftShader")
    options = parser.parse_args()
    start, budget = time.monotonic(), options.budget or (900 if options.rehearse else 285)
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    room = pathlib.Path(tempfile.mkdtemp(prefix="hone-browser-"))
    shapes = json.loads((HERE / "shapes.json").read_text())
    server = Server(("127.0.0.1", 0), Handler)
    server.made, server.posted, server.result = {}, threading.Event(), None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/bench/posting.html"
    protocol = {"warmup": 2, "every": 2, "windows": 2} if options.rehearse else {"warmup": 5, "every": 10, "windows": 4}
    steps = protocol["warmup"] + protocol["every"] * protocol["windows"]
    results = []

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        program, added = unpack(room)
        environment = {**os.environ, "HOME": os.environ.get("HOME", str(room)), **added}
        with open(out / "browser.jsonl", "w", encoding="utf-8") as kept, open(out / "chromium.txt", "w") as log:
            for name, method in REHEARSED if options.rehearse else CONTESTS:
                left = budget - (time.monotonic() - start)
                if left < 15:
                    found = {"error": "left out: no time left"}
                else:
                    shape, folder = shapes[name], f"/data/{name}"
                    files, words = model(shape)
                    made = {**files, "rows.csv": rows(shape, words, shape["batch"] * steps)}
                    settings = {"folder": folder, "shape": shape, "files": list(files), "method": method, "backend": "webgpu"}
                    settings.update({"steps": steps, "protocol": protocol, "memoryAt": []})
                    server.made = {f"{folder}/{file}": body for file, body in made.items()}
                    server.made["/settings"] = json.dumps(settings).encode()
                    flags = ON_CPU if options.rehearse else ON_GPU
                    limit = min(left - 5, 400 if options.rehearse else 90)
                    found = browse(program, environment, flags, url, server, limit, log)
                result = {"contest": [name, method], **found}
                results.append(result)
                kept.write(json.dumps(result) + "\n")
                kept.flush()
                said = found.get("error") or f"steps of {statistics.median(found['report']['step_ms']):.1f} ms"
                print(f"[{time.monotonic() - start:5.0f} s] {name}, {method}: {said}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("note: it was stopped from outside", file=sys.stderr)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    text = table(results, shapes)
    (out / "browser.md").write_text(text, encoding="utf-8")
    print(text)
    sys.exit(0 if any("report" in result for result in results) else 1)


if __name__ == "__main__":
    main()
