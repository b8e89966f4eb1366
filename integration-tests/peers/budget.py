"""The sum of products of the case SCALE-A, y = sum of x_i (1 + c_g(i)) f_i, by GTC and by numpy.

    budget.py gtc|numpy|draws FILE

FILE is JSON: lists x, ux, f, uf of one length, uc of the shared sources (their value is zero), and g(i) = i mod len(uc).
Each line on standard input asks for one measurement, and is answered by one line of JSON:

    gtc:    sum | pairwise | check       the budget by GTC: products added by its sum, or pair by pair; with check all
                                         components of uncertainty, in the order x, f, c
    numpy:  NUMBER                       the standard uncertainty in closed form, so many times
    draws:  NUMBER                       so many draws of y, all inputs normal

Inputs are made before; what is timed is what is asked for.
"""

import json
import sys
import time


def answers(handle):
    """Answers each line until there is none."""
    for line in sys.stdin:
        print(json.dumps(handle(line.strip())), flush=True)


def pairwise(terms):
    """The sum of neighbours, of their sums, and so on: GTC then merges short vectors most of the time."""
    while len(terms) > 1:
        terms = [sum(terms[at + 1 : at + 2], terms[at]) for at in range(0, len(terms), 2)]
    return terms[0]


def gtc(data):
    """Inputs are elementary uncertain numbers; the budget is that of GTC.reporting, all lines, unsorted."""
    from GTC import component, function, reporting, uncertainty, ureal, value

    x = [ureal(*pair) for pair in zip(data["x"], data["ux"])]
    f = [ureal(*pair) for pair in zip(data["f"], data["uf"])]
    c = [ureal(0, u) for u in data["uc"]]
    shared = len(c)

    def handle(asked):
        begin = time.perf_counter()
        factors = [1 + one for one in c]
        products = [x[i] * factors[i % shared] * f[i] for i in range(len(x))]
        y = function.sum(products) if asked == "sum" else pairwise(products)
        u = uncertainty(y)
        budget = reporting.budget(y, key=None, trim=0)
        seconds = time.perf_counter() - begin
        answer = {"seconds": seconds, "value": value(y), "u": u, "lines": len(budget)}
        if asked == "check":
            answer["components"] = [component(y, one) for one in x + f + c]
        return answer

    return handle


def numpy(data):
    """What one input contributes is its partial derivative times its uncertainty; the sum over a shared source is a row."""
    import numpy as np

    x, ux, f, uf, uc = (np.array(data[name]) for name in ("x", "ux", "f", "uf", "uc"))
    shared = len(uc)

    def closed_form():
        # Shared sources have the value zero: 1 + c is one.
        from_x = f * ux
        from_f = x * uf
        from_c = (x * f).reshape(-1, shared).sum(axis=0) * uc
        return np.sqrt(from_x @ from_x + from_f @ from_f + from_c @ from_c)

    def handle(asked):
        times = []
        for _ in range(int(asked)):
            begin = time.perf_counter()
            u = closed_form()
            times.append(time.perf_counter() - begin)
        times.sort()
        return {"seconds": times[len(times) // 2], "u": float(u)}

    return handle


def draws(data):
    """numpy's own generator and normal numbers, in pieces that stay in the cache, on one thread."""
    import numpy as np

    x, ux, f, uf, uc = (np.array(data[name]) for name in ("x", "ux", "f", "uf", "uc"))
    n, shared = len(x), len(uc)
    generator = np.random.default_rng(20230301)

    def run(count, piece):
        y = np.empty(count)
        for at in range(0, count, piece):
            rows = min(piece, count - at)
            product = generator.standard_normal((rows, n))
            product *= ux
            product += x
            other = generator.standard_normal((rows, n))
            other *= uf
            other += f
            product *= other
            factors = generator.standard_normal((rows, shared))
            factors *= uc
            factors += 1
            y[at : at + rows] = np.einsum("ij,ij->i", product.reshape(rows, -1, shared).sum(axis=1), factors)
        return y

    def seconds_of(count, piece):
        begin = time.perf_counter()
        y = run(count, piece)
        return time.perf_counter() - begin, y

    # The piece that is fastest here.
    best = min((1, 4, 16, 64), key=lambda piece: min(seconds_of(256, piece)[0] for _ in range(3)))

    def handle(asked):
        seconds, y = seconds_of(int(asked), best)
        return {"seconds": seconds, "draws": len(y), "mean": float(y.mean()), "u": float(y.std(ddof=1)), "piece": best}

    return handle


if __name__ == "__main__":
    with open(sys.argv[2], encoding="ascii") as file:
        inputs = json.load(file)
    answers({"gtc": gtc, "numpy": numpy, "draws": draws}[sys.argv[1]](inputs))
