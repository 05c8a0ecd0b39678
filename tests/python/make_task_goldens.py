#!/usr/bin/env python3
"""Golden parity fixtures of the encoders' tasks: what transformers and PEFT make of tiny random models.

    python3 make_task_goldens.py [NAME ...]    makes the named folders, or all of them

On the CPU in f32, one thread, eager attention, dropout 0, fixed seeds. Out: tests/fixtures/<name>/, laid out as the
fixtures of tests/goldens (see its README.md). An adapter's folder stands on the weights of another (`base`), which is
made first. The contrastive losses are held against those of sentence-transformers where it is installed.

Folders
    {bert,distilbert,roberta}_ner_tiny            ...ForTokenClassification, five tags
    {bert,distilbert,roberta}_qa_tiny             ...ForQuestionAnswering
    {bert,roberta}_pair_tiny                      ...ForSequenceClassification of two texts, three labels
    bert_regression_tiny                          the same, one float a text
    distilbert_regression_tiny                    the same, three floats a text
    {bert,roberta}_multi_label_tiny               the same, five labels of which any number holds
    {bert,distilbert,roberta}_mlm_tiny            ...ForMaskedLM, output layer tied to the embeddings
    bert_embedding_tiny                           BertModel, mean of the states where the mask is 1, normalised
    bert_ner_lora, bert_qa_lora, bert_mlm_lora    LoRA, with the head in modules_to_save but for bert_mlm_lora
    roberta_ner_dora                              DoRA

Files
    config.json           as on the hub (`torch_dtype` at the top); not in adapters' folders
    model.safetensors     as save_pretrained writes it; not in adapters' folders
    adapter/              as PEFT's save_pretrained writes it; only in adapters' folders
    fixture.safetensors   the tensors below
    meta.json             the fields below

Tensors of fixture.safetensors (ids int64, the rest float32)
    in.<input>            one batch of four rows, [4, 20]: input_ids, attention_mask, token_type_ids (only BERT's
                          question answering and pairs), and the targets:
                          labels [4, 20], -100 where none counts (token classification, masked language modelling);
                          labels [4] (pairs; floats where one is regressed); labels [4, 3] or [4, 5], floats (regression
                          of three, several labels); start_positions and end_positions [4] (question answering)
    train.<input>         twenty such batches, steps first; five are distinct. train.*[0] is in.*
    logits                of in.*; question answering has start_logits and end_logits in its place
    loss                  [1]
    grad.<parameter>      of the loss, for every parameter that gets one, by the name it has in named_parameters()
    pos_weight.grad_logits    several labels: of the loss with positive weights (meta `pos_weight`), for the logits

Tensors of bert_embedding_tiny: inputs have a column's name before their own, in.anchor.input_ids and so on for anchor,
positive and negative; in.scores and train.scores are the floats of CoSENT. There are no logits, and
    <column>_mean         mean of the states, [4, 32]
    <column>_embedding    the same, of length 1
    grad.<parameter>      of the loss of in-batch negatives over anchor and positive (meta `loss`)
    cosent.grad.<parameter>   of CoSENT over anchor, positive and scores
    triplet.grad_<column>_mean    of in-batch negatives with the column negative as further candidates
    simcse.grad_anchor_mean   of in-batch negatives where the positives are the anchors once more; both uses summed
    Gradients of embeddings are given for the means, before normalising: there it does not matter whether a loss
    normalises once more, as that of sentence-transformers does.

Fields of meta.json
    name, task, notes, transformers, torch
    labels                names, by id
    loss, loss_f64, max_abs_logit, max_abs_logit_err_f32_vs_f64, max_rel_grad_err_f32_vs_f64
    analytically_zero_grads    gradients that are zero but for rounding: biases of attention keys (softmax does not see
                          a shift), and for the same reason, in question answering, qa_outputs.bias and the bias of
                          the last layer's norm. Neither they nor the values that AdamW gives these parameters may be
                          compared
    grad_norms            of each gradient
    param_norms_after_20_wd_all    of each parameter after the twenty steps of train.losses_wd_all_params
    tensors               type and shape of each tensor
    train                 twenty AdamW steps on train.*, all parameters (an adapter's: its own and modules_to_save):
                          lr, weight_decay, betas, eps, schedule, dropout, steps, trainable (the parameters' names),
                          losses_wd_all_params, losses_wd_excl_bias_norm, losses_wd_excl_bias_norm_clip1 (gradients
                          clipped at norm 1), losses_wd_all_f64, grad_norms_wd_all, max_loss_err_f32_vs_f64
    train_head            the same, only the head's own parameters (a tied output layer is the encoder's, its bias the
                          head's); not in adapters' folders nor in bert_embedding_tiny, which has no head
    train_last            the same, the head's and those of the last encoder layer; not in adapters' folders
    pos_weight            several labels: weights (by name), loss, loss_f64 of BCEWithLogitsLoss(pos_weight)
    keys                  masked language modelling: state_dict (all keys), saved (those of model.safetensors) and tied
                          (lists of keys that are one parameter)
    base, peft, lora (r, alpha, scaling, targets, dropout, use_dora, modules_to_save), trainable,
    max_abs_logit_difference_merged    adapters: `base` is the folder with the weights; in.* and train.* are its own;
                          logits are with the adapter. No matrix of it is zero, magnitudes differ from the weights'
                          norms, and modules_to_save from the base's head
    scale, loss_cosent, loss_cosent_f64, loss_triplet, loss_triplet_f64, loss_simcse, loss_simcse_f64, train_cosent,
    sentence_transformers (version and largest difference of a loss, or null)    bert_embedding_tiny
"""

