"""Beam search of one prompt, as transformers 5.24 does it (generation/utils.py, `_beam_search`), in plain loops.

In: a function from token lists to the logits of the next token, and the settings. Out: the finished sequences, the best
first, with their scores, and how near the closest decision was. make_seq2seq.py holds it equal to `generate`, so that
what is said here can be relied on.

Each step
    1. For each running beam: log_softmax of the logits in f32, then the tokens that no_repeat_ngram_size forbids get
       -inf (not before the softmax: the others are not renormalised), plus the beam's sum so far.
    2. The best max(2, 1 + number of end tokens) * num_beams of all beams' continuations, best first; of equals the one
       with the lower index beam * vocab_size + token. In the first step only one beam runs.
    3. A continuation is finished if its token is an end token, or if it has max_new_tokens tokens.
    4. The num_beams best that are not finished run on.
    5. A finished one counts only if it is among the num_beams best of step 2; otherwise it is dropped. Its score is
       sum / length ** length_penalty, length counting the new tokens with the end token, without the prompt and without
       the decoder's start token. The num_beams best finished ones are kept, an older one before a newer equal one.
       Nothing is added once the prompt is done (below), nor, with early_stopping true, once num_beams are finished.
    6. The prompt is done when num_beams are finished and
         early_stopping true:  always;
         early_stopping false: the best running sum / (tokens so far) ** length_penalty is not above the worst score;
         "never":              the same, but with max_new_tokens for the tokens so far if length_penalty > 0;
       and when all of step 2's continuations are finished, which is so at max_new_tokens.
What `generate` returns beside that: rows of one call do not change one another. Shorter sequences are filled up to the
longest, not with the padding token where its id is 0 but with the first end token (`pad_token_id or eos_token_id[0]`,
and a tensor of 0 counts as false); greedy search fills with the padding token. no_repeat_ngram_size counts the padding
left of a decoder's prompt among the tokens.
"""

import torch


def forbidden(tokens, ngram_size):
    """Tokens that would repeat an n-gram; the prompt and the start token count."""
    if not ngram_size or len(tokens) + 1 < ngram_size:
        return set()
    start = tokens[len(tokens) + 1 - ngram_size :]
    windows = [tokens[at : at + ngram_size] for at in range(len(tokens) + 1 - ngram_size)]
    return {window[-1] for window in windows if window[:-1] == start}


def beam_search(
    next_logits, prompt, num_beams, max_new_tokens, ends, length_penalty=1.0, early_stopping=False,
    no_repeat_ngram_size=0, num_return_sequences=1,
):  # fmt: skip
    """`next_logits` takes token lists of equal length and returns their logits, [lists, vocab_size]."""
    running = [(0.0, list(prompt))]
    finished, closest = [], float("inf")
    for length in range(1, max_new_tokens + 1):
        log_probs = torch.log_softmax(next_logits([tokens for _, tokens in running]).float(), dim=-1)
        for row, (_, tokens) in enumerate(running):
            log_probs[row, sorted(forbidden(tokens, no_repeat_ngram_size))] = -torch.inf
        sums = (log_probs + torch.tensor([total for total, _ in running])[:, None]).flatten()
        values, order = (part.tolist() for part in sums.sort(descending=True, stable=True))
        size = log_probs.shape[1]
        every = [(total, running[at // size][1] + [at % size]) for total, at in zip(values, order[: 8 * num_beams])]
        best = every[: max(2, 1 + len(ends)) * num_beams]

        def is_finished(one):
            return one[1][-1] in ends or length == max_new_tokens

        closest = min(closest, closest_choice(every, is_finished, num_beams))
        running = [one for one in best if not is_finished(one)][:num_beams]
        if not (len(finished) == num_beams and early_stopping is True):
            new = [one for one in best[:num_beams] if is_finished(one)]
            new = [(f32(f32(total) / f32(length**length_penalty)), tokens) for total, tokens in new]
            finished = sorted(finished + new, key=lambda one: -one[0])  # stable: older before newer
            closest = min([closest, *[finished[num_beams - 1][0] - one[0] for one in finished[num_beams:][:1]]])
            finished = finished[:num_beams]
        if not running:
            break
        if len(finished) == num_beams:
            to_come = max_new_tokens if early_stopping == "never" and length_penalty > 0 else length
            difference = running[0][0] / to_come**length_penalty - finished[-1][0]
            if early_stopping is True:
                break
            closest = min(closest, abs(difference))
            if difference <= 0:
                break
    scores = [score for score, _ in finished[: num_return_sequences + 1]]
    closest = min([closest, *[first - second for first, second in zip(scores, scores[1:])]])
    return finished[:num_return_sequences], closest


def closest_choice(every, is_finished, num_beams):
    """How far what runs on and what finishes is from what does not; `every`: continuations, the best first."""
    running = [total for total, _ in filter(lambda one: not is_finished(one), every[: 4 * num_beams])]
    gaps = [running[num_beams - 1] - running[num_beams]] if len(running) > num_beams else []
    within, first_without = every[num_beams - 1][0], every[num_beams][0]
    for rank, one in enumerate(every[: 4 * num_beams]):
        if is_finished(one):
            gaps.append(one[0] - first_without if rank < num_beams else within - one[0])
    return min([gap for gap in gaps if gap == gap], default=float("inf"))  # -inf less -inf is no number


def f32(value):
    return torch.tensor(value, dtype=torch.float32).item()
