"""Goldens of rules on tokens: what transformers' logits processors make of a row of scores.

    python tests/python/make_token_rule_goldens.py > tests/fixtures/token_rules.json

Every case has the rules, the tokens so far, where the prompt ends and the text has to, and the row before and after; null is minus
infinity. Made with transformers 5.24 and torch 2.15.
"""

import json

import torch
from transformers import GenerationConfig
from transformers.generation import logits_process as lp

SCORES = [0.5, -1.25, 2.0, 0.25, -0.5, 1.75, 3.0, -2.0]


def processors(rules, prompt_len, max_len, eos):
    """Those of `GenerationMixin._get_logits_processor`, in its order, with the lengths that `generate` prepares."""
    made = []
    if rules.get("bad_words_ids"):
        made.append(lp.NoBadWordsLogitsProcessor(rules["bad_words_ids"], torch.tensor(eos)))
    min_length = rules.get("min_length", 0)
    if rules.get("min_new_tokens") is not None:
        min_length = rules["min_new_tokens"] + prompt_len
    if min_length > 0:
        made.append(lp.MinLengthLogitsProcessor(min_length, torch.tensor(eos)))
    forced_bos = rules.get("forced_bos_token_id")
    if forced_bos is not None:
        made.append(lp.ForcedBOSTokenLogitsProcessor(forced_bos))
    if rules.get("forced_eos_token_id"):
        made.append(lp.ForcedEOSTokenLogitsProcessor(max_len, torch.tensor(rules["forced_eos_token_id"])))
    if rules.get("suppress_tokens"):
        made.append(lp.SuppressTokensLogitsProcessor(rules["suppress_tokens"]))
    if rules.get("begin_suppress_tokens"):
        begin = prompt_len if prompt_len > 1 or forced_bos is None else prompt_len + 1
        made.append(lp.SuppressTokensAtBeginLogitsProcessor(rules["begin_suppress_tokens"], begin))
    return lp.LogitsProcessorList(made)


def golden(rules, ids, prompt_len=3, max_len=10, eos=(6,)):
    GenerationConfig(**rules)  # names that are none are refused
    eos = list(eos)
    scores = processors(rules, prompt_len, max_len, eos)(torch.tensor([ids]), torch.tensor([SCORES]))[0].tolist()
    return {
        "rules": rules,
        "ids": ids,
        "prompt_len": prompt_len,
        "max_len": max_len,
        "eos_token_ids": eos,
        "scores": SCORES,
        "expected": [None if score == float("-inf") else score for score in scores],
    }


CASES = [
    golden({}, [1, 2, 3]),
    golden({"min_length": 5}, [1, 2, 3, 4]),
    golden({"min_length": 5}, [1, 2, 3, 4, 0]),
    golden({"min_new_tokens": 2}, [1, 2, 3, 4]),
    golden({"min_new_tokens": 2}, [1, 2, 3, 4, 0]),
    golden({"min_new_tokens": 1, "min_length": 9}, [1, 2, 3, 4]),
    golden({"min_new_tokens": 3}, [1, 2, 3], eos=(6, 2)),
    golden({"bad_words_ids": [[5]]}, [1, 2, 3]),
    golden({"bad_words_ids": [[6]]}, [1, 2, 3]),
    golden({"bad_words_ids": [[3, 5]]}, [1, 2, 3]),
    golden({"bad_words_ids": [[2, 5]]}, [1, 2, 3]),
    golden({"bad_words_ids": [[2, 3, 5]]}, [1, 2, 3]),
    golden({"bad_words_ids": [[2, 3, 5]]}, [2, 3], prompt_len=1),
    golden({"bad_words_ids": [[1, 2, 3, 6], [4]]}, [0, 1, 2, 3]),
    golden({"suppress_tokens": [0, 6]}, [1, 2, 3, 4]),
    golden({"begin_suppress_tokens": [2, 6]}, [1, 2, 3]),
    golden({"begin_suppress_tokens": [2, 6]}, [1, 2, 3, 4]),
    golden({"begin_suppress_tokens": [2], "forced_bos_token_id": 4}, [0], prompt_len=1),
    golden({"begin_suppress_tokens": [2], "forced_bos_token_id": 4}, [0, 4], prompt_len=1),
    golden({"begin_suppress_tokens": [2], "forced_bos_token_id": 4}, [1, 2, 3]),
    golden({"forced_eos_token_id": [6]}, [1, 2, 3, 4, 5, 0, 1, 2, 3]),
    golden({"forced_eos_token_id": [6, 7]}, [1, 2, 3, 4, 5, 0, 1, 2, 3], eos=(6, 7)),
    golden({"forced_eos_token_id": [6]}, [1, 2, 3, 4, 5, 0, 1, 2]),
    golden({"forced_eos_token_id": [6], "suppress_tokens": [1]}, [1, 2, 3, 4, 5, 0, 1, 2, 3]),
]

if __name__ == "__main__":
    print("[")
    print(",\n".join(json.dumps(case) for case in CASES))
    print("]")
