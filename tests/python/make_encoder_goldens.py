#!/usr/bin/env python3
"""Golden parity fixtures of the encoders beside BERT, DistilBERT and RoBERTa: what transformers and PEFT make of tiny
random models.

    python3 make_encoder_goldens.py [NAME ...]    makes the named folders, or all of them

Stands on make_task_goldens.py, which says how the fixtures are made and what is in them.

Folders of tests/fixtures
    {xlm_roberta,electra,mpnet,albert,deberta_v2,modernbert}_pair_tiny    ...ForSequenceClassification of two texts, three labels: logits,
                          loss, gradients, twenty steps of all weights, of the head, and of the last layer (ALBERT's
                          only one). ELECTRA and ALBERT have tables that are narrower than states
    albert_pair_lora      LoRA on albert_pair_tiny, whose one adapter is passed three times
    deberta_v2_pair_lora  LoRA on deberta_v2_pair_tiny, whose query layers read positions too
    {mpnet,modernbert}_ner_lora    LoRA on encoder_heads/{mpnet,modernbert}_ner
    encoder_heads/<architecture>_<head>    one for every other class (and CamemBERT's for sequences, and ModernBERT's with the mean of
                          all tokens), narrower still:
                          in.*, logits, loss and gradients, without training. head is cls, ner, qa or mlm
"""

import sys
from dataclasses import replace

import torch
import transformers
from make_task_goldens import (
    ADAPTERS,
    BERT,
    FIXTURES,
    HEADS,
    HIDDEN,
    INTERMEDIATE,
    LAYERS,
    MLM_NOTES,
    NER_NOTES,
    PAIR_NOTES,
    POSITIONS,
    QA_NOTES,
    RELATIONS,
    ROBERTA,
    ROBERTA_NOTES,
    SINGLE_LABEL,
    SPREAD,
    TAGS,
    TASKS,
    VOCAB,
    Adapter,
    Task,
    answer_batch,
    check_reloads,
    empty_folder,
    forward_and_gradients,
    logits_and_error,
    make_adapter,
    make_task,
    masked_batch,
    model_loss,
    pair_batch,
    save_file,
    save_model,
    tag_batch,
    task_model,
    tied_keys,
    write_json,
)
from transformers.models.modernbert import modeling_modernbert

SIZES = dict(
    vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
    intermediate_size=INTERMEDIATE, max_position_embeddings=POSITIONS, hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0, initializer_range=SPREAD,
)  # fmt: skip
NARROW = dict(hidden_size=12, num_attention_heads=2, intermediate_size=16, initializer_range=0.3)  # of other heads
FROM_PADDING = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2)


def config(kind, **own):
    """A function that makes a config of one architecture."""
    return lambda **more: kind(**{**SIZES, **own, **more})


MODERN = dict(
    vocab_size=VOCAB, hidden_size=24, num_hidden_layers=3, num_attention_heads=HEADS, intermediate_size=32,
    max_position_embeddings=POSITIONS, initializer_range=SPREAD, global_attn_every_n_layers=2, local_attention=8,
    pad_token_id=1, bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2,
)  # fmt: skip
ROBERTAS = dict(type_vocab_size=1, layer_norm_eps=1e-5, **FROM_PADDING)
ARCHITECTURES = {
    "xlm_roberta": replace(ROBERTA, config=config(transformers.XLMRobertaConfig, **ROBERTAS)),
    "camembert": replace(ROBERTA, config=config(transformers.CamembertConfig, **ROBERTAS)),
    "electra": replace(
        BERT, last_layer="electra.encoder.layer.1.",
        config=config(transformers.ElectraConfig, embedding_size=20, pad_token_id=0),
    ),
    "mpnet": replace(
        ROBERTA, last_layer="mpnet.encoder.layer.1.",
        config=config(transformers.MPNetConfig, layer_norm_eps=1e-5, **FROM_PADDING),
    ),
    "albert": replace(
        BERT, last_layer="albert.encoder.albert_layer_groups.0.",
        config=config(
            transformers.AlbertConfig, embedding_size=20, num_hidden_layers=3, hidden_act="gelu_new",
            classifier_dropout_prob=0.0, pad_token_id=0,
        ),
    ),
    "deberta_v2": replace(
        BERT, last_layer="deberta.encoder.layer.1.", has_token_types=False,
        config=config(
            transformers.DebertaV2Config, relative_attention=True, share_att_key=True, position_biased_input=False,
            norm_rel_ebd="layer_norm", pos_att_type=["p2c", "c2p"], position_buckets=8, pooler_dropout=0.0,
            pad_token_id=0,
        ),
    ),
    "modernbert": replace(
        ROBERTA, last_layer=["model.layers.2.", "model.final_norm."],
        config=lambda **more: transformers.ModernBertConfig(**{**MODERN, **more}),
    ),
}  # fmt: skip
CLASSES = {
    "xlm_roberta": "XLMRoberta", "camembert": "Camembert", "electra": "Electra", "mpnet": "MPNet", "albert": "Albert",
    "deberta_v2": "DebertaV2", "modernbert": "ModernBert",
}  # fmt: skip
CLASS_HEADS = {  # the others': "classifier."
    "albert": ("albert.pooler.", "classifier."),
    "deberta_v2": ("pooler.", "classifier."),
    "modernbert": ("head.", "classifier."),
}
NOTES = {
    "xlm_roberta": ROBERTA_NOTES,
    "camembert": ROBERTA_NOTES,
    "electra": "; embeddings_project makes states of tables of width 20",
    "mpnet": ROBERTA_NOTES + "; encoder.relative_attention_bias is added to the scores of all layers",
    "albert": "; embedding_hidden_mapping_in makes states of tables of width 20; one layer, passed three times; "
    "gelu_new",
    "deberta_v2": "; disentangled attention with eight classes of distances to a side",
    "modernbert": "; the second of three layers sees four tokens to either side",
}


