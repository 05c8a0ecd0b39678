#!/usr/bin/env python3
"""Golden parity fixtures of Granite, SmolLM3, OLMo 2, Phi-3, Gemma 2 and Gemma 3 (CPU f32, eager attention, dropout 0).

    python3 make_newer_decoders.py [granite_tiny] [smollm3_tiny] [olmo2_tiny] [phi3_tiny] [gemma2_tiny] [gemma3_tiny] [lora]

Out: tests/fixtures/<name>/, with the files and keys of make_golden.py, whose functions are used here, but for the states
of layers and `logits_after_20`. Of every field that an architecture has of its own it is checked that the logits depend on it:
`max_abs_logit_difference` in meta.json says by how much. `lora` needs the others.
"""

import json
import sys

import make_decoders as decoders  # first: it takes the network and the GPU away
import make_golden as golden
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig
from transformers import GraniteConfig, GraniteForCausalLM, Olmo2Config, Olmo2ForCausalLM
from transformers import Phi3Config, Phi3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM

GROUPED = dict(num_attention_heads=4, num_key_value_heads=2)
LEAST = 0.01  # what a field must change of a logit
LEFT_OUT = ["logits_after_20", "hidden_after_layer0", "last_hidden_state"]


def rope(theta=10000.0, **more):
    return {"rope_type": "default", "rope_theta": theta, **more}


def classic_phi3(config):
    """As decoders.classic, with partial_rotary_factor at the top, where Phi-4 mini has it."""
    config["partial_rotary_factor"] = config["rope_parameters"].pop("partial_rotary_factor")
    return decoders.classic(config)


