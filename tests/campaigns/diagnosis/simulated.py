"""Tables by published formulas: each function draws n rows (x, y) from a generator of random numbers.

x : float64 (n, d); y : int64 (n,) classes from 0, or float64 (n,) numbers

Classes are those of Breiman (1984: waveform, LED; 1996: twonorm, threenorm, ringnorm), Thrun et al. (1991: MONK),
Agrawal et al. (1993: loans), Siegler (1976: balance) and Leisch and Dimitriadou (mlbench: simplex, hypercube, spirals);
numbers are functions on which simulations are tested (Surjanovic and Bingham, Virtual Library of Simulation
Experiments), with noise where it is said.
"""

import numpy as np


def waveform(rng, n):
    """Three waves, each a mean of two of three triangles; the Bayes error is 14 %."""
    at, y = np.arange(21), rng.integers(0, 3, n)
    triangles = np.stack([np.maximum(6 - np.abs(at - centre), 0) for centre in (6, 14, 10)])
    share = rng.random((n, 1))
    one, other = np.array([[0, 1], [0, 2], [1, 2]])[y].T
    return share * triangles[one] + (1 - share) * triangles[other] + rng.normal(size=(n, 21)), y


def twonorm(rng, n):
    """Two normal distributions of 20 columns; the Bayes error is 2 %."""
    y = rng.integers(0, 2, n)
    return rng.normal(size=(n, 20)) + np.where(y, 1, -1)[:, None] * 2 / np.sqrt(20), y


def threenorm(rng, n):
    """One class is drawn from two normal distributions, the other from a third; the Bayes error is 10 %."""
    y, side = rng.integers(0, 2, n), rng.choice([-1, 1], (n, 1))
    alternating = np.where(np.arange(20) % 2, -1, 1)
    return rng.normal(size=(n, 20)) + 2 / np.sqrt(20) * np.where(y[:, None], alternating, side), y


def ringnorm(rng, n):
    """A narrow normal distribution within a wide one; the Bayes error is 1 %."""
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 20))
    return np.where(y[:, None], x + 1 / np.sqrt(20), 2 * x), y


def light_digits(rng, n):
    """Ten digits by seven lights, of which one in ten is wrong; the Bayes error is 26 %."""
    lights = ["1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111",
              "1111011"]  # fmt: skip
    y = rng.integers(0, 10, n)
    shown = np.array([[int(light) for light in digit] for digit in lights])[y]
    return np.abs(shown - (rng.random((n, 7)) < 0.1)).astype(np.float64), y


def monks(rng, n):
    """The first of the MONK's problems: two attributes are equal, or the fifth is 1."""
    x = np.column_stack([rng.integers(1, most + 1, n) for most in (3, 3, 2, 3, 4, 2)])
    return x.astype(np.float64), ((x[:, 0] == x[:, 1]) | (x[:, 4] == 1)).astype(np.int64)


