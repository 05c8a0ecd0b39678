"""Makes the files in `tests/fixtures/readers`, each with what Python reads from it.

`pyarrow` writes the Parquet files, `openpyxl` the workbook, `odfpy` the other; what is expected is what these libraries read back:
`rows.jsonl` for each Parquet file, `book.csv` for both workbooks. Run from the workspace's folder:

    python tests/python/make_readers_fixtures.py
"""

import csv
import datetime as dt
import decimal
import gzip
import io
import json
import pathlib
import re
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from odf import opendocument, table, text

OUT = pathlib.Path("tests/fixtures/readers")
CALCEXTNS = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
LABELS = ["refund", "order", "delivery"]


def rows():
    """Nine rows with everything that a column can be."""
    found = []
    for i in range(9):
        found.append(
            {
                "text": f"message {i}: \u201cé\u201d" if i != 4 else None,
                "label": LABELS[i % 3],
                "score": None if i == 2 else i / 8,
                "half": float(i) + 0.5,
                "count": None if i == 3 else 10**12 + i,
                "small": i - 4,
                "flag": None if i == 5 else i % 2 == 0,
                "tags": None if i == 1 else [f"t{k}" for k in range(i % 4)] + ([None] if i == 6 else []),
                "spans": [{"start": k, "end": k + i, "label": "PER"} for k in range(i % 3)],
                "deep": [[k] * k for k in range(i % 4)],
                "meta": {"id": i, "source": None if i == 7 else "mail"},
                "votes": [("yes", i), ("no", None)] if i % 2 else [],
                "when": None if i == 8 else dt.datetime(2024, 5, 1, 12, 30, i, 1000 * i),
                "seen": dt.datetime(2024, 2, 29, 23, 59, 59, tzinfo=dt.timezone.utc) + dt.timedelta(hours=i),
                "day": dt.date(1969 + i, 12, 31),
                "time": dt.time(23, i, 0, 5 * i),
                "price": decimal.Decimal(i * 125 - 300) / 100,
                "raw": b"\xff\x00" if i == 0 else b"plain",
            }
        )
    return found


SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("score", pa.float64()),
        ("half", pa.float32()),
        ("count", pa.int64()),
        ("small", pa.int8()),
        ("flag", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("spans", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))),
        ("deep", pa.list_(pa.list_(pa.int64()))),
        ("meta", pa.struct([("id", pa.int64()), ("source", pa.string())])),
        ("votes", pa.map_(pa.string(), pa.int32())),
        ("when", pa.timestamp("us")),
        ("seen", pa.timestamp("ns", tz="UTC")),
        ("day", pa.date32()),
        ("time", pa.time64("us")),
        ("price", pa.decimal128(9, 2)),
        ("raw", pa.binary()),
    ]
)


