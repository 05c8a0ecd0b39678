#!/usr/bin/env python3
"""Fixture of a Unigram tokenizer as T5 has it: a small folder, texts and the ids that `AutoTokenizer` gives from it.

    pip install sentencepiece==0.2.3
    python3 make_unigram.py

Out: tests/fixtures/tokenizers/t5_unigram.json (`T5Tokenizer`) and t5_unigram_as_written.json (the class that takes
tokenizer.json as it is), in the form that make_tokenizer_folders.py says. Both have the same tokenizer.json: the
normalizer is a `Precompiled` character map like T5's, but of the few characters of `RULES` (sentencepiece builds it;
T5's has 240 KB); then whitespace is split and each word begins with "\u2581"; </s> comes after the text; ids 0 to 2 are
<pad>, </s> and <unk>, the last eight <extra_id_7> to <extra_id_0>. The vocabulary is trained by the tokenizers library
on the sentences of `sentences`, which are this script's own. Made again, the files are the same to the byte.
"""

import base64
import io
import json
import tempfile
import unicodedata
from itertools import product
from pathlib import Path

import sentencepiece
from make_tokenizer_folders import OUT, added, write
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import Unigram
from transformers import AutoTokenizer

SPECIAL = ["<pad>", "</s>", "<unk>"]
SENTINELS = [f"<extra_id_{number}>" for number in reversed(range(8))]
VOCAB = 320

# What sentencepiece's nmt_nfkc does to these: compatible forms are written out, accents are joined to their letters, odd
# spaces become spaces, and characters without width go.
FORMS = "ﬁﬂ½²①…ａｂｃＡＢＣ１２３！？％™ª№ｶﾞｱ㎏Ⅳ\u212a\u2126\u01c4"
JOINED = ["e\u0301", "a\u0308", "o\u0308", "u\u0308", "n\u0303", "c\u0327", "u\u0308\u0304", "が", "か\u3099"]
SPACES = "\t\n\r\u00a0\u2003\u2009\u3000\u2028"
GONE = "\u200b\ufeff\u00ad\u0001\u007f"
WORDS_WITHOUT_WIDTH = ["", " "]

TEXTS = [
    "", " ", "summarize: The small ship leaves the old harbour before noon.", "translate English to German: The house is small.",
    "the ship", "  the   ship  ", "The\tship\nleaves", "THE SHIP", "unseen zebra quizzes", "1234 5,678.90", "don't re-enter",
    "Das Haus ist schön, die Straße ist grün.", "scho\u0308n gru\u0308n", "cafe\u0301 el nin\u0303o", "ﬁne ½ price… ①②",
    "ＡＢＣ １２３！", "the\u00a0ship\u3000leaves\u2003now", "zero\u200bwidth \ufeffmark so\u00adft", "日本語 が か\u3099", "ｶﾞ ㎏ Ⅳ",
    "<extra_id_0> leaves the <extra_id_1> before noon", "the<extra_id_0>ship<extra_id_7>", "<extra_id_8> <extra_id_>",
    "the ship</s> leaves", "<pad> the <unk> ship", "</s>", "\u2581the \u2581\u2581ship", "the ship .", "\U0001f600 ship \U0001f469\u200d\U0001f680",
    "aaaaaaaaaaaaaaaaaaaa", "the " * 40, "x" * 120,
]  # fmt: skip


def sentences():
    """A few hundred lines, all of our own words."""
    things = ["ship", "house", "garden", "teacher", "river", "window", "letter", "winter"]
    kinds = ["small", "old", "quiet", "green"]
    acts = ["leaves the harbour before noon", "was painted again in spring", "is longer than it seems", "keeps its name"]
    for kind, thing, act in product(kinds, things, acts):
        yield f"The {kind} {thing} {act}."
    words = ["Haus", "Schiff", "Fenster", "Buch", "Wasser"]
    for word, kind in product(words, ["klein", "schön", "grün", "alt", "süß"]):
        yield f"Das {word} ist {kind}, und die Straße ist auch {kind}."
    for number in range(0, 400, 7):
        yield f"summarize: On day {number} the teacher wrote {number * 3} letters, and {number % 9} came back."
    for number, thing in product(range(3), things):
        yield f"translate English to German: Where is the {thing}? It was here {number + 2} days ago, wasn't it?"
    for one, other in product(["un café", "el niño", "la señora", "une façade"], ["sí", "déjà", "très", "más"]):
        yield f"{one} {other}"


