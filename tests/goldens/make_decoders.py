#!/usr/bin/env python3
"""Golden parity fixtures of decoders, LoRA on decoders, and packed rows (CPU f32, eager attention, dropout 0).

    python3 make_decoders.py given GOLDENS    copies the given goldens of make_golden.py from the folder GOLDENS
    python3 make_decoders.py [decoders] [lora] [dora] [packing]    makes the others; all but `decoders` need `given`

Out: tests/fixtures/<name>/, with the files and keys of make_golden.py, whose functions are used here. Left out to keep
the repository small: `logits_after_20` and, in minilm_lora, `train.token_type_ids` (all zero).
"""

import json
import shutil
import sys
from pathlib import Path

import make_golden as golden  # first: it takes the network and the GPU away
import peft
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from transformers import Qwen3Config, Qwen3ForCausalLM

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
GIVEN = {
    "gpt2_tiny": ["logits_after_20"],
    "gpt_neo_tiny": ["logits_after_20"],
    "llama_tiny": ["logits_after_20"],
    "qwen2_tiny": ["logits_after_20"],
    "minilm_lora": ["train.token_type_ids"],
}
WRITTEN = set()
VOCAB = 128
TINY = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, max_position_embeddings=64,
    rms_norm_eps=1e-6, initializer_range=0.15, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip


def given(goldens):
    for name, left_out in GIVEN.items():
        if (FIXTURES / name).exists():
            shutil.rmtree(FIXTURES / name)
        shutil.copytree(Path(goldens) / name, FIXTURES / name, copy_function=shutil.copyfile)
        (FIXTURES / name).chmod(0o755)
        trim(name, left_out)


def trim(name, left_out):
    """Takes tensors out of a fixture; meta.json says which."""
    WRITTEN.add(name)
    folder = FIXTURES / name
    tensors = load_file(folder / "fixture.safetensors")
    save_file({key: value for key, value in tensors.items() if key not in left_out}, folder / "fixture.safetensors")
    meta = json.loads((folder / "meta.json").read_text())
    meta["tensors"] = {key: value for key, value in meta["tensors"].items() if key not in left_out}
    meta["left_out"] = left_out
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


# ---------------------------------------------------------------- decoders


def classic(config):
    """config.json as the hub has it: rope_theta and rope_scaling at the top."""
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    if rope["rope_type"] == "linear":  # configs of that time say `type`
        rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = None if rope.get("rope_type") == "default" else rope
    return config


def decoder(name, kind, config, seed, notes):
    golden.decoder(name, kind, config, seed, classic, notes)
    trim(name, ["logits_after_20"])
    fixture = load_file(FIXTURES / name / "fixture.safetensors")
    inputs = {key.removeprefix("in."): value for key, value in fixture.items() if key.startswith("in.")}
    with torch.no_grad():
        loaded = load(name)
        again = loaded(**inputs).logits
        assert torch.equal(again, fixture["logits"]), "config.json does not mean the same model"
        if (loaded.config.rope_parameters or {}).get("rope_type") != "default":
            loaded.config.rope_parameters = {"rope_type": "default", "rope_theta": 10000.0}
            plain = kind._from_config(loaded.config, attn_implementation="eager").eval()
            plain.load_state_dict(loaded.state_dict())
            difference = (plain(**inputs).logits - again).abs().max().item()
            assert difference > 0.01, "the scaling changes nothing"
            add_meta(name, max_abs_logit_difference_without_rope_scaling=difference)


def decoders():
    def rope(theta=10000.0, kind="default", **more):
        return {"rope_type": kind, "rope_theta": theta, **more}

    grouped = dict(num_attention_heads=4, num_key_value_heads=2)
    few = dict(num_attention_heads=2, num_key_value_heads=1)
    decoder(
        "qwen3_tiny", Qwen3ForCausalLM,
        Qwen3Config(**TINY, **grouped, head_dim=16, rope_parameters=rope(1e6), tie_word_embeddings=True), 500,
        "RMSNorm on each head of q and k before RoPE; head_dim 16 is not hidden/heads (8); no q/k/v bias; GQA 4q/2kv; "
        "rope_theta 1e6; tied lm_head.",
    )  # fmt: skip
    scaled = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
    decoder(
        "llama3_rope_tiny", LlamaForCausalLM,
        LlamaConfig(**{**TINY, "max_position_embeddings": 256}, **few, rope_parameters=rope(kind="llama3", **scaled),
                    tie_word_embeddings=True), 110,
        "rope_scaling llama3: of the 8 frequencies one is kept, one is smoothed, six are divided by the factor; "
        "GQA 2q/1kv, head_dim 16; tied lm_head.",
    )  # fmt: skip
    decoder(
        "linear_rope_tiny", LlamaForCausalLM,
        LlamaConfig(**TINY, **few, rope_parameters=rope(kind="linear", factor=4.0), tie_word_embeddings=False), 120,
        "rope_scaling linear, factor 4 (config.json names it `type`, not `rope_type`); GQA 2q/1kv; untied lm_head.",
    )  # fmt: skip
    decoder(
        "mistral_tiny", MistralForCausalLM,
        MistralConfig(**TINY, **grouped, sliding_window=None, rope_parameters=rope(), tie_word_embeddings=False), 130,
        "as Llama; sliding_window null; GQA 4q/2kv; untied lm_head.",
    )  # fmt: skip