import copy
import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", TOKENIZERS_PARALLELISM="false")

import peft
import torch
import transformers
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForQuestionAnswering,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
)

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

VOCAB, HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS, SPREAD = 120, 32, 2, 4, 64, 32, 0.15
SEQ, LENGTHS = 20, [20, 16, 12, 9]
STEPS, DISTINCT = 20, 5  # batches come round again, so that the loss falls
IGNORED = -100
FIRST_WORD = 5  # ids below are special
WEIGHT_DECAY = 0.01
RATE, HEAD_RATE, ADAPTER_RATE = 1e-3, 5e-3, 5e-3
SCALE = 20.0  # of cosines, as in sentence-transformers

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
RELATIONS = ["entailment", "neutral", "contradiction"]
TOPICS = ["news", "sport", "music", "travel", "food"]
POS_WEIGHTS = [1.0, 2.5, 0.5, 4.0, 1.75]

# ---------------------------------------------------------------- architectures


@dataclass(frozen=True)
class Architecture:
    """What the batches and the choice of parameters need to know of one."""

    pad: int
    start: int
    end: int
    mask: int
    between: tuple[int, ...]  # the tokens between two texts
    has_token_types: bool
    last_layer: str | list[str]
    config: Callable


def bert_config(**more):
    return BertConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INTERMEDIATE, max_position_embeddings=POSITIONS, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, initializer_range=SPREAD, pad_token_id=0, **more,
    )  # fmt: skip


def distilbert_config(**more):
    return DistilBertConfig(
        vocab_size=VOCAB, dim=HIDDEN, n_layers=LAYERS, n_heads=HEADS, hidden_dim=INTERMEDIATE,
        max_position_embeddings=POSITIONS, dropout=0.0, attention_dropout=0.0, qa_dropout=0.0, seq_classif_dropout=0.0,
        initializer_range=SPREAD, pad_token_id=0, **more,
    )  # fmt: skip


def roberta_config(**more):
    return RobertaConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INTERMEDIATE, max_position_embeddings=POSITIONS, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, initializer_range=SPREAD, type_vocab_size=1, layer_norm_eps=1e-5,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, **more,
    )  # fmt: skip


BERT = Architecture(0, 2, 3, 4, (3,), True, "bert.encoder.layer.1.", bert_config)
DISTILBERT = Architecture(0, 2, 3, 4, (3,), False, "distilbert.transformer.layer.1.", distilbert_config)
ROBERTA = Architecture(1, 0, 2, 4, (2, 2), False, "roberta.encoder.layer.1.", roberta_config)

# ---------------------------------------------------------------- batches


def words(count, generator):
    return torch.randint(FIRST_WORD, VOCAB, (count,), generator=generator)


def single_texts(arch, generator, lengths=LENGTHS):
    """Rows of one text each: a start token, words, an end token, padding."""
    ids = torch.full((len(lengths), SEQ), arch.pad)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, 0], ids[row, length - 1] = arch.start, arch.end
        ids[row, 1 : length - 1] = words(length - 2, generator)
        mask[row, :length] = 1
    return dict(input_ids=ids, attention_mask=mask)


def text_pairs(arch, generator, first=(6, 3, 4, 2)):
    """Rows of two texts each, and where the second one's words begin."""
    batch = single_texts(arch, generator)
    begins = []
    for row, count in enumerate(first):
        begin = 1 + count + len(arch.between)
        batch["input_ids"][row, 1 + count : begin] = torch.tensor(arch.between)
        begins.append(begin)
    if arch.has_token_types:
        types = torch.zeros_like(batch["input_ids"])
        for row, begin in enumerate(begins):
            types[row, begin : LENGTHS[row]] = 1
        batch["token_type_ids"] = types
    return batch, begins


def tag_batch(arch, generator):
    """Tags on first sub-tokens only: neither on special tokens, nor on padding, nor on every fourth token or so."""
    batch = single_texts(arch, generator)
    tags = torch.randint(0, len(TAGS), (len(LENGTHS), SEQ), generator=generator)
    continues = torch.rand(tags.shape, generator=generator) < 0.25
    continues[:, 1] = False  # a text's first token begins a word
    tags[continues | (batch["input_ids"] < FIRST_WORD)] = IGNORED
    return dict(batch, labels=tags)


