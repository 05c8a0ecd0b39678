#!/usr/bin/env python3
"""Golden parity fixtures whose texts hold the padding token, and of sliding windows (CPU f32, eager attention).

    python3 make_padded.py [bert] [windows]

Out: tests/fixtures/<name>/, with the files and keys of make_golden.py, whose functions are used here. In all of them the
padding token stands within the texts, where it is attended to: `torch.nn.Embedding` gives its row no gradient from
looking it up (`padding_idx`), a tied output layer still does.
"""

import sys

import make_decoders as decoders  # first: it takes the network and the GPU away
import make_golden as golden
import torch
from transformers import BertConfig, BertForSequenceClassification, RobertaConfig, RobertaForSequenceClassification
from transformers import MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

LENGTHS = [24, 20, 13, 7]
PAD_PLACES = [3, 5]


def classifier_batches(seed, pad, num_labels=3):
    """Twenty batches of four rows, five of them distinct, with token types and padding tokens within the texts."""
    generator = torch.Generator().manual_seed(seed)
    pool = []
    for _ in range(5):
        ids = torch.randint(6, golden.V, (4, 24), generator=generator)
        types = (torch.arange(24) >= 5).long().expand(4, 24).clone()
        mask = torch.ones_like(ids)
        ids[:, PAD_PLACES] = pad
        for row, length in enumerate(LENGTHS):
            mask[row, length:], ids[row, length:], types[row, length:] = 0, pad, 0
        labels = torch.randint(0, num_labels, (4,), generator=generator)
        pool.append(dict(input_ids=ids, attention_mask=mask, token_type_ids=types, labels=labels))
    return [pool[index % 5] for index in range(20)]


def bert():
    small = dict(
        vocab_size=golden.V, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.15, num_labels=3,
    )  # fmt: skip
    kinds = [
        ("bert_cls_tiny", BertForSequenceClassification, BertConfig(max_position_embeddings=32, **small), 0, 200),
        ("roberta_padded_tiny", RobertaForSequenceClassification,
         RobertaConfig(max_position_embeddings=34, pad_token_id=1, type_vocab_size=2, **small), 1, 210),
    ]  # fmt: skip
    for name, kind, config, pad, seed in kinds:
        torch.manual_seed(seed)
        model = golden.perturb(kind._from_config(config, attn_implementation="eager").float(), seed + 1)
        batches = classifier_batches(seed + 2, pad)
        notes = f"pooler or dense and classifier on token 0; padding id {pad} stands at places {PAD_PLACES} of each text"
        golden.finish(name, model, batches[0], {}, batches, 1e-3, dict(task="sequence_classification", notes=notes))
        decoders.trim(name, ["logits_after_20"])


def windows():
    plain = golden.lm_batches

    def padded(*arguments):
        """The padding token, 2, in the middle of every text, where it is read and predicted."""
        batches = plain(*arguments)
        for batch in batches[:5]:
            batch["attention_mask"][:] = 1  # a window with nothing but padding in it is not a number in f64
            batch["input_ids"][:, [7, 11]] = 2
            learned = batch["labels"][:, [7, 11]] != -100
            batch["labels"][:, [7, 11]] = torch.where(learned, 2, -100)
        return batches

    golden.lm_batches = padded
    sizes = dict(decoders.TINY, pad_token_id=2)
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    grouped = dict(num_attention_heads=4, num_key_value_heads=2)
    decoders.decoder(
        "mistral_window_tiny", MistralForCausalLM,
        MistralConfig(**sizes, **grouped, sliding_window=6, rope_parameters=dict(rope), tie_word_embeddings=False), 140,
        "sliding_window 6, shorter than the texts; the padding id is 2 and stands within the texts.",
    )  # fmt: skip
    decoders.decoder(
        "qwen2_window_tiny", Qwen2ForCausalLM,
        Qwen2Config(**sizes, **grouped, sliding_window=6, use_sliding_window=True, max_window_layers=1,
                    rope_parameters=dict(rope), tie_word_embeddings=True), 150,
        "layer 0 sees everything, layer 1 a window of 6; tied; the padding id is 2 and stands within the texts.",
    )  # fmt: skip


if __name__ == "__main__":
    golden.G, golden.V = str(decoders.FIXTURES), decoders.VOCAB
    parts = {"bert": bert, "windows": windows}
    for part in sys.argv[1:] or parts:
        parts[part]()
    for name in decoders.WRITTEN:
        for path in [decoders.FIXTURES / name, *(decoders.FIXTURES / name).rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
