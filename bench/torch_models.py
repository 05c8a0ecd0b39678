"""The models of shapes.json in plain PyTorch, for machines that have no transformers and no PEFT.

In: a shape. Out: a module whose parameters have the names of transformers' checkpoints and which gives `(loss, logits)`.
Attention is PyTorch's scaled_dot_product_attention. Nobody pads, so there are no masks but the causal one.
`python torch_models.py` compares them with transformers and PEFT, where those are installed.
"""

import math

import torch
from torch import nn
from torch.nn import functional

LORA = {"r": 8, "alpha": 16}

# What PEFT adapts in each model, and Hone too.
TARGETS = {"bert": ("query", "value"), "gpt2": ("c_attn",), "llama": ("q_proj", "v_proj")}


class Lora(nn.Module):
    """A frozen layer with a branch of rank `r` beside it, as PEFT computes it."""

    def __init__(self, base, inputs, outputs, dropout):
        super().__init__()
        self.base_layer = base
        self.lora_A = nn.Linear(inputs, LORA["r"], bias=False)
        self.lora_B = nn.Linear(LORA["r"], outputs, bias=False)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5))
        nn.init.zeros_(self.lora_B.weight)
        self.lora_dropout = nn.Dropout(dropout)

    def forward(self, x):
        branch = self.lora_B(self.lora_A(self.lora_dropout(x)))
        return self.base_layer(x) + branch * (LORA["alpha"] / LORA["r"])


