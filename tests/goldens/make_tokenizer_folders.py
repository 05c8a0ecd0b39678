#!/usr/bin/env python3
"""Fixtures of tokenizer folders: small files as people have them, and the ids that `AutoTokenizer` gives from them.

    python3 make_tokenizer_folders.py

Out: tests/fixtures/tokenizers/NAME.json, each with the folder's `files` (JSON values, or texts), `cases` (a text and its
ids) and `decoded` (ids and their text without special tokens).
"""

import copy
import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
OUT = FIXTURES / "tokenizers"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [prefix + chr(code) for prefix in ("", "##") for code in range(ord("a"), ord("z") + 1)]
WORDS = ["hello", "world", "the", "drug", "##s", "Hello", "caf\u00e9", "cafe", "\u4f60", "\u597d", "\u4f60\u597d"]
SIGNS = [".", ",", "!", "[", "]", "/", "<", ">", "1", "2", "|", "_"]
WORD_PIECES = SPECIAL + LETTERS + WORDS + SIGNS
TEXTS = [
    "", "hello world", "Hello [E1]drug[/E1] world", "[E1] drug [/E1]", "the  [MASK]  drug", "metformin METFORMIN xmetforminx",
    "caf\u00e9 \u4f60\u597d", "the <mask> world", "the<mask>world", "one <e1> two<e1>three", " the world", "the\nworld  !",
    "<s>the</s> world", "a<|endoftext|> b", "<|extra|> the", "[new] the [ new ]", "\U0001f600 \u0394 x",
]  # fmt: skip


def added(content, **flags):
    usual = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {"content": content, **usual, **flags}


def word_piece_json(**normalizer):
    ids = {token: index for index, token in enumerate(WORD_PIECES)}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": ids[token], **added(token)} for token in SPECIAL],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True, **normalizer},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": ids},
    }  # fmt: skip


def byte_pairs():
    """GPT-2's kind of vocabulary, and the same with RoBERTa's special tokens."""
    at = FIXTURES / "gpt2_tokenizer"
    vocab = json.loads((at / "vocab.json").read_text())
    merges = (at / "merges.txt").read_text()
    rest = [token for token, _ in sorted(vocab.items(), key=lambda item: item[1]) if token != "<|endoftext|>"]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    return vocab, {token: index for index, token in enumerate(special + rest + ["<mask>"])}, merges


def byte_level_json(vocab, merges, special, add_prefix_space, post_processor=None):
    level = {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": True}
    pairs = [line.split(" ") for line in merges.splitlines() if line and not line.startswith("#version")]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": vocab[token], **added(token)} for token in special],
        "normalizer": None, "pre_tokenizer": level, "post_processor": post_processor, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": pairs},
    }  # fmt: skip