def answer_batch(arch, generator):
    """Answers within the second text; the second row has none, which is position 0."""
    batch, begins = text_pairs(arch, generator)
    starts, ends = [], []
    for row, begin in enumerate(begins):
        last = LENGTHS[row] - 2  # the end token is no answer
        start = int(torch.randint(begin, last + 1, (1,), generator=generator))
        end = int(torch.randint(start, min(start + 3, last) + 1, (1,), generator=generator))
        starts.append(0 if row == 1 else start)
        ends.append(0 if row == 1 else end)
    return dict(batch, start_positions=torch.tensor(starts), end_positions=torch.tensor(ends))


def pair_batch(arch, generator):
    batch, _ = text_pairs(arch, generator)
    return dict(batch, labels=torch.randint(0, len(RELATIONS), (len(LENGTHS),), generator=generator))


def regression_batch(num_labels):
    def batch(arch, generator):
        shape = (len(LENGTHS),) if num_labels == 1 else (len(LENGTHS), num_labels)
        return dict(single_texts(arch, generator), labels=torch.randn(shape, generator=generator))

    return batch


def multi_label_batch(arch, generator):
    """The last row has no label at all."""
    holds = (torch.rand((len(LENGTHS), len(TOPICS)), generator=generator) < 0.4).float()
    holds[-1] = 0
    return dict(single_texts(arch, generator), labels=holds)


def masked_batch(arch, generator):
    """About a fifth of the words are chosen: of five, three are masked, one is replaced, one is left as it is."""
    batch = single_texts(arch, generator)
    ids = batch["input_ids"]
    chosen = (torch.rand(ids.shape, generator=generator) < 0.2) & (ids >= FIRST_WORD)
    chosen[:, 1] = True  # every row has one
    labels = torch.where(chosen, ids, IGNORED)
    for index, (row, column) in enumerate(chosen.nonzero().tolist()):
        if index % 5 < 3:
            ids[row, column] = arch.mask
        elif index % 5 == 3:
            ids[row, column] = words(1, generator)[0]
    return dict(batch, labels=labels)


COLUMNS = {"anchor": LENGTHS, "positive": [14, 20, 9, 11], "negative": [9, 12, 20, 16]}


def embedding_batch(arch, generator):
    """Three texts a row and a score; two scores are equal, which CoSENT does not compare."""
    batch = {}
    for column, lengths in COLUMNS.items():
        texts = single_texts(arch, generator, lengths)
        batch |= {f"{column}.{key}": value for key, value in texts.items()}
    scores = torch.tensor([0.25, 0.75, 0.25, 1.0])
    return dict(batch, scores=scores[torch.randperm(len(scores), generator=generator)])


def twenty_batches(make, arch, seed):
    generator = torch.Generator().manual_seed(seed)
    pool = [make(arch, generator) for _ in range(DISTINCT)]
    return [pool[step % DISTINCT] for step in range(STEPS)]


# ---------------------------------------------------------------- what is measured


def run(model, batch):
    """PEFT's own forward for question answering drops token_type_ids, so the base model is called."""
    return (model.base_model if isinstance(model, peft.PeftModel) else model)(**batch)


def model_loss(model, batch):
    return run(model, batch).loss


def task_logits(model, batch):
    output = run(model, batch)
    if "start_logits" in output:
        return dict(start_logits=output.start_logits, end_logits=output.end_logits)
    return dict(logits=output.logits)


def doubled(batch):
    return {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}


def name_of(model, name, parameter):
    """The name of a parameter; of a table that tokens are looked up in and scored with, the one by which they are looked up."""
    table = model.get_input_embeddings()
    if table is None or parameter is not table.weight:
        return name
    return next(f"{module}.weight" for module, found in model.named_modules() if found is table)


def gradients(model, loss):
    """Of all parameters that get one, by name."""
    model.zero_grad()
    loss.backward()
    found = {name_of(model, name, p): p.grad.detach().clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def is_undecayed(name):
    """As the Trainer of transformers decides it; MPNet's relative_attention_bias.weight is a bias."""
    return "bias" in name or "norm" in name.lower()


def adamw(model, rate, decays_all):
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [p for name, p in named if decays_all or not is_undecayed(name)]
    undecayed = [p for name, p in named if not decays_all and is_undecayed(name)]
    groups = [dict(params=decayed, weight_decay=WEIGHT_DECAY), dict(params=undecayed, weight_decay=0.0)]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=rate, betas=(0.9, 0.999), eps=1e-8)


def curve(model, batches, loss_of, rate, decays_all, clip=1e9):
    """Losses and gradient norms of a training of a copy, and the copy."""
    model = copy.deepcopy(model).eval()
    optimizer = adamw(model, rate, decays_all)
    losses, norms = [], []
    for batch in batches:
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], clip).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms, model


