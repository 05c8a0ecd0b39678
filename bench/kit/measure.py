"""Measures everything that the kit is for, part by part, within a budget of time.

In: the folder that this lies in. Out: `results.jsonl`, a JSON object as soon as it is known, so that a run that is cut off
leaves what it found; `log.txt`, what the programs said; and at the end report.py's `report.md`, which is printed too. A part
that fails or takes too long is noted, and the next begins. The exit code is 1 where a device computes wrongly or
`hone train` fails, 2 where no
figure was found at all.
"""

import argparse
import ctypes
import glob
import json
import lzma
import os
import pathlib
import platform
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import report

HERE = pathlib.Path(__file__).resolve().parent

# Shapes and methods, the telling ones first: what does not fit into the budget is left out from the end.
CONTESTS = [
    ("minilm", "full"),
    ("distilgpt2_b8", "lora"),
    ("llama_135m", "lora"),
    ("distilgpt2_b8", "full"),
    ("minilm_32x128", "full"),
    ("distilgpt2_1x512", "lora"),
    ("minilm", "lora"),
    ("minilm", "head"),
    ("minilm_32x128", "lora"),
    ("distilgpt2_1x512", "full"),
    ("minilm_32x128", "head"),
]
REHEARSED = [
    ("encoder_tiny", "full"),
    ("decoder_tiny", "lora"),
    ("llama_tiny", "lora"),
    ("encoder_tiny", "lora"),
    ("encoder_tiny", "head"),
    ("decoder_tiny", "full"),
]
COUNTED = 3  # contests whose dispatches are counted

# Kept for the report.
LAST_SECS = 6

# cubecl's own account of what it launches.
COUNTING = '[profiling]\nlogger = { level = "minimal", file = "launches.log", append = false }\n'


class Run:
    """Where results go, and how much time is left."""

    def __init__(self, options):
        self.out = pathlib.Path(options.out)
        self.results = open(self.out / "results.jsonl", "w", encoding="utf-8")
        self.log = open(self.out / "log.txt", "w", encoding="utf-8", errors="replace")
        self.start = time.monotonic()
        self.budget = options.budget
        self.lock = threading.Lock()
        self.children = set()

    def left(self):
        """Seconds until the report must be written."""
        return self.budget - LAST_SECS - (time.monotonic() - self.start)

    def say(self, text):
        """One line to the person at the terminal."""
        print(f"[{time.monotonic() - self.start:5.0f} s] {text}", file=sys.stderr, flush=True)

    def keep(self, part, **fields):
        """Writes a result down."""
        with self.lock:
            self.results.write(json.dumps({"part": part, **fields}) + "\n")
            self.results.flush()

    def note(self, text):
        """Something that was left out or went wrong."""
        self.keep("note", text=text)
        self.say(f"note: {text}")

    def write_log(self, text):
        with self.lock:
            self.log.write(text)
            self.log.flush()

    def start_program(self, command, **given):
        """A program in a session of its own, so that what it starts ends with it."""
        child = subprocess.Popen([str(word) for word in command], start_new_session=True, text=True, errors="replace", **given)
        self.children.add(child)
        return child

    def end(self, child):
        """Ends a program and all that it started."""
        if child.poll() is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        self.children.discard(child)

    def program(self, command, limit, each_line=None, **given):
        """Runs a program for at most `limit` seconds. Returns its exit code and output; no exit code: it took too long."""
        limit = min(limit, self.left())
        if limit < 1:
            return None, ""
        self.write_log(f"\n$ {' '.join(str(word) for word in command)}\n")
        try:
            child = self.start_program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **given)
        except OSError as error:
            return 127, str(error)
        lines, said = [], []

        def read():
            for line in child.stdout:
                lines.append(line)
                if each_line:
                    each_line(line)

        def listen():
            for line in child.stderr:
                said.append(line)
                self.write_log(line)

        readers = [threading.Thread(target=target, daemon=True) for target in (read, listen)]
        for reader in readers:
            reader.start()
        try:
            code = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            code = None
        self.end(child)
        for reader in readers:
            reader.join(timeout=5)
        self.write_log("".join(lines))
        return code, "".join(lines) if code == 0 else "".join(lines + said)


