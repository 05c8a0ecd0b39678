#!/usr/bin/env python3
"""Fixtures of tokenizer.json files that a class of `transformers` does not follow: it takes their vocabulary, merges, the rules of
SentencePiece (`Precompiled`) and sometimes the post-processor, and builds everything else itself.

    python3 make_rebuilt_tokenizers.py

Out: tests/fixtures/tokenizers/rebuilt_*.json, in the form that make_tokenizer_folders.py says, with `pairs` besides (two texts and
their ids). Each tokenizer.json is that of a folder of tests/fixtures/sentencepiece (make_sentencepiece.py), or BERT's word pieces,
with other steps than its class has: where Hone followed the file, the ids would be others, and the script checks that they are.
"""

import copy
import json
import tempfile
from pathlib import Path

from make_tokenizer_folders import FIXTURES, OUT, WORD_PIECES, added, word_piece_json, write
from tokenizers import Tokenizer
from transformers import AutoTokenizer

TEXTS = [
    "", "The small ship leaves the old harbour before noon.", "  the   ship  ", "The\tship\nleaves", "THE SHIP", "unseen zebra quizzes",
    "Das Haus ist grün, schön.", "cafe\u0301 el nin\u0303o", "ﬁne ½ price…", "``quoted'' text", "x, y; (z)!",
    "the <mask> ship [MASK] leaves", "the\u00a0ship\u3000leaves", "zero\u200bwidth", "日本語 が", "\u2581the \u2581\u2581ship",
    "word</s><s>word", "\U0001f600 ship",
]  # fmt: skip
PAIRS = [("The ship leaves.", "Das Haus ist grün."), ("", "b")]
LOWERCASE = {"type": "Lowercase"}
FIRST = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}


def saved(name):
    """The tokenizer.json that `transformers` writes for a folder with SentencePiece's file."""
    with tempfile.TemporaryDirectory() as folder:
        AutoTokenizer.from_pretrained(FIXTURES / "sentencepiece" / name).save_pretrained(folder)
        return json.loads((Path(folder) / "tokenizer.json").read_text())


def template(*around):
    """A post-processor that the class does not write."""
    begin, end = ({"SpecialToken": {"id": token, "type_id": 0}} for token, _ in around)
    first, second = ({"Sequence": {"id": text, "type_id": kind}} for text, kind in (("A", 0), ("B", 1)))
    tokens = {token: {"id": token, "ids": [number], "tokens": [token]} for token, number in around}
    single, pair = [begin, begin, first, end], [begin, first, end, second]
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


def sequence(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def folder(file, model_type, settings=None, **parts):
    files = {"config.json": {"model_type": model_type, "vocab_size": 1000}, "tokenizer.json": copy.deepcopy(file)}
    files["tokenizer.json"] |= parts
    if settings is not None:
        files["tokenizer_config.json"] = settings
    return files


def folders():
    t5, xlm, camembert, albert, deberta, gemma = map(saved, ["t5_extra_ids", "xlm_roberta", "camembert", "albert", "deberta_v2", "gemma"])
    rules = xlm["normalizer"]
    assert rules["type"] == "Precompiled"
    yield "t5", folder(
        t5, "t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 8}, normalizer=sequence(LOWERCASE, t5["normalizer"]), pre_tokenizer=FIRST,
        post_processor=None,
    )  # fmt: skip
    yield "xlm_roberta", folder(xlm, "xlm-roberta", normalizer=sequence(rules, LOWERCASE), pre_tokenizer=FIRST, post_processor=None)
    yield "xlm_roberta_without_rules", folder(
        xlm, "bert", {"tokenizer_class": "XLMRobertaTokenizerFast", "add_prefix_space": False},
        normalizer=sequence({"type": "Nmt"}, {"type": "NFKC"}), post_processor=template(("<s>", 0), ("</s>", 2)),
    )  # fmt: skip
    yield "camembert", folder(camembert, "camembert", normalizer=sequence(LOWERCASE, rules), pre_tokenizer=FIRST, decoder=None)
    yield "albert_without_post_processor", folder(albert, "albert", normalizer={"type": "NFC"}, post_processor=None)
    cls, sep = (next(token["id"] for token in albert["added_tokens"] if token["content"] == name) for name in ("[CLS]", "[SEP]"))
    yield "albert_with_another_post_processor", folder(
        albert, "albert", {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True},
        normalizer=LOWERCASE, pre_tokenizer=FIRST, post_processor=template(("[CLS]", cls), ("[SEP]", sep)),
    )  # fmt: skip
    yield "deberta_v2", folder(
        deberta, "deberta-v2", {"do_lower_case": True, "split_by_punct": True}, normalizer=None, pre_tokenizer=FIRST, post_processor=None
    )
    yield "gemma", folder(
        gemma, "gemma2", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}, normalizer=sequence(LOWERCASE, gemma["normalizer"]),
        post_processor=template(("<bos>", 2), ("<eos>", 1)),
    )  # fmt: skip
    renamed = {"[PAD]": "<pad>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
    vocab = {renamed.get(token, token): number for number, token in enumerate(WORD_PIECES)}
    mpnet = word_piece_json(lowercase=False)
    mpnet["model"]["vocab"] = vocab
    yield "mpnet", folder(
        mpnet, "mpnet", added_tokens=[{"id": vocab[token], **added(token)} for token in [*renamed.values(), "[UNK]"]],
        post_processor=template(("<s>", 2), ("</s>", 3)),
    )  # fmt: skip


def main():
    for old in OUT.glob("rebuilt_*.json"):
        old.unlink()
    for name, files in folders():
        with tempfile.TemporaryDirectory() as at:
            write(Path(at), files)
            tokenizer = AutoTokenizer.from_pretrained(at)
            followed = Tokenizer.from_file(f"{at}/tokenizer.json")
        cases = [{"text": text, "input_ids": tokenizer(text)["input_ids"]} for text in TEXTS]
        others = sum(followed.encode(case["text"]).ids != case["input_ids"] for case in cases)
        assert others > 3, (name, others)
        pairs = [{"texts": pair, "input_ids": tokenizer(*pair)["input_ids"]} for pair in PAIRS]
        lists = [tokenizer(text)["input_ids"] for text in ["The ship leaves, doesn't it?", "  two  spaces", "hello worlds"]]
        decoded = [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)} for ids in lists]
        fixture = {"tokenizer_class": type(tokenizer).__name__, "files": files, "cases": cases, "pairs": pairs, "decoded": decoded}
        path = OUT / f"rebuilt_{name}.json"
        path.write_text(json.dumps(fixture, ensure_ascii=False) + "\n")
        print(name, type(tokenizer).__name__, len(tokenizer), others, path.stat().st_size)


if __name__ == "__main__":
    main()