def training(model, batches, loss_of, rate, prefixes=None):
    """The fields of `train`, and the model after training; only parameters that begin with a prefix are trained."""
    model = copy.deepcopy(model)
    if prefixes is not None:
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(tuple(prefixes))
    trainable = list(gradients(model, loss_of(model, batches[0])))
    all_decay, norms, trained = curve(model, batches, loss_of, rate, True)
    excluded, _, _ = curve(model, batches, loss_of, rate, False)
    clipped, _, _ = curve(model, batches, loss_of, rate, False, clip=1.0)
    in_f64, _, _ = curve(copy.deepcopy(model).double(), [doubled(b) for b in batches], loss_of, rate, True)
    section = dict(
        optimizer="AdamW (decoupled)", lr=rate, weight_decay=WEIGHT_DECAY, betas=[0.9, 0.999], eps=1e-8,
        schedule="constant, no warmup", dropout=0, steps=len(batches), trainable=trainable,
        losses_wd_all_params=all_decay, losses_wd_excl_bias_norm=excluded, losses_wd_excl_bias_norm_clip1=clipped,
        losses_wd_all_f64=in_f64, grad_norms_wd_all=norms,
        max_loss_err_f32_vs_f64=max(abs(a - b) for a, b in zip(all_decay, in_f64)),
    )  # fmt: skip
    return section, trained


def compare_gradients(found, in_f64):
    """Names of gradients that are zero but for rounding, and the largest relative error of the others."""
    assert found.keys() == in_f64.keys()
    largest = max(gradient.abs().max().item() for gradient in in_f64.values())
    zero = [name for name, gradient in in_f64.items() if gradient.abs().max().item() < 1e-6 * largest]
    errors = [
        ((found[name].double() - gradient).abs().max() / gradient.abs().max()).item()
        for name, gradient in in_f64.items()
        if name not in zero
    ]
    return zero, max(errors)


def forward_and_gradients(model, inputs, loss_of, prefix=""):
    """Gradients as tensors, and what meta.json says of them."""
    loss = loss_of(model, inputs)
    found = gradients(model, loss)
    in_f64 = copy.deepcopy(model).double()
    loss_f64 = loss_of(in_f64, doubled(inputs))
    zero, error = compare_gradients(found, gradients(in_f64, loss_f64))
    tensors = {f"{prefix}grad.{name}": gradient for name, gradient in found.items()}
    facts = dict(
        loss=loss.item(), loss_f64=loss_f64.item(), max_rel_grad_err_f32_vs_f64=error, analytically_zero_grads=zero,
        grad_norms={name: gradient.norm().item() for name, gradient in found.items()},
    )  # fmt: skip
    return tensors, facts


@torch.no_grad()
def logits_and_error(model, inputs):
    """Logits as tensors, and what meta.json says of them."""
    logits = task_logits(model, inputs)
    in_f64 = task_logits(copy.deepcopy(model).double(), doubled(inputs))
    facts = dict(
        max_abs_logit=max(value.abs().max().item() for value in logits.values()),
        max_abs_logit_err_f32_vs_f64=max((logits[k].double() - in_f64[k]).abs().max().item() for k in logits),
    )
    return logits, facts


# ---------------------------------------------------------------- files


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def write_fixture(name, tensors, batches, meta):
    inputs = {f"in.{key}": value for key, value in batches[0].items()}
    steps = {f"train.{key}": torch.stack([batch[key] for batch in batches]) for key in batches[0]}
    tensors = {key: value.detach().contiguous() for key, value in {**inputs, **tensors, **steps}.items()}
    shapes = {key: [str(value.dtype).removeprefix("torch."), list(value.shape)] for key, value in tensors.items()}
    meta = dict(name=name, transformers=transformers.__version__, torch=torch.__version__, **meta, tensors=shapes)
    save_file(tensors, FIXTURES / name / "fixture.safetensors")
    write_json(FIXTURES / name / "meta.json", meta)


def save_model(name, model):
    """The weights and config.json, with the name that the hub's configs have for the type of the weights."""
    folder = FIXTURES / name
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["torch_dtype"] = config.pop("dtype")
    write_json(folder / "config.json", config)
    (folder / "generation_config.json").unlink(missing_ok=True)


def empty_folder(name):
    shutil.rmtree(FIXTURES / name, ignore_errors=True)
    (FIXTURES / name).mkdir()


def finish_folder(name, meta):
    """safetensors writes files that only their owner may read."""
    paths = [path for path in (FIXTURES / name).rglob("*") if path.is_file()]
    for path in paths:
        path.chmod(0o644)
    train = meta["train"]
    losses, size = train["losses_wd_all_params"], sum(path.stat().st_size for path in paths)
    print(
        f"{name:27} loss {meta['loss']:.5f}  20 steps {losses[0]:.4f} -> {losses[-1]:.4f}  f32 beside f64: "
        f"gradients {meta['max_rel_grad_err_f32_vs_f64']:.1e}, curve {train['max_loss_err_f32_vs_f64']:.1e}  "
        f"{size / 1000:.0f} KB",
        flush=True,
    )


