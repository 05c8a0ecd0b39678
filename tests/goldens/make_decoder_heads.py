#!/usr/bin/env python3
"""Golden parity fixtures of decoders that label texts and tokens: what transformers and PEFT make of tiny random models.

    python3 make_decoder_heads.py [NAME ...]    makes the named folders, or all of them

Stands on ../python/make_task_goldens.py, which says how the fixtures are made and what is in them.

Folders of tests/fixtures
    gpt2_cls_tiny         GPT2ForSequenceClassification; the padding token is the one that ends a text, as where a model has
                          none of its own: one text ends in it, and one holds it
    llama_cls_tiny        LlamaForSequenceClassification; one text ends in the padding token
    qwen3_cls_tiny        Qwen3ForSequenceClassification
    gpt2_ner_tiny         GPT2ForTokenClassification, whose classifier is no Conv1D
    llama_cls_lora        LoRA on llama_cls_tiny, with `score` in modules_to_save
    decoder_heads/<architecture>_<head>    one for every other class, narrower still: in.*, logits, loss and gradients, without
                          training. head is cls or ner
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import make_task_goldens as goldens  # first: it takes the network and the GPU away
import make_encoder_goldens as encoders
import torch
import transformers
from make_task_goldens import (
    ADAPTERS, FIRST_WORD, FIXTURES, IGNORED, LENGTHS, NER_NOTES, POSITIONS, RELATIONS, SEQ, SINGLE_LABEL, SPREAD, TAGS, TASKS,
    VOCAB, Adapter, Architecture, Task, make_adapter, make_task, words,
)  # fmt: skip

BOS, EOS, PAD = 1, 2, 0
LEAST = 0.01  # by how much a logit depends on the token that is pooled
SIZES = dict(
    vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=POSITIONS, initializer_range=SPREAD, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD,
)  # fmt: skip
GROUPED = dict(num_key_value_heads=1)
NARROW = dict(hidden_size=12, intermediate_size=16, initializer_range=0.3)


def is_undecayed(name):
    """GPT-2 calls its norms ln_1, ln_2 and ln_f."""
    return "bias" in name or "norm" in name.lower() or ".ln_" in name


goldens.is_undecayed = is_undecayed


def gpt2_config(**more):
    sizes = dict(n_embd=16, n_layer=2, n_head=2, n_positions=POSITIONS, vocab_size=VOCAB, initializer_range=SPREAD)
    no_dropout = dict(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, classifier_dropout=0.0)
    return transformers.GPT2Config(
        **{**sizes, **no_dropout, "bos_token_id": EOS, "eos_token_id": EOS, "pad_token_id": EOS, **more}
    )


def gpt_neo_config(hidden_size=16, intermediate_size=32, **more):
    sizes = dict(hidden_size=hidden_size, num_layers=2, num_heads=2, intermediate_size=intermediate_size, window_size=5)
    no_dropout = dict(resid_dropout=0.0, embed_dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    usual = dict(vocab_size=VOCAB, max_position_embeddings=POSITIONS, attention_types=[[["global", "local"], 1]])
    return transformers.GPTNeoConfig(
        **{**sizes, **no_dropout, **usual, "bos_token_id": EOS, "eos_token_id": EOS, "pad_token_id": EOS, **more}
    )


def config(kind, **own):
    """A function that makes a config of one architecture. Windows are wider than the texts: padding that sees nothing would
    be NaN in f64."""
    return lambda **more: kind(**{**SIZES, **GROUPED, **own, **more})


def llama_like(kind, **own):
    return Architecture(PAD, BOS, EOS, 4, (), False, ["model.layers.1.", "model.norm."], config(kind, **own))


GPT2 = Architecture(EOS, EOS, EOS, 4, (), False, ["transformer.h.1.", "transformer.ln_f."], gpt2_config)
ARCHITECTURES = {
    "gpt2": GPT2,
    "gpt_neo": replace(GPT2, config=gpt_neo_config),
    "llama": llama_like(transformers.LlamaConfig, tie_word_embeddings=False),
    "mistral": llama_like(transformers.MistralConfig, tie_word_embeddings=False),
    "qwen2": llama_like(transformers.Qwen2Config, tie_word_embeddings=True),
    "qwen3": llama_like(transformers.Qwen3Config, head_dim=8, tie_word_embeddings=True),
    "smollm3": llama_like(transformers.SmolLM3Config, no_rope_layers=[1, 0], tie_word_embeddings=True),
    "olmo2": llama_like(transformers.Olmo2Config, tie_word_embeddings=False),
    "phi3": llama_like(transformers.Phi3Config, sliding_window=None, tie_word_embeddings=False),
    # The cap is on scores of tokens, not on those of labels.
    "gemma2": llama_like(
        transformers.Gemma2Config, head_dim=8, query_pre_attn_scalar=8, final_logit_softcapping=0.1,
    ),
    "gemma3": llama_like(transformers.Gemma3TextConfig, head_dim=8, query_pre_attn_scalar=8),
}  # fmt: skip
CLASSES = {
    "gpt2": "GPT2", "gpt_neo": "GPTNeo", "llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3",
    "smollm3": "SmolLM3", "olmo2": "Olmo2", "phi3": "Phi3", "gemma2": "Gemma2", "gemma3": "Gemma3Text",
}  # fmt: skip
CLS_ONLY = ["olmo2", "gemma3"]  # they have no ...ForTokenClassification


def texts(arch, generator):
    """Rows of one text each, padded on the right. Llama's begin with a token; nothing is appended."""
    ids = torch.full((len(LENGTHS), SEQ), arch.pad)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = words(length, generator)
        mask[row, :length] = 1
    if arch.pad != arch.end:
        ids[:, 0] = arch.start
    return dict(input_ids=ids, attention_mask=mask)


