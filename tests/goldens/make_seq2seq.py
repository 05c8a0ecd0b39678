#!/usr/bin/env python3
"""Golden parity fixtures of text-to-text models (T5), LoRA and DoRA on them, and beam search (CPU f32, eager attention).

    python3 make_seq2seq.py [models] [adapters] [beams]    makes the named parts, or all; adapters stand on models

One thread, dropout 0, fixed seeds. Made again on one machine the files are the same to the byte; on another the trained
weights may differ in their last digits, and with them all that follows.

Folders of tests/fixtures
    t5_tiny             T5 1.0: ReLU, the output layer is the embeddings, states times d_model^-0.5 before it
    t5_gated_tiny       T5 1.1, FLAN: gated GELU, an output layer of its own, unscaled; inner size is not d_model, three
                        encoder and two decoder layers, 8 buckets up to a distance of 20
    t5_lora, t5_dora    PEFT's default targets (q, v of all three kinds of attention) on t5_tiny; t5_dora has one row
    beam_search         <decoder>.json: greedy and beam search of the decoders in `DECODERS`

The two models were trained for a few hundred steps on the task of `task_rows`: the first token says whether the letters
and digits after it are to be turned round or put in upper case. They do it badly, so that beams differ from greedy.

Files of a folder are those of the other fixtures (README.md). `config.json` is written as the hub's t5-small and
flan-t5-small have it: the former names neither feed_forward_proj nor tie_word_embeddings. `config_transformers5.json`
says tie_word_embeddings true of both, whatever the file holds, and tells them apart by scale_decoder_outputs.

Tensors of fixture.safetensors (ids int64, the rest float32)
    in.<input>          one batch, [4, 20]: input_ids, attention_mask, labels (-100 where none), and decoder_input_ids,
                        which are the labels shifted right: first decoder_start_token_id 0, and 0 for -100
    train.<input>       twenty such batches, steps first; five are distinct. train.*[0] is in.*. The task is another
                        than the one trained (each sign's successor), so the loss falls
    encoder_last_hidden_state, logits, loss    of in.*
    grad.<parameter>    of the loss
    smoothing.grad_logits    of the loss with label smoothing (meta `smoothing`), for the logits
    generate.input_ids, generate.attention_mask    rows to generate from, [6, 20]; only in models' folders

Fields of meta.json besides those of the other fixtures
    smoothing           epsilon, formula, loss, loss_f64: as transformers' LabelSmoother
    train_smoothing     the twenty steps with that loss
    train.losses_wd_as_trainer    weight decay on the parameters that transformers' Trainer picks: not on those with
                        "bias" anywhere in their name, so not on relative_attention_bias.weight either, which
                        losses_wd_excl_bias_norm decays
    relative_position_buckets    from, to, bidirectional, causal: the bucket of each memory minus query position
    generation          see below; of adapters from the base's generate.*
    f64: T5LayerNorm takes its variance in f32 even in an f64 model; here it is taken in f64 there

Generation (`generation` of models' meta.json, and the files of beam_search)
    prompts             beam_search only: rows of ids; they are padded on the left with 0 to be generated together
    max_new_tokens, eos_token_id, pad_token_id
    greedy              sequences: new tokens of each row, up to and with the end token; min_top1_top2_margin
    beam_search         a list: settings (as `generate` takes them; eos_token_id and max_new_tokens where they are not
                        those above), sequences (of each row a list of sequences, the best first, as greedy's),
                        scores (sequences_scores), closest (the smallest difference on which anything hung: tokens can
                        be compared where it is well above the error of the logits)
    Each is what `generate` gives for the padded rows together, the same without a cache, for each row alone in f64,
    and for each row alone by the loops of beam_search.py, which say in words what transformers does.
"""

import copy
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

import make_task_goldens as tasks  # first: it takes the network and the GPU away
import peft
import torch
import transformers
from beam_search import beam_search
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, MT5Config, MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration
from transformers.models.t5 import modeling_t5
from transformers.trainer_pt_utils import LabelSmoother, get_parameter_names