def task(architecture, head, seed, narrow=None):
    """The task of a folder: a class of an architecture."""
    kinds = {
        "cls": ("ForSequenceClassification", "sequence_classification", pair_batch, PAIR_NOTES, RELATIONS),
        "ner": ("ForTokenClassification", "token_classification", tag_batch, NER_NOTES, TAGS),
        "qa": ("ForQuestionAnswering", "question_answering", answer_batch, QA_NOTES, None),
        "mlm": ("ForMaskedLM", "masked_lm", masked_batch, MLM_NOTES, None),
    }
    class_name, name, batch, notes, labels = kinds[head]
    more = dict(SINGLE_LABEL) if head == "cls" else {}
    if head == "cls" and narrow and architecture == "modernbert":
        more["classifier_pooling"] = "mean"
    return Task(
        ARCHITECTURES[architecture], getattr(transformers, CLASSES[architecture] + class_name), name, batch,
        CLASS_HEADS.get(architecture, ("classifier.",)), seed, notes + NOTES[architecture], labels,
        {**more, **(narrow or {})},
    )  # fmt: skip


WHOLE = {
    "xlm_roberta_pair_tiny": task("xlm_roberta", "cls", 1300),
    "electra_pair_tiny": task("electra", "cls", 1310),
    "mpnet_pair_tiny": task("mpnet", "cls", 1320),
    "albert_pair_tiny": task("albert", "cls", 1330),
    "modernbert_pair_tiny": task("modernbert", "cls", 1360),
    "deberta_v2_pair_tiny": task("deberta_v2", "cls", 1380),
}
FOLDER = "encoder_heads"
ALL_HEADS = ["cls", "ner", "qa", "mlm"]
OTHER_HEADS = {"camembert": ALL_HEADS, "modernbert": ALL_HEADS}  # the others': all but cls
# In the order in which they were first made, which decides their seeds.
SINGLE = {
    f"{FOLDER}/{architecture}_{head}": task(architecture, head, 1400 + 40 * row + 10 * column, NARROW)
    for row, architecture in enumerate([*list(ARCHITECTURES)[:5], "modernbert", "deberta_v2"])
    for column, head in enumerate(OTHER_HEADS.get(architecture, ["ner", "qa", "mlm"]))
}
OWN_ADAPTERS = {
    "albert_pair_lora": Adapter("albert_pair_tiny", "SEQ_CLS", ["query", "value"], 1350),
    "deberta_v2_pair_lora": Adapter("deberta_v2_pair_tiny", "SEQ_CLS", ["query_proj", "value_proj"], 1390),
    "mpnet_ner_lora": Adapter(f"{FOLDER}/mpnet_ner", "TOKEN_CLS", ["q", "v"], 1340),
    "modernbert_ner_lora": Adapter(f"{FOLDER}/modernbert_ner", "TOKEN_CLS", ["Wqkv"], 1370),
}
TASKS |= WHOLE | SINGLE
ADAPTERS |= OWN_ADAPTERS


def attend_in_own_dtype(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
    """ModernBERT's eager attention, but its softmax is not f32 in a model that is f64: there the mask would be -inf, and
    padding that sees nothing NaN."""
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    scores = scores if attention_mask is None else scores + attention_mask
    probabilities = torch.nn.functional.softmax(scores, dim=-1)
    return torch.matmul(probabilities, value).transpose(1, 2).contiguous(), probabilities


def turn_in_own_dtype(q, k, cos, sin, unsqueeze_dim=1):
    """ModernBERT's apply_rotary_pos_emb without its cast to f32."""
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return q * cos + modeling_modernbert.rotate_half(q) * sin, k * cos + modeling_modernbert.rotate_half(k) * sin


modeling_modernbert.eager_attention_forward = attend_in_own_dtype
modeling_modernbert.apply_rotary_pos_emb = turn_in_own_dtype


def make_single(name):
    """A folder without training."""
    task = SINGLE[name]
    model = task_model(task)
    inputs = task.batch(task.architecture, torch.Generator().manual_seed(task.seed + 2))
    (FIXTURES / FOLDER).mkdir(exist_ok=True)
    empty_folder(name)
    save_model(name, model)
    logits, logit_facts = logits_and_error(model, inputs)
    check_reloads(name, task.model, inputs, logits)
    tensors, facts = forward_and_gradients(model, inputs, model_loss)
    tensors = {f"in.{key}": value for key, value in inputs.items()} | logits | tensors
    save_file({key: value.contiguous() for key, value in tensors.items()}, FIXTURES / name / "fixture.safetensors")
    meta = dict(
        name=name, transformers=transformers.__version__, torch=torch.__version__, task=task.task, notes=task.notes,
        **({"labels": task.labels} if task.labels else {}), **facts, **logit_facts,
    )  # fmt: skip
    if task.task == "masked_lm":
        meta["keys"] = tied_keys(name, model)
    write_json(FIXTURES / name / "meta.json", meta)
    for path in (FIXTURES / name).iterdir():
        path.chmod(0o644)
    print(f"{name:27} loss {meta['loss']:.5f}  gradients {meta['max_rel_grad_err_f32_vs_f64']:.1e}", flush=True)


def main(names):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    makers = dict.fromkeys(WHOLE, make_task) | dict.fromkeys(SINGLE, make_single)
    makers |= dict.fromkeys(OWN_ADAPTERS, make_adapter)
    unknown = sorted(set(names) - makers.keys())
    if unknown:
        sys.exit(f"no such folder: {', '.join(unknown)}; there are {', '.join(makers)}")
    for name in names or makers:
        makers[name](name)


if __name__ == "__main__":
    main(sys.argv[1:])