def why(code, output):
    """What to say of a program that did not end well."""
    if code is None:
        return "it took too long"
    said = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in said if "error" in line.lower() or "panicked" in line]
    last = (errors or said or [""])[-1]
    return f"exit code {code}: {last[:300]}"


class Memory:
    """What NVIDIA's driver says is used of the first GPU, at most, while a program runs."""

    def __init__(self):
        self.handle = None
        try:
            self.library = ctypes.CDLL("libnvidia-ml.so.1")
            handle = ctypes.c_void_p()
            if self.library.nvmlInit_v2() == 0:
                if self.library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)) == 0:
                    self.handle = handle
        except (OSError, AttributeError):
            pass

    def used(self):
        """Bytes in use now, or none."""
        found = (ctypes.c_ulonglong * 3)()  # total, free, used
        if self.handle is None or self.library.nvmlDeviceGetMemoryInfo(self.handle, ctypes.byref(found)) != 0:
            return None
        return found[2]

    def watch(self, work):
        """`work()`'s result, and how much more was used meanwhile than before."""
        before = self.used()
        if before is None:
            return work(), None
        peak, over = before, threading.Event()

        def look():
            nonlocal peak
            while not over.wait(0.1):
                peak = max(peak, self.used() or 0)

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            found = work()
        finally:
            over.set()
            watcher.join()
        return found, peak - before


class Torch:
    """A process that has PyTorch loaded and takes settings, one a line."""

    def __init__(self, run, environment):
        self.run = run
        self.environment = environment
        self.child = None
        self.answers = queue.Queue()

    def start(self):
        command = [sys.executable, HERE / "torch_step.py", "--serve"]
        self.answers = answers = queue.Queue()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.child = child = self.run.start_program(command, env=self.environment, **pipes)

        def read():
            for line in child.stdout:
                answers.put(line)
            answers.put(None)

        def listen():
            for line in child.stderr:
                self.run.write_log(line)

        for target in (read, listen):
            threading.Thread(target=target, daemon=True).start()

    def measure(self, settings, limit):
        """The answer, or what went wrong as `{"error": ..}`. A process that takes too long is ended."""
        if self.child is None or self.child.poll() is not None:
            self.start()
        try:
            self.child.stdin.write(json.dumps(settings) + "\n")
            self.child.stdin.flush()
            answer = self.answers.get(timeout=max(1, min(limit, self.run.left())))
        except queue.Empty:
            self.close()
            return {"error": "it took too long"}
        except OSError:
            answer = None
        if answer is None:
            self.close()
            return {"error": "PyTorch's process ended; log.txt has its last words"}
        return json.loads(answer)

    def close(self):
        if self.child is not None:
            self.run.end(self.child)
            self.child = None