FIXTURES = tasks.FIXTURES
PAD, END = 0, 1
REVERSE, UPPER, DIGITS, LOWER, CAPITALS, VOCAB = 3, 4, 5, 15, 25, 40  # the last five ids are never used
SIGNS = 20  # ten digits and ten letters
SEQ = 20
SOURCES, TARGETS = [20, 16, 12, 9], [18, 20, 7, 12]  # lengths with the end token
EPSILON = 0.1
TRAINED_STEPS, TRAINED_RATE, TRAINED_BATCH = 300, 5e-3, 32
RATE, ADAPTER_RATE = 1e-3, 5e-3
MAX_NEW_TOKENS, DECODERS_NEW_TOKENS = 20, 14
SETTINGS = [
    {},
    dict(length_penalty=2.0),
    dict(length_penalty=0.5),
    dict(length_penalty=0.0),
    dict(length_penalty=-1.0),
    dict(early_stopping=True),
    dict(early_stopping="never"),
    dict(early_stopping=True, length_penalty=2.0),
    dict(early_stopping="never", length_penalty=2.0),
    dict(early_stopping="never", length_penalty=-1.0),
    dict(no_repeat_ngram_size=2),
    dict(no_repeat_ngram_size=3, length_penalty=2.0),
    dict(num_return_sequences=3),
    dict(num_return_sequences=4, early_stopping=True),
    dict(num_return_sequences=3, length_penalty=2.0, early_stopping="never"),
    dict(num_beams=2, num_return_sequences=2),
    dict(num_return_sequences=3, max_new_tokens=5),
]
MODELS = {
    "t5_tiny": dict(
        seed=600, rows=[5, 11, 14, 23, 27, 35], notes="T5 1.0: ReLU; logits are shared.weight times (states * d_model^-0.5)",
        config=dict(feed_forward_proj="relu", num_layers=2, num_decoder_layers=2, d_kv=8, d_ff=64),
        hub=["architectures", "d_ff", "d_kv", "d_model", "decoder_start_token_id", "dropout_rate", "eos_token_id",
             "initializer_factor", "is_encoder_decoder", "layer_norm_epsilon", "model_type", "num_decoder_layers",
             "num_heads", "num_layers", "pad_token_id", "relative_attention_num_buckets", "use_cache", "vocab_size"],
    ),
    "t5_gated_tiny": dict(
        seed=610, rows=[10, 13, 19, 28, 36, 37], notes="T5 1.1: gelu_new(wi_0) * wi_1; lm_head.weight is its own, "
        "nothing is scaled; heads * d_kv is 24, d_model 32",
        config=dict(feed_forward_proj="gated-gelu", num_layers=3, num_decoder_layers=2, d_kv=6, d_ff=48,
                    relative_attention_num_buckets=8, relative_attention_max_distance=20, tie_word_embeddings=False),
        hub=["architectures", "d_ff", "d_kv", "d_model", "decoder_start_token_id", "dropout_rate", "eos_token_id",
             "feed_forward_proj", "initializer_factor", "is_encoder_decoder", "layer_norm_epsilon", "model_type",
             "num_decoder_layers", "num_heads", "num_layers", "pad_token_id", "relative_attention_max_distance",
             "relative_attention_num_buckets", "use_cache", "vocab_size"],
    ),
}  # fmt: skip
NOTES = (
    "decoder inputs are the labels shifted right, first 0, 0 for -100; no decoder attention mask; attention is not "
    "scaled; RMS norm without bias; the relative bias is that of each stack's first layer; loss is the mean over labels "
    "that are not -100; the encoder's states may be compared only where attention_mask is 1. "
)
DECODERS = {
    "gpt2_tiny": dict(seed=620, ends=[380], more_ends=[380, 423], rows=[0, 2, 3, 4, 6]),
    "llama_tiny": dict(seed=630, ends=[336], more_ends=[336, 425], rows=[3, 4, 5, 6, 7]),
    # Beams that swap places take what their windows keep along (9 tokens, of Mistral 6): prompts and texts are longer.
    "gemma2_tiny": dict(seed=700, ends=[13, 70], rows=[0, 8, 13, 14, 16]),
    "gemma3_tiny": dict(seed=710, ends=[59, 54], rows=[6, 7, 8, 9, 12]),
    "phi3_tiny": dict(seed=720, ends=[70, 95], rows=[6, 10, 12, 13, 14]),
    "smollm3_tiny": dict(seed=730, ends=[87, 78], rows=[4, 11, 12, 13, 18]),
    "mistral_window_tiny": dict(seed=740, ends=[51, 95], rows=[0, 2, 8, 10, 14]),
}
# Of decoders without `more_ends`: what the search itself does is compared on the others.
FEW_SETTINGS = [
    {},
    dict(length_penalty=2.0, num_return_sequences=3),
    dict(no_repeat_ngram_size=2, num_return_sequences=3),
    dict(no_repeat_ngram_size=2, early_stopping=True),
    dict(no_repeat_ngram_size=2, eos_token_id=[], num_return_sequences=2),
]
CANDIDATES = 60  # rows to generate from are chosen among so many (MODELS, DECODERS): those without near decisions

