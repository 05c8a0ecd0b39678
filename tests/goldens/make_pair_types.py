#!/usr/bin/env python3
"""Fixture of the segments of two texts (`token_type_ids`): what `AutoTokenizer` gives a model by tokenizer class and settings.

    python3 make_pair_types.py

In: folders of tests/fixtures/tokenizers. Out: tests/fixtures/pair_types.json, a list of folders: the one that each is made of
(`folder`), the files that it has besides or instead (`files`), and `pairs`: two texts, their ids, and their segments, which are 0
where `transformers` gives the model none.
"""

import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
OUT = FIXTURES / "pair_types.json"
NAMES = ["input_ids", "token_type_ids", "attention_mask"]
WITHOUT = ["input_ids", "attention_mask"]
PAIRS = [["the drug", "hello world"], ["hello", "the world, the drug"]]
WORDS, VOCABULARY = "word_piece_usual_settings_win", "word_piece_special_tokens_map"
ALBERT, ALBERT_BARE = "rebuilt_albert_with_another_post_processor", "rebuilt_albert_without_post_processor"
DEBERTA, XLM = "rebuilt_deberta_v2", "rebuilt_xlm_roberta"

# Folder, model type, tokenizer class, where that is named, model_input_names.
CASES = [
    *((WORDS, "bert", name, "tokenizer_config.json", None) for name in [
        None, "BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", "DistilBertTokenizer",
        "ElectraTokenizerFast", "MobileBertTokenizer", "ConvBertTokenizer", "NoSuchTokenizer",
    ]),
    (WORDS, "bert", "PreTrainedTokenizerFast", "config.json", None),
    (WORDS, "bert", "BertTokenizer", "config.json", None),
    (WORDS, "bert", "BertTokenizer", "tokenizer_config.json", WITHOUT),
    (WORDS, "bert", "PreTrainedTokenizerFast", "tokenizer_config.json", NAMES),
    (WORDS, "electra", None, "tokenizer_config.json", None),
    (WORDS, "electra", "PreTrainedTokenizerFast", "tokenizer_config.json", None),
    (WORDS, "distilbert", None, "tokenizer_config.json", None),
    (WORDS, "roberta", "BertTokenizer", "tokenizer_config.json", None),
    (WORDS, "roberta", "PreTrainedTokenizerFast", "tokenizer_config.json", None),
    (WORDS, "modernbert", "BertTokenizer", "tokenizer_config.json", None),
    (VOCABULARY, "bert", None, "tokenizer_config.json", None),
    (VOCABULARY, "bert", None, "tokenizer_config.json", WITHOUT),
    (ALBERT, "albert", "AlbertTokenizer", "tokenizer_config.json", None),
    (ALBERT, "albert", "AlbertTokenizer", "tokenizer_config.json", NAMES),
    (ALBERT, "albert", "PreTrainedTokenizerFast", "tokenizer_config.json", None),
    (ALBERT_BARE, "albert", None, "tokenizer_config.json", None),
    (ALBERT_BARE, "albert", None, "tokenizer_config.json", NAMES),
    (DEBERTA, "deberta-v2", None, "tokenizer_config.json", None),
    (DEBERTA, "deberta-v2", "DebertaV2TokenizerFast", "tokenizer_config.json", None),
    (DEBERTA, "deberta-v2", "DebertaV2Tokenizer", "tokenizer_config.json", WITHOUT),
    ("rebuilt_mpnet", "mpnet", None, "tokenizer_config.json", None),
    (XLM, "xlm-roberta", None, "tokenizer_config.json", None),
    (XLM, "xlm-roberta", None, "tokenizer_config.json", NAMES),
    ("roberta_settings_win", "roberta", "RobertaTokenizer", "tokenizer_config.json", NAMES),
]  # fmt: skip


def folder(base, model_type, tokenizer_class, place, names):
    """All files of the folder, and those that are not the base's."""
    whole = json.loads((FIXTURES / "tokenizers" / f"{base}.json").read_text())["files"]
    settings = {key: value for key, value in whole.get("tokenizer_config.json", {}).items() if key != "tokenizer_class"}
    own = {"config.json": {**whole["config.json"], "model_type": model_type}, "tokenizer_config.json": settings}
    if tokenizer_class:
        own[place]["tokenizer_class"] = tokenizer_class
    if names:
        settings["model_input_names"] = names
    return {**whole, **own}, {name: content for name, content in own.items() if content != whole.get(name)}


def write(at, files):
    for name, content in files.items():
        (at / name).write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))


def encoded(tokenizer, pair):
    found = tokenizer(*pair)
    ids = found["input_ids"]
    return {"texts": pair, "input_ids": ids, "token_type_ids": found.get("token_type_ids", [0] * len(ids))}


def main():
    lines = []
    for case in CASES:
        files, own = folder(*case)
        with tempfile.TemporaryDirectory() as at:
            write(Path(at), files)
            tokenizer = AutoTokenizer.from_pretrained(at)
        kind = type(tokenizer).__name__
        pairs = [encoded(tokenizer, pair) for pair in PAIRS]
        fixture = {"folder": case[0], "tokenizer_class": kind, "files": own, "pairs": pairs}
        lines.append(json.dumps(fixture, ensure_ascii=False))
        print(*case, kind, max(pairs[0]["token_type_ids"]))
    OUT.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
