"""Scores of a network of processes by bw2calc, the engine of Brightway.

    network.py FILE

FILE is JSON: `nodes`, `entries` as [consumer, supplier, amount of the supplier per unit of the consumer], and `emissions`
per unit of each process. Each line on standard input is the number of a process, from 0: what one unit of it carries is
answered by one line of JSON with `score` and `seconds`. Arrays are made before; what is timed is everything that bw2calc
does with them, factorisation included.
"""

import json
import sys
import time

import bw2calc
import bw_processing
import numpy


def packaged(network):
    """The arrays of the network as bw2calc reads them: rows are products, columns processes; what is used is negative."""
    nodes = network["nodes"]
    flow = nodes + 1
    package = bw_processing.create_datapackage()

    def add(matrix, indices, data, flip=None):
        package.add_persistent_vector(
            matrix=matrix,
            indices_array=numpy.array(indices, dtype=bw_processing.INDICES_DTYPE),
            data_array=numpy.array(data, dtype=float),
            flip_array=None if flip is None else numpy.array(flip, dtype=bool),
        )

    own = [(node + 1, node + 1) for node in range(nodes)]
    used = [(supplier + 1, consumer + 1) for consumer, supplier, _ in network["entries"]]
    add(
        "technosphere_matrix",
        own + used,
        [1.0] * nodes + [amount for _, _, amount in network["entries"]],
        [False] * nodes + [True] * len(used),
    )
    add("biosphere_matrix", [(flow, node + 1) for node in range(nodes)], network["emissions"])
    add("characterization_matrix", [(flow, 1)], [1.0])
    return package


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        package = packaged(json.load(file))
    for line in sys.stdin:
        begin = time.perf_counter()
        lca = bw2calc.LCA({int(line) + 1: 1.0}, data_objs=[package])
        lca.lci()
        lca.lcia()
        score = float(lca.score)
        print(json.dumps({"score": score, "seconds": time.perf_counter() - begin}), flush=True)


main()