def character_map():
    """sentencepiece's compiled form of the rules, taken out of a model that it trains with them."""
    rules = {form: unicodedata.normalize("NFKC", form) for form in [*FORMS, *JOINED]}
    rules = {form: plain for form, plain in rules.items() if form != plain}
    rules |= dict.fromkeys(SPACES, " ") | dict.fromkeys(GONE, "")
    code = lambda text: " ".join(f"{ord(character):X}" for character in text)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rules.tsv"
        table.write_text("".join(f"{code(form)}\t{code(plain)}\n" for form, plain in sorted(rules.items())))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(list(sentences())), model_writer=model, vocab_size=120, model_type="unigram",
            normalization_rule_tsv=str(table), minloglevel=2, num_threads=1,
        )  # fmt: skip
    return proto_field(proto_field(model.getvalue(), 3), 2)


def proto_field(message, wanted):
    """The last value of a length-delimited field of a protobuf message."""
    at, found = 0, None

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        field, kind = divmod(varint(), 8)
        if kind == 0:
            varint()
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            length = varint()
            if field == wanted:
                found = message[at : at + length]
            at += length
    return found


def in_order(pieces):
    """The trainer adds the letters that it had dropped at the end, each 0.0001 lower, in another order each time."""
    pieces = sorted(((piece, round(score, 6)) for piece, score in pieces), key=lambda piece: (-piece[1], piece[0]))
    dropped = [at for at, (piece, score) in enumerate(pieces) if len(piece) == 1 and score < pieces[-1][1] + 0.002]
    for at, letter in zip(dropped, sorted(pieces[at][0] for at in dropped)):
        pieces[at] = (letter, pieces[at][1])
    return sorted(pieces, key=lambda piece: (-piece[1], piece[0]))


def tokenizer_json():
    charsmap = character_map()
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.Precompiled(charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCAB, special_tokens=SPECIAL, unk_token="<unk>", max_piece_length=16, show_progress=False
    )
    tokenizer.train_from_iterator(list(sentences()), trainer)
    json_ = json.loads(tokenizer.to_str())
    assert json_["normalizer"]["precompiled_charsmap"] == base64.b64encode(charsmap).decode()
    pieces = in_order([(piece, score) for piece, score in json_["model"]["vocab"] if piece not in SPECIAL])
    vocab = [(piece, 0.0) for piece in SPECIAL] + pieces + [(piece, 0.0) for piece in SENTINELS]
    json_["model"] = {"type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": False}
    ids = {piece: number for number, (piece, _) in enumerate(vocab)}
    assert len(ids) == len(vocab)
    json_["added_tokens"] = [{"id": ids[piece], **added(piece)} for piece in SPECIAL + SENTINELS]
    end, first, second = ({"SpecialToken": {"id": "</s>", "type_id": 0}}, *({"Sequence": {"id": text, "type_id": 0}} for text in "AB"))
    json_["post_processor"] = {
        "type": "TemplateProcessing", "single": [first, end], "pair": [first, end, second, end],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
    }  # fmt: skip
    return json_


def folders():
    file = tokenizer_json()
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 512}
    config = {"model_type": "t5", "vocab_size": len(file["model"]["vocab"]) + 16}
    for name, settings in [
        ("t5_unigram", {"tokenizer_class": "T5Tokenizer", "extra_ids": 8, "additional_special_tokens": SENTINELS[::-1]}),
        ("t5_unigram_as_written", {"tokenizer_class": "PreTrainedTokenizerFast"}),
    ]:
        yield name, {"config.json": config, "tokenizer.json": file, "tokenizer_config.json": {**settings, **names}}


def id_lists(tokenizer):
    ids = lambda *tokens: [tokenizer.convert_tokens_to_ids(token) for token in tokens]
    return [
        tokenizer("The ship leaves, doesn't it?")["input_ids"],
        ids("<pad>", "<extra_id_0>", "\u2581th", "e", "<extra_id_1>", "\u2581", "s", "</s>", "<pad>", "<pad>"),
        ids("\u2581", "<unk>", "\u2581th", "e", "\u2581", "\u2581", "s"),
        ids("s", "\u2581th", "e"),
        [],
    ]


def main():
    for name, files in folders():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), files)
            tokenizer = AutoTokenizer.from_pretrained(folder)
        cases = [{"text": text, "input_ids": tokenizer(text)["input_ids"]} for text in TEXTS]
        decoded = [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)} for ids in id_lists(tokenizer)]
        fixture = {"tokenizer_class": type(tokenizer).__name__, "files": files, "cases": cases, "decoded": decoded}
        (OUT / f"{name}.json").write_text(json.dumps(fixture, ensure_ascii=False) + "\n")
        print(name, type(tokenizer).__name__, len(tokenizer), tokenizer.backend_tokenizer.normalizer)


if __name__ == "__main__":
    main()