# ---------------------------------------------------------------- tasks


@dataclass(frozen=True)
class Task:
    """A folder with a task's model."""

    architecture: Architecture
    model: type
    task: str
    batch: Callable
    head: tuple[str, ...]  # how the names of the head's own parameters begin
    seed: int
    notes: str
    labels: list[str] | None = None
    config: dict = field(default_factory=dict)


NER_NOTES = "labels are -100 on special tokens, on padding and on sub-tokens that continue a word; mean over the others"
QA_NOTES = (
    "loss is the mean of two cross-entropies over all 20 positions, padding included, as transformers computes it; "
    "position 0 means no answer"
)
PAIR_NOTES = "two texts a row: token_type_ids 0 and 1 (BERT), none and two end tokens between them (RoBERTa)"
MLM_NOTES = "labels are -100 except where a word was chosen (masked, replaced or left as it is); mean over these"
CLASS_HEADS = {
    "bert": ("bert.pooler.", "classifier."),
    "distilbert": ("pre_classifier.", "classifier."),
    "roberta": ("classifier.",),
}
REGRESSION = dict(problem_type="regression")
MULTI_LABEL = dict(problem_type="multi_label_classification")
SINGLE_LABEL = dict(problem_type="single_label_classification")
ROBERTA_NOTES = "; positions begin at padding id + 1 = 2 and padding stands at position 1"

TASKS = {
    "bert_ner_tiny": Task(
        BERT, BertForTokenClassification, "token_classification", tag_batch, ("classifier.",), 1000, NER_NOTES, TAGS,
    ),
    "distilbert_ner_tiny": Task(
        DISTILBERT, DistilBertForTokenClassification, "token_classification", tag_batch, ("classifier.",), 1010,
        NER_NOTES, TAGS,
    ),
    "roberta_ner_tiny": Task(
        ROBERTA, RobertaForTokenClassification, "token_classification", tag_batch, ("classifier.",), 1020,
        NER_NOTES + ROBERTA_NOTES, TAGS,
    ),
    "bert_qa_tiny": Task(
        BERT, BertForQuestionAnswering, "question_answering", answer_batch, ("qa_outputs.",), 1030, QA_NOTES,
    ),
    "distilbert_qa_tiny": Task(
        DISTILBERT, DistilBertForQuestionAnswering, "question_answering", answer_batch, ("qa_outputs.",), 1040,
        QA_NOTES,
    ),
    "roberta_qa_tiny": Task(
        ROBERTA, RobertaForQuestionAnswering, "question_answering", answer_batch, ("qa_outputs.",), 1050,
        QA_NOTES + ROBERTA_NOTES,
    ),
    "bert_pair_tiny": Task(
        BERT, BertForSequenceClassification, "sequence_classification", pair_batch, CLASS_HEADS["bert"], 1060,
        PAIR_NOTES, RELATIONS, SINGLE_LABEL,
    ),
    "roberta_pair_tiny": Task(
        ROBERTA, RobertaForSequenceClassification, "sequence_classification", pair_batch, CLASS_HEADS["roberta"], 1070,
        PAIR_NOTES + ROBERTA_NOTES, RELATIONS, SINGLE_LABEL,
    ),
    "bert_regression_tiny": Task(
        BERT, BertForSequenceClassification, "regression", regression_batch(1), CLASS_HEADS["bert"], 1080,
        "mean squared error", ["score"], REGRESSION,
    ),
    "distilbert_regression_tiny": Task(
        DISTILBERT, DistilBertForSequenceClassification, "regression", regression_batch(3), CLASS_HEADS["distilbert"],
        1090, "mean squared error over all values", ["fluency", "adequacy", "style"], REGRESSION,
    ),
    "bert_multi_label_tiny": Task(
        BERT, BertForSequenceClassification, "multi_label_classification", multi_label_batch, CLASS_HEADS["bert"],
        1100, "binary cross-entropy, mean over all values", TOPICS, MULTI_LABEL,
    ),
    "roberta_multi_label_tiny": Task(
        ROBERTA, RobertaForSequenceClassification, "multi_label_classification", multi_label_batch,
        CLASS_HEADS["roberta"], 1110, "binary cross-entropy, mean over all values" + ROBERTA_NOTES, TOPICS, MULTI_LABEL,
    ),
    "bert_mlm_tiny": Task(
        BERT, BertForMaskedLM, "masked_lm", masked_batch, ("cls.predictions.",), 1120, MLM_NOTES,
    ),
    "distilbert_mlm_tiny": Task(
        DISTILBERT, DistilBertForMaskedLM, "masked_lm", masked_batch, ("vocab_",), 1130, MLM_NOTES,
    ),
    "roberta_mlm_tiny": Task(
        ROBERTA, RobertaForMaskedLM, "masked_lm", masked_batch, ("lm_head.",), 1140, MLM_NOTES + ROBERTA_NOTES,
    ),
}  # fmt: skip


