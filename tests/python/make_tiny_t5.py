"""What `tests/fixtures/tiny_t5` is trained from: a Unigram tokenizer, a config.json of T5 with fresh weights, and dates in words beside
the same dates in digits, by the rules of `make_dates_sample.py`. All of it is ours.

    python tests/python/make_tiny_t5.py FOLDER
    hone train --model FOLDER --data FOLDER/rows.jsonl --output tiny_t5 --from-scratch --method full --learning-rate 2e-3 \
        --epochs 6 --batch-size 64 --max-seq-length 48 --max-target-length 16

The dates of `public/samples/dates.jsonl` are left out of the rows, so that they can be measured.
"""

import datetime
import json
import pathlib
import random
import sys

import make_dates_sample as dates
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import Unigram

SPECIAL = ["<pad>", "</s>", "<unk>"]
VOCAB = 160
NUM_ROWS = 24_000

CONFIG = {
    "architectures": ["T5ForConditionalGeneration"],
    "model_type": "t5",
    "d_model": 128,
    "d_kv": 32,
    "d_ff": 256,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "dropout_rate": 0.0,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "n_positions": 64,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 64,
    "layer_norm_epsilon": 1e-6,
    "initializer_factor": 1.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "is_encoder_decoder": True,
}


def rows():
    """Rows of dates that the sample does not have."""
    generator = random.Random(7)
    sample = [json.loads(line) for line in dates.OUTPUT.read_text(encoding="utf-8").splitlines()]
    kept_out = {row["target"] for row in sample}
    for _ in range(NUM_ROWS):
        day = dates.FIRST + datetime.timedelta(days=generator.randrange((dates.LAST - dates.FIRST).days + 1))
        if day.isoformat() not in kept_out:
            yield {"source": generator.choice(dates.sources(day)), "target": day.isoformat()}


def train_tokenizer(texts):
    tokenizer = Tokenizer(Unigram())
    metaspace = {"replacement": "\u2581", "prepend_scheme": "always"}
    digits = pre_tokenizers.Digits(individual_digits=True)
    splits = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**metaspace), digits]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits)
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCAB, special_tokens=SPECIAL, unk_token="<unk>", max_piece_length=8, initial_alphabet=list("\u2581")
    )
    tokenizer.train_from_iterator(texts, trainer)
    end = tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    all_rows = list(rows())
    tokenizer = train_tokenizer(text for row in all_rows[:4000] for text in row.values())
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 64}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    write("tokenizer_config.json", settings)
    write("config.json", CONFIG | {"vocab_size": tokenizer.get_vocab_size()})
    lines = "".join(json.dumps(row) + "\n" for row in all_rows)
    (folder / "rows.jsonl").write_text(lines, encoding="utf-8", newline="\n")
    print(f"{len(all_rows)} rows, {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
