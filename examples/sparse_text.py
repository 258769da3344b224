"""A spam-like text problem: 4 000 short messages, 30 000 words and word pairs, one sparse matrix.

The messages are made here, by rule and seed: common words, rarer ones, and a few that tell spam. The design stays
sparse from the counting to the coefficients; a dense copy would take 960 MB.
"""

from __future__ import annotations

import time

import numpy as np
import scipy.sparse as sp

import problogit as plg

rng = np.random.default_rng(5)
n, words, length = 4000, 30_000, 40
popularity = 1 / np.arange(1, words + 1)
cumulative = np.cumsum(popularity / popularity.sum())
spam = rng.random(n) < 0.35
telling = np.arange(300, 320)  # words that spam uses more often than mail

drawn = np.searchsorted(cumulative, rng.random((n, length)))
replaced = (rng.random((n, length)) < 0.04) & spam[:, None]
drawn[replaced] = rng.choice(telling, replaced.sum())
row = np.repeat(np.arange(n), length)
X = sp.csr_array((np.ones(n * length), (row, np.minimum(drawn.ravel(), words - 1))), shape=(n, words))
X.sum_duplicates()
X.data[:] = 1.0  # does the message hold the word?
print(f"{n} messages x {words} words, {X.nnz / (n * words):.3%} of the cells filled")

train, test = np.arange(3000), np.arange(3000, n)
label = np.where(spam, "spam", "mail")
model = plg.LogitModel.from_arrays(
    X[train], label[train], names=[f"w{i}" for i in range(words)], event="spam"
)

for name, method in {
    "L1, Laplace(0.4)": plg.Penalized(plg.Laplace(0.4)),
    "L2, Normal(0.7)": plg.Penalized(plg.Normal(0.7), inference="none"),
}.items():
    started = time.perf_counter()
    fit = model.fit(method)
    seconds = time.perf_counter() - started
    p = fit.predict_proba(X[test])
    wrong = (fit.classify(X[test]) != label[test]).mean()
    log_score = -np.mean(np.log(np.where(spam[test], p, 1 - p)))
    print(
        f"{name:17} {seconds:5.1f} s, {np.count_nonzero(fit.coef) - 1:6d} words kept, "
        f"test error {wrong:.1%}, log score {log_score:.3f}, expected spam {p.sum():.0f}, found {spam[test].sum()}"
    )
    if name.startswith("L1"):
        top = fit.coef.drop("Intercept").nlargest(10)
        hits = sum(int(word[1:]) in telling for word in top.index)
        print(f"{'':17} of the ten largest weights {hits} belong to the twenty telling words")