def random_model(kind, config, seed):
    """With biases and norms that are neither 0 nor 1, so that a fault there shows."""
    torch.manual_seed(seed)
    model = kind._from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


def task_model(task):
    names = {} if task.labels is None else dict(id2label=dict(enumerate(task.labels)))
    if names:
        names["label2id"] = {label: index for index, label in enumerate(task.labels)}
    return random_model(task.model, task.architecture.config(**names, **task.config), task.seed)


def pos_weight(task, logits, labels):
    """The loss with positive weights, which transformers' models do not have, and its gradient."""

    def weighted(values):
        weights = torch.tensor(POS_WEIGHTS, dtype=values.dtype)
        return torch.nn.BCEWithLogitsLoss(pos_weight=weights)(values, labels.to(values.dtype))

    leaf = logits.detach().clone().requires_grad_()
    loss = weighted(leaf)
    loss.backward()
    weights = dict(zip(task.labels, POS_WEIGHTS))
    facts = dict(weights=weights, loss=loss.item(), loss_f64=weighted(logits.detach().double()).item())
    return {"pos_weight.grad_logits": leaf.grad}, facts


def tied_keys(name, model):
    by_storage = {}
    for key, value in model.state_dict().items():
        by_storage.setdefault(value.data_ptr(), []).append(key)
    tied = [keys for keys in by_storage.values() if len(keys) > 1]
    assert any("embeddings" in key for keys in tied for key in keys), "the output layer is tied to the embeddings"
    return dict(
        state_dict=list(model.state_dict()), saved=sorted(load_file(FIXTURES / name / "model.safetensors")), tied=tied
    )


