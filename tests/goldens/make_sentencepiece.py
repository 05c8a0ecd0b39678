#!/usr/bin/env python3
"""Fixtures of folders with SentencePiece's file and no tokenizer.json: the files, texts, and the ids that `AutoTokenizer` gives.

    pip install sentencepiece==0.2.3 protobuf
    python3 make_sentencepiece.py

Out: tests/fixtures/sentencepiece/NAME/, each with the folder's files and cases.json: `tokenizer_class`, `cases` (a text and its
ids), `pairs` (two texts and their ids) and `decoded` (ids and their text without special tokens). The pieces are trained on the
sentences of make_unigram.py, the character maps are of the few characters of its `RULES`.
"""

import io
import json
import shutil
import tempfile
from pathlib import Path

import sentencepiece
from make_unigram import FORMS, GONE, JOINED, SPACES, TEXTS, sentences
from transformers import AutoTokenizer
import unicodedata

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "sentencepiece"
OWN = ["(one) [MASK] two", "a\nb", "``quoted'' text", "El NIÑO", "<start_of_turn>user\nthe ship<end_of_turn>", "x, y; z!", "[CLS] the [SEP]",
       "the <mask> leaves", " \u2581the", "the  ship   leaves  ", "\u2581", "word</s><s>word"]  # fmt: skip
# Not ("a", ""): of a pair alone, and not of one in a list, `AutoTokenizer` takes an empty second text for none.
PAIRS = [("The ship leaves.", "Das Haus ist grün."), ("", "b")]


def rules(path, is_lower):
    plain = {form: unicodedata.normalize("NFKC", form) for form in [*FORMS, *JOINED]}
    plain = {form: text for form, text in plain.items() if form != text}
    plain |= dict.fromkeys(SPACES, " ") | dict.fromkeys(GONE, "")
    if is_lower:
        plain |= {letter: letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    code = lambda text: " ".join(f"{ord(character):X}" for character in text)
    path.write_text("".join(f"{code(form)}\t{code(text)}\n" for form, text in sorted(plain.items())))


def train(file, model_type, vocab_size, is_lower=False, has_rules=True, **settings):
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rules.tsv"
        rules(table, is_lower)
        normalizer = {"normalization_rule_tsv": str(table)} if has_rules else {"normalization_rule_name": "identity"}
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(list(sentences())), model_writer=model, model_type=model_type, vocab_size=vocab_size,
            hard_vocab_limit=False, minloglevel=2, num_threads=1, **normalizer, **settings,
        )  # fmt: skip
        file.write_bytes(model.getvalue())


T5 = dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
LLAMA = dict(byte_fallback=True, has_rules=False, split_digits=True, remove_extra_whitespaces=False, allow_whitespace_only_pieces=True)
GEMMA = LLAMA | dict(
    pad_id=0, eos_id=1, bos_id=2, unk_id=3, add_dummy_prefix=False, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
    user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>", "\n"],
)  # fmt: skip
BERT = dict(pad_piece="[PAD]", unk_piece="[UNK]", bos_piece="[CLS]", eos_piece="[SEP]", pad_id=0, bos_id=1, eos_id=2, unk_id=3)
ALBERT = dict(
    pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]"], user_defined_symbols=["[MASK]", "(", ")", "-"], is_lower=True
)
BEGINS = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False}
PLUS = dict(user_defined_symbols=["ship", "a+b", "ships"])

# Name, file, kind, pieces, how they are trained, model_type, tokenizer_config.json, other files.
FOLDERS = [
    ("t5", "spiece.model", "unigram", 220, T5, "t5", None, {}),
    ("t5_extra_ids", "spiece.model", "unigram", 220, T5, "t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 8}, {}),
    ("albert", "spiece.model", "unigram", 200, ALBERT, "albert", None, {}),
    ("albert_cased", "spiece.model", "unigram", 200, ALBERT, "albert",
     {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True}, {}),
    ("xlm_roberta", "sentencepiece.bpe.model", "unigram", 220, {}, "xlm-roberta", None, {}),
    ("xlm_roberta_of_bert", "sentencepiece.bpe.model", "unigram", 220, {}, "bert", {"tokenizer_class": "XLMRobertaTokenizer"},
     {"special_tokens_map.json": {"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False,
                                                 "single_word": False}}}),
    ("camembert", "sentencepiece.bpe.model", "unigram", 220, {}, "camembert", {"tokenizer_class": "CamembertTokenizer"}, {}),
    ("deberta_v2", "spm.model", "unigram", 220, BERT, "deberta-v2", {"do_lower_case": True, "split_by_punct": True}, {}),
    ("deberta_v2_added", "spm.model", "unigram", 220, BERT, "deberta-v2", None, {"added_tokens.json": {"[MASK]": 220}}),
    ("llama", "tokenizer.model", "bpe", 420, LLAMA, "llama", BEGINS, {}),
    ("llama_plain", "tokenizer.model", "bpe", 420, LLAMA, "llama", None, {}),
    ("mistral", "tokenizer.model", "bpe", 420, LLAMA, "mistral", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}, {}),
    ("mistral_whole_pieces", "tokenizer.model", "bpe", 420, {**LLAMA, **PLUS}, "mistral", {"legacy": False}, {}),
    ("plain_unigram", "tokenizer.model", "unigram", 220, {}, "mistral", None, {}),
    ("gemma", "tokenizer.model", "bpe", 440, GEMMA, "gemma2", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}, {}),
]  # fmt: skip


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for name, file, kind, size, settings, model_type, config, others in FOLDERS:
        folder = OUT / name
        folder.mkdir(parents=True)
        train(folder / file, kind, size, **settings)
        texts = {"config.json": {"model_type": model_type, "vocab_size": 1000}, **others}
        if config is not None:
            texts["tokenizer_config.json"] = config
        for other, value in texts.items():
            (folder / other).write_text(json.dumps(value) + "\n")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        cases = [{"text": text, "input_ids": tokenizer(text)["input_ids"]} for text in TEXTS + OWN]
        pairs = [{"texts": pair, "input_ids": tokenizer(*pair)["input_ids"]} for pair in PAIRS]
        ids = [tokenizer(text)["input_ids"] for text in ["The ship leaves, doesn't it?", "Das Haus", "  two  spaces", "😀"]]
        decoded = [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)} for ids in ids]
        found = {"tokenizer_class": type(tokenizer).__name__, "cases": cases, "pairs": pairs, "decoded": decoded}
        (folder / "cases.json").write_text(json.dumps(found, ensure_ascii=False) + "\n")
        print(name, found["tokenizer_class"], len(tokenizer), (folder / file).stat().st_size)


if __name__ == "__main__":
    main()
