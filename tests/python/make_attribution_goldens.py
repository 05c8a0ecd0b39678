"""Writes `tests/fixtures/attributions.json`: integrated gradients of the tiny classifiers among the goldens, by PyTorch.

    python tests/python/make_attribution_goldens.py

As `LayerIntegratedGradients` of Captum on a model's word embeddings (method `gausslegendre`), written out: the output of the
embedding layer is replaced by points between that of a row and that of the same row with padding tokens between its first and last
token; ids, masks and positions stay those of the row. Gradients of one output are taken at 500 nodes of Gauss and Legendre on each
of four parts of the path, in float64, and the sum over them is multiplied with the difference of the two outputs of the layer,
summed over its width. So many, because some of these models have a vector of zeros for padding and a norm right behind it, which
turns almost at once as a text begins to appear: with the 50 steps that Captum takes where nothing is said, DeBERTa's sums are off
by a third.

For each model: the row (`input_ids`, `token_type_ids`, none of which is padding), the row it is compared with (`baseline_ids`), which
output, that output of both, a number for each token, and by how much these miss the difference of the two outputs, as a share of it.
"""

import json
import pathlib

import numpy
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
NUM_STEPS = 500
EDGES = [0.0, 1e-3, 1e-2, 1e-1, 1.0]
# Each with the row of its golden and the output that is explained.
MODELS = [
    ("bert_pair_tiny", 0, 0),
    ("bert_pair_tiny", 1, 2),
    ("distilbert_cls_tiny", 0, 1),
    ("roberta_pair_tiny", 0, 1),
    ("bert_multi_label_tiny", 1, 1),
    ("bert_regression_tiny", 0, 0),
    ("electra_pair_tiny", 0, 0),
    ("albert_pair_tiny", 0, 1),
    ("mpnet_pair_tiny", 0, 0),
    ("deberta_v2_pair_tiny", 0, 1),
    ("modernbert_pair_tiny", 0, 0),
    ("gpt2_cls_tiny", 0, 1),
    ("llama_cls_tiny", 1, 0),
    ("qwen3_cls_tiny", 0, 1),
]


def attributions(name, row, output):
    torch.manual_seed(0)
    folder = FIXTURES / name
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64)
    model.eval().requires_grad_(False)
    tensors = load_file(folder / "fixture.safetensors")
    length = int(tensors["in.attention_mask"][row].sum()) if "in.attention_mask" in tensors else None
    ids = tensors["in.input_ids"][row].long()[:length][None]
    types = tensors.get("in.token_type_ids")
    types = None if types is None else types[row].long()[:length][None]
    baseline = ids.clone()
    baseline[:, 1:-1] = model.config.pad_token_id
    layer = model.get_input_embeddings()
    own, other = layer(ids), layer(baseline)

    def outputs(vectors):
        handle = layer.register_forward_hook(lambda *_: vectors)
        try:
            count = len(vectors)
            inputs = dict(input_ids=ids.repeat(count, 1), attention_mask=torch.ones_like(ids).repeat(count, 1))
            if types is not None and getattr(model.config, "type_vocab_size", 0):
                inputs["token_type_ids"] = types.repeat(count, 1)
            return model(**inputs).logits[:, output]
        finally:
            handle.remove()

    nodes, weights = map(torch.tensor, numpy.polynomial.legendre.leggauss(NUM_STEPS))
    total = torch.zeros_like(own)
    for start, end in zip(EDGES, EDGES[1:]):
        places = start + (end - start) * (1 + nodes[:, None, None]) / 2
        points = (other + places * (own - other)).requires_grad_()
        (gradients,) = torch.autograd.grad(outputs(points).sum(), points)
        total += (weights[:, None, None] * (end - start) / 2 * gradients).sum(0, keepdim=True)
    found = (total * (own - other)).sum(-1)[0]
    with torch.no_grad():
        score, baseline_score = (outputs(vectors).item() for vectors in (own, other))
    difference = score - baseline_score
    error = abs(found.sum().item() - difference) / abs(difference)
    print(f"{name} row {row} output {output}: {score:.4f} against {baseline_score:.4f}, off by {error:.2e}")
    return dict(
        name=name,
        output=output,
        input_ids=ids[0].tolist(),
        token_type_ids=[0] * ids.shape[1] if types is None else types[0].tolist(),
        baseline_ids=baseline[0].tolist(),
        score=round(score, 10),
        baseline_score=round(baseline_score, 10),
        attributions=[round(value, 10) for value in found.tolist()],
        error=float(f"{error:.3e}"),
    )


def main():
    torch.set_num_threads(1)
    rows = [attributions(*of) for of in MODELS]
    content = ",\n".join(json.dumps(row) for row in rows)
    (FIXTURES / "attributions.json").write_text(f"[\n{content}\n]\n")


if __name__ == "__main__":
    main()
