#!/usr/bin/env python3
"""Golden parity fixtures of image models and of reading images: what transformers, PEFT and Pillow make of them.

    python3 make_images.py [models] [lora] [images]    makes the named parts, or all three
    python3 make_images.py digits FOLDER               writes scikit-learn's digits as PNG files into FOLDER

Models and adapters are made on the CPU in f32, one thread, eager attention, dropout 0, fixed seeds, with the functions
of ../python/make_task_goldens.py. `lora` stands on the weights that `models` makes. `images` needs torchvision beside
Pillow, for the figures of transformers' torchvision backend; that of Pillow is the reference.

Out: tests/fixtures/<name>/

vit_tiny, deit_tiny, dinov2_tiny, dinov2_swiglu_tiny
    Files and fields of make_task_goldens.py (config.json as on the hub, meta.json, model.safetensors), and
    config_transformers5.json (as transformers 5 writes it) and preprocessor_config.json (as on the hub, at this size).
    fixture.safetensors: in.pixel_values [4, 3, size, size], in.labels [4], train.*, logits, loss, grad.<parameter>, and
        embeddings_out                the first block's input
        hidden_after_layer0, 1        each block's output
        layernorm_out                 after the last norm
        classifier_in                 what the classifier gets: class token (ViT), beside mean of patches (DINOv2)
        resized.<h>x<w>.*             images of another size than the config's (vit_tiny, dinov2_tiny): pixel_values
                                      [2, 3, h, w], labels, logits, loss, position_embeddings (the interpolated table,
                                      [1, 1 + patches, hidden]), grad_position_embeddings (for the table of the file)
    Parameters have the names of model.safetensors, those of the hub. In memory transformers 5 has others: `parameters`
    in meta.json lists them for each name of the file. weights_in of SwiGLU is gate_proj above up_proj.
vit_lora
    As the adapters of make_task_goldens.py, on vit_tiny. adapter/ is as PEFT saves it with transformers 5, with that
    one's names; adapter_transformers4/ is the same adapter with the names that transformers 4 gave it.
images
    Small files, good and bad, processor.json and processor.safetensors: what transformers' image processor makes of the
    good ones. processor.json says what is in them.
"""

import contextlib
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import make_task_goldens as goldens  # first: it takes the network and the GPU away
import peft
import torch
import transformers
from image_files import bit_preprocessor, deit_preprocessor, make_images, vit_preprocessor, write_digits
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2ForImageClassification, ViTConfig, ViTForImageClassification

FIXTURES = goldens.FIXTURES
LABELS = ["circle", "square", "triangle"]
LABEL_NAMES = dict(
    id2label=dict(enumerate(LABELS)), label2id={label: index for index, label in enumerate(LABELS)},
    problem_type="single_label_classification",
)  # fmt: skip
ROWS = 4
CLASSIFIER = ("classifier.",)

# ---------------------------------------------------------------- models


@dataclass(frozen=True)
class ImageModel:
    """A folder with a model."""

    kind: type
    config: ViTConfig | Dinov2Config
    seed: int
    last_layer: str  # how the names of its parameters begin, in memory
    not_on_hub: tuple[str, ...]  # fields that configs on the hub lack
    preprocessor: dict
    notes: str
    sizes: tuple[tuple[int, int], ...] = ()  # of other inputs, height first


TINY = dict(hidden_size=32, num_hidden_layers=2, initializer_range=0.15, **LABEL_NAMES)
VIT_NOT_ON_HUB = ("pooler_act", "pooler_output_size", "encoder_stride")
TABLE_NOTES = (
    "; resized.*: the table without its first row, [1, hidden, side, side], by torch's interpolate(mode='bicubic', "
    "align_corners=False) to (height // patch, width // patch) (cubic with a = -0.75, no antialiasing, borders "
    "repeated), then that row in front again; not at all if the count of patches is the table's and height == width"
)


