"""What kscale.theory is measured against: plain SciPy and Python, one at a time.

Each function solves one point the way a careful script would: closed forms where there
are any, SciPy's scalar optimizers elsewhere, analytic gradients.
"""

import math
import random

import numpy as np
from scipy import optimize, special, stats

DEGREE, EPS, SIGMA, TAU = 6.0, 0.5, 2e5, 8e5


def learnt(R: float, T: float) -> float:
    """Returns the concepts learnt by the printed law.

    Source: Nayak & Varshney 2024, equations (2) and (21) to (23).
    """
    p, n = DEGREE / R, R / EPS

    def log_lambda(x: float, power: float = T - 1) -> float:
        return power * math.log1p(-p * (1 - x))

    def rho(x: float, power: float = n - 1) -> float:
        return math.exp(power * math.log1p(-p * (1 - x)))

    def log_eps(log_x: float) -> float:
        x = math.exp(log_x)
        return log_x - log_lambda(1 - rho(1 - x))

    grid = np.linspace(math.log(1e-3), 0.0, 200)
    values = np.array([log_eps(u) for u in grid])
    dips = (
        np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])) + 1
    )
    if not dips.size:
        return 0.0
    low, high = grid[dips[-1] - 1], grid[dips[-1] + 1]
    found = optimize.minimize_scalar(
        log_eps, bounds=(low, high), method="bounded", options={"xatol": 1e-10}
    )
    x, eps_star = math.exp(found.x), math.exp(found.fun)
    bar, y = 1 - x, 1 - rho(1 - x)
    slope = (n - 1) * p
    d_rho, d_rho2 = slope * rho(bar, n - 2), slope * rho(bar**2, n - 2)
    lam, lam2 = math.exp(log_lambda(y)), math.exp(log_lambda(y**2))
    d_lam2 = (T - 1) * p * math.exp(log_lambda(y**2, T - 2))
    first = rho(bar) ** 2 - rho(bar**2) + d_rho * (1 - 2 * x * rho(bar))
    first = (first - bar**2 * d_rho2) / (T * p * lam**2 * d_rho**2)
    second = eps_star**2 * (lam**2 - lam2 - y**2 * d_lam2) / (T * p * lam**2)
    nu = eps_star * math.exp(log_lambda(y, T))
    scaled = math.sqrt(n) * (eps_star - EPS) / math.sqrt(first + second)
    return R * (1 - nu * stats.norm.sf(scaled) / EPS)


def compute_optimal(C: float) -> tuple[float, float]:
    """Returns (R, learnt) at the first local maximum along R T = C / (6 sigma tau)."""
    product = C / (6 * SIGMA * TAU)
    top = math.sqrt(product / 4.532989619860746)
    grid = np.geomspace(0.5 * top, 1.02 * top, 60)
    values = np.array([learnt(R, product / R) for R in grid])
    at = int(np.flatnonzero(values[1:] < values[:-1])[0])
    found = optimize.minimize_scalar(
        lambda u: -learnt(math.exp(u), product / math.exp(u)),
        bounds=(math.log(grid[max(at - 1, 0)]), math.log(grid[at + 1])),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return math.exp(found.x), -found.fun


def allocate(p: np.ndarray, capacity: float) -> float:
    """Returns the least redundancy of problem (9), a = 1, b = 2, by a root in price."""
    log_2 = math.log(2)
    logs = np.log(p * log_2)

    def spent(log_multiplier: float) -> float:
        return np.maximum(logs - log_multiplier, 0).sum() / log_2 - capacity

    low = logs.max() - log_2 * capacity - 1
    root = optimize.brentq(spent, low, logs.max(), xtol=1e-13)
    memory = np.maximum(logs - root, 0) / log_2
    return float((p * 2.0**-memory).sum())


def chinchilla(
    start: np.ndarray, log_n: np.ndarray, log_d: np.ndarray, log_loss: np.ndarray
) -> float:
    """Returns the Huber loss (1e-3, on logarithms) that L-BFGS reaches from one start.

    It is (a, b, e, alpha, beta) of log-sum-exp(a - alpha ln N, b - beta ln D, e).
    """

    def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * log_n, b - beta * log_d, e + 0 * log_n])
        total = special.logsumexp(terms, axis=0)
        share = np.exp(terms - total)
        residual = total - log_loss
        small = np.abs(residual) <= 1e-3
        huber = np.where(small, residual**2 / 2, 1e-3 * (np.abs(residual) - 5e-4))
        slope = np.clip(residual, -1e-3, 1e-3)
        partial = [share[0], share[1], share[2], -share[0] * log_n, -share[1] * log_d]
        return huber.sum(), np.array([(slope * part).sum() for part in partial])

    done = optimize.minimize(value, start, jac=True, method="L-BFGS-B")
    return float(done.fun)


def accuracy(N: float, ratio: float = 4.532989619860746) -> tuple[float, float, float]:
    """Returns the three tasks' accuracies at one size, by exact tails.

    Source: Nayak & Varshney 2024, figure 3.
    """
    R = N / SIGMA
    pairs, T, skills, levels = R * (R - 1) / 2, ratio * R, 1000, 100
    linked = -math.expm1(T * math.log1p(-((DEGREE / R) ** 2))) / skills**2
    gamma, shares = 1.0, []
    for level in range(1, levels + 1):
        eta = math.ceil(math.exp(7 * level / levels))
        prerequisites = math.log2(level)
        p = special.betainc(eta, pairs - eta + 1, linked) * gamma ** (2 * prerequisites)
        mean = p * skills
        gamma = 0.0
        if mean > 1:
            root = special.lambertw(-mean * math.exp(-mean)).real
            gamma = max(0.0, 1 + root / mean)
        shares.append(gamma)
    success = np.array([sum(g**m for m in range(2, 8)) / 6 for g in shares])
    at = np.arange(1, levels + 1)
    mixture = sum(
        w * stats.binom.pmf(at, levels, q)
        for w, q in zip((0.4, 0.4, 0.2), (0.2, 0.6, 0.95), strict=True)
    )
    binomial = stats.binom.pmf(at, levels, 0.5)
    return float(success[9]), float(binomial @ success), float(mixture @ success)


def peel(
    concept: np.ndarray, text: np.ndarray, concepts: int, texts: int
) -> np.ndarray:
    """Returns bool [R]: the concepts that a queue of texts learns from a graph."""
    of_text: list[set[int]] = [set() for _ in range(texts)]
    of_concept: list[list[int]] = [[] for _ in range(concepts)]
    for c, t in zip(concept.tolist(), text.tolist(), strict=True):
        of_text[t].add(c)
        of_concept[c].append(t)
    queue = [t for t in range(texts) if len(of_text[t]) == 1]
    learnt_ones = np.zeros(concepts, bool)
    while queue:
        left = of_text[queue.pop()]
        if not left:
            continue
        (c,) = left
        learnt_ones[c] = True
        for t in of_concept[c]:
            of_text[t].discard(c)
            if len(of_text[t]) == 1:
                queue.append(t)
    return learnt_ones


def restaurant(seed: int, customers: int, alpha: float, beta: float) -> list[int]:
    """Seats customers of a Pitman-Yor restaurant one after another; their tables."""
    uniform = random.Random(seed).random
    tables: list[int] = []
    for seated in range(customers):
        point = uniform() * (seated + beta)
        for table, size in enumerate(tables):
            point -= size - alpha
            if point < 0:
                tables[table] += 1
                break
        else:
            tables.append(1)
    return tables
