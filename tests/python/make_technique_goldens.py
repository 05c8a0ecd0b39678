"""Writes `tests/fixtures/techniques.json`: what PyTorch gives for the techniques of training that Hone has kernels or losses for.

All numbers are of float64, small, and drawn with a fixed seed:

    python tests/python/make_technique_goldens.py

- `focal`: loss and gradient of focal loss (Lin et al. 2017, equation 5: alpha is a weight a class), `-w (1 - p)^gamma ln p`.
- `focal_binary`: the same of independent labels, with weights of positives, as `torchvision.ops.sigmoid_focal_loss` has it.
- `rdrop`: half the cross-entropies of two passes plus alpha times half of both Kullback-Leibler divergences (Liang et al. 2021, in
  the form of the authors' own code), and its gradients by both logits.
- `adamw`: three steps of `torch.optim.AdamW` with a learning rate for each group (layer-wise decay), and with a pull to the first
  weights in the place of weight decay (L2-SP, decoupled as AdamW's decay).
- `fgm`: where token vectors are moved for the second pass (Miyato et al. 2017).
- `mixout`: weights of a pass, whose masked rows are the pretrained ones (Lee et al. 2020, equation of section 3), and the gradient
  of a loss by the weights that are trained. A row of `[in, out]` is what leaves a neuron, a column of PyTorch's layout.
- `awp`: where a matrix is moved (Wu et al. 2020, equation 10), as `diff_in_weights` of the authors' code has it.
"""

import json
import pathlib

import torch
from torch.nn import functional as F

OUTPUT = pathlib.Path(__file__).parents[1] / "fixtures" / "techniques.json"
SEED = 20


def flat(tensor):
    """Numbers of a tensor, with as many digits as f64 has a use for."""
    return [round(value, 12) for value in tensor.detach().flatten().tolist()]


def normal(*shape, scale=1.0):
    return (torch.randn(*shape, dtype=torch.float64) * scale).round(decimals=4)


def focal(gamma):
    logits = normal(4, 3, scale=2.0).requires_grad_()
    labels, weights = torch.tensor([2, 0, 1, 2]), torch.tensor([0.5, 2.0, 1.25], dtype=torch.float64)
    log_p = F.log_softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]
    loss = -(weights[labels] * (1 - log_p.exp()) ** gamma * log_p).sum()
    loss.backward()
    values = F.one_hot(labels, 3) * weights
    return dict(
        gamma=gamma, logits=flat(logits), width=3, values=flat(values), loss=loss.item(), gradient=flat(logits.grad)
    )


def focal_binary(gamma):
    logits = normal(2, 4, scale=2.0).requires_grad_()
    holds = torch.tensor([[1, 0, 1, 0], [0, 0, 1, 1]], dtype=torch.float64)
    weights = torch.tensor([2.0, 1.0, 0.5, 3.0], dtype=torch.float64)
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, holds, reduction="none")
    p_t = p * holds + (1 - p) * (1 - holds)
    loss = (ce * (1 - p_t) ** gamma * (weights * holds + (1 - holds))).sum()
    loss.backward()
    return dict(
        gamma=gamma,
        logits=flat(logits),
        width=4,
        positive=flat(holds * weights),
        negative=flat(1 - holds),
        loss=loss.item(),
        gradient=flat(logits.grad),
    )


def rdrop(alpha):
    first, second = normal(3, 4).requires_grad_(), normal(3, 4).requires_grad_()
    labels, weights = torch.tensor([3, 0, 1]), torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)
    of_rows = weights[labels]
    ce = sum(F.cross_entropy(logits, labels, weight=weights, reduction="sum") for logits in (first, second)) / 2
    p, q = F.log_softmax(first, dim=1), F.log_softmax(second, dim=1)
    both = F.kl_div(q, p, log_target=True, reduction="none") + F.kl_div(p, q, log_target=True, reduction="none")
    loss = ce + alpha * (both.sum(1) * of_rows).sum() / 2
    loss.backward()
    return dict(
        alpha=alpha,
        first=flat(first),
        second=flat(second),
        width=4,
        values=flat(F.one_hot(labels, 4) * weights),
        loss=loss.item(),
        by_first=flat(first.grad),
        by_second=flat(second.grad),
    )


def adamw(scales, l2_sp):
    lr, decay = 0.1, 0.05
    begin = [normal(3) for _ in scales]
    weights = [start.clone().requires_grad_() for start in begin]
    groups = [
        dict(params=[weight], lr=lr * scale, weight_decay=0.0 if l2_sp else decay)
        for weight, scale in zip(weights, scales)
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
    gradients = []
    for _ in range(3):
        step = [normal(3) for _ in scales]
        gradients.append([flat(gradient) for gradient in step])
        with torch.no_grad():
            for weight, start, scale in zip(weights, begin, scales):
                weight -= lr * scale * l2_sp * (weight - start)
        for weight, gradient in zip(weights, step):
            weight.grad = gradient
        optimizer.step()
    return dict(
        learning_rate=lr,
        weight_decay=decay,
        scales=scales,
        l2_sp=l2_sp,
        begin=[flat(weight) for weight in begin],
        gradients=gradients,
        end=[flat(weight) for weight in weights],
    )


def fgm(epsilon):
    table, gradient = normal(5, 3), normal(5, 3, scale=0.01)
    moved = table + epsilon * gradient / gradient.norm()
    return dict(epsilon=epsilon, table=flat(table), gradient=flat(gradient), width=3, moved=flat(moved))


def mixout(p):
    weight, start = normal(4, 3).requires_grad_(), normal(4, 3)
    mask = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)[:, None]
    mixed = ((1 - mask) * start + mask * weight - p * start) / (1 - p)
    by_mixed = normal(4, 3)
    (mixed * by_mixed).sum().backward()
    return dict(
        p=p,
        weight=flat(weight),
        start=flat(start),
        mask=flat(mask),
        mixed=flat(mixed),
        by_mixed=flat(by_mixed),
        gradient=flat(weight.grad),
    )


def awp(gamma):
    table, gradient = normal(5, 3), normal(5, 3, scale=0.01)
    proxy = table.clone().requires_grad_()
    proxy.grad = -gradient  # the proxy climbs
    torch.optim.SGD([proxy], lr=0.01).step()
    difference = proxy.detach() - table
    difference = table.norm() / (difference.norm() + 1e-20) * difference
    moved = table + gamma * difference
    return dict(gamma=gamma, table=flat(table), gradient=flat(gradient), moved=flat(moved))


def main():
    torch.manual_seed(SEED)
    found = dict(
        focal=[focal(0.5), focal(2.0)],
        focal_binary=[focal_binary(2.0)],
        rdrop=[rdrop(1.0), rdrop(4.0)],
        adamw=[adamw([1.0, 0.9, 0.81], 0.0), adamw([1.0, 0.5], 0.3)],
        fgm=[fgm(0.5)],
        mixout=[mixout(0.5), mixout(0.9)],
        awp=[awp(0.01)],
    )
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