class Conv1D(nn.Module):
    """GPT-2's linear layer, whose weight lies `[in, out]`."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return functional.linear(x, self.weight.t(), self.bias)


def split(x, count):
    """`[batch, seq, count * head]` to `[batch, count, seq, head]`."""
    return x.view(*x.shape[:2], count, -1).transpose(1, 2)


def attend(query, key, value, heads, dropout, causal):
    """Attention over `[batch, seq, heads * head]`."""
    query, key, value = (split(x, heads) for x in (query, key, value))
    return merge(functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=causal))


def merge(x):
    """`[batch, heads, seq, head]` to `[batch, seq, heads * head]`."""
    return x.transpose(1, 2).flatten(2)


class BertLayer(nn.Module):
    """A block of BERT."""

    def __init__(self, config, dropout):
        super().__init__()
        hidden, inner, eps = config["hidden_size"], config["intermediate_size"], config["layer_norm_eps"]
        self.attention = nn.Module()
        self.attention.self = nn.Module()
        for name in ("query", "key", "value"):
            setattr(self.attention.self, name, nn.Linear(hidden, hidden))
        self.attention.output = nn.Module()
        self.attention.output.dense = nn.Linear(hidden, hidden)
        self.attention.output.LayerNorm = nn.LayerNorm(hidden, eps)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(hidden, inner)
        self.output = nn.Module()
        self.output.dense = nn.Linear(inner, hidden)
        self.output.LayerNorm = nn.LayerNorm(hidden, eps)
        self.heads, self.dropout = config["num_attention_heads"], dropout

    def forward(self, x):
        drop = nn.functional.dropout
        at = self.attention.self
        rate = self.dropout if self.training else 0.0
        mixed = attend(at.query(x), at.key(x), at.value(x), self.heads, rate, False)
        mixed = drop(self.attention.output.dense(mixed), self.dropout, self.training)
        x = self.attention.output.LayerNorm(mixed + x)
        inner = functional.gelu(self.intermediate.dense(x))
        return self.output.LayerNorm(drop(self.output.dense(inner), self.dropout, self.training) + x)


class Bert(nn.Module):
    """BERT with its pooler and a classifier."""

    def __init__(self, shape):
        super().__init__()
        config, self.dropout = shape["config"], shape["dropout"]
        hidden = config["hidden_size"]
        self.bert = nn.Module()
        tables = self.bert.embeddings = nn.Module()
        tables.word_embeddings = nn.Embedding(config["vocab_size"], hidden, padding_idx=config["pad_token_id"])
        tables.position_embeddings = nn.Embedding(config["max_position_embeddings"], hidden)
        tables.token_type_embeddings = nn.Embedding(config["type_vocab_size"], hidden)
        tables.LayerNorm = nn.LayerNorm(hidden, config["layer_norm_eps"])
        self.bert.encoder = nn.Module()
        layers = [BertLayer(config, self.dropout) for _ in range(config["num_hidden_layers"])]
        self.bert.encoder.layer = nn.ModuleList(layers)
        self.bert.pooler = nn.Module()
        self.bert.pooler.dense = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, shape["num_labels"])

    def forward(self, input_ids, labels, token_type_ids):
        tables = self.bert.embeddings
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = tables.word_embeddings(input_ids) + tables.token_type_embeddings(token_type_ids)
        x = tables.LayerNorm(x + tables.position_embeddings(places))
        x = functional.dropout(x, self.dropout, self.training)
        for layer in self.bert.encoder.layer:
            x = layer(x)
        pooled = torch.tanh(self.bert.pooler.dense(x[:, 0]))
        logits = self.classifier(functional.dropout(pooled, self.dropout, self.training))
        return functional.cross_entropy(logits.float(), labels), logits


class Gpt2Layer(nn.Module):
    """A block of GPT-2."""

    def __init__(self, config):
        super().__init__()
        hidden, eps = config["n_embd"], config["layer_norm_epsilon"]
        inner = config.get("n_inner") or 4 * hidden
        self.ln_1, self.ln_2 = nn.LayerNorm(hidden, eps), nn.LayerNorm(hidden, eps)
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.c_attn, self.attn.c_proj = Conv1D(3 * hidden, hidden), Conv1D(hidden, hidden)
        self.mlp.c_fc, self.mlp.c_proj = Conv1D(inner, hidden), Conv1D(hidden, inner)
        self.heads = config["n_head"]

    def forward(self, x):
        query, key, value = self.attn.c_attn(self.ln_1(x)).chunk(3, dim=2)
        x = x + self.attn.c_proj(attend(query, key, value, self.heads, 0.0, True))
        return x + self.mlp.c_proj(functional.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    """GPT-2; the table of tokens scores them too."""

    def __init__(self, shape):
        super().__init__()
        config = shape["config"]
        hidden = config["n_embd"]
        body = self.transformer = nn.Module()
        body.wte = nn.Embedding(config["vocab_size"], hidden)
        body.wpe = nn.Embedding(config["n_positions"], hidden)
        body.h = nn.ModuleList([Gpt2Layer(config) for _ in range(config["n_layer"])])
        body.ln_f = nn.LayerNorm(hidden, config["layer_norm_epsilon"])

    def forward(self, input_ids, labels):
        body = self.transformer
        x = body.wte(input_ids) + body.wpe(torch.arange(input_ids.shape[1], device=input_ids.device))
        for layer in body.h:
            x = layer(x)
        return next_token_loss(functional.linear(body.ln_f(x), body.wte.weight), labels)


class LlamaLayer(nn.Module):
    """A block of Llama."""

    def __init__(self, config):
        super().__init__()
        hidden, inner, eps = config["hidden_size"], config["intermediate_size"], config["rms_norm_eps"]
        heads, keys = config["num_attention_heads"], config["num_key_value_heads"]
        size = hidden // heads
        self.self_attn, self.mlp = nn.Module(), nn.Module()
        self.self_attn.q_proj = nn.Linear(hidden, heads * size, bias=False)
        self.self_attn.k_proj = nn.Linear(hidden, keys * size, bias=False)
        self.self_attn.v_proj = nn.Linear(hidden, keys * size, bias=False)
        self.self_attn.o_proj = nn.Linear(heads * size, hidden, bias=False)
        self.mlp.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.mlp.up_proj = nn.Linear(hidden, inner, bias=False)
        self.mlp.down_proj = nn.Linear(inner, hidden, bias=False)
        self.input_layernorm = nn.RMSNorm(hidden, eps)
        self.post_attention_layernorm = nn.RMSNorm(hidden, eps)
        self.heads = (heads, keys)

    def forward(self, x, turns):
        at, (heads, keys) = self.self_attn, self.heads
        normed = self.input_layernorm(x)
        query, key = (turn(split(x, n), turns) for x, n in ((at.q_proj(normed), heads), (at.k_proj(normed), keys)))
        value = split(at.v_proj(normed), keys)
        # A key serves `heads / keys` queries; spelled out, because not every kernel takes enable_gqa.
        key, value = (x.repeat_interleave(heads // keys, dim=1) for x in (key, value))
        x = x + at.o_proj(merge(functional.scaled_dot_product_attention(query, key, value, is_causal=True)))
        normed = self.post_attention_layernorm(x)
        return x + self.mlp.down_proj(functional.silu(self.mlp.gate_proj(normed)) * self.mlp.up_proj(normed))


def turn(x, turns):
    """Rotary positions: halves of a head are turned against each other."""
    cos, sin = turns
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)


class Llama(nn.Module):
    """Llama; the table of tokens scores them too."""

    def __init__(self, shape):
        super().__init__()
        config = shape["config"]
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.model.layers = nn.ModuleList([LlamaLayer(config) for _ in range(config["num_hidden_layers"])])
        self.model.norm = nn.RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        size = config["hidden_size"] // config["num_attention_heads"]
        rates = 1.0 / config["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, input_ids, labels):
        places = torch.arange(input_ids.shape[1], device=input_ids.device, dtype=torch.float32)
        angles = torch.outer(places, self.rates.float()).repeat(1, 2)
        turns = (angles.cos(), angles.sin())
        x = self.model.embed_tokens(input_ids)
        for layer in self.model.layers:
            x = layer(x, turns)
        return next_token_loss(functional.linear(self.model.norm(x), self.model.embed_tokens.weight), labels)


def next_token_loss(logits, labels):
    """The loss of each token's successor, as transformers takes it, and the logits."""
    scored = logits[:, :-1].flatten(0, 1)
    return functional.cross_entropy(scored.float(), labels[:, 1:].flatten()), logits