# ---------------------------------------------------------------- f64

norm_in_f32 = modeling_t5.T5LayerNorm.forward


def norm(self, states):
    if states.dtype != torch.float64:
        return norm_in_f32(self, states)
    return self.weight * (states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


# ---------------------------------------------------------------- batches


def signs(count, generator):
    return [DIGITS + sign for sign in torch.randint(0, SIGNS, (count,), generator=generator).tolist()]


def upper(sign):
    return sign + CAPITALS - LOWER if sign >= LOWER else sign


def task_rows(count, generator, longest=18):
    """Sources and targets of the task that the models are trained on."""
    rows = []
    for _ in range(count):
        length = int(torch.randint(3, longest + 1, (1,), generator=generator))
        source, first = signs(length, generator), int(torch.randint(REVERSE, UPPER + 1, (1,), generator=generator))
        target = source[::-1] if first == REVERSE else [upper(sign) for sign in source]
        rows.append(([first, *source, END], [*target, END]))
    return rows


def other_rows(generator):
    """Targets of another task: the successors of the source's signs, over and over where the target is longer."""
    rows = []
    for number, (source, target) in enumerate(zip(SOURCES, TARGETS)):
        ids = signs(source - 2, generator)
        after = [DIGITS + (sign - DIGITS + 1) % SIGNS for sign in ids]
        rows.append(([REVERSE + number % 2, *ids, END], [*(after * 2)[: target - 1], END]))
    return rows


def collate(rows, model):
    ids = torch.full((len(rows), SEQ), PAD)
    labels = torch.full((len(rows), SEQ), tasks.IGNORED)
    for row, (source, target) in enumerate(rows):
        ids[row, : len(source)] = torch.tensor(source)
        labels[row, : len(target)] = torch.tensor(target)
    shifted = model.prepare_decoder_input_ids_from_labels(labels)
    return dict(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels, decoder_input_ids=shifted)


def twenty_batches(model, seed, rows=slice(None)):
    generator = torch.Generator().manual_seed(seed)
    pool = [collate(other_rows(generator)[rows], model) for _ in range(tasks.DISTINCT)]
    return [pool[step % tasks.DISTINCT] for step in range(tasks.STEPS)]


# ---------------------------------------------------------------- models


def trained(config, seed):
    torch.manual_seed(seed)
    config = T5Config(vocab_size=VOCAB, d_model=32, num_heads=4, dropout_rate=0.0, decoder_start_token_id=0, **config)
    model = T5ForConditionalGeneration._from_config(config, attn_implementation="eager").float().eval()
    if not config.scale_decoder_outputs:  # transformers 5 ties the new model's output layer all the same
        model.lm_head.weight = torch.nn.Parameter(torch.randn(VOCAB, 32) * 0.2)
        model.all_tied_weights_keys.pop("lm_head.weight")
    optimizer = torch.optim.AdamW(model.parameters(), lr=TRAINED_RATE)
    generator = torch.Generator().manual_seed(seed + 1)
    for _ in range(TRAINED_STEPS):
        loss = model(**collate(task_rows(TRAINED_BATCH, generator), model)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print(f"trained to {loss.item():.3f}", flush=True)
    return model


def save(name, model, hub):
    folder = FIXTURES / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    tasks.write_json(folder / "config_transformers5.json", config)
    old = {key: config[key] for key in hub} | {"n_positions": 512, "output_past": True}
    if not config["scale_decoder_outputs"]:
        old |= {"tie_word_embeddings": False, "torch_dtype": "float32"}
    tasks.write_json(folder / "config.json", dict(sorted(old.items())))


def load(name, config="config.json"):
    """From the folder, with one of its two configs; no weight may be missing."""
    values = json.loads((FIXTURES / name / config).read_text())
    model, info = T5ForConditionalGeneration.from_pretrained(
        FIXTURES / name, config=T5Config(**values), dtype=torch.float32, attn_implementation="eager",
        output_loading_info=True,
    )  # fmt: skip
    assert not any(info.get(kind) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return model.eval()


@torch.no_grad()
def check_reloads(name, inputs, logits):
    for config in ("config.json", "config_transformers5.json"):
        found = load(name, config)(**inputs).logits
        assert torch.equal(found, logits), f"{name}: {config} and the saved weights give other logits"


@torch.no_grad()
def check_mt5(name, inputs, logits):
    """mT5 is T5 1.1 under a name of its own: with the same weights it says the same, to the last bit."""
    values = json.loads((FIXTURES / name / "config.json").read_text())
    values |= {"model_type": "mt5", "architectures": ["MT5ForConditionalGeneration"]}
    model = MT5ForConditionalGeneration.from_pretrained(
        FIXTURES / name, config=MT5Config(**values), dtype=torch.float32, attn_implementation="eager"
    )
    assert torch.equal(model.eval()(**inputs).logits, logits), f"{name}: mT5 with these weights gives other logits"


def smoothed_loss(model, batch):
    output = tasks.run(model, {key: value for key, value in batch.items() if key != "labels"})
    return LabelSmoother(epsilon=EPSILON)(output, batch["labels"])


def smoothing(model, inputs):
    """The loss with label smoothing, its gradient, and what meta.json says of it."""

    def of(logits):
        return LabelSmoother(epsilon=EPSILON)(dict(logits=logits), inputs["labels"])

    with torch.no_grad():
        logits = tasks.run(model, inputs).logits
        in_f64 = tasks.run(copy.deepcopy(model).double(), inputs).logits
    leaf = logits.clone().requires_grad_()
    loss = of(leaf)
    loss.backward()
    usual = functional.cross_entropy(logits.flatten(0, 1), inputs["labels"].flatten(), label_smoothing=EPSILON)
    assert abs(usual - loss) < 1e-6, "cross_entropy(label_smoothing) is the same"
    # LabelSmoother sums over the vocabulary in f32 whatever it is given.
    loss_f64 = functional.cross_entropy(in_f64.flatten(0, 1), inputs["labels"].flatten(), label_smoothing=EPSILON)
    formula = (
        "mean over labels that are not -100 of (1 - epsilon) * -log_softmax(logits)[label] + epsilon * (mean over all "
        "vocab_size tokens, the label and padding among them, of -log_softmax(logits)); the same as "
        "torch.nn.functional.cross_entropy(label_smoothing=epsilon)"
    )
    return leaf.grad, dict(epsilon=EPSILON, formula=formula, loss=loss.item(), loss_f64=loss_f64.item())


def losses_as_trainer(model, batches, rate):
    """Twenty steps with weight decay on what Trainer.get_decay_parameter_names picks."""
    model = copy.deepcopy(model)
    patterns = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    names = set(get_parameter_names(model, [torch.nn.LayerNorm], patterns))
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups = [
        dict(params=[p for name, p in named if name in names], weight_decay=tasks.WEIGHT_DECAY),
        dict(params=[p for name, p in named if name not in names], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=rate, betas=(0.9, 0.999), eps=1e-8)
    losses = []
    for batch in batches:
        loss = tasks.model_loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def buckets(model, last=140):
    """Of each relative position from -last to last, in the encoder and in the decoder."""
    positions = torch.arange(-last, last + 1)
    config, stacks = model.config, dict(bidirectional=True, causal=False)
    found = {
        name: modeling_t5.T5Attention._relative_position_bucket(
            positions, both, config.relative_attention_num_buckets, config.relative_attention_max_distance
        ).tolist()
        for name, both in stacks.items()
    }
    return {"from": -last, "to": last, **found}


def measured(model, batches, rate):
    """Tensors and fields that models and adapters have in common."""
    inputs = batches[0]
    logits, logit_facts = tasks.logits_and_error(model, inputs)
    found, facts = tasks.forward_and_gradients(model, inputs, tasks.model_loss)
    with torch.no_grad():
        states = tasks.run(model, inputs).encoder_last_hidden_state
    grad_logits, smoothing_facts = smoothing(model, inputs)
    tensors = {
        "encoder_last_hidden_state": states, **logits, "loss": torch.tensor([facts["loss"]]), **found,
        "smoothing.grad_logits": grad_logits,
    }  # fmt: skip
    meta = dict(**facts, **logit_facts, smoothing=smoothing_facts)
    meta["train"], after = tasks.training(model, batches, tasks.model_loss, rate)
    meta["train"]["losses_wd_as_trainer"] = losses_as_trainer(model, batches, rate)
    meta["train_smoothing"], _ = tasks.training(model, batches, smoothed_loss, rate)
    norms = {key: p.norm().item() for key, p in after.named_parameters() if p.requires_grad}
    meta["param_norms_after_20_wd_all"] = norms
    return tensors, meta


def models():
    for name, plan in MODELS.items():
        model = trained(plan["config"], plan["seed"])
        tasks.empty_folder(name)
        save(name, model, plan["hub"])
        model = load(name)
        batches = twenty_batches(model, plan["seed"] + 2)
        tensors, facts = measured(model, batches, RATE)
        check_reloads(name, batches[0], tensors["logits"])
        if name == "t5_gated_tiny":
            check_mt5(name, batches[0], tensors["logits"])
        candidates = collate(task_rows(CANDIDATES, torch.Generator().manual_seed(plan["seed"] + 3)), model)
        rows = {key: candidates[key][plan["rows"]] for key in ("input_ids", "attention_mask")}
        tensors |= {f"generate.{key}": value for key, value in rows.items()}
        meta = dict(
            task="seq2seq_lm", notes=NOTES + plan["notes"], **facts, relative_position_buckets=buckets(model),
            generation=generation(model, rows, SETTINGS, [END], next_logits_of_source),
        )  # fmt: skip
        tasks.write_fixture(name, tensors, batches, meta)
        tasks.finish_folder(name, meta)


# ---------------------------------------------------------------- generation


def generate(model, rows, ends, max_new_tokens, **settings):
    """New tokens of each row's sequences up to and with the end token, and their scores."""
    returned = settings.get("num_return_sequences", 1)
    output = model.generate(
        **rows, do_sample=False, max_new_tokens=max_new_tokens, eos_token_id=ends or None, pad_token_id=PAD,
        return_dict_in_generate=True, output_scores=True, **settings,
    )  # fmt: skip
    begin = 1 if model.config.is_encoder_decoder else rows["input_ids"].shape[1]
    cut = [up_to_end(tokens[begin:], ends) for tokens in output.sequences.tolist()]
    scores = getattr(output, "sequences_scores", None)
    scores = [None] * len(cut) if scores is None else scores.tolist()
    at = range(0, len(cut), returned)
    return [cut[i : i + returned] for i in at], [scores[i : i + returned] for i in at], output


def alone(rows, row):
    """A row as a batch of its own, without padding."""
    ids = rows["input_ids"][row][rows["attention_mask"][row] == 1][None]
    return dict(input_ids=ids, attention_mask=torch.ones_like(ids))


def up_to_end(tokens, ends):
    """A shorter row is filled up: in greedy with the padding token, in beam search with the end token."""
    for at, token in enumerate(tokens):
        if token in ends:
            return tokens[: at + 1]
    return tokens


def next_logits_of_source(model, rows, row):
    """A row alone, without padding and without a cache, from the decoder's start token."""
    encoded = model.get_encoder()(**alone(rows, row))

    def next_logits(lists):
        states = encoded.last_hidden_state.expand(len(lists), -1, -1)
        output = model(encoder_outputs=(states,), decoder_input_ids=torch.tensor(lists), use_cache=False)
        return output.logits[:, -1]

    return [model.config.decoder_start_token_id], next_logits


def next_logits_of_prompt(model, rows, row):
    ids = alone(rows, row)["input_ids"][0].tolist()
    return ids, lambda lists: model(input_ids=torch.tensor(lists), use_cache=False).logits[:, -1]


@torch.no_grad()
def generation(model, rows, settings, ends, next_logits_of, max_new_tokens=MAX_NEW_TOKENS):
    in_f64 = copy.deepcopy(model).double()
    greedy, _, output = generate(model, rows, ends, max_new_tokens)
    margin = greedy_margin(model, rows, greedy, next_logits_of)
    section = dict(
        max_new_tokens=max_new_tokens, eos_token_id=ends, pad_token_id=PAD,
        greedy=dict(sequences=[tokens[0] for tokens in greedy], min_top1_top2_margin=margin), beam_search=[],
    )  # fmt: skip
    for setting in settings:
        setting = dict(num_beams=4) | setting
        own_ends = setting.get("eos_token_id", ends)
        longest = setting.get("max_new_tokens", max_new_tokens)
        plain = {key: value for key, value in setting.items() if key not in ("eos_token_id", "max_new_tokens")}
        sequences, scores, _ = generate(model, rows, own_ends, longest, **plain)
        # In f64 Llama's masked rows become NaN (softmax is in f32, where f64's lowest value is -inf): each row alone.
        doubles = [generate(in_f64, alone(rows, row), own_ends, longest, **plain)[0][0] for row in range(len(sequences))]
        assert sequences == doubles, f"{setting}: other tokens in f64"
        assert sequences == generate(model, rows, own_ends, longest, use_cache=False, **plain)[0], f"{setting}: cache"
        closest = float("inf")
        for row in range(len(sequences)):
            prompt, next_logits = next_logits_of(model, rows, row)
            found, row_closest = beam_search(next_logits, prompt, max_new_tokens=longest, ends=own_ends, **plain)
            assert [tokens[len(prompt) :] for _, tokens in found] == sequences[row], f"{setting}: row {row} alone"
            errors = [abs(one[0] - other) / max(1, abs(other)) for one, other in zip(found, scores[row])]
            assert max(errors) < 1e-5, f"{setting}: the scores of row {row} are off by {max(errors)}"
            closest = min(closest, row_closest)
        section["beam_search"].append(dict(settings=setting, sequences=sequences, scores=scores, closest=closest))
    report(section)
    return section


def greedy_margin(model, rows, greedy, next_logits_of):
    """Between the best token and the next, over all rows and steps; the rows alone must give the same tokens."""
    margins = []
    for row, (tokens,) in enumerate(greedy):
        prompt, next_logits = next_logits_of(model, rows, row)
        for at, token in enumerate(tokens):
            best = next_logits([prompt + tokens[:at]])[0].topk(2)
            assert best.indices[0] == token, "the padded rows give other tokens than each alone"
            margins.append((best.values[0] - best.values[1]).item())
    return min(margins)


def report(section):
    plain = section["beam_search"][0]["sequences"]
    greedy = section["greedy"]["sequences"]
    print(f"  greedy {[len(tokens) for tokens in greedy]} margin {section['greedy']['min_top1_top2_margin']:.1e}")
    differ = sum(tokens[0] != other for tokens, other in zip(plain, greedy))
    print(f"  beams differ from greedy in {differ} of {len(greedy)} rows")
    for case in section["beam_search"]:
        other = sum(a[0] != b[0] for a, b in zip(case["sequences"], plain))
        scores = sum(a[0] != b[0] for a, b in zip(case["scores"], section["beam_search"][0]["scores"]))
        lengths = [len(tokens[0]) for tokens in case["sequences"]]
        print(f"  {case['settings']}: other tokens {other}, other scores {scores}, {lengths}, {case['closest']:.1e}")


# ---------------------------------------------------------------- adapters


def with_adapter(seed, **more):
    """LoRA of rank 4 with PEFT's default targets; no matrix is zero, magnitudes are not the weights' norms."""
    config = peft.LoraConfig(task_type="SEQ_2_SEQ_LM", r=4, lora_alpha=8, lora_dropout=0.0, **more)
    model = peft.get_peft_model(load("t5_tiny"), config).eval()
    tasks.draw_trained(model, seed)
    return model


@torch.no_grad()
def check_adapter(name, model, inputs, logits):
    read = peft.PeftModel.from_pretrained(load("t5_tiny"), FIXTURES / name / "adapter").eval()
    assert torch.equal(tasks.run(read, inputs).logits, logits), f"{name}: the saved adapter gives other logits"
    with model.disable_adapter():
        assert (tasks.run(model, inputs).logits - logits).abs().max() > 0.1, f"{name}: the adapter changes nothing"
    merged = copy.deepcopy(model).merge_and_unload()
    difference = (merged(**inputs).logits - logits).abs().max().item()
    assert difference < 2e-5, f"{name}: merged differs by {difference}"
    return difference


def adapters():
    source = load_file(FIXTURES / "t5_tiny" / "fixture.safetensors")
    rows = {key: source[f"generate.{key}"] for key in ("input_ids", "attention_mask")}
    plans = [("t5_lora", 640, slice(None), {}), ("t5_dora", 650, slice(2, 3), dict(use_dora=True))]
    for name, seed, chosen, more in plans:
        model = with_adapter(seed, **more)
        batches = twenty_batches(model.base_model.model, seed + 2, chosen)
        tasks.empty_folder(name)
        tasks.save_adapter(name, model, "t5_tiny")
        tensors, facts = measured(model, batches, ADAPTER_RATE)
        with torch.no_grad(), model.disable_adapter():
            tensors["base_logits"] = tasks.run(model, batches[0]).logits
        config = model.peft_config["default"]
        assert sorted(config.target_modules) == ["q", "v"]
        scaling = next(module.scaling["default"] for module in model.modules() if isinstance(module, LoraLayer))
        trainable = [key for key, p in model.named_parameters() if p.requires_grad]
        assert facts["train"]["trainable"] == trainable, "everything that is trained gets a gradient"
        section = generation(model.base_model.model, rows, [{}], [END], next_logits_of_source)
        meta = dict(
            task="seq2seq_lm", base="t5_tiny", peft=peft.__version__,
            lora=dict(r=config.r, alpha=config.lora_alpha, scaling=scaling, targets=sorted(config.target_modules),
                      dropout=0, use_dora=config.use_dora),
            trainable=trainable,
            notes="weights are those of ../t5_tiny; `logits` are with the adapter, `base_logits` without; merged "
            "weights give the same logits; lora_A is [r, in], lora_B is [out, r]. " + NOTES,
            **facts, max_abs_logit_difference_merged=check_adapter(name, model, batches[0], tensors["logits"]),
            generation=section,
        )  # fmt: skip
        tasks.write_fixture(name, tensors, batches, meta)
        tasks.finish_folder(name, meta)


# ---------------------------------------------------------------- decoders


def candidate_prompts(seed, vocab_size):
    generator = torch.Generator().manual_seed(seed)
    lengths = [5, 9, 1, 12, 3]
    return [torch.randint(3, vocab_size, (lengths[at % 5],), generator=generator).tolist() for at in range(CANDIDATES)]


def padded_left(prompts):
    longest = max(len(prompt) for prompt in prompts)
    return dict(
        input_ids=torch.tensor([[PAD] * (longest - len(prompt)) + prompt for prompt in prompts]),
        attention_mask=torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]),
    )


def beams():
    folder = FIXTURES / "beam_search"
    folder.mkdir(exist_ok=True)
    for name, plan in DECODERS.items():
        model = AutoModelForCausalLM.from_pretrained(FIXTURES / name, dtype=torch.float32, attn_implementation="eager")
        model.eval().generation_config.eos_token_id = None
        candidates = candidate_prompts(plan["seed"], model.config.vocab_size)
        prompts = [candidates[row] for row in plan["rows"]]
        rows, ends = padded_left(prompts), plan["ends"]
        settings = FEW_SETTINGS
        if "more_ends" in plan:
            settings = SETTINGS + [
                dict(eos_token_id=[], num_return_sequences=2),
                dict(eos_token_id=plan["more_ends"], num_return_sequences=2),
            ]
        meta = dict(
            name=f"beam_search/{name}", base=name, transformers=transformers.__version__, torch=torch.__version__,
            notes="weights are those of ../<base>; the model is not trained, so its end tokens are chosen among those "
            "that it says often; two end tokens: three times num_beams continuations are looked at in each step",
            prompts=prompts, **generation(model, rows, settings, ends, next_logits_of_prompt, DECODERS_NEW_TOKENS),
        )  # fmt: skip
        tasks.write_json(folder / f"{name}.json", meta)
        (folder / f"{name}.json").chmod(0o644)
        print(name, (folder / f"{name}.json").stat().st_size)


def main(names):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    modeling_t5.T5LayerNorm.forward = norm
    parts = {"models": models, "adapters": adapters, "beams": beams}
    unknown = sorted(set(names) - parts.keys())
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    for name in names or parts:
        parts[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