def class_batch(arch, generator):
    """The second text ends in the padding token, and the third holds it: pooled is the last token that is another one."""
    batch = texts(arch, generator)
    batch["input_ids"][1, LENGTHS[1] - 1] = arch.pad
    batch["input_ids"][2, 4] = arch.pad
    return dict(batch, labels=torch.randint(0, len(RELATIONS), (len(LENGTHS),), generator=generator))


def tag_batch(arch, generator):
    """Tags on first sub-tokens only: neither on padding, nor on every fourth token or so."""
    batch = texts(arch, generator)
    tags = torch.randint(0, len(TAGS), (len(LENGTHS), SEQ), generator=generator)
    continues = torch.rand(tags.shape, generator=generator) < 0.25
    continues[:, 1] = False
    tags[continues | (batch["input_ids"] < FIRST_WORD)] = IGNORED
    return dict(batch, labels=tags)


CLS_NOTES = (
    "the score of the last token that is not the padding token, also where the attention mask is 1 on a padding token; score "
    "has no bias"
)


def task(architecture, head, seed, more=None):
    """The task of a folder: a class of an architecture."""
    kinds = {
        "cls": ("ForSequenceClassification", "sequence_classification", class_batch, CLS_NOTES, RELATIONS),
        "ner": ("ForTokenClassification", "token_classification", tag_batch, NER_NOTES, TAGS),
    }
    class_name, name, batch, notes, labels = kinds[head]
    own = "classifier." if head == "ner" and architecture in ("gpt2", "gpt_neo") else "score."
    fields = dict(SINGLE_LABEL) if head == "cls" else {}
    if head == "ner" and architecture not in ("gpt2", "gpt_neo"):
        fields["classifier_dropout"] = 0.0
    return Task(
        ARCHITECTURES[architecture], getattr(transformers, CLASSES[architecture] + class_name), name, batch, (own,), seed,
        notes, labels, {**fields, **(more or {})},
    )  # fmt: skip


WHOLE = {
    "gpt2_cls_tiny": task("gpt2", "cls", 1700),
    "llama_cls_tiny": task("llama", "cls", 1710),
    "qwen3_cls_tiny": task("qwen3", "cls", 1720),
    "gpt2_ner_tiny": task("gpt2", "ner", 1730),
}
OWN_ADAPTERS = {"llama_cls_lora": Adapter("llama_cls_tiny", "SEQ_CLS", ["q_proj", "v_proj"], 1740)}
FOLDER = "decoder_heads"
SINGLE = {
    f"{FOLDER}/{architecture}_{head}": task(architecture, head, 1800 + 20 * row + 10 * column, NARROW)
    for row, architecture in enumerate(ARCHITECTURES)
    for column, head in enumerate(["cls", "ner"])
    if f"{architecture}_{head}_tiny" not in WHOLE and not (head == "ner" and architecture in CLS_ONLY)
}
TASKS |= WHOLE | SINGLE
ADAPTERS |= OWN_ADAPTERS
encoders.FOLDER, encoders.SINGLE = FOLDER, SINGLE


def check_pooling(name):
    """The row that ends in the padding token is scored by the token before it, and by no other."""
    task = TASKS[name]
    model = task.model.from_pretrained(FIXTURES / name, dtype=torch.float32, attn_implementation="eager").eval()
    inputs = task.batch(task.architecture, torch.Generator().manual_seed(task.seed + 2))
    inputs.pop("labels")
    with torch.no_grad():
        states = model.base_model(**inputs).last_hidden_state
        scores, found = model.score(states), model(**inputs).logits
    last = [length - 1 - (row == 1) for row, length in enumerate(LENGTHS)]
    for row, at in enumerate(last):
        assert torch.equal(found[row], scores[row, at]), f"{name}: row {row} is not scored at token {at}"
        others = (scores[row] - found[row]).abs().max(-1).values
        others[at] = 1
        assert others.min() > LEAST, f"{name}: another token of row {row} has the same score"


def main(names):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    makers = dict.fromkeys(WHOLE, make_task) | dict.fromkeys(SINGLE, encoders.make_single)
    makers |= dict.fromkeys(OWN_ADAPTERS, make_adapter)
    unknown = sorted(set(names) - makers.keys())
    if unknown:
        sys.exit(f"no such folder: {', '.join(unknown)}; there are {', '.join(makers)}")
    for name in names or makers:
        makers[name](name)
        if name in TASKS and TASKS[name].task == "sequence_classification":
            check_pooling(name)


if __name__ == "__main__":
    main(sys.argv[1:])
