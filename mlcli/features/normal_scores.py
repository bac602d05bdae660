"""Normal scores: the normal deviates of ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# scikit-learn keeps the tails this far, in probability, from 0 and 1: ±5.199 standard deviations.
MARGIN = 1e-7
# Wichura (1988), algorithm AS 241, PPND16: numerators and denominators by powers, about 0.5 and in the tails. Its
# third pair is for shares below 1e-11, which no rank has.
# fmt: off
CENTRE = np.array([
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
])
TAILS = np.array([
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
])
# fmt: on


def normal_score(x: Floats, quantiles: Floats, shares: Floats | None) -> Floats:
    """The normal deviate of the rank of x (n,) among quantiles (m,) with shares (2, m), as in `Quantile`.

    Equal numbers have the middle of their ranks; beyond both ends, numbers have the score of the end.
    """
    if shares is None:
        even = np.linspace(0.0, 1.0, len(quantiles))
        shares, ends = np.stack([even, even]), [0.0, 1.0]
        low, high = x - MARGIN < quantiles[0], x + MARGIN > quantiles[-1]
    else:
        ends = shares[:, [0, -1]].mean(axis=0).tolist()
        low, high = x <= quantiles[0], x >= quantiles[-1]
    right = np.searchsorted(quantiles, x, side="right").clip(1, len(quantiles) - 1)
    left = np.searchsorted(quantiles, x).clip(1, len(quantiles) - 1)
    share = 0.5 * (_interpolate(x, right, quantiles, shares) + _interpolate(x, left, quantiles, shares))
    share = np.where(low, ends[0], np.where(high, ends[1], share))
    edge = MARGIN - np.spacing(1)
    return normal_deviate(share.clip(edge, 1 - edge))


def normal_deviate(share: Floats) -> Floats:
    """The number below which a normal variable is with this probability (n,), between 1e-11 and 1 − 1e-11."""
    centred = share - 0.5
    near = centred * _ratio(0.180625 - centred * centred, CENTRE)
    root = np.sqrt(-np.log(np.minimum(share, 1 - share)))
    far = np.copysign(_ratio(root - 1.6, TAILS), centred)
    return np.where(np.abs(centred) <= 0.425, near, far)


def _ratio(x: Floats, coefficients: Floats) -> Floats:
    """Of two polynomials (2, powers) of x (n,)."""
    above, below = np.zeros((2, *x.shape))
    for own, other in coefficients.T[::-1]:
        above, below = above * x + own, below * x + other
    ratio: Floats = above / below
    return ratio


def _interpolate(x: Floats, right: NDArray[np.int64], xs: Floats, shares: Floats) -> Floats:
    """The line from above the quantile right − 1 to below the quantile right, at x; the edges beyond them."""
    x0, x1, y0, y1 = xs[right - 1], xs[right], shares[1, right - 1], shares[0, right]
    width = x1 - x0
    part = np.where(width > 0, (x - x0) / np.where(width > 0, width, 1.0), x >= x1)
    line: Floats = y0 + part.clip(0.0, 1.0) * (y1 - y0)
    return line
