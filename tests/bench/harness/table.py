"""The rows of the result: figures add them, this prints them as one table or as JSON."""
import json
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    label: str
    value: str
    ratio: float = None  # to nginx's static 200 in the same rounds
    detail: str = ""
    target: str = ""
    met: bool = None  # None: the row has no target
    data: dict = field(default_factory=dict)  # the numbers behind it, for --json


@dataclass
class Group:
    name: str
    title: str
    rows: list


def _cells(row):
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}" if row.ratio < 0.1 else f"{row.ratio:.2f}"
    verdict = "" if row.met is None else " met" if row.met else " MISSED"
    return [row.label, row.value, ratio, row.target + verdict, row.detail]


def print_table(groups, notes):
    header = ["", "median", "to nginx", "target", ""]
    lines = [header] + [_cells(row) for group in groups for row in group.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def show(cells):
        aligned = [f"{cell:{side}{width}}" for cell, side, width in zip(cells, "<>><<", widths)]
        print("  " + "  ".join(aligned).rstrip())

    show(header)
    for group in groups:
        print(group.title)
        for row in group.rows:
            show(_cells(row))
    print()
    for note in notes:
        print(note)


def write_json(path, groups, notes, machine):
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"machine": machine, "groups": [asdict(group) for group in groups], "notes": notes}, out, indent=1)
        out.write("\n")