MODELS = {"bert": Bert, "gpt2": Gpt2, "llama": Llama}


def build(shape, method):
    """A model with random weights, frozen and adapted as the method asks."""
    kind = shape["config"]["model_type"]
    model = MODELS[kind](shape)
    std = shape["config"]["initializer_range"]
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding, Conv1D)):
            nn.init.normal_(module.weight, std=std)
        if isinstance(module, (nn.Linear, Conv1D)) and module.bias is not None:
            nn.init.zeros_(module.bias)
    if method != "full":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("classifier.") or ".pooler." in name)
    if method == "lora":
        adapt(model, TARGETS[kind], shape["dropout"])
    return model.train()


def adapt(model, targets, dropout):
    """Puts a branch beside every layer that is named so."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if name in targets:
                shape = layer.weight.shape
                inputs, outputs = shape if isinstance(layer, Conv1D) else reversed(shape)
                setattr(parent, name, Lora(layer, inputs, outputs, dropout))


def check():
    """Losses, logits and gradients of the tiny shapes beside transformers' and PEFT's."""
    import json
    import pathlib

    import peft
    import transformers

    shapes = json.loads((pathlib.Path(__file__).parent / "shapes.json").read_text())
    for name, (config, peer) in {
        "encoder_tiny": (transformers.BertConfig, transformers.BertForSequenceClassification),
        "decoder_tiny": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
        "llama_tiny": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    }.items():
        shape = shapes[name]
        given = {**shape["config"], **({"num_labels": shape["num_labels"]} if "num_labels" in shape else {})}
        ids = torch.randint(1, given["vocab_size"], (shape["batch"], shape["seq"]))
        rows = {"input_ids": ids, "labels": ids}
        if "num_labels" in shape:
            labels = torch.randint(0, shape["num_labels"], (shape["batch"],))
            rows = {"input_ids": ids, "labels": labels, "token_type_ids": torch.zeros_like(ids)}
        for method in ("full", "lora"):
            torch.manual_seed(1)
            theirs = peer(config(**given)).train()
            ours = build(shape, "full")
            absent = ours.load_state_dict(theirs.state_dict(), strict=False)
            assert not absent.missing_keys, absent.missing_keys
            assert set(absent.unexpected_keys) <= {"lm_head.weight"}, absent.unexpected_keys
            if method == "lora":
                lora = peft.LoraConfig(
                    task_type="SEQ_CLS" if "num_labels" in shape else "CAUSAL_LM",
                    **{"r": LORA["r"], "lora_alpha": LORA["alpha"], "lora_dropout": 0.0},
                    fan_in_fan_out=given["model_type"] == "gpt2",
                )
                theirs = peft.get_peft_model(theirs, lora)
                adapt(ours, TARGETS[given["model_type"]], 0.0)
                branches = [layer for layer in ours.modules() if isinstance(layer, Lora)]
                peers = [layer for layer in theirs.modules() if hasattr(layer, "lora_A") and len(layer.lora_A)]
                assert len(branches) == len(peers) > 0
                for layer, peer_layer in zip(branches, peers):
                    for factor in ("lora_A", "lora_B"):
                        weight = torch.randn_like(getattr(layer, factor).weight) * 0.1
                        for place in (getattr(layer, factor), getattr(peer_layer, factor)["default"]):
                            place.weight.data.copy_(weight)
            found, expected = ours(**rows), theirs(**rows)
            assert (found[0] - expected.loss).abs() < 1e-5, (name, method, found[0], expected.loss)
            error = (found[1] - expected.logits).abs().max()
            assert error < 1e-5, (name, method, error)
            found[0].backward()
            expected.loss.backward()
            norms = []
            for model in (ours, theirs):
                named = [(n, p.grad) for n, p in model.named_parameters() if method == "full" or "lora_" in n]
                norms.append(torch.stack([grad.norm() for _, grad in named if grad is not None]).norm())
            assert (norms[0] - norms[1]).abs() < 1e-4 * norms[1], (name, method, norms)
            print(f"{name}, {method}: logits within {error:.1e}, gradient norm {norms[0]:.5f} and {norms[1]:.5f}")


if __name__ == "__main__":
    check()