MODELS = {
    "vit_tiny": ImageModel(
        ViTForImageClassification,
        ViTConfig(**TINY, num_attention_heads=4, intermediate_size=64, image_size=16, patch_size=4),
        2000, "vit.layers.1.", VIT_NOT_ON_HUB, vit_preprocessor(16),
        "norms before attention and MLP, exact GELU, layer_norm_eps 1e-12; classifier on the class token after the "
        "last norm, no pooler; resized.* with interpolate_pos_encoding=True, without which another size is an error"
        + TABLE_NOTES,
        ((24, 24), (8, 8), (20, 12), (8, 32), (18, 18)),
    ),
    "deit_tiny": ImageModel(
        ViTForImageClassification,
        ViTConfig(**{**TINY, "hidden_size": 24}, num_attention_heads=3, intermediate_size=96, image_size=12,
                  patch_size=4),
        2010, "vit.layers.1.", (*VIT_NOT_ON_HUB, "qkv_bias", "problem_type"), deit_preprocessor(14, 12),
        "DeiT without the distillation token, whose model_type on the hub is vit (facebook/deit-tiny-patch16-224); "
        "model_type deit always has that token. config.json has neither qkv_bias (then true) nor torch_dtype",
    ),
    "dinov2_tiny": ImageModel(
        Dinov2ForImageClassification,
        Dinov2Config(**TINY, num_attention_heads=2, image_size=15, patch_size=3, layerscale_value=0.5),
        2020, "dinov2.encoder.layer.1.", ("use_mask_token",), bit_preprocessor(17, 15),
        "layer_norm_eps 1e-6; each residual times lambda1 of layer scale; hidden of the MLP is hidden_size * "
        "mlp_ratio, exact GELU; classifier on the class token beside the mean of the patches, after the last norm; "
        "mask_token is in the file, gets no gradient and is never decayed; the table is interpolated whenever it has "
        "to be" + TABLE_NOTES,
        ((21, 21), (9, 9), (12, 18), (3, 75), (17, 17)),
    ),
    "dinov2_swiglu_tiny": ImageModel(
        Dinov2ForImageClassification,
        Dinov2Config(**TINY, num_attention_heads=4, image_size=12, patch_size=4, layerscale_value=0.5,
                     use_swiglu_ffn=True),
        2030, "dinov2.encoder.layer.1.", ("use_mask_token",), bit_preprocessor(14, 12),
        "as dinov2_tiny, with SwiGLU: its hidden is (int(int(hidden_size * mlp_ratio) * 2 / 3) + 7) // 8 * 8 = 88; "
        "weights_out(silu(first half of weights_in) * second half)",
    ),
}  # fmt: skip


def image_batch(config, generator):
    size = config.image_size
    return dict(
        pixel_values=torch.randn((ROWS, config.num_channels, size, size), generator=generator),
        labels=torch.randint(0, len(LABELS), (ROWS,), generator=generator),
    )


def saved_parameters(model):
    """Of each tensor that save_pretrained writes, the parameters in memory that it holds, first rows first."""
    numbered, names = goldens.copy.deepcopy(model), []
    with torch.no_grad():
        for name, parameter in numbered.named_parameters():
            parameter.fill_(len(names))
            names.append(name)
    with tempfile.TemporaryDirectory() as folder:
        numbered.save_pretrained(folder)
        saved = load_file(Path(folder) / "model.safetensors")
    parts = {key: [names[int(at)] for at in torch.unique_consecutive(value.flatten())] for key, value in saved.items()}
    assert sorted(sum(parts.values(), [])) == sorted(names)
    return parts


def by_saved_name(parts, values):
    """Values of parameters under the names of the file; those without a value are left out."""
    return {
        key: torch.cat([values[name] for name in names])
        for key, names in parts.items()
        if all(name in values for name in names)
    }


def renamed(parts, names):
    return [key for key, parameters in parts.items() if all(name in names for name in parameters)]


def rename_facts(parts, facts, gradients):
    facts["analytically_zero_grads"] = renamed(parts, facts["analytically_zero_grads"])
    facts["grad_norms"] = {key: value.norm().item() for key, value in gradients.items()}
    return facts


def training(model, parts, batches, rate, prefixes=None):
    section, trained = goldens.training(model, batches, goldens.model_loss, rate, prefixes)
    section["trainable"] = renamed(parts, section["trainable"])
    return section, trained


@torch.no_grad()
def states(model, inputs):
    """The states between embeddings and classifier."""
    seen = {}

    def keep(name, index=None):
        def hook(_, given, made):
            seen[name] = (given[0] if index is None else made).clone()

        return hook

    body = model.vit if hasattr(model, "vit") else model.dinov2
    with contextlib.ExitStack() as hooks:
        for handle in (
            model.classifier.register_forward_hook(keep("classifier_in")),
            body.layernorm.register_forward_hook(keep("layernorm_out", 0)),
        ):
            hooks.callback(handle.remove)
        hidden = model(**inputs, output_hidden_states=True).hidden_states
    found = dict(embeddings_out=hidden[0])
    found |= {f"hidden_after_layer{layer}": state for layer, state in enumerate(hidden[1:])}
    return found | {"layernorm_out": seen["layernorm_out"], "classifier_in": seen["classifier_in"]}


def embeddings_of(model):
    return (model.vit if hasattr(model, "vit") else model.dinov2).embeddings