def classic_gemma3(config):
    """As Gemma 3 270M has it: two bases at the top."""
    parameters = config.pop("rope_parameters")
    config["rope_theta"] = parameters["full_attention"]["rope_theta"]
    config["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
    config["rope_scaling"] = None
    return config


def logits_with(name, changes):
    """Logits of a fixture's weights under its config with some fields changed."""
    folder = decoders.FIXTURES / name
    config = json.loads((folder / "config.json").read_text())
    config = AutoConfig.for_model(**(config | changes))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    weights = load_file(folder / "model.safetensors")
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    fixture = load_file(folder / "fixture.safetensors")
    inputs = {key: fixture[f"in.{key}"] for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        return model(**inputs).logits[inputs["attention_mask"] == 1]


def decoder(name, kind, config, seed, classic, notes, matters):
    golden.decoder(name, kind, config, seed, classic, notes)
    decoders.trim(name, LEFT_OUT)
    folder = decoders.FIXTURES / name
    fixture = load_file(folder / "fixture.safetensors")
    expected = fixture["logits"][fixture["in.attention_mask"] == 1]
    assert torch.equal(logits_with(name, {}), expected), "config.json does not mean the same model"
    differences = {}
    for changes in matters:
        difference = (logits_with(name, changes) - expected).abs().max().item()
        assert difference > LEAST, f"{changes} changes a logit by {difference} at most"
        differences[json.dumps(changes)] = difference
    decoders.add_meta(name, max_abs_logit_difference=differences)
    margin = json.loads((folder / "meta.json").read_text())["generation"]["min_top1_top2_margin"]
    assert margin > 1e-3, f"two tokens are nearly as likely: {margin}"


def granite_tiny():
    decoder(
        "granite_tiny", GraniteForCausalLM,
        GraniteConfig(**decoders.TINY, **GROUPED, embedding_multiplier=3.0, attention_multiplier=0.25,
                      residual_multiplier=0.6, logits_scaling=1.7, rope_parameters=rope(), tie_word_embeddings=True),
        600, decoders.classic,
        "as Llama; embeddings times 3, scores of attention times 0.25 (not 1/sqrt(8)), what each block adds times 0.6, "
        "logits divided by 1.7; GQA 4q/2kv; tied lm_head.",
        [dict(embedding_multiplier=1.0), dict(attention_multiplier=8**-0.5), dict(residual_multiplier=1.0),
         dict(logits_scaling=1.0)],
    )  # fmt: skip


def smollm3_tiny():
    decoder(
        "smollm3_tiny", SmolLM3ForCausalLM,
        SmolLM3Config(**decoders.TINY, **GROUPED, no_rope_layers=[1, 0], rope_parameters=rope(5e6),
                      tie_word_embeddings=True),
        610, decoders.classic,
        "as Llama; layer 1 has no rotary positions, by no_rope_layers (the interval of 4 would give both layers some); "
        "rope_theta 5e6; GQA 4q/2kv; tied lm_head.",
        [dict(no_rope_layers=[1, 1]), dict(no_rope_layers=[0, 1]), dict(no_rope_layers=None)],
    )  # fmt: skip


def olmo2_tiny():
    decoder(
        "olmo2_tiny", Olmo2ForCausalLM,
        Olmo2Config(**decoders.TINY, **GROUPED, rope_parameters=rope(5e5), tie_word_embeddings=False),
        620, decoders.classic,
        "norms after attention and feed-forward, none before; q and k are normed over all heads together before RoPE; "
        "rope_theta 5e5; GQA 4q/2kv; untied lm_head.",
        [dict(rope_theta=1e4), dict(rms_norm_eps=0.05)],
    )  # fmt: skip


def phi3_tiny():
    decoder(
        "phi3_tiny", Phi3ForCausalLM,
        Phi3Config(**decoders.TINY, **GROUPED, sliding_window=9, rope_parameters=rope(partial_rotary_factor=0.5),
                   tie_word_embeddings=False),
        630, classic_phi3,
        "one layer for q, k and v, one for gate and up; of each head's 8 values the first 4 are turned; a window of 9; "
        "GQA 4q/2kv; untied lm_head.",
        [dict(partial_rotary_factor=1.0), dict(sliding_window=None)],
    )  # fmt: skip


GEMMA = dict(decoders.TINY, num_attention_heads=4, num_key_value_heads=1, head_dim=16)


def gemma2_tiny():
    decoder(
        "gemma2_tiny", Gemma2ForCausalLM,
        Gemma2Config(**GEMMA, query_pre_attn_scalar=5, sliding_window=9, attn_logit_softcapping=3.0,
                     final_logit_softcapping=4.0, rope_parameters=rope(), tie_word_embeddings=True),
        640, decoders.classic,
        "norms around attention and feed-forward with 1 + weight; embeddings times sqrt(32); scores divided by sqrt(5) "
        "(head_dim is 16, not hidden/heads 8) and capped at 3, logits capped at 4; layer 0 sees a window of 9, layer 1 "
        "all; GQA 4q/1kv; tied lm_head.",
        [dict(query_pre_attn_scalar=16), dict(attn_logit_softcapping=None), dict(final_logit_softcapping=None),
         dict(sliding_window=64), dict(layer_types=["full_attention", "sliding_attention"])],
    )  # fmt: skip


def gemma3_tiny():
    parameters = {"full_attention": rope(1e6), "sliding_attention": rope(1e4)}
    kinds = ["full_attention", "sliding_attention"]
    decoder(
        "gemma3_tiny", Gemma3ForCausalLM,
        Gemma3TextConfig(**GEMMA, query_pre_attn_scalar=5, sliding_window=9, layer_types=kinds[::-1],
                         rope_parameters=parameters, tie_word_embeddings=True),
        650, classic_gemma3,
        "as Gemma 2 without caps; a norm with 1 + weight on each head of q and k; layer 0 sees a window of 9 and has the "
        "local base 1e4, layer 1 sees all and has 1e6; GQA 4q/1kv; tied lm_head.",
        [dict(query_pre_attn_scalar=16), dict(sliding_window=64), dict(layer_types=kinds), dict(rope_theta=1e4),
         dict(rope_local_base_freq=1e6)],
    )  # fmt: skip


def lora():
    """PEFT's adapters on a fused layer, and on layers between norms that add one."""
    decoders.forward_only("phi3_lora", "phi3_tiny", decoders.with_lora("phi3_tiny", 660, ["qkv_proj", "gate_up_proj"]))
    decoders.forward_only("gemma3_lora", "gemma3_tiny", decoders.with_lora("gemma3_tiny", 670, ["q_proj", "v_proj"]))


def main(arguments):
    golden.G, golden.V = str(decoders.FIXTURES), decoders.VOCAB
    parts = [granite_tiny, smollm3_tiny, olmo2_tiny, phi3_tiny, gemma2_tiny, gemma3_tiny, lora]
    for part in parts:
        if not arguments or part.__name__ in arguments:
            part()
    for name in decoders.WRITTEN:  # copies are read-only and safetensors writes 0600
        for path in [decoders.FIXTURES / name, *(decoders.FIXTURES / name).rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main(sys.argv[1:])