# ---------------------------------------------------------------- LoRA


def load(name):
    model = AutoModelForCausalLM.from_pretrained(FIXTURES / name, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def with_lora(base, seed, targets, **more):
    """LoRA of rank 4 on a fixture's weights, neither matrix zero, DoRA's magnitudes not those of the weights."""
    model = load(base)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, **more
    )  # fmt: skip
    model = peft.get_peft_model(model, config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_magnitude_vector" in name:
                parameter.mul_(1 + torch.randn(parameter.shape, generator=generator) * 0.2)
            elif "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


def save_adapter(model, name, base):
    folder = FIXTURES / name / "adapter"
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config.update(base_model_name_or_path=base, target_modules=sorted(config["target_modules"]))
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))


def base_logits(model, inputs):
    with model.disable_adapter(), torch.no_grad():
        return model(**inputs).logits


def check_merged(model, inputs, logits):
    base = base_logits(model, inputs)
    merged = model.merge_and_unload()
    with torch.no_grad():
        difference = (merged(**inputs).logits - logits).abs().max().item()
    assert difference < 2e-5, f"merged differs by {difference}"
    assert (base - logits).abs().max() > 0.1, "the adapter changes nothing"
    return difference


def about(base, model, **more):
    config = model.peft_config["default"]
    scaling = next(module.scaling["default"] for module in model.modules() if isinstance(module, LoraLayer))
    return dict(
        task="causal_lm", base=base, peft=peft.__version__,
        lora=dict(r=config.r, alpha=config.lora_alpha, scaling=scaling, targets=sorted(config.target_modules),
                  dropout=0, fan_in_fan_out=config.fan_in_fan_out, use_rslora=config.use_rslora),
        trainable=[name for name, parameter in model.named_parameters() if parameter.requires_grad],
        notes="weights are those of ../<base>; adapter/ is PEFT's save_pretrained, lora_A and lora_B non-zero; "
        "`logits` are with the adapter, `base_logits` without; merged weights give the same logits; compare "
        "logits only where "
        "attention_mask==1; lora_A is [r,in], lora_B is [out,r] whatever fan_in_fan_out is.", **more,
    )  # fmt: skip


def lora():
    golden.V = 512  # the bases' vocabulary
    batches = [{key: value[1:3].clone() for key, value in batch.items()} for batch in golden.lm_batches(202)]
    model = with_lora("gpt2_tiny", 200, ["c_attn"], fan_in_fan_out=True)
    save_adapter(model, "gpt2_lora", "gpt2_tiny")
    outs = dict(base_logits=lambda _: base_logits(model, batches[0]))
    golden.finish("gpt2_lora", model, batches[0], outs, batches, 5e-3, about("gpt2_tiny", model), save_model=False)
    trim("gpt2_lora", ["logits_after_20"])
    logits = load_file(FIXTURES / "gpt2_lora/fixture.safetensors")["logits"]
    add_meta("gpt2_lora", max_abs_logit_difference_merged=check_merged(model, batches[0], logits))

    rslora = with_lora("gpt2_tiny", 210, ["c_attn"], fan_in_fan_out=True, use_rslora=True)
    forward_only("gpt2_rslora", "gpt2_tiny", rslora)
    forward_only("llama_lora", "llama_tiny", with_lora("llama_tiny", 220, ["q_proj", "v_proj"]))


def dora():
    golden.V = 512
    batches = [{key: value[2:3].clone() for key, value in batch.items()} for batch in golden.lm_batches(242)]
    model = with_lora("gpt2_tiny", 240, ["c_attn"], fan_in_fan_out=True, use_dora=True)
    save_adapter(model, "gpt2_dora", "gpt2_tiny")
    meta = about("gpt2_tiny", model, use_dora=True)
    golden.finish("gpt2_dora", model, batches[0], {}, batches, 5e-3, meta, save_model=False)
    trim("gpt2_dora", ["logits_after_20", "base_logits"])
    logits = load_file(FIXTURES / "gpt2_dora/fixture.safetensors")["logits"]
    add_meta("gpt2_dora", max_abs_logit_difference_merged=check_merged(model, batches[0], logits))


def forward_only(name, base, model):
    """Logits and loss of one padded row, with and without the adapter."""
    inputs = {key: value[2:3].clone() for key, value in golden.lm_batches(230)[0].items()}
    save_adapter(model, name, base)
    with torch.no_grad():
        out = model(**inputs)
    tensors = {f"in.{key}": value for key, value in inputs.items()}
    tensors |= {"logits": out.logits, "loss": out.loss.reshape(1), "base_logits": base_logits(model, inputs)}
    meta = about(base, model, loss=out.loss.item())
    meta["max_abs_logit_difference_merged"] = check_merged(model, inputs, out.logits)
    write(name, tensors, meta)