class Kit:
    """The programs, and the order in which they run."""

    def __init__(self, options):
        self.options = options
        self.run = Run(options)
        self.memory = Memory()
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="hone-kit-"))
        self.environment = surroundings(self.room)
        self.has_torch = False
        self.torch_device = "cpu"
        self.first_steps = {}  # of compiled models, when nothing was in PyTorch's caches

    def unpack(self):
        """Programs lie packed, for they are large."""
        folder = self.room / "bin"
        folder.mkdir()
        for packed in sorted((HERE / "bin").glob("*.xz")):
            place = folder / packed.stem
            with lzma.open(packed) as source, open(place, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            place.chmod(0o755)
        return folder

    def facts(self):
        """The machine: figures mean nothing without it."""
        ask = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap,power.limit,clocks.max.sm"]
        asked = {
            "gpu": [*ask, "--format=csv,noheader"],
            "cuda": ["nvcc", "--version"],
            "libc": ["ldd", "--version"],
            "torch": [sys.executable, "-c", "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"],
            "vulkan": ["vulkaninfo", "--summary"],
            "hone": [self.bin / "hone", "--version"],
        }
        found = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
        for name, command in asked.items():
            code, output = self.run.program(command, 60 if name == "torch" else 10, env=self.environment)
            lines = [line.strip() for line in output.splitlines() if line.strip()]
            if code == 0 and lines:
                found[name] = "; ".join(lines[:8]) if name == "gpu" else lines[-1] if name == "cuda" else lines[0]
                if name == "vulkan":
                    found[name] = "; ".join(line for line in lines if "deviceName" in line) or None
            else:
                found[name] = None
        cpu = [line for line in read_text("/proc/cpuinfo").splitlines() if line.startswith("model name")]
        found["cpu"] = cpu[0].partition(":")[2].strip() if cpu else platform.machine()
        found["kit"] = read_text(HERE / "MADE").strip() or None
        self.run.keep("facts", rehearsal=self.options.rehearse, **found)
        self.has_torch = bool(found["torch"])
        if not self.has_torch:
            self.run.note(f"PyTorch was left out: {sys.executable} has none (name another Python with PYTHON=)")
        elif found["torch"].endswith("True") and not self.options.rehearse:
            self.torch_device = "cuda"
        elif not self.options.rehearse:
            self.run.note("PyTorch sees no GPU and is measured on the CPU")

    def parity(self, device):
        """Each golden, on one device."""
        seen = []

        def each(line):
            try:
                found = json.loads(line)
            except ValueError:
                return
            seen.append(found)
            self.run.keep("parity", **found)

        limit = 900 if self.options.rehearse else 100
        command = [self.bin / "hone-bench", "parity", "--device", device, "--goldens", HERE]
        code, output = self.run.program(command, limit, each, env=self.environment)
        wrong = sum(not found["ok"] for found in seen)
        self.run.say(f"parity on {device}: {len(seen)} compared, {wrong} wrong")
        if code not in (0, 1) or not seen:
            self.run.note(f"parity on {device} ended after {len(seen)} goldens: {why(code, output)}")

    def warm(self, contests):
        """Compiles PyTorch's models while others do what needs no quiet: compiled code lies in PyTorch's cache then."""
        peer = Torch(self.run, self.environment)
        for shape, method in contests:
            if self.run.left() < 60:
                break
            settings = self.settings(shape, method, "bf16")
            found = peer.measure({**settings, "compile": True, "warmup": 1, "windows": 0}, 90)
            if "report" in found:
                self.first_steps[shape, method] = found["report"]["first_step_ms"]
        peer.close()

    def settings(self, shape, method, dtype):
        return {"shape": shape, "method": method, "dtype": dtype, "device": self.torch_device, "models": "plain"}

    def steps(self):
        """Steps before the clock starts, steps a window, windows."""
        return {"warmup": 2, "every": 2, "windows": 2} if self.options.rehearse else {"warmup": 5, "every": 10, "windows": 5}

    def hone(self, device, shape, method, dtype):
        flags = [f"--{name}={count}" for name, count in self.steps().items()]
        command = [self.bin / "hone-bench", "--device", device, "--shape", shape, "--method", method, "--dtype", dtype, *flags]
        limit = 120 if self.options.rehearse else 30
        (code, output), used = self.memory.watch(lambda: self.run.program(command, limit, env=self.environment))
        if code != 0:
            return {"error": why(code, output)}
        found = json.loads(output.splitlines()[-1])
        found["report"]["device_used_peak"] = used
        return found

    def peer(self, shape, method, dtype, compiled):
        settings = {**self.settings(shape, method, dtype), **self.steps(), "compile": compiled}
        found = self.torch.measure(settings, 120 if self.options.rehearse else 60 if compiled else 30)
        if "report" in found and compiled and (shape, method) in self.first_steps:
            found["report"]["first_step_ms"] = self.first_steps[shape, method]
        return found

    def rate(self, who, shape, method, dtype, work, needs=8):
        """One contestant at one contest; whatever comes of it is written down."""
        if self.run.left() < needs:
            found = {"error": "left out: no time left"}
        else:
            found = work()
        self.run.keep("rate", who=who, contest=[shape, method], dtype=dtype, **found)
        tokens = found.get("report", {}).get("tokens_per_sec")
        said = f"{tokens:,.0f} tokens/s" if tokens else found.get("error")
        self.run.say(f"{shape}, {method}, {dtype}: {who}: {said}")

    def rates(self):
        """Contest by contest, the contestants in turns: all see the same weather on this machine."""
        contests = REHEARSED if self.options.rehearse else CONTESTS
        first, second = self.devices
        for number, (shape, method) in enumerate(contests):
            self.rate(first, shape, method, "f32", lambda: self.hone(first, shape, method, "f32"))
            if self.has_torch:
                self.rate("eager", shape, method, "f32", lambda: self.peer(shape, method, "f32", False))
            self.rate(first, shape, method, "bf16", lambda: self.hone(first, shape, method, "bf16"))
            # Rehearsed once: compiling on a CPU takes a minute.
            if self.has_torch and (number == 0 or not self.options.rehearse):
                self.rate("compiled", shape, method, "bf16", lambda: self.peer(shape, method, "bf16", True), 15)
            # The other device's first contests are worth more than the last ones of the first device.
            if number < COUNTED:
                self.rate(second, shape, method, "f32", lambda: self.hone(second, shape, method, "f32"))
        for shape, method in contests[:COUNTED]:
            self.dispatches(first, shape, method)
        for shape, method in contests[COUNTED:]:
            self.rate(second, shape, method, "f32", lambda: self.hone(second, shape, method, "f32"))

    def dispatches(self, device, shape, method):
        """Launches of a step: those of four steps less those of two, by cubecl's own log. The CPU has none."""
        if device == "cpu":
            device = self.devices[1]
        if self.run.left() < 8:
            self.run.note(f"dispatches of {shape}, {method}, were not counted: no time left")
            return
        counts = []
        for steps in (2, 4):
            folder = pathlib.Path(tempfile.mkdtemp(dir=self.room))
            (folder / "cubecl.toml").write_text(COUNTING)
            flags = [f"--warmup={steps}", "--windows=0"]
            command = [self.bin / "hone-bench", "--device", device, "--shape", shape, "--method", method, *flags]
            code, output = self.run.program(command, 60, env=self.environment, cwd=folder)
            if code != 0:
                self.run.note(f"dispatches of {shape}, {method}, were not counted: {why(code, output)}")
                return
            counts.append(read_text(folder / "launches.log").count("Executing "))
        count = (counts[1] - counts[0]) / 2
        if count > 0:
            self.run.keep("dispatches", device=device, contest=[shape, method], count=count)
            self.run.say(f"{shape}, {method}: {count:.0f} dispatches a step on {device}")
        else:
            self.run.note(f"dispatches of {shape}, {method}, were not counted: cubecl's log has none")

    def train(self, device):
        """`hone train` itself, from rows to a folder of weights."""
        rows = self.room / "rows.csv"
        kinds = [("rain and wind again", "weather"), ("bread and soup for supper", "kitchen"), ("a song for the choir", "music")]
        rows.write_text("text,label\n" + "".join(f"{text} {n},{label}\n" for n in range(20) for text, label in kinds))
        out = self.room / f"tuned-{device}"
        command = [self.bin / "hone", "train", "--model", HERE / "tests/fixtures/tiny_encoder", "--data", rows, "--output", out]
        flags = ["--device", device, "--epochs", "2", "--batch-size", "8"]
        start = time.monotonic()
        code, output = self.run.program([*command, *flags], 120 if self.options.rehearse else 25, env=self.environment)
        ok = code == 0 and (out / "model.safetensors").is_file()
        secs = time.monotonic() - start
        self.run.keep("train", device=device, ok=ok, elapsed_secs=secs, error=None if ok else why(code, output))
        self.run.say(f"hone train on {device}: {f'{secs:.1f} s' if ok else why(code, output)}")

    def measure(self):
        """All parts."""
        self.bin = self.unpack()
        self.devices = ("cpu", "wgpu") if self.options.rehearse else ("cuda", "wgpu")
        self.run.say("looking at the machine")
        self.facts()
        self.torch = Torch(self.run, self.environment)
        # Whether it computes rightly is asked of both devices at once, while PyTorch compiles: nothing is timed yet.
        threads = [threading.Thread(target=self.parity, args=(device,)) for device in self.devices]
        if self.has_torch and self.torch_device == "cuda":
            hands = max(1, min(4, (os.cpu_count() or 1) // 3))
            threads += [threading.Thread(target=self.warm, args=(CONTESTS[n::hands],)) for n in range(hands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for device in self.devices:
            self.train(device)
        self.rates()

    def close(self):
        """Ends what still runs, and takes the unpacked programs away."""
        for child in list(self.run.children):
            self.run.end(child)
        shutil.rmtree(self.room, ignore_errors=True)


def read_text(path):
    """A file's text; empty where there is none."""
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def surroundings(room):
    """The environment of all programs: where CUDA's libraries and headers lie, in the toolkit or in PyTorch's packages."""
    environment = dict(os.environ)
    environment.setdefault("PATH", os.defpath)
    environment.setdefault("HOME", str(room))
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(room / "inductor")
    environment["TRITON_CACHE_DIR"] = str(room / "triton")
    environment["HF_HUB_OFFLINE"] = "1"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    nvcc = shutil.which("nvcc")
    packages = [path for entry in sys.path for path in glob.glob(os.path.join(entry, "nvidia", "*"))]
    roots = [environment.get("CUDA_PATH"), environment.get("CUDA_HOME"), "/usr/local/cuda"]
    roots += [str(pathlib.Path(nvcc).resolve().parent.parent)] if nvcc else []
    roots += sorted(glob.glob("/usr/local/cuda-*"), reverse=True) + sorted(glob.glob("/opt/cuda*")) + packages
    for root in filter(None, roots):
        if os.path.isfile(os.path.join(root, "include", "cuda_runtime.h")):
            environment["CUDA_PATH"] = root
            break
    folders = [os.path.join(root, lib) for root in filter(None, roots) for lib in ("lib64", "lib")]
    found = [folder for folder in folders if glob.glob(os.path.join(folder, "libnvrtc*.so*"))]
    before = [path for path in environment.get("LD_LIBRARY_PATH", "").split(os.pathsep) if path]
    # The kit's own libraries come last: what the machine has suits its driver.
    environment["LD_LIBRARY_PATH"] = os.pathsep.join([*before, *found, *own_libraries()])
    return {**environment, **vulkan_driver(room)}


def own_libraries():
    """The folder of Vulkan's loader, where the machine has none."""
    return [] if loads("libvulkan.so.1") else [str(HERE / "lib")]


def vulkan_driver(room):
    """NVIDIA's Vulkan driver, where containers have the library but not the file that names it."""
    places = ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d")
    is_named = any(glob.glob(os.path.join(place, "*nvidia*.json")) for place in places)
    library = next((name for name in ("libGLX_nvidia.so.0", "libEGL_nvidia.so.0") if loads(name)), None)
    if is_named or library is None:
        return {}
    named = room / "nvidia_icd.json"
    driver = {"library_path": library, "api_version": "1.3.0"}
    named.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": driver}))
    return {"VK_ADD_DRIVER_FILES": str(named)}


def loads(library):
    """Whether the machine has a library."""
    try:
        ctypes.CDLL(library)
        return True
    except OSError:
        return False


def main():
    """Measures, reports, and says by the exit code whether all is right."""
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default=os.environ.get("OUT", "results"), help="where results go")
    parser.add_argument("--budget", type=float, help="seconds that everything may take together [285]")
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes on the CPU and any Vulkan adapter")
    options = parser.parse_args()
    if options.budget is None:
        options.budget = 2400 if options.rehearse else 285
    pathlib.Path(options.out).mkdir(parents=True, exist_ok=True)
    kit = Kit(options)

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        kit.measure()
    except KeyboardInterrupt:
        kit.run.note("it was stopped from outside")
    except Exception as error:
        kit.run.note(f"the rest was left out: {type(error).__name__}: {error}")
    finally:
        kit.close()
    kit.run.keep("end", elapsed_secs=time.monotonic() - kit.run.start)
    results = report.read(kit.run.out / "results.jsonl")
    text = report.table(results)
    (kit.run.out / "report.md").write_text(text, encoding="utf-8")
    print(text)
    sys.exit(report.verdict(results))


if __name__ == "__main__":
    main()