def check_reloads(name, kind, inputs, logits):
    """The folder must give what the fixture says."""
    model, info = kind.from_pretrained(
        FIXTURES / name, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(info.get(kind) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    with torch.no_grad():
        found = task_logits(model.eval(), inputs)
    assert all(torch.equal(found[key], logits[key]) for key in logits), f"{name}: the saved weights give other logits"


def make_task(name):
    task = TASKS[name]
    model = task_model(task)
    batches = twenty_batches(task.batch, task.architecture, task.seed + 2)
    inputs = batches[0]
    empty_folder(name)
    save_model(name, model)
    logits, logit_facts = logits_and_error(model, inputs)
    check_reloads(name, task.model, inputs, logits)
    tensors, facts = forward_and_gradients(model, inputs, model_loss)
    tensors = {**logits, "loss": torch.tensor([facts["loss"]]), **tensors}
    meta = dict(task=task.task, notes=task.notes, **({"labels": task.labels} if task.labels else {}))
    if task.task == "multi_label_classification":
        more, meta["pos_weight"] = pos_weight(task, logits["logits"], inputs["labels"])
        tensors |= more
    if task.task == "masked_lm":
        meta["keys"] = tied_keys(name, model)
    meta |= facts | logit_facts
    meta["train"], trained = training(model, batches, model_loss, RATE)
    meta["train_head"], _ = training(model, batches, model_loss, HEAD_RATE, task.head)
    last = task.architecture.last_layer
    last = [last] if isinstance(last, str) else last  # and what follows it
    meta["train_last"], _ = training(model, batches, model_loss, RATE, [*last, *task.head])
    meta["param_norms_after_20_wd_all"] = {key: p.norm().item() for key, p in trained.named_parameters()}
    write_fixture(name, tensors, batches, meta)
    finish_folder(name, meta)


# ---------------------------------------------------------------- sentence embeddings


def mean_states(model, batch, column):
    mask = batch[f"{column}.attention_mask"]
    states = model(input_ids=batch[f"{column}.input_ids"], attention_mask=mask).last_hidden_state
    mask = mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)


def cosines(first, second):
    return functional.normalize(first, dim=-1) @ functional.normalize(second, dim=-1).T


def in_batch_negatives(anchors, *candidates):
    """Cross-entropy of each anchor over all candidates: every row's positive, then every row's negative."""
    logits = cosines(anchors, torch.cat(candidates)) * SCALE
    return functional.cross_entropy(logits, torch.arange(len(anchors)))


def cosent(first, second, scores):
    """log(1 + the sum of exp(cosine of the pair with the lower score - cosine of the one with the higher))."""
    cosine = (functional.normalize(first, dim=-1) * functional.normalize(second, dim=-1)).sum(-1) * SCALE
    differences = cosine[:, None] - cosine[None, :]
    is_lower = scores[:, None] < scores[None, :]
    return torch.logsumexp(torch.cat([cosine.new_zeros(1), differences[is_lower]]), 0)


def pair_loss(model, batch):
    return in_batch_negatives(mean_states(model, batch, "anchor"), mean_states(model, batch, "positive"))


def cosent_loss(model, batch):
    means = [mean_states(model, batch, column) for column in ("anchor", "positive")]
    return cosent(*means, batch["scores"])


def check_sentence_transformers(means, scores):
    """Its version and the largest difference of a loss, or nothing where it is not installed."""
    try:
        import sentence_transformers
        from sentence_transformers.sentence_transformer.losses import CoSENTLoss, MultipleNegativesRankingLoss
    except ImportError:
        print("sentence-transformers is not installed: its losses are not compared")
        return None
    anchor, positive, negative = means
    ranking, ordering = MultipleNegativesRankingLoss(None, scale=SCALE), CoSENTLoss(None, scale=SCALE)
    pairs = [
        (in_batch_negatives(anchor, positive), ranking.compute_loss_from_embeddings([anchor, positive], None)),
        (in_batch_negatives(*means), ranking.compute_loss_from_embeddings(list(means), None)),
        (in_batch_negatives(anchor, anchor), ranking.compute_loss_from_embeddings([anchor, anchor], None)),
        (cosent(anchor, positive, scores), ordering.compute_loss_from_embeddings([anchor, positive], scores)),
    ]
    largest = max(abs(ours.item() - theirs.item()) for ours, theirs in pairs)
    assert largest < 2e-6, f"a loss differs from that of sentence-transformers by {largest}"
    return dict(version=sentence_transformers.__version__, max_loss_difference=largest)


def loss_of_means(loss, *means):
    """A loss, the same in f64, and its gradients for the means."""
    leaves = [mean.detach().clone().requires_grad_() for mean in means]
    value = loss(*leaves)
    value.backward()
    return value.item(), loss(*[mean.detach().double() for mean in means]).item(), [leaf.grad for leaf in leaves]


def make_embedding(name):
    seed = 1150
    model = random_model(BertModel, bert_config(), seed)
    batches = twenty_batches(embedding_batch, BERT, seed + 2)
    inputs = batches[0]
    empty_folder(name)
    save_model(name, model)
    with torch.no_grad():
        means = [mean_states(model, inputs, column) for column in COLUMNS]
    tensors = {f"{column}_mean": mean for column, mean in zip(COLUMNS, means)}
    tensors |= {f"{column}_embedding": functional.normalize(mean, dim=-1) for column, mean in zip(COLUMNS, means)}
    found, facts = forward_and_gradients(model, inputs, pair_loss)
    by_score, score_facts = forward_and_gradients(model, inputs, cosent_loss, "cosent.")
    zero = facts["analytically_zero_grads"]
    assert zero == score_facts["analytically_zero_grads"]
    triplet, triplet_f64, triplet_grads = loss_of_means(in_batch_negatives, *means)
    simcse, simcse_f64, simcse_grads = loss_of_means(lambda anchor: in_batch_negatives(anchor, anchor), means[0])
    tensors |= {"loss": torch.tensor([facts["loss"]]), **found, **by_score}
    tensors |= {f"triplet.grad_{column}_mean": grad for column, grad in zip(COLUMNS, triplet_grads)}
    tensors["simcse.grad_anchor_mean"] = simcse_grads[0]
    meta = dict(
        task="sentence_embedding", scale=SCALE,
        notes="mean of last_hidden_state where the mask is 1, then length 1; the pooler's weights are in the file and "
        "are not used; loss, grad.* and train: in-batch negatives over anchor and positive",
        sentence_transformers=check_sentence_transformers(means, inputs["scores"]),
        loss_cosent=score_facts["loss"], loss_cosent_f64=score_facts["loss_f64"], loss_triplet=triplet,
        loss_triplet_f64=triplet_f64, loss_simcse=simcse, loss_simcse_f64=simcse_f64, **facts,
    )  # fmt: skip
    meta["train"], trained = training(model, batches, pair_loss, RATE)
    meta["train_cosent"], _ = training(model, batches, cosent_loss, RATE)
    meta["train_last"], _ = training(model, batches, pair_loss, RATE, ["encoder.layer.1."])
    meta["param_norms_after_20_wd_all"] = {key: p.norm().item() for key, p in trained.named_parameters()}
    write_fixture(name, tensors, batches, meta)
    finish_folder(name, meta)


# ---------------------------------------------------------------- adapters


@dataclass(frozen=True)
class Adapter:
    """A folder with an adapter on another folder's model."""

    base: str
    task_type: str | None
    targets: list[str]
    seed: int
    use_dora: bool = False


ADAPTERS = {
    "bert_ner_lora": Adapter("bert_ner_tiny", "TOKEN_CLS", ["query", "value"], 1200),
    "bert_qa_lora": Adapter("bert_qa_tiny", "QUESTION_ANS", ["query", "value", "dense"], 1210),
    "bert_mlm_lora": Adapter("bert_mlm_tiny", None, ["query", "value"], 1220),
    "roberta_ner_dora": Adapter("roberta_ner_tiny", "TOKEN_CLS", ["query", "value"], 1230, use_dora=True),
}


def base_model(base):
    return TASKS[base].model.from_pretrained(FIXTURES / base, dtype=torch.float32, attn_implementation="eager").eval()


def adapter_model(adapter):
    """Neither matrix is zero, magnitudes are not the weights' norms, and saved modules are not the base's."""
    config = peft.LoraConfig(
        task_type=adapter.task_type, r=4, lora_alpha=8, lora_dropout=0.0, target_modules=adapter.targets,
        use_dora=adapter.use_dora,
    )  # fmt: skip
    model = peft.get_peft_model(base_model(adapter.base), config).eval()
    draw_trained(model, adapter.seed)
    return model


@torch.no_grad()
def draw_trained(model, seed):
    """Draws what an adapter trains: no matrix is zero, magnitudes are not the weights' norms, saved modules are moved."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        if "lora_magnitude_vector" in name:
            parameter.mul_(1 + noise * 0.2)
        elif "lora_" in name:
            parameter.copy_(noise * 0.1)
        else:
            parameter.add_(noise * 0.1)


def save_adapter(name, model, base):
    folder = FIXTURES / name / "adapter"
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    # Sets are written in another order each time, and the base's path is this machine's.
    config.update(base_model_name_or_path=base, target_modules=sorted(config["target_modules"]))
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def largest_difference(first, second):
    return max((first[key] - second[key]).abs().max().item() for key in first)


@torch.no_grad()
def check_adapter(name, adapter, model, inputs, logits):
    """How far the merged model's logits are off; those of the saved adapter must be the same, those of the base not."""
    read = peft.PeftModel.from_pretrained(base_model(adapter.base), FIXTURES / name / "adapter").eval()
    assert largest_difference(task_logits(read, inputs), logits) == 0, f"{name}: the saved adapter gives other logits"
    with model.disable_adapter():
        assert largest_difference(task_logits(model, inputs), logits) > 0.1, f"{name}: the adapter changes nothing"
    merged = copy.deepcopy(model).merge_and_unload()
    difference = largest_difference(task_logits(merged, inputs), logits)
    assert difference < 2e-5, f"{name}: merged differs by {difference}"
    return difference


def make_adapter(name):
    adapter = ADAPTERS[name]
    task = TASKS[adapter.base]
    model = adapter_model(adapter)
    batches = twenty_batches(task.batch, task.architecture, task.seed + 2)
    inputs = batches[0]
    empty_folder(name)
    save_adapter(name, model, adapter.base)
    logits, logit_facts = logits_and_error(model, inputs)
    tensors, facts = forward_and_gradients(model, inputs, model_loss)
    tensors = {**logits, "loss": torch.tensor([facts["loss"]]), **tensors}
    config = model.peft_config["default"]
    scaling = next(module.scaling["default"] for module in model.modules() if isinstance(module, LoraLayer))
    trainable = [key for key, p in model.named_parameters() if p.requires_grad]
    meta = dict(
        task=task.task, base=adapter.base, peft=peft.__version__,
        lora=dict(
            r=config.r, alpha=config.lora_alpha, scaling=scaling, targets=sorted(config.target_modules), dropout=0,
            use_dora=config.use_dora, modules_to_save=sorted(config.modules_to_save or []),
        ),
        trainable=trainable,
        notes=f"weights are those of ../{adapter.base}; logits are with the adapter; merged weights give the same; "
        "lora_A is [r, in], lora_B is [out, r]. " + task.notes,
        **({"labels": task.labels} if task.labels else {}), **facts, **logit_facts,
        max_abs_logit_difference_merged=check_adapter(name, adapter, model, inputs, logits),
    )  # fmt: skip
    meta["train"], trained = training(model, batches, model_loss, ADAPTER_RATE)
    assert meta["train"]["trainable"] == trainable, "everything that is trained gets a gradient"
    norms = {key: p.norm().item() for key, p in trained.named_parameters() if p.requires_grad}
    meta["param_norms_after_20_wd_all"] = norms
    write_fixture(name, tensors, batches, meta)
    finish_folder(name, meta)


# ---------------------------------------------------------------- all


def main(names):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    makers = dict.fromkeys(TASKS, make_task)
    makers |= {"bert_embedding_tiny": make_embedding} | dict.fromkeys(ADAPTERS, make_adapter)
    unknown = sorted(set(names) - makers.keys())
    if unknown:
        sys.exit(f"no such folder: {', '.join(unknown)}; there are {', '.join(makers)}")
    for name in names or makers:
        makers[name](name)


if __name__ == "__main__":
    main(sys.argv[1:])