# ---------------------------------------------------------------- packing


def packing():
    golden.V = 512
    for name, base, seed in [("packed_gpt2", "gpt2_tiny", 300), ("packed_llama", "llama_tiny", 310)]:
        packed(name, base, load(base), seed)


def packed(name, base, model, seed):
    seq, rows = 24, [[(9, 3), (6, 0), (5, 2)], [(14, 6), (10, 0)]]  # (length, prompt) of each example
    generator = torch.Generator().manual_seed(seed)
    ids, positions, segments = (torch.zeros(len(rows), seq, dtype=torch.long) for _ in range(3))
    labels = torch.full_like(ids, -100)
    examples, expected, total, scored = [], [], 0.0, 0
    for row, parts in enumerate(rows):
        start = 0
        for segment, (length, prompt) in enumerate(parts, start=1):
            tokens = torch.randint(3, golden.V, (length,), generator=generator)
            target = tokens.clone()
            target[: max(prompt, 1)] = -100  # the token before is another example's
            at = slice(start, start + length)
            ids[row, at], positions[row, at], segments[row, at] = tokens, torch.arange(length), segment
            labels[row, at] = target
            with torch.no_grad():
                alone = model(input_ids=tokens[None], labels=target[None])
            count = int((target[1:] != -100).sum())
            expected.append((row, at, alone.logits[0]))
            examples.append(dict(row=row, segment=segment, start=start, length=length, prompt=prompt, scored=count,
                                 loss=alone.loss.item()))  # fmt: skip
            total, scored, start = total + alone.loss.item() * count, scored + count, start + length
    causal = torch.ones(seq, seq, dtype=torch.bool).tril()
    real = segments != 0
    allowed = (segments[:, :, None] == segments[:, None, :]) & real[:, :, None] & causal
    seen = allowed | torch.eye(seq, dtype=torch.bool)  # padding sees itself: no empty softmax
    bias = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=bias, position_ids=positions, labels=labels)
        leaking = model(input_ids=ids, attention_mask=real.long(), position_ids=positions).logits
    difference = max((out.logits[row, at] - logits).abs().max().item() for row, at, logits in expected)
    leak = max((leaking[row, at] - logits).abs().max().item() for row, at, logits in expected)
    assert difference < 2e-5, f"packed logits differ by {difference}"
    assert abs(out.loss.item() - total / scored) < 1e-5, "packed loss differs"
    assert leak > 0.1, "a plain causal mask would pass as well"
    tensors = {
        "in.input_ids": ids, "in.attention_mask": real.long(), "in.position_ids": positions,
        "in.segment_ids": segments, "in.labels": labels, "in.allowed": allowed.long(),
        "logits": out.logits, "loss": out.loss.reshape(1),
    }  # fmt: skip
    write(name, tensors, dict(
        task="causal_lm", base=base, loss=out.loss.item(), loss_of_single_examples=total / scored, scored=scored,
        examples=examples, max_abs_logit_difference_from_single=difference,
        max_abs_logit_difference_with_plain_causal_mask=leak,
        notes="weights are those of ../<base>; positions start at 0 in each example; segment 0 is padding; "
        "in.allowed[row,query,key] is 1 where a query may attend (padding rows are all 0); the first token of an "
        "example has label -100, for the token before it is another example's; labels are not shifted, HF "
        "shifts them; loss is "
        "the mean over all scored tokens of both rows; compare logits only where attention_mask==1.",
    ))  # fmt: skip


# ---------------------------------------------------------------- files


def write(name, tensors, meta):
    WRITTEN.add(name)
    folder = FIXTURES / name
    folder.mkdir(exist_ok=True)
    tensors = {key: value.detach().contiguous() for key, value in tensors.items()}
    shapes = {key: [str(value.dtype).removeprefix("torch."), list(value.shape)] for key, value in tensors.items()}
    meta = dict(meta, name=name, transformers=golden.transformers.__version__, torch=torch.__version__, tensors=shapes)
    save_file(tensors, folder / "fixture.safetensors")
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    print(f"{name:16s} loss {meta['loss']:.5f}")


def add_meta(name, **values):
    path = FIXTURES / name / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values, indent=1))


def main(arguments):
    golden.G, golden.V = str(FIXTURES), VOCAB
    if arguments[:1] == ["given"]:
        given(arguments[1])
    else:
        parts = {"decoders": decoders, "lora": lora, "dora": dora, "packing": packing}
        for part in arguments or parts:
            parts[part]()
    for name in WRITTEN:  # copies are read-only and safetensors writes 0600
        for path in [FIXTURES / name, *(FIXTURES / name).rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main(sys.argv[1:])