def resized(model, spec):
    """Tensors of images of another size than the config's, and the error of f32 against f64."""
    generator = torch.Generator().manual_seed(spec.seed + 3)
    more = dict(interpolate_pos_encoding=True) if hasattr(model, "vit") else {}
    config, in_f64, tensors, largest = model.config, goldens.copy.deepcopy(model).double(), {}, 0.0
    for height, width in spec.sizes:
        inputs = dict(
            pixel_values=torch.randn((2, config.num_channels, height, width), generator=generator),
            labels=torch.randint(0, len(LABELS), (2,), generator=generator),
        )
        output = model(**inputs, **more)
        table = embeddings_of(model).position_embeddings
        (gradient,) = torch.autograd.grad(output.loss, table)
        with torch.no_grad():
            patches = (height // config.patch_size) * (width // config.patch_size)
            made = embeddings_of(model).interpolate_pos_encoding(
                torch.zeros(1, 1 + patches, config.hidden_size), height, width
            )
            doubled = in_f64(**goldens.doubled(inputs), **more)
        largest = max(largest, (output.logits.double() - doubled.logits).abs().max().item())
        begin = f"resized.{height}x{width}."
        tensors |= {begin + key: value for key, value in inputs.items()}
        tensors |= {
            begin + "logits": output.logits, begin + "loss": output.loss.reshape(1),
            begin + "position_embeddings": made, begin + "grad_position_embeddings": gradient,
        }  # fmt: skip
    return tensors, largest


def save_configs(name, spec, model):
    """config.json as on the hub, config_transformers5.json, preprocessor_config.json."""
    folder = FIXTURES / name
    goldens.save_model(name, model)
    config = json.loads((folder / "config.json").read_text())
    as_now = {**config, "dtype": config["torch_dtype"]}
    del as_now["torch_dtype"]
    goldens.write_json(folder / "config_transformers5.json", dict(sorted(as_now.items())))
    if "qkv_bias" in spec.not_on_hub:  # an old config
        del config["torch_dtype"]
    goldens.write_json(folder / "config.json", {k: v for k, v in config.items() if k not in spec.not_on_hub})
    goldens.write_json(folder / "preprocessor_config.json", spec.preprocessor)


def check_configs(name, spec, inputs, logits):
    """Both configs mean the model that the fixture is of."""
    goldens.check_reloads(name, spec.kind, inputs, logits)
    config = spec.kind.config_class.from_json_file(FIXTURES / name / "config_transformers5.json")
    again = spec.kind.from_pretrained(
        FIXTURES / name, config=config, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        assert torch.equal(again(**inputs).logits, logits["logits"]), f"{name}: the configs differ"


def make_model(name):
    spec = MODELS[name]
    model = goldens.random_model(spec.kind, spec.config, spec.seed)
    batches = goldens.twenty_batches(image_batch, model.config, spec.seed + 2)
    inputs = batches[0]
    goldens.empty_folder(name)
    save_configs(name, spec, model)
    parts = saved_parameters(model)
    saved = load_file(FIXTURES / name / "model.safetensors")
    held = by_saved_name(parts, dict(model.named_parameters()))
    assert saved.keys() == held.keys() and all(torch.equal(saved[key], held[key]) for key in saved)
    logits, logit_facts = goldens.logits_and_error(model, inputs)
    check_configs(name, spec, inputs, logits)
    found, facts = goldens.forward_and_gradients(model, inputs, goldens.model_loss)
    gradients = by_saved_name(parts, {key.removeprefix("grad."): value for key, value in found.items()})
    rename_facts(parts, facts, gradients)
    tensors = {**logits, "loss": torch.tensor([facts["loss"]]), **states(model, inputs)}
    tensors |= {f"grad.{key}": value for key, value in gradients.items()}
    meta = dict(task="image_classification", notes=spec.notes, labels=LABELS, **facts, **logit_facts)
    if spec.sizes:
        more, meta["max_abs_logit_err_f32_vs_f64_resized"] = resized(model, spec)
        tensors |= more
    meta["train"], trained = training(model, parts, batches, goldens.RATE)
    meta["train_head"], _ = training(model, parts, batches, goldens.HEAD_RATE, CLASSIFIER)
    meta["train_last"], _ = training(model, parts, batches, goldens.RATE, [spec.last_layer, *CLASSIFIER])
    after = by_saved_name(parts, dict(trained.named_parameters()))
    meta["param_norms_after_20_wd_all"] = {key: value.norm().item() for key, value in after.items()}
    meta["parameters"] = parts
    goldens.write_fixture(name, tensors, batches, meta)
    goldens.finish_folder(name, meta)


def make_models():
    for name in MODELS:
        make_model(name)


# ---------------------------------------------------------------- LoRA

LORA, LORA_BASE, LORA_SEED = "vit_lora", "vit_tiny", 2100
TRANSFORMERS_4 = {
    "vit.layers.": "vit.encoder.layer.", "attention.q_proj.": "attention.attention.query.",
    "attention.v_proj.": "attention.attention.value.",
}  # fmt: skip


def lora_base():
    kind = MODELS[LORA_BASE].kind
    return kind.from_pretrained(FIXTURES / LORA_BASE, dtype=torch.float32, attn_implementation="eager").eval()


def lora_model():
    """Neither matrix is zero, and the saved classifier is not the base's."""
    config = peft.LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.0, target_modules=["q_proj", "v_proj"], modules_to_save=["classifier"]
    )
    model = peft.get_peft_model(lora_base(), config).eval()
    generator = torch.Generator().manual_seed(LORA_SEED)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(noise * 0.2 if "lora_" in name else parameter + noise * 0.1)
    return model


def transformers4_key(key):
    for new, old in TRANSFORMERS_4.items():
        key = key.replace(new, old)
    return key


def save_adapters():
    """As PEFT saves it now, and with the names of transformers 4."""
    new, old = FIXTURES / LORA / "adapter", FIXTURES / LORA / "adapter_transformers4"
    shutil.copytree(new, old)
    config = json.loads((new / "adapter_config.json").read_text())
    config["target_modules"] = ["query", "value"]
    (old / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    weights = load_file(new / "adapter_model.safetensors")
    weights = {transformers4_key(key): value for key, value in weights.items()}
    save_file(weights, old / "adapter_model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def check_lora(model, inputs, logits):
    """How far the merged model's logits are off, and what PEFT says to the adapter with the old names."""
    read = peft.PeftModel.from_pretrained(lora_base(), FIXTURES / LORA / "adapter").eval()
    assert torch.equal(read(**inputs).logits, logits), "the saved adapter gives other logits"
    with model.disable_adapter():
        assert (model(**inputs).logits - logits).abs().max() > 0.1, "the adapter changes nothing"
    difference = (goldens.copy.deepcopy(model).merge_and_unload()(**inputs).logits - logits).abs().max().item()
    assert difference < 2e-5, f"merged differs by {difference}"
    try:
        peft.PeftModel.from_pretrained(lora_base(), FIXTURES / LORA / "adapter_transformers4")
        return difference, None
    except ValueError as error:
        return difference, type(error).__name__


def make_lora():
    model = lora_model()
    spec = MODELS[LORA_BASE]
    batches = goldens.twenty_batches(image_batch, spec.config, spec.seed + 2)
    inputs = batches[0]
    goldens.empty_folder(LORA)
    goldens.save_adapter(LORA, model, LORA_BASE)
    save_adapters()
    logits, logit_facts = goldens.logits_and_error(model, inputs)
    tensors, facts = goldens.forward_and_gradients(model, inputs, goldens.model_loss)
    difference, refusal = check_lora(model, inputs, logits["logits"])
    tensors = {**logits, "loss": torch.tensor([facts["loss"]]), **tensors}
    scaling = next(module.scaling["default"] for module in model.modules() if isinstance(module, LoraLayer))
    trainable = [key for key, parameter in model.named_parameters() if parameter.requires_grad]
    meta = dict(
        task="image_classification", base=LORA_BASE, peft=peft.__version__,
        lora=dict(r=4, alpha=8, scaling=scaling, targets=["q_proj", "v_proj"], dropout=0, use_dora=False,
                  modules_to_save=["classifier"]),
        trainable=trainable,
        notes=f"weights are those of ../{LORA_BASE}; logits are with the adapter; merged weights give "
        "the same; lora_A is [r, in], lora_B is [out, r]. With transformers 5 the modules are called q_proj and v_proj "
        "and the adapter's keys are those of the model in memory, though model.safetensors keeps query and value. "
        "adapter_transformers4/ has the same tensors by the names of transformers 4, which transformers 4.57.6 with "
        "PEFT 0.17.1 reads (same logits within 5e-7; it does not read adapter/); this PEFT with this transformers does "
        "not read it (transformers4_names_refused_with)",
        transformers4_names_refused_with=refusal, labels=LABELS, **facts, **logit_facts,
        max_abs_logit_difference_merged=difference,
    )  # fmt: skip
    meta["train"], trained = goldens.training(model, batches, goldens.model_loss, goldens.ADAPTER_RATE)
    assert meta["train"]["trainable"] == trainable, "everything that is trained gets a gradient"
    meta["param_norms_after_20_wd_all"] = {
        key: parameter.norm().item() for key, parameter in trained.named_parameters() if parameter.requires_grad
    }
    goldens.write_fixture(LORA, tensors, batches, meta)
    goldens.finish_folder(LORA, meta)


# ---------------------------------------------------------------- command line


def main(arguments):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if arguments[:1] == ["digits"]:
        return write_digits(arguments[1])
    parts = {"models": make_models, "lora": make_lora, "images": make_images}
    for part in arguments or parts:
        parts[part]()


if __name__ == "__main__":
    main(sys.argv[1:])
