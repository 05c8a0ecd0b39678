#!/usr/bin/env python3
"""The fixture of a GPT-2 tokenizer that has no tokenizer.json: `vocab.json` and `merges.txt`, and ids by transformers.

    python3 make_tokenizer.py INPUT.txt    a text to learn 128 merges from (tiny_shakespeare)

Out: tests/fixtures/gpt2_tokenizer/, with `cases.json`: texts and the ids that `GPT2Tokenizer` gives them from these files.
"""

import json
import sys
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Tokenizer

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "gpt2_tokenizer"
END = "<|endoftext|>"
TEXTS = [
    "", "the king and the queen", " the king", "The  king\n\nsaid:  'tis well, I'll go; they've gone.", "don't",
    "1066 and 3.14", "na\u00efve caf\u00e9 \u2013 \U0001f600 \u4f60\u597d", f"one{END}two {END}", "tab\tand trailing  ", "\r\n x",
]  # fmt: skip


def main(text):
    FOLDER.mkdir(exist_ok=True)
    trained = ByteLevelBPETokenizer()
    trained.train(text, vocab_size=256 + 1 + 128, min_frequency=2, special_tokens=[END], show_progress=False)
    trained.save_model(str(FOLDER))
    (FOLDER / "config.json").write_text(json.dumps({"model_type": "gpt2", "vocab_size": trained.get_vocab_size()}))
    tokenizer = GPT2Tokenizer(str(FOLDER / "vocab.json"), str(FOLDER / "merges.txt"))
    cases = [{"text": one, "input_ids": tokenizer(one)["input_ids"]} for one in TEXTS]
    (FOLDER / "cases.json").write_text(json.dumps(cases, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