def llama_json():
    """A byte-fallback tokenizer as Llama 2 has it: the space is written before the text by a normalizer."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += ["\u2581", *"thewordacngf", "th", "the", "\u2581the", "\u2581w", "or", "\u2581wor", "ld", "l", "\u2581wo"]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    merges = [["t", "h"], ["th", "e"], ["\u2581", "the"], ["\u2581", "w"], ["o", "r"], ["\u2581w", "or"], ["l", "d"]]
    template = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": index, **added(token)} for index, token in enumerate(["<unk>", "<s>", "</s>"])],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": template,
                           "pair": template + [{"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "vocab": vocab, "merges": merges},
    }  # fmt: skip


def folders():
    gpt2, roberta, merges = byte_pairs()
    size = len(WORD_PIECES)
    bert = {"config.json": {"model_type": "bert", "vocab_size": size + 16}}
    named = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    text = {**bert, "vocab.txt": "\n".join(WORD_PIECES) + "\n"}
    decoder = {str(index): added(token) for index, token in enumerate(SPECIAL)}
    yield "word_piece_added_tokens_json", {
        **text,
        "added_tokens.json": {"[E1]": size, "[/E1]": size + 1, "metformin": size + 2},
        "special_tokens_map.json": {"additional_special_tokens": ["[E1]", "[/E1]"], "mask_token": added("[MASK]", lstrip=True)},
        "tokenizer_config.json": named,
    }
    yield "word_piece_added_tokens_decoder", {
        **text,
        "tokenizer_config.json": {
            **named,
            "additional_special_tokens": ["[E1]", "[/E1]"],
            "added_tokens_decoder": {
                **decoder,
                str(size): added("[E1]", rstrip=True),
                str(size + 1): added("[/E1]", lstrip=True),
                str(size + 2): added("Metformin", normalized=True, special=False, single_word=True),
            },
        },
        "special_tokens_map.json": {"additional_special_tokens": ["[new]"]},
    }
    yield "word_piece_special_tokens_map", {
        **text,
        "special_tokens_map.json": {"additional_special_tokens": ["[E1]", "[/E1]"], "cls_token": "[CLS]"},
    }
    yield "word_piece_ids_with_a_gap", {**text, "added_tokens.json": {"[/E1]": size + 5, "[E1]": size + 9}}
    yield "word_piece_extra_special_tokens", {
        **text,
        "tokenizer_config.json": {**named, "extra_special_tokens": ["[E1]"], "entity_token": "[/E1]", "do_lower_case": False},
    }
    json_file = {**bert, "tokenizer.json": word_piece_json()}
    yield "word_piece_settings_win", {
        **json_file,
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True,
                                  "tokenize_chinese_chars": False},
    }  # fmt: skip
    yield "word_piece_usual_settings_win", {**bert, "tokenizer.json": word_piece_json(lowercase=False)}
    yield "word_piece_as_written", {
        **bert,
        "tokenizer.json": word_piece_json(lowercase=False),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True,
            "added_tokens_decoder": {**decoder, str(size): added("[E1]"), str(size + 1): added("[/E1]")},
        },
    }  # fmt: skip
    yield "word_piece_json_lacks_tokens", {
        **json_file,
        "tokenizer_config.json": {**named, "added_tokens_decoder": {**decoder, str(size): added("[E1]")}},
    }
    more = copy.deepcopy(word_piece_json())
    more["added_tokens"] += [{"id": size, **added("[E1]")}, {"id": size + 1, **added("[/E1]")}]
    yield "word_piece_json_has_more_tokens", {
        **bert, "tokenizer.json": more,
        "tokenizer_config.json": {**named, "added_tokens_decoder": decoder},
    }  # fmt: skip
    yield "word_piece_json_and_added_tokens_json", {
        **bert, "tokenizer.json": more, "added_tokens.json": {"metformin": size + 2},
        "tokenizer_config.json": named,
    }  # fmt: skip

    pairs = {"vocab.json": gpt2, "merges.txt": merges, "config.json": {"model_type": "gpt2", "vocab_size": len(gpt2) + 8}}
    yield "gpt2_added_tokens_json", {**pairs, "added_tokens.json": {"<e1>": len(gpt2), "<|extra|>": len(gpt2) + 1}}
    yield "gpt2_begins_with_bos", {
        **pairs,
        "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "pad_token": "<pad>"},
    }
    at_end = {"model_type": "gpt2", "vocab_size": len(gpt2)}
    yield "gpt2_space_of_tokenizer_json_is_not_read", {
        "config.json": at_end, "tokenizer.json": byte_level_json(gpt2, merges, ["<|endoftext|>"], True),
    }  # fmt: skip
    yield "gpt2_space_as_written", {
        "config.json": at_end, "tokenizer.json": byte_level_json(gpt2, merges, ["<|endoftext|>"], True),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False},
    }  # fmt: skip
    robertas = {"config.json": {"model_type": "roberta", "vocab_size": len(roberta) + 8}}
    bare = {**robertas, "vocab.json": roberta, "merges.txt": merges}
    yield "roberta_alone", bare
    yield "roberta_mask_by_map", {
        **bare, "special_tokens_map.json": {"mask_token": added("<mask>", lstrip=True), "additional_special_tokens": ["<e1>"]},
    }  # fmt: skip
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    around = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
              "add_prefix_space": False}  # fmt: skip
    yield "roberta_settings_win", {
        **robertas, "tokenizer.json": byte_level_json(roberta, merges, marks, False, around),
        "tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True},
    }  # fmt: skip
    yield "qwen2_vocabulary_alone", {
        "config.json": {"model_type": "qwen2", "vocab_size": len(gpt2) + 8}, "vocab.json": gpt2, "merges.txt": merges,
        "tokenizer_config.json": {
            "tokenizer_class": "Qwen2Tokenizer", "pad_token": "<|endoftext|>", "eos_token": "<|extra|>", "unk_token": None,
            "added_tokens_decoder": {"0": added("<|endoftext|>"), str(len(gpt2)): added("<|extra|>")},
            "additional_special_tokens": ["<e1>"],
        },
    }  # fmt: skip

    llama = {"config.json": {"model_type": "llama", "vocab_size": 300}, "tokenizer.json": llama_json()}
    for name, settings in [
        ("llama_as_written", {"tokenizer_class": "PreTrainedTokenizerFast"}),
        ("llama_legacy", {"tokenizer_class": "LlamaTokenizer", "legacy": True}),
        ("llama_not_legacy", {"tokenizer_class": "LlamaTokenizerFast", "legacy": False}),
        ("llama_usual_legacy", {"tokenizer_class": "LlamaTokenizer"}),
        ("llama_without_prefix_space", {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False}),
    ]:
        names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
        yield name, {**llama, "tokenizer_config.json": {**settings, **names}}


def write(folder, files):
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))


def id_lists(name, tokenizer):
    if not name.startswith("llama"):
        return []
    ids = lambda *tokens: [tokenizer.convert_tokens_to_ids(token) for token in tokens]
    return [
        ids("<0xF0>", "<0xF0>", "<0x9F>", "<0x9F>", "<0x9F>", "\u2581the"),
        ids("\u2581the", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "\u2581w", "or"),
        ids("\u2581the", "<0xE2>", "</s>", "<0x82>", "<0xAC>", "<0xFF>", "ld", "\u2581the"),
        ids("<s>", "\u2581", "\u2581the", "<0x41>"),
    ]


def main():
    OUT.mkdir(exist_ok=True)
    for name, files in folders():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), files)
            tokenizer = AutoTokenizer.from_pretrained(folder)
        cases = [{"text": text, "input_ids": tokenizer(text)["input_ids"]} for text in TEXTS]
        decoded = [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)} for ids in id_lists(name, tokenizer)]
        fixture = {"tokenizer_class": type(tokenizer).__name__, "files": files, "cases": cases, "decoded": decoded}
        (OUT / f"{name}.json").write_text(json.dumps(fixture, ensure_ascii=False) + "\n")
        print(name, type(tokenizer).__name__, len(tokenizer))


if __name__ == "__main__":
    main()