def rings(rng, n):
    """Three rings around each other."""
    y, angle = rng.integers(0, 3, n), rng.uniform(0, 2 * np.pi, n)
    radius = y + 1 + rng.normal(0, 0.15, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y


def checkerboard(rng, n):
    """The fields of a board of three by three."""
    x = rng.uniform(0, 3, (n, 2))
    return x, np.floor(x).sum(axis=1).astype(np.int64) % 2


def borehole(rng, n):
    """Water that flows through a hole between two aquifers."""
    low = [0.05, 100, 63070, 990, 63.1, 700, 1120, 9855]
    high = [0.15, 50000, 115600, 1110, 116, 820, 1680, 12045]
    x = rng.uniform(low, high, (n, 8))
    rw, r, tu, hu, tl, hl, length, kw = x.T
    wide = np.log(r / rw)
    return x, 2 * np.pi * tu * (hu - hl) / (wide * (1 + 2 * length * tu / (wide * rw**2 * kw) + tu / tl))


def circuit(rng, n):
    """The midpoint voltage of a push-pull circuit without output transformer."""
    x = rng.uniform([50, 25, 0.5, 1.2, 0.25, 50], [150, 70, 3, 2.5, 1.2, 300], (n, 6))
    b1, b2, f, c1, c2, beta = x.T
    gain = beta * (c2 + 9)
    at = 12 * b2 / (b1 + b2)
    return x, ((at + 0.74) * gain + 11.35 * f + 0.74 * f * gain / c1) / (gain + f)


def piston(rng, n):
    """The cycle of a piston in a cylinder, measured with noise of a tenth of its deviation."""
    low, high = [30, 0.005, 0.002, 1000, 90000, 290, 340], [60, 0.02, 0.01, 5000, 110000, 296, 360]
    x = rng.uniform(low, high, (n, 7))
    mass, area, volume, spring, pressure, outside, filling = x.T
    force = pressure * area + 19.62 * mass - spring * volume / area
    gas = pressure * volume * outside / filling
    reached = area / (2 * spring) * (np.sqrt(force**2 + 4 * spring * gas) - force)
    return x, noisy(rng, 2 * np.pi * np.sqrt(mass / (spring + area**2 * gas / reached**2)), 0.1)


def wing(rng, n):
    """The weight of a light aircraft's wing, measured with noise of a third of its deviation."""
    low = [150, 220, 6, -10, 16, 0.5, 0.08, 2.5, 1700, 0.025]
    high = [200, 300, 10, 10, 45, 1, 0.18, 6, 2500, 0.08]
    x = rng.uniform(low, high, (n, 10))
    area, fuel, aspect, sweep, pressure, taper, thickness, load, gross, paint = x.T
    cosine = np.cos(np.radians(sweep))
    weight = 0.036 * area**0.758 * fuel**0.0035 * (aspect / cosine**2) ** 0.6 * pressure**0.006 * taper**0.04
    weight *= (100 * thickness / cosine) ** -0.3 * (load * gross) ** 0.49
    return x, noisy(rng, weight + area * paint, 1 / 3)


def branin(rng, n):
    """A valley with three lowest points, measured with noise of a tenth of its deviation."""
    x = rng.uniform([-5, 0], [10, 15], (n, 2))
    height = (x[:, 1] - 5.1 / (4 * np.pi**2) * x[:, 0] ** 2 + 5 / np.pi * x[:, 0] - 6) ** 2
    return x, noisy(rng, height + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x[:, 0]) + 10, 0.1)


def bent(rng, n):
    """Dette and Pepelyshev's curved function of three columns, and two columns of chance."""
    x = rng.random((n, 5))
    height = 4 * (x[:, 0] - 2 + 8 * x[:, 1] - 8 * x[:, 1] ** 2) ** 2 + (3 - 4 * x[:, 1]) ** 2
    return x, noisy(rng, height + 16 * np.sqrt(x[:, 2] + 1) * (2 * x[:, 2] - 1) ** 2, 0.2)


def simplex(rng, n):
    """Normal distributions around the corners of a tetrahedron; they hardly overlap."""
    y = rng.integers(0, 4, n)
    return np.eye(4)[y] + rng.normal(0, 0.25, (n, 4)), y


def hypercube(rng, n):
    """Normal distributions around the corners of a cube."""
    y = rng.integers(0, 8, n)
    return (y[:, None] >> np.arange(3)) % 2 + rng.normal(0, 0.18, (n, 3)), y


def spirals(rng, n):
    """Two spirals of one turn, one within the other."""
    y, turn = rng.integers(0, 2, n), rng.uniform(0.1, 1, n)
    angle = 2 * np.pi * turn + np.pi * y
    return np.column_stack([turn * np.cos(angle), turn * np.sin(angle)]) + rng.normal(0, 0.03, (n, 2)), y


def parity(rng, n):
    """Whether an even number of the first three of four columns is negative."""
    x = rng.uniform(-1, 1, (n, 4))
    return x, (x[:, :3].prod(axis=1) > 0).astype(np.int64)


def balance(rng, n):
    """Whether a beam with a weight on each side, at some distance, leans to the left."""
    x = rng.integers(1, 6, (n, 4)).astype(np.float64)
    return x, (x[:, 0] * x[:, 1] > x[:, 2] * x[:, 3]).astype(np.int64)