def plain(value):
    """A value of Python as JSON; bytes that are no text are left empty."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {key: plain(item) for key, item in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


def write_parquet():
    made = pa.Table.from_pylist(rows(), schema=SCHEMA)
    kinds = {
        "none": dict(compression="none"),
        "snappy": dict(compression="snappy"),
        "gzip": dict(compression="gzip", use_dictionary=False),
        "zstd": dict(compression="zstd"),
        "zstd_v2": dict(compression="zstd", data_page_version="2.0"),
        "delta": dict(
            compression="snappy", data_page_version="2.0", use_dictionary=False,
            column_encoding={"count": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY"},
        ),
    }
    for name, how in kinds.items():
        pq.write_table(made, OUT / f"{name}.parquet", row_group_size=4, **how)
        read = pq.read_table(OUT / f"{name}.parquet").to_pylist()
        lines = []
        for row in read:
            row = {key: plain(value) for key, value in row.items()}
            row["votes"] = row["votes"] or {}  # a map without entries
            lines.append(json.dumps(row, ensure_ascii=False))
        expected = "\n".join(lines) + "\n"
        if (OUT / "rows.jsonl").exists() and name != "none":
            assert (OUT / "rows.jsonl").read_text() == expected, name
        (OUT / "rows.jsonl").write_text(expected)


def write_classes():
    """Numbers of classes, whose names the `datasets` library keeps beside them (`ClassLabel`); -1 is a row without a label."""
    label = {"names": LABELS, "_type": "ClassLabel"}
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": label,
        "topics": {"feature": label, "_type": "Sequence"},
        "votes": [{"label": label, "by": {"dtype": "string", "_type": "Value"}}],
    }
    columns = {
        "text": ["a", "b", "c"],
        "label": [2, 0, -1],
        "topics": [[0, 1], [], [2]],
        "votes": [[{"label": 1, "by": "x"}], [], [{"label": 7, "by": "y"}]],
    }
    made = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(made, OUT / "classes.parquet")


BOOK = [
    ["text", "label", "when", "count", "share", "sure"],
    ["the parcel is late, \"again\"", "delivery", dt.datetime(2024, 5, 1), 3, 0.25, True],
    ["where is\nmy order", "order", dt.datetime(2024, 5, 1, 12, 30), 4, 1e-7, False],
    ["money back", None, dt.datetime(1999, 12, 31), -5, 12.5, True],
    ["no label", None, None, None, None, None],
    ["the last", "refund", None, 7, 2, None],
]
"""Rows of the sheet, which stand below two empty ones and right of an empty column; rows 3 to 5 of `label` are merged."""


def shown(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return str(value) if value.time() != dt.time() else str(value.date())
    if isinstance(value, float) and value != int(value):
        return {1e-7: "1e-7"}.get(value, repr(value))
    return str(int(value)) if isinstance(value, (int, float)) else value


def write_expected(grid):
    """Each cell in quotes, two lines for the empty rows, and the merged label in each of its rows."""
    lines = ["", ""]
    for index, row in enumerate(grid):
        row = list(row)
        if index in (3, 4):
            row[1] = "order"
        lines.append(",".join('"' + shown(cell).replace('"', '""') + '"' if shown(cell) else "" for cell in row))
    (OUT / "book.csv").write_text("\n".join(lines) + "\n")
    # It is what it says.
    back = list(csv.reader(io.StringIO((OUT / "book.csv").read_text())))
    assert back[2] == BOOK[0] and back[6][1] == "order", back


def write_xlsx():
    book = openpyxl.Workbook()
    book.active.title = "Empty"
    sheet = book.create_sheet("Rows")
    for row, cells in enumerate(BOOK):
        for column, cell in enumerate(cells):
            if cell is not None:
                sheet.cell(row + 3, column + 2, cell)
    sheet.cell(8, 5).value = "=3+4"
    sheet.cell(7, 4).value = "#N/A"
    sheet.merge_cells("C5:C7")
    book.create_sheet("Other").append(["another", "sheet"])
    made = io.BytesIO()
    book.save(made)
    # openpyxl writes formulas without what they come to; a spreadsheet writes both.
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(OUT / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "xl/worksheets/sheet2.xml":
                data, count = re.subn(rb"<f>3\+4</f><v\s*/>|<f>3\+4</f><v></v>", b"<f>3+4</f><v>7</v>", data)
                assert count == 1, data
            new.writestr(zipfile.ZipInfo(entry.filename, (2024, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    read = openpyxl.load_workbook(OUT / "book.xlsx", data_only=True)["Rows"]
    grid = [[read.cell(row + 3, column + 2).value for column in range(6)] for row in range(6)]
    grid[4][2] = None  # the error, which is read as empty
    assert grid[5][3] == 7, grid
    write_expected(grid)


def write_ods():
    book = opendocument.OpenDocumentSpreadsheet()
    empty = table.Table(name="Empty")
    book.spreadsheet.addElement(empty)
    sheet = table.Table(name="Rows")
    blank = table.TableRow(numberrowsrepeated=2)
    blank.addElement(table.TableCell(numbercolumnsrepeated=7))
    sheet.addElement(blank)
    for index, cells in enumerate(BOOK):
        row = table.TableRow()
        row.addElement(table.TableCell())
        for column, value in enumerate(cells):
            row.addElement(ods_cell(index, column, value))
        sheet.addElement(row)
    book.spreadsheet.addElement(sheet)
    other = table.Table(name="Other")
    line = table.TableRow()
    for word in ("another", "sheet"):
        line.addElement(ods_text(word))
    other.addElement(line)
    book.spreadsheet.addElement(other)
    book.save(str(OUT / "book.ods"))


def ods_text(value, **more):
    cell = table.TableCell(valuetype="string", **more)
    for line in value.split("\n"):
        cell.addElement(text.P(text=line))
    return cell


def ods_cell(index, column, value):
    if (index, column) == (4, 2):
        cell = ods_text("#N/A")
        cell.setAttrNS(CALCEXTNS, "value-type", "error")
        return cell
    if column == 1 and index in (3, 4):
        return table.CoveredTableCell()
    if value is None:
        return table.TableCell()
    if isinstance(value, bool):
        return table.TableCell(valuetype="boolean", booleanvalue=str(value).lower())
    if isinstance(value, dt.datetime):
        date = value.isoformat() if value.time() != dt.time() else value.date().isoformat()
        return table.TableCell(valuetype="date", datevalue=date)
    if isinstance(value, (int, float)):
        return table.TableCell(valuetype="float", value=repr(value))
    return ods_text(value, **({"numberrowsspanned": 3, "numbercolumnsspanned": 1} if (index, column) == (2, 1) else {}))


def write_packed():
    head = "text,label\n"
    body = "".join(f"{word} number {i},{LABELS[i % 3]}\n" for i, word in enumerate(["pay", "ship", "lost"] * 8))
    (OUT / "tickets.csv.gz").write_bytes(gzip.compress((head + body).encode(), mtime=0))
    with zipfile.ZipFile(OUT / "set.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("train", "valid"):
            entry = zipfile.ZipInfo(f"set/{name}.csv", (2024, 1, 1, 0, 0, 0))
            made.writestr(entry, head + body, zipfile.ZIP_DEFLATED)
    tickets = [line.split(",") for line in body.splitlines()]
    columns = {"text": [line[0] for line in tickets], "label": [line[1] for line in tickets]}
    pq.write_table(pa.table(columns), OUT / "tickets.parquet", compression="zstd")
    book = openpyxl.Workbook()
    book.active.append(["text", "label"])
    for line in tickets:
        book.active.append(line)
    book.save(OUT / "tickets.xlsx")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    write_parquet()
    write_classes()
    write_xlsx()
    write_ods()
    write_packed()
    print("\n".join(f"{file.stat().st_size:7} {file.name}" for file in sorted(OUT.iterdir())))
