"""Writes `tests/fixtures/field/vectors.json`: vectors of an encoder by sentence-transformers, pooled in two ways.

    python tests/python/make_vector_goldens.py

In: `tests/fixtures/field/encoder`, which a folder of sentence-transformers 6.2 is made of in a temporary folder, once for each way of
pooling, with a Normalize module. Out: the texts, and of each way what `1_Pooling/config.json` and `modules.json` say, and a vector of
each text.
"""

import json
import pathlib
import tempfile

import torch
from sentence_transformers import SentenceTransformer, models

FIELD = pathlib.Path(__file__).parents[1] / "fixtures" / "field"
TEXTS = ["the parcel was late and bad", "Good SOUP with bread", "we spoke of the violin song in the kitchen " * 12, "x"]


def vectors_of(mode):
    base = models.Transformer(str(FIELD / "encoder"))
    modules = [base, models.Pooling(base.get_embedding_dimension(), pooling_mode=mode), models.Normalize()]
    with tempfile.TemporaryDirectory() as folder:
        SentenceTransformer(modules=modules, device="cpu").save(folder)
        model = SentenceTransformer(folder, device="cpu")
        read = lambda name: json.loads((pathlib.Path(folder) / name).read_text())
        vectors = model.encode(TEXTS).astype(float).round(7).tolist()
        return {"pooling": read("1_Pooling/config.json"), "modules": read("modules.json"), "vectors": vectors}


torch.set_num_threads(1)
found = {"texts": TEXTS, "cls": vectors_of("cls"), "mean": vectors_of("mean")}
(FIELD / "vectors.json").write_text(json.dumps(found, indent=1) + "\n")