def loans(rng, n):
    """Applicants of group A have a middle income for their age; seven other columns say nothing more."""
    salary, age = rng.uniform(20_000, 150_000, n), rng.integers(20, 81, n)
    commission = np.where(salary >= 75_000, 0, rng.uniform(10_000, 75_000, n))
    place = rng.integers(0, 9, n)
    more = rng.integers(0, 5, n), rng.integers(1, 21, n), place, (place + 1) * rng.uniform(50_000, 150_000, n)
    x = np.column_stack([salary, commission, age, *more, rng.integers(1, 31, n), rng.uniform(0, 500_000, n)])
    low = np.select([age < 40, age < 60], [50_000, 75_000], 25_000)
    return x, ((salary >= low) & (salary <= low + 50_000)).astype(np.int64)


def votes(rng, n):
    """Two parties by six votes, each by a chance of its own: 64 kinds of rows; the Bayes error is 19 %."""
    y = rng.integers(0, 2, n)
    chance = np.array([[0.8, 0.75, 0.7, 0.65, 0.6, 0.7], [0.3, 0.35, 0.3, 0.4, 0.4, 0.5]])
    return (rng.random((n, 6)) < chance[y]).astype(np.float64), y


def ishigami(rng, n):
    """Sines of three angles, measured with noise of a tenth of their deviation."""
    x = rng.uniform(-np.pi, np.pi, (n, 3))
    return x, noisy(rng, np.sin(x[:, 0]) * (1 + 0.1 * x[:, 2] ** 4) + 7 * np.sin(x[:, 1]) ** 2, 0.1)


def franke(rng, n):
    """Two hills, a smaller one and a dip, measured with noise of three tenths of their deviation."""
    x = rng.random((n, 2))
    a, b = 9 * x.T
    height = 0.75 * np.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4) + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
    height += 0.5 * np.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4) - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    return x, noisy(rng, height, 0.3)


def gramacy_lee(rng, n):
    """Four columns, the first of which makes a narrow wave, and two of chance; with noise."""
    x = rng.random((n, 6))
    wave = np.exp(np.sin((0.9 * (x[:, 0] + 0.48)) ** 10))
    return x, wave + x[:, 1] * x[:, 2] + x[:, 3] + rng.normal(0, 0.05, n)


def welch(rng, n):
    """Twenty columns, of which six matter, measured with noise of a quarter of the deviation."""
    x = rng.uniform(-0.5, 0.5, (n, 20))
    small = [0, 0.05, 0.08, 0, 0, -0.03, 0.03, 0, -0.09, -0.01, -0.07, 0, 0, -0.04, 0.06, 0, -0.01, -0.03, 0, 0]
    y = 5 * x[:, 11] / (1 + x[:, 0]) + 5 * (x[:, 3] - x[:, 19]) ** 2 + x[:, 4] + 40 * x[:, 18] ** 3 - 5 * x[:, 18]
    return x, noisy(rng, y + 0.25 * x[:, 12] ** 2 + x @ np.array(small), 0.25)


def sobol_g(rng, n):
    """A product of bent lines of four columns, the first of which matters most."""
    x, a = rng.random((n, 4)), np.array([0, 1, 4.5, 9])
    return x, ((np.abs(4 * x - 2) + a) / (1 + a)).prod(axis=1)


def steel_column(rng, n):
    """How much more stress a column of steel bears than its load makes."""
    mean = [400, 500_000, 600_000, 600_000, 300, 20, 300, 30, 210_000]
    x = rng.normal(mean, [35, 50_000, 90_000, 90_000, 3, 2, 5, 10, 4_200], (n, 9))
    strength, load, (width, depth, height, bent, modulus) = x[:, 0], x[:, 1:4].sum(axis=1), x[:, 4:].T
    buckling = np.pi**2 * modulus * width * depth * height**2 / (2 * 7500**2)
    stress = 1 / (2 * width * depth) + bent * buckling / (width * depth * height * (buckling - load))
    return x, strength - load * stress


def noisy(rng, y, share):
    """With normal noise of a share of the deviation."""
    return y + rng.normal(0, share * y.std(), len(y))
