"""One Markdown report of what measure.py found.

In: `results.jsonl`. Out: Markdown on standard output, fit for docs/LOG.md.

    python3 report.py results/results.jsonl
"""

import json
import pathlib
import sys

SHAPES = pathlib.Path(__file__).resolve().parent / "shapes.json"
NAMES = {"cuda": "Hone, CUDA", "wgpu": "Hone, Vulkan", "cpu": "Hone, CPU", "eager": "PyTorch, eager", "compiled": "PyTorch, compiled"}
MIB = 1024 * 1024


def read(path):
    """The lines that are whole: a run that was cut off may have half a line at its end."""
    found = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def of(results, part):
    """The results of one part."""
    return [result for result in results if result["part"] == part]


def verdict(results):
    """The exit code: 1 where a device computes wrongly or `hone train` failed, 2 where nothing was measured."""
    if not any("report" in result for result in of(results, "rate")):
        return 2
    return int(any(not result["ok"] for result in of(results, "parity") + of(results, "train")))


def table(results):
    """The whole report."""
    parts = [facts(results), parity(results), rates(results), notes(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def facts(results):
    """Where it ran."""
    found = (of(results, "facts") or [{}])[0]
    lines = ["## GPU kit" + (", rehearsed without a GPU" if found.get("rehearsal") else ""), ""]
    for name in ("date", "kit", "gpu", "cuda", "vulkan", "torch", "hone", "cpu", "cores", "libc", "machine"):
        if found.get(name):
            lines.append(f"- {name}: {found[name]}")
    for name in sorted({result["adapter"] for result in of(results, "parity")}):
        lines.append(f"- opened: {name}")
    for result in of(results, "train"):
        how = f"{result['elapsed_secs']:.1f} s" if result["ok"] else f"FAILED, {result['error']}"
        lines.append(f"- `hone train`, tiny encoder, 2 epochs of 60 rows, {result['device']}: {how}")
    for result in of(results, "end"):
        lines.append(f"- the whole kit took {result['elapsed_secs']:.0f} s")
    return "\n".join(lines)


def parity(results):
    """A row a golden and device: the largest error of each figure, and what it may be."""
    found = sorted(of(results, "parity"), key=lambda result: result["device"])
    if not found:
        return "Parity was not measured."
    wrong = sum(not result["ok"] for result in found)
    left_out = sum("left_out" in result for result in found)
    head = f"Parity: {len(found)} comparisons with PyTorch, transformers or the CPU, {wrong} wrong, {left_out} left out. Largest error (most that is allowed)."
    lines = [head, "", "| golden | device | errors | verdict |", "| --- | --- | --- | --- |"]
    for result in found:
        if "figures" in result:
            said = "; ".join(figure_text(figure) for figure in result["figures"])
        else:
            said = result.get("left_out") or result.get("broken")
        word = "left out" if "left_out" in result else "ok" if result["ok"] else "**FAILED**"
        lines.append(f"| {result['golden']} | {result['device']} | {cell(said)} | {word} |")
    return "\n".join(lines)


def figure_text(figure):
    """`logits 1.2e-06 (2e-05)`, and where it lies if it is too large."""
    error = "not a number" if figure["error"] is None else f"{figure['error']:.1e}"
    text = f"{figure['what']} {error} ({figure['tolerance']:.0e})"
    return text if figure["ok"] else f"**{text}** at {figure['place'] or 'an unnamed place'}"


def rates(results):
    """A row a contest and format: tokens a second, ratios, first step, memory."""
    found = of(results, "rate")
    if not found:
        return "No rate was measured."
    whos = [who for who in NAMES if any(result["who"] == who for result in found)]
    devices = [who for who in whos if who not in ("eager", "compiled")]
    peers = [who for who in whos if who in ("eager", "compiled")]
    launches = {tuple(result["contest"]): result for result in of(results, "dispatches")}
    head = ["shape", "method", "format", *(f"{NAMES[who]}, tokens/s" for who in whos)]
    head += [f"{NAMES[device]} beside PyTorch, {peer}" for device in devices for peer in peers]
    head += ["first step", "peak memory", "dispatches"]
    lines = [line_of(head), "| --- | --- | --- " + "| ---: " * (len(head) - 3) + "|"]
    for shape, method, dtype in dict.fromkeys((*result["contest"], result["dtype"]) for result in found):
        row = {result["who"]: result for result in found if (*result["contest"], result["dtype"]) == (shape, method, dtype)}
        # A peer has one format; Hone is held beside it in both.
        all_of_contest = {result["who"]: result for result in found if result["contest"] == [shape, method]}
        cells = [shape_text(shape), method, dtype, *(rate_text(row.get(who)) for who in whos)]
        for device in devices:
            for peer in peers:
                cells.append(ratio_text(row.get(device), all_of_contest.get(peer)))
        cells.append(joined(row, whos, first_step_text))
        cells.append(joined(row, whos, memory_text))
        counted = launches.get((shape, method)) if dtype == "f32" else None
        cells.append(f"{counted['count']:.0f} ({counted['device']})" if counted else "not counted" if dtype == "f32" else "")
        lines.append(line_of(cells))
    text = (
        "Rates are medians over windows of steps, full rows, losses read once a window by everybody. Hone's bf16 and PyTorch's mean the same: products in bf16, "
        "trained weights in f32, frozen ones held in bf16. PyTorch: models of `torch_models.py`, scaled_dot_product_attention, fused AdamW, f32 without TF32; "
        "compiled is `torch.compile`. First step: with an empty cache, each in a new process but PyTorch's (compiled: while other work ran). Peak memory: what "
        "the program's allocator held for tensors, then what it reserved, then by how much the driver's figure for the whole GPU rose."
    )
    return "\n".join(lines) + "\n\n" + text + errors(found)


def errors(found):
    """Contestants that did not finish."""
    lines = [
        f"- {shape_text(result['contest'][0])}, {result['contest'][1]}, {result['dtype']}, {NAMES[result['who']]}: {result['error']}"
        for result in found
        if "error" in result
    ]
    return "\n\nNot measured:\n\n" + "\n".join(lines) if lines else ""


def line_of(cells):
    return "| " + " | ".join(cell(text) for text in cells) + " |"


def cell(text):
    """Text that a table can hold."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def shape_text(name):
    """`minilm, 16 x 64`."""
    try:
        shape = json.loads(SHAPES.read_text())[name]
        return f"{name}, {shape['batch']} x {shape['seq']}"
    except (OSError, KeyError, ValueError):
        return name


def rate_of(result):
    return (result or {}).get("report", {}).get("tokens_per_sec")


def rate_text(result):
    if result is None:
        return ""
    rate = rate_of(result)
    return f"{rate:,.0f}" if rate else "-"


def ratio_text(ours, theirs):
    ours, theirs = rate_of(ours), rate_of(theirs)
    return f"{ours / theirs:.2f}" if ours and theirs else ""


def joined(row, whos, text):
    """What `text` says of each contestant that has something to say."""
    said = [(who, text(row[who]["report"])) for who in whos if "report" in row.get(who, {})]
    return "; ".join(f"{who} {words}" for who, words in said if words)


def first_step_text(found):
    secs = found["first_step_ms"] / 1000
    return f"{secs:.1f} s" if secs >= 1 else f"{secs * 1000:.0f} ms"


def memory_text(found):
    kinds = ("gpu_in_use_peak", "gpu_reserved_peak", "device_used_peak")
    sizes = [f"{found[kind] / MIB:,.0f}" for kind in kinds if found.get(kind)]
    if not sizes and found.get("process_peak"):
        return f"{found['process_peak'] / MIB:,.0f} MiB of the process"
    return " / ".join(sizes) + " MiB" if sizes else ""


def notes(results):
    """What was left out."""
    lines = [f"- {result['text']}" for result in of(results, "note")]
    return "Notes:\n\n" + "\n".join(lines) if lines else ""


if __name__ == "__main__":
    print(table(read(sys.argv[1] if len(sys.argv) > 1 else "results/results.jsonl")))
